"""Recipes from the names that users type, and the default metric of each backbone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast, get_args

from simcore.errors import BadDataError, unknown_name
from simcore.models import registry
from simcore.recipe import Combination, Missing, Part, PostProcessing, Question, Recipe
from simcore.sim import own_metrics, reranking
from simcore.types import Metric

OWN = "own"  # the metric that each backbone was trained for: cosine, Euclidean for face descriptors


def parse(
    models: Sequence[str],
    combine: str = "none",
    *,
    weights: Sequence[float] = (),
    metric: str = OWN,
    post: str = "none",
    missing: str = "mean",
    pair_function: str = "",
) -> list[Recipe]:
    """One recipe per backbone, followed by their combination if there is one.

    Args:
        models: backbone names; "@group" for all of a group.
        combine: "none", "sum" (rosenfeld2019, Eq. 4), "zsum" (Eq. 5), "rrf" or "rerank".
        weights: one per backbone, for the combination; by default 1 each.
        metric: "own", "cosine", "l2" or "l1".
        post: post-processing before combining: "none", "center", "csls" or "center+csls".
        missing: what missing evidence counts as in the combination: "mean" or "worst".
        pair_function: of "rerank": "shift", "mirror", "elastic" or "match"; "" for the default.

    Raises:
        UnknownNameError: an unknown name. BadDataError: no backbone, or weights that do not fit.
    """
    names = registry.expand_groups(list(models))
    if not names:
        raise BadDataError("Name at least one backbone, such as mobilenetv2.")
    part_metric = check_metric(metric)
    if combine not in get_args(Combination):
        raise unknown_name("combination", combine, get_args(Combination))
    if combine == "gated":
        raise BadDataError(
            "A gated z-sum needs gates, which are learned: `simcore evaluate gates` stores a "
            "recipe. Choose that recipe instead."
        )
    shares = list(weights) or [1.0] * len(names)
    if len(shares) != len(names):
        raise BadDataError(
            f"Give one weight per backbone, got {len(shares)} weights for {len(names)} backbones."
        )
    processing = check_post_processing(post)
    rule = check_missing(missing)
    singles = [Recipe((Part(name, part_metric),), post=processing, missing=rule) for name in names]
    if combine == "none" or len(names) < 2:
        return singles
    parts = tuple(Part(name, part_metric, share) for name, share in zip(names, shares, strict=True))
    combination = Recipe(
        parts,
        cast(Combination, combine),
        processing,
        rule,
        pair_function=check_pair_function(pair_function),
    )
    return [*singles, combination]


def check_metric(metric: str) -> Metric | None:
    """The metric, or None for "own".

    Raises:
        UnknownNameError: no such metric.
    """
    if metric == OWN:
        return None
    if metric in get_args(Metric):
        return cast(Metric, metric)
    identifier = own_metrics.find(metric)
    if identifier is None:
        raise unknown_name("metric", metric, (OWN, *get_args(Metric), *own_metrics.names()))
    return cast(Metric, identifier)  # compared like a built-in one


def shared_metric(question: Question) -> Metric | None:
    """The metric that all parts of a question share, None for each backbone's own.

    Raises:
        BadDataError: they differ.
    """
    if question.metric == "mixed":
        raise BadDataError(
            "All backbones need one metric here, but the recipes have several. Choose one for all."
        )
    return check_metric(question.metric)


def check_post_processing(post: str) -> PostProcessing:
    """The post-processing, checked.

    Raises:
        UnknownNameError: no such post-processing.
    """
    if post not in get_args(PostProcessing):
        raise unknown_name("post-processing", post, get_args(PostProcessing))
    return cast(PostProcessing, post)


def check_missing(missing: str) -> Missing:
    """The rule for missing evidence, checked.

    Raises:
        UnknownNameError: no such rule.
    """
    if missing not in get_args(Missing):
        raise unknown_name("rule for missing evidence", missing, get_args(Missing))
    return cast(Missing, missing)


def check_pair_function(name: str) -> str:
    """The pair function of a second stage, checked; "" is the default one.

    Raises:
        UnknownNameError: no such pair function.
    """
    reranking.pair_function(name)
    return name


def resolve(recipe: Recipe) -> Recipe:
    """The same recipe with all that its backbones say: a metric in every part, and map layouts.

    `simcore.sim` and `simcore.evaluate` do not know the registry and take resolved recipes only.

    Raises:
        UnknownNameError: no such backbone.
    """
    parts = []
    for part in recipe.parts:
        layout = registry.get(part.backbone).map_layout if recipe.combine == "rerank" else None
        parts.append(replace(part, metric=resolve_metric(part), map_layout=layout))
    return replace(recipe, parts=tuple(parts))


def resolve_metric(part: Part) -> Metric:
    """The metric of a part: its own, or the one that its backbone was made for."""
    return part.metric or registry.get(part.backbone).metric
