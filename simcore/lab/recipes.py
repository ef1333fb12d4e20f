"""Recipes from what people type, and their own-metric defaults."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast, get_args

from simcore.errors import BadDataError, unknown_name
from simcore.models import registry
from simcore.recipe import Combination, Part, PostProcessing, Recipe
from simcore.types import Metric

OWN = "own"  # each backbone's own metric: cosine, but Euclidean for face descriptors


def parse(
    models: Sequence[str],
    combine: str = "none",
    *,
    weights: Sequence[float] = (),
    metric: str = OWN,
    post: str = "none",
) -> list[Recipe]:
    """One recipe a backbone, and behind them their combination if one is asked for.

    Args:
        models: backbone names; "@group" stands for all of a group.
        combine: "none", "sum" (rosenfeld2019, Eq. 4) or "zsum" (Eq. 5).
        weights: one a backbone, for the combination; empty means 1 each.
        metric: "own", "cosine", "l2" or "l1".
        lift: "none", "center", "csls" or "center+csls"; what is done to similarities first.

    Raises:
        UnknownNameError: a name nobody registered. BadDataError: weights that do not fit.
    """
    names = registry.expand_groups(list(models))
    if not names:
        raise BadDataError("found no backbone; expected at least one, such as mobilenetv2")
    chosen = check_metric(metric)
    if combine not in get_args(Combination):
        raise unknown_name("combination", combine, get_args(Combination))
    shares = list(weights) or [1.0] * len(names)
    if len(shares) != len(names):
        raise BadDataError(f"found {len(shares)} weights for {len(names)} backbones; give one each")
    lifted = check_post_processing(post)
    singles = [Recipe((Part(name, chosen),), post=lifted) for name in names]
    if combine == "none" or len(names) < 2:
        return singles
    parts = tuple(Part(name, chosen, share) for name, share in zip(names, shares, strict=True))
    return [*singles, Recipe(parts, cast(Combination, combine), lifted)]


def check_metric(metric: str) -> Metric | None:
    """The metric, or None for "own"."""
    if metric == OWN:
        return None
    if metric not in get_args(Metric):
        raise unknown_name("metric", metric, (OWN, *get_args(Metric)))
    return cast(Metric, metric)


def check_post_processing(post: str) -> PostProcessing:
    """The lift, if there is one of that name."""
    if post not in get_args(PostProcessing):
        raise unknown_name("post", post, get_args(PostProcessing))
    return cast(PostProcessing, post)


def resolve(recipe: Recipe) -> Recipe:
    """The same recipe with a metric in every part: that of its backbone where none is set.

    `simcore.sim` and `simcore.evaluate` do not know the registry and take resolved recipes only.

    Raises:
        UnknownNameError: no such backbone.
    """
    parts = (replace(part, metric=resolve_metric(part)) for part in recipe.parts)
    return replace(recipe, parts=tuple(parts))


def resolve_metric(part: Part) -> Metric:
    """The metric of a part: its own, or the one that its backbone was made for."""
    return part.metric or registry.get(part.backbone).metric
