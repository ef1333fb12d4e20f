"""Ranks of mates and what follows from them: recall, curves, associative recall, votes."""

from collections.abc import Sequence

import numpy as np

from simcore import memory
from simcore.data import result_cache
from simcore.errors import BadDataError
from simcore.evaluate.retrieval import associative_recall as retrieval_associative_recall
from simcore.evaluate.retrieval import recall as retrieval_recall
from simcore.evaluate.statistics.bootstrap import interval
from simcore.evaluate.statistics.correlation import correlations
from simcore.lab import recipes, work_estimates
from simcore.lab.evaluate.recall_results import (
    AssociativeRecall,
    AssociativeRecipe,
    AssociativeRow,
    BackboneGain,
    Curve,
    MateRanks,
    PostProcessingGain,
    RecallCurves,
    RecipeVotes,
    VoteCorrelation,
    VotedRecipe,
)
from simcore.lab.library import collections, features, similarity, subsets
from simcore.models import registry
from simcore.recipe import PostProcessing, Question, Recipe, distinct_labels
from simcore.results import RecallRow, RecallTable
from simcore.sim import rank
from simcore.types import Array, Collection, Direction, Features, Monitor, Pairs

OUTCOMES, UNFINISHED = "mates", "mates-unfinished"  # kinds of result on disk
FIELDS = ("ranks", "mates", "rivals")  # of outcomes
OutcomeKeys = dict[Recipe, tuple[object, ...]]  # everything that ranks depend on
MAX_RANKED = 100_000  # pairs; of more, ranks are computed only where they are asked for
MAX_REPETITIONS = 10_000  # simulated draws of associative recall
DEFAULT_KS = (1, 5, 10)


def recall(
    question: Question, *, ks: Sequence[int] | None = None, monitor: Monitor = Monitor()
) -> RecallTable:
    """Share of queries whose mate is among the first k, for every recipe and k.

    Args:
        question: one row per recipe.
        ks: cut-offs, 1 to G; by default those of `DEFAULT_KS` up to G.

    Raises:
        BadDataError: no known mates, features missing, or a k below 1.
    """
    pairs = len(_open(question, monitor).pairs(question.direction))
    if ks is None:
        ks = [k for k in DEFAULT_KS if k <= pairs] or [1]
    rows = [
        RecallRow(recipe, {k: retrieval_recall.recall_at(ranks, k) for k in ks})
        for recipe, ranks in zip(question.recipes, ranks_of_each(question, monitor), strict=True)
    ]
    return RecallTable(
        question.collection,
        pairs,
        question.metric,
        question.direction,
        tuple(rows),
        question.subset,
    )


def curve(question: Question, *, monitor: Monitor = Monitor()) -> RecallCurves:
    """Recall at every k for every recipe (rosenfeld2018, Fig. 2b)."""
    gallery = len(_open(question, monitor).pairs(question.direction).gallery)
    curves = [
        Curve(recipe, tuple(retrieval_recall.curve(ranks, gallery).tolist()))
        for recipe, ranks in zip(question.recipes, ranks_of_each(question, monitor), strict=True)
    ]
    return RecallCurves(question.collection, question.subset, gallery, tuple(curves))


def cosine_minus_l2(question: Question, *, monitor: Monitor = Monitor()) -> RecallCurves:
    """Recall by cosine minus recall by L2 at every k (rosenfeld2018, Fig. 2a).

    Only single backbones without post-processing are compared.
    """
    plain = both_metrics(question)[0]
    cosine, l2 = (
        curve(needed, monitor=monitor.part(number / 2, (number + 1) / 2))
        for number, needed in enumerate(both_metrics(question))
    )
    curves = [
        Curve(recipe, tuple(a - b for a, b in zip(left.values, right.values, strict=True)))
        for recipe, left, right in zip(plain.recipes, cosine.curves, l2.curves, strict=True)
    ]
    return RecallCurves(
        question.collection, question.subset, cosine.gallery, tuple(curves), "difference"
    )


