"""Recipes in the Python API: how backbones' similarities are combined."""

from collections.abc import Sequence

from simcore.errors import BadDataError
from simcore.lab import recipes as lab_recipes
from simcore.lab import stored_recipes
from simcore.lab.api.arguments import CollectionLike, collection_name
from simcore.lab.evaluate import learned_sums
from simcore.lab.evaluate.learned_sums import LearnedGates
from simcore.models import registry
from simcore.recipe import Combination, Part, PostProcessing, Question, Recipe
from simcore.types import Direction, Monitor


def zsum(
    *models: str,
    weights: Sequence[float] = (),
    metric: str = lab_recipes.OWN,
    missing: str = "mean",
) -> Recipe:
    """The sum of similarities, each standardized over the whole matrix (rosenfeld2019, Eq. 5).

    Args:
        models: backbones.
        weights: one per backbone; by default 1 each.
        metric: "own", "cosine", "l2", "l1", or what `metric` returned.
        missing: what missing evidence (no face, say) counts as: "mean", or "worst" for an infinite
            distance.

    >>> zsum("hog", "color").label
    'zsum(hog + color)'
    """
    return _combination(models, "zsum", weights, metric, missing)


def plain_sum(
    *models: str,
    weights: Sequence[float] = (),
    metric: str = lab_recipes.OWN,
    missing: str = "mean",
) -> Recipe:
    """The sum of similarities as they are (rosenfeld2019, Eq. 4); arguments as for `zsum`.

    >>> plain_sum("hog", "color", weights=(1, 0.5)).label
    'sum(hog + 0.5 color)'
    """
    return _combination(models, "sum", weights, metric, missing)


def rrf(
    *models: str,
    weights: Sequence[float] = (),
    metric: str = lab_recipes.OWN,
    missing: str = "mean",
) -> Recipe:
    """Reciprocal rank fusion: the sum of 1 / (60 + rank); arguments as for `zsum`.

    >>> rrf("hog", "color").label
    'rrf(hog + color)'
    """
    return _combination(models, "rrf", weights, metric, missing)


def rerank(
    *models: str,
    weights: Sequence[float] = (),
    metric: str = lab_recipes.OWN,
    missing: str = "mean",
    pair_function: str = "",
) -> Recipe:
    """A z-sum whose first 50 images are compared again, by their maps; arguments as for `zsum`.

    Args:
        pair_function: "shift", "mirror", "elastic" or "match"; by default "shift".

    >>> rerank("hog", "color").label
    'rerank(hog + color)'
    """
    if len(models) < 2:
        raise BadDataError("A re-ranked z-sum needs two or more backbones.")
    return lab_recipes.parse(
        models,
        "rerank",
        weights=weights,
        metric=metric,
        missing=missing,
        pair_function=pair_function,
    )[-1]


def gates(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    post: PostProcessing = "none",
    direction: Direction = "lr",
    subset: str = "all",
    save: str = "",
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> LearnedGates:
    """Learn a z-sum whose weights depend on the query: on a face, a drawing, its background, bars.

    Args:
        models: two or more backbones; `cues` must have features, too.
        save: if given, the recipe is stored under this name.

    Returns:
        Its `recipe`, and cross-fitted hits beside those of fixed weights.
    """
    singles = tuple(Recipe((Part(registry.get(name).name),), post=post) for name in models)
    question = Question(collection_name(collection), singles, direction, subset)
    result = learned_sums.learned_gates(question, seed=seed, monitor=monitor)
    if save:
        stored_recipes.save(result.recipe, save, result.source)
    return result


def stored_recipe(name: str) -> Recipe:
    """A recipe that is stored under a name, such as "best-offline"."""
    return stored_recipes.open_(name)


def _combination(
    models: Sequence[str],
    combine: Combination,
    weights: Sequence[float],
    metric: str,
    missing: str,
) -> Recipe:
    if not models:
        raise BadDataError("Name at least one backbone.")
    if len(models) == 1:
        (single,) = lab_recipes.parse(models, metric=metric)
        return single
    return lab_recipes.parse(models, combine, weights=weights, metric=metric, missing=missing)[-1]
