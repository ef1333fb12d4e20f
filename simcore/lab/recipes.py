"""Recipes from what people type, and their own-metric defaults."""

from collections.abc import Sequence
from typing import cast, get_args

from simcore.errors import BadDataError, unknown
from simcore.models import registry
from simcore.recipe import Part, Recipe
from simcore.types import Combine, Lift, Metric

OWN = "own"  # each backbone's own metric: cosine, but Euclidean for face descriptors


def parse(
    models: Sequence[str],
    combine: str = "none",
    *,
    weights: Sequence[float] = (),
    metric: str = OWN,
    lift: str = "none",
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
    names = registry.expand(list(models))
    if not names:
        raise BadDataError("found no backbone; expected at least one, such as mobilenetv2")
    chosen = check_metric(metric)
    if combine not in get_args(Combine):
        raise unknown("combination", combine, get_args(Combine))
    shares = list(weights) or [1.0] * len(names)
    if len(shares) != len(names):
        raise BadDataError(f"found {len(shares)} weights for {len(names)} backbones; give one each")
    lifted = check_lift(lift)
    singles = [Recipe((Part(name, chosen),), lift=lifted) for name in names]
    if combine == "none" or len(names) < 2:
        return singles
    parts = tuple(Part(name, chosen, share) for name, share in zip(names, shares, strict=True))
    return [*singles, Recipe(parts, cast(Combine, combine), lifted)]


def check_metric(metric: str) -> Metric | None:
    """The metric, or None for "own"."""
    if metric == OWN:
        return None
    if metric not in get_args(Metric):
        raise unknown("metric", metric, (OWN, *get_args(Metric)))
    return cast(Metric, metric)


def check_lift(lift: str) -> Lift:
    """The lift, if there is one of that name."""
    if lift not in get_args(Lift):
        raise unknown("lift", lift, get_args(Lift))
    return cast(Lift, lift)


def own(recipes: Sequence[Recipe]) -> dict[str, Metric]:
    """The metric that each backbone of the recipes was made for."""
    return {name: registry.spec(name).metric for recipe in recipes for name in recipe.backbones}