def both_metrics(question: Question) -> tuple[Question, Question]:
    """The questions that `cosine_minus_l2` compares."""
    plain = question.with_recipes(*question.singles).with_post("none")
    return plain.with_metric("cosine"), plain.with_metric("l2")


def associative_recall(
    question: Question,
    *,
    sizes: Sequence[int] = retrieval_associative_recall.SIZES,
    repetitions: int = 10,
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> AssociativeRecall:
    """Correct choices among m images: exact, and simulated as in the paper (Table 2a).

    Args:
        question: what is evaluated.
        sizes: values of m; those above G are left out.
        repetitions, seed: number and seed of the random draws.

    Raises:
        BadDataError: no repetitions, or more than `MAX_REPETITIONS`.
    """
    if not 1 <= repetitions <= MAX_REPETITIONS:
        raise BadDataError(f"Draw 1 to {MAX_REPETITIONS:,} times, not {repetitions}.")
    gallery = len(_open(question, monitor).pairs(question.direction).gallery)
    by_recipe = []
    labels = distinct_labels(question.recipes)
    for label, ranks in zip(labels, ranks_of_each(question, monitor), strict=True):
        rows = []
        for m in (size for size in sizes if size <= gallery):
            exact = retrieval_associative_recall.exact_recall(ranks, gallery, m)
            draws = retrieval_associative_recall.simulated_recall(
                ranks, gallery, m, repetitions=repetitions, seed=seed
            )
            ci95 = interval(exact.astype("float32"))
            shares = float(exact.mean()), ci95, float(draws.mean()), float(draws.std())
            rows.append(AssociativeRow(m, *shares))
        by_recipe.append(AssociativeRecipe(label, tuple(rows)))
    return AssociativeRecall(question.collection, question.subset, tuple(by_recipe))


def votes(question: Question, *, monitor: Monitor = Monitor()) -> VoteCorrelation:
    """Correlation of up- and down-votes with the similarity of each pair.

    Only CSLS, which uses the whole gallery, makes the similarity of a pair depend on the direction.

    Raises:
        BadDataError: the collection has no votes.
    """
    collection = _open(question, monitor)
    if collection.votes is None:
        raise BadDataError(
            f"The collection {question.collection!r} has no votes. Add it again with --votes and "
            "a CSV of id, wins, fails."
        )
    by_recipe = []
    labels = distinct_labels(question.recipes)
    all_outcomes = outcomes_of_each(question, monitor=monitor)
    for label, outcomes in zip(labels, all_outcomes, strict=True):
        up, down = (tuple(correlations(collection.votes[:, k], outcomes.mates)) for k in (0, 1))
        by_recipe.append(VotedRecipe(label, RecipeVotes(up, down)))
    return VoteCorrelation(question.collection, question.subset, tuple(by_recipe))


def post_processing_gains(
    question: Question, *, monitor: Monitor = Monitor()
) -> PostProcessingGain:
    """Hits at 1 of each backbone as grid pooling, centering and CSLS are added one by one.

    A backbone "NAME" whose grid-pooled form "NAME-grid" has features continues with that form.
    """
    steps = ("as in the papers", "3 x 3 grid", "+ centering", "+ CSLS")
    needed = post_processing_question(question)
    all_ranks = ranks_of_each(needed, monitor)  # in one pass
    hits_of = {
        recipe: int((ranks == 1).sum())
        for recipe, ranks in zip(needed.recipes, all_ranks, strict=True)
    }
    rows = []
    for backbone in question.backbones:
        hits = [
            None if recipe is None else hits_of[recipe]
            for recipe in _post_processing_steps(question, backbone)
        ]
        rows.append(BackboneGain(backbone, tuple(hits)))
    pairs = len(_open(question).pairs(question.direction))
    return PostProcessingGain(question.collection, question.subset, pairs, steps, tuple(rows))


def post_processing_question(question: Question) -> Question:
    """All recipes that `post_processing_gains` compares."""
    steps = [
        recipe
        for backbone in question.backbones
        for recipe in _post_processing_steps(question, backbone)
        if recipe is not None
    ]
    return question.with_recipes(*dict.fromkeys(steps))


def _post_processing_steps(question: Question, backbone: str) -> list[Recipe | None]:
    """The recipe of each step; None for the grid-pooled form where it has no features."""
    grid = f"{backbone}-grid"
    has_grid = grid in registry.names() and features.is_ready(
        collections.open_(question.collection), grid
    )
    last = grid if has_grid else backbone
    posts: list[tuple[str, PostProcessing]] = [
        (backbone, "none"),
        (grid, "none"),
        (last, "center"),
        (last, "center+csls"),
    ]
    return [
        recipes.parse([name], metric=question.metric, post=post)[0]
        if has_grid or name != grid
        else None
        for name, post in posts
    ]


def failed_queries(name: str, recipe: Recipe, direction: Direction = "lr") -> list[str]:
    """Ids of the queries whose mate is not ranked first, in the order of the collection."""
    queries, _ = collections.open_(name).sides(direction)
    return [queries.ids[row] for row in np.flatnonzero(ranks(name, recipe, direction) > 1)]


def ranks(name: str, recipe: Recipe, direction: Direction = "lr", *, subset: str = "all") -> Array:
    """(Q,) int64, 1-based rank of each query's mate; ties count against the mate.

    Without evidence about the mate its rank is G + 1.

    Raises:
        BadDataError: the collection has no known mates, or features are missing.
    """
    (ranks,) = ranks_of_each(Question(name, (recipe,), direction, subset))
    return ranks


def mate_ranks(question: Question) -> list[MateRanks]:
    """The rank of every query's mate with the ids of both images, for each recipe."""
    pairs = _open(question).pairs(question.direction)
    mates = tuple(pairs.gallery.ids[column] for column in pairs.target)
    return [
        MateRanks(recipe, pairs.queries.ids, mates, outcomes.ranks, outcomes.mates)
        for recipe, outcomes in zip(question.recipes, outcomes_of_each(question), strict=True)
    ]


def ranks_of_each(question: Question, monitor: Monitor = Monitor()) -> list[Array]:
    """(Q,) ranks of the mates for each recipe; those that are not stored are computed together."""
    return [outcomes.ranks for outcomes in outcomes_of_each(question, monitor=monitor)]


def is_quick(question: Question) -> bool:
    """Whether a visitor can wait for `ranks_of_each`: little work, or most of it is stored.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    return work_estimates.is_short(seconds(question))


def seconds(question: Question) -> float:
    """Estimated seconds of `ranks_of_each`: of the recipes whose ranks are not stored.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    collection = _open(question)
    absent = [
        recipe
        for recipe, key in _outcome_keys(question, collection).items()
        if not (memory.contains((OUTCOMES, key)) or result_cache.contains(OUTCOMES, key))
    ]
    return work_estimates.ranks(absent, len(collection.left))


def outcomes_of_each(
    question: Question, *, monitor: Monitor = Monitor()
) -> list[rank.MateOutcomes]:
    """Ranks and similarities of the mates for each recipe, and of the best other images.

    They are stored on disk; those that are absent are computed together, in one pass, which
    continues where it was stopped.

    Raises:
        BadDataError: no known mates, or features are missing. Stopped: the monitor asked to stop.
    """
    collection, direction = _open(question, monitor), question.direction
    collection.pairs(direction)  # raises if the collection has no known mates
    keys = _outcome_keys(question, collection)
    outcomes = {
        recipe: stored
        for recipe, key in keys.items()
        if (stored := _stored_outcomes(key)) is not None
    }
    missing = [recipe for recipe in keys if recipe not in outcomes]
    missing_keys = tuple(keys[recipe] for recipe in missing)
    computed = _compute_outcomes(collection, missing, direction, missing_keys, monitor)
    for recipe, values in zip(missing, computed, strict=True):
        result_cache.write(OUTCOMES, keys[recipe], vars(values))
        memory.put((OUTCOMES, keys[recipe]), values)
        outcomes[recipe] = values
    return [outcomes[recipe] for recipe in question.recipes]


def stored_outcomes(question: Question) -> list[rank.MateOutcomes | None]:
    """As `outcomes_of_each` without computing: None for a recipe that was not evaluated yet.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    collection = _open(question)
    collection.pairs(question.direction)  # raises if the collection has no known mates
    keys = _outcome_keys(question, collection)
    return [_stored_outcomes(keys[recipe]) for recipe in question.recipes]


def _outcome_keys(question: Question, collection: Collection) -> OutcomeKeys:
    digest = pairs_digest(collection)
    identity = {name: features.identity(collection, name) for name in question.backbones}
    return {
        recipe: (
            digest,
            tuple(identity[name] for name in recipe.backbones),
            recipes.resolve(recipe).canonical,
            question.direction,
        )
        for recipe in question.recipes
    }


def _stored_outcomes(key: tuple[object, ...]) -> rank.MateOutcomes | None:
    if memory.contains((OUTCOMES, key)):
        return memory.get((OUTCOMES, key), lambda: None)
    arrays = result_cache.read(OUTCOMES, key)
    if arrays is None:
        return None
    outcomes = rank.MateOutcomes(**arrays)
    memory.put((OUTCOMES, key), outcomes)
    return outcomes


def _compute_outcomes(
    collection: Collection,
    missing: Sequence[Recipe],
    direction: Direction,
    keys: tuple[object, ...],
    monitor: Monitor,
) -> list[rank.MateOutcomes]:
    """Outcomes of recipes that are not stored; `keys` are those under which they will be."""
    if not missing:
        return []
    pairs = collection.pairs(direction)
    resolved = [recipes.resolve(recipe) for recipe in missing]
    similarity.read_moments(collection, resolved, direction)
    backbones = tuple(dict.fromkeys(name for recipe in missing for name in recipe.backbones))
    queries, gallery = _features(collection, pairs, backbones)
    outcomes = retrieval_recall.outcomes_of_each(
        pairs,
        resolved,
        queries,
        gallery,
        before=_unfinished(keys),
        keep=lambda parts: _keep_unfinished(keys, parts),
        monitor=monitor,
    )
    for values in outcomes:
        for array in vars(values).values():
            array.flags.writeable = False
    return outcomes


def _unfinished(keys: tuple[object, ...]) -> list[rank.MateOutcomes]:
    """What a stopped run has finished, one per key; empty where there is nothing."""
    arrays = result_cache.read(UNFINISHED, keys)
    if arrays is None:
        return []
    columns = (arrays[field] for field in FIELDS)
    return [rank.MateOutcomes(*values) for values in zip(*columns, strict=True)]


def _keep_unfinished(keys: tuple[object, ...], parts: Sequence[rank.MateOutcomes]) -> None:
    arrays = {field: np.stack([getattr(part, field) for part in parts]) for field in FIELDS}
    result_cache.write(UNFINISHED, keys, arrays)


def pairs_digest(collection: Collection) -> str:
    """A digest of which images are paired, in which order; for keys of the in-memory cache.

    `Collection.digest` is not enough: the pairs of a subset may change while its name does not,
    for example when faces are extracted or a learned backbone is trained again.
    """
    return " ".join(side.digest for side in collection.sides())


def _features(
    collection: Collection, pairs: Pairs, backbones: Sequence[str]
) -> tuple[dict[str, Features], dict[str, Features]]:
    """Features of the queries and of the gallery by backbone."""
    queries, gallery = (
        {name: features.for_side(collection, side, name) for name in backbones}
        for side in (pairs.queries, pairs.gallery)
    )
    return queries, gallery


def _open(question: Question, monitor: Monitor = Monitor()) -> Collection:
    return subsets.open_subset(question.collection, question.subset, monitor=monitor)
