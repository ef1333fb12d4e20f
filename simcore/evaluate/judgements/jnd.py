"""Just noticeable differences: do pairs that look the same to people rank as most alike?"""

from collections.abc import Sequence

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.statistics.bootstrap import DRAWS
from simcore.types import Array, Score


def average_precision(similarity: Array, same: Array, *, seed: int = 0) -> Score:
    """Average precision of "looked the same" under a ranking, VOC style (Zhang et al. 2018, JND).

    As the official script: pairs sorted by similarity, shares as soft counts, area under the
    precision envelope. Unlike there, equal similarities are one step, so their order decides
    nothing: a constant scores the base rate. Missing evidence (NaN) ranks last.

    Args:
        similarity: (P,) higher = more alike.
        same: (P,) share of people who saw no difference.

    Returns:
        per_item: (P,) what each pair adds, times P, so that their mean is the value. NaN where no
        pair looked the same to anyone.

    Raises:
        ShapeError: lengths differ.
        BadDataError: no pair, or a share outside 0..1.

    >>> score = average_precision(np.array([0.9, 0.8, 0.1]), np.array([1.0, 0.0, 1.0]))
    >>> round(score.value, 3)
    0.833
    """
    if similarity.shape != same.shape or same.ndim != 1:
        raise ShapeError(
            f"Got {similarity.size} similarities for {same.size} pairs. Pass one per pair."
        )
    if not same.size:
        raise BadDataError("Average precision needs at least one pair, got none.")
    if not (same.min() >= 0 and same.max() <= 1):
        raise BadDataError(
            "A share is outside 0 to 1. It is the share of people who saw no difference."
        )
    order, step = _steps(similarity)
    shares = same[order].astype(np.float64)
    area, precision = _areas(np.ones((1, shares.size)), shares, step)
    value = float(area[0])
    total = shares.sum()
    per_item = np.zeros(shares.size)
    if total > 0:
        per_item[order] = shares.size * shares * precision[0, step] / total
    areas = _bootstrap_areas(shares, step, seed)
    low, high = np.quantile(areas, [0.025, 0.975]) if areas.size else (0.0, 1.0)
    return Score("jnd", value, min(float(low), value), max(float(high), value), per_item)


def _bootstrap_areas(shares: Array, step: Array, seed: int) -> Array:
    """Areas of DRAWS samples of the pairs; samples without any positive are left out."""
    random = np.random.default_rng(seed)
    chance = np.full(shares.size, 1 / shares.size)
    block = max(1, 2_000_000 // shares.size)
    areas = []
    for start in range(0, DRAWS, block):
        weight = random.multinomial(shares.size, chance, size=min(block, DRAWS - start))
        areas.append(_areas(weight, shares, step)[0])
    values = np.concatenate(areas)
    return values[~np.isnan(values)]


def over_groups(scores: Sequence[Score]) -> Score:
    """Mean of the groups' average precisions, each group with the same weight, as in BAPPS.

    The interval combines those of the groups (MOVER, Zou and Donner 2008).

    Returns:
        per_item: those of the groups, one after the other.
    """
    value = float(np.mean([s.value for s in scores]))
    low = float(np.sqrt(sum((s.value - s.low) ** 2 for s in scores))) / len(scores)
    high = float(np.sqrt(sum((s.high - s.value) ** 2 for s in scores))) / len(scores)
    per_item = np.concatenate([s.per_item for s in scores])
    return Score("jnd", value, max(0.0, value - low), min(1.0, value + high), per_item)


def _steps(similarity: Array) -> tuple[Array, Array]:
    """(P,) order from most alike to least, NaN last, and the number of each one's step in it."""
    key = np.where(np.isnan(similarity), np.inf, -similarity.astype(np.float64))
    key = np.where(np.isneginf(similarity), np.finfo(np.float64).max, key)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    step = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])]).astype(np.int64)
    return order, step


def _areas(weight: Array, shares: Array, step: Array) -> tuple[Array, Array]:
    """Area under the precision envelope of several samples.

    Args:
        weight: (R, P) how often each pair is drawn.
        shares: (P,) in ranked order.
        step: (P,) non-decreasing step numbers, 0 to S - 1.

    Returns:
        (R,) area, NaN without any positive; (R, S) envelope of the precision.
    """
    first = np.flatnonzero(np.concatenate([[True], np.diff(step) > 0]))
    step_hits = np.add.reduceat(weight * shares, first, axis=1)
    step_size = np.add.reduceat(weight.astype(np.float64), first, axis=1)
    hits, ranked = np.cumsum(step_hits, axis=1), np.cumsum(step_size, axis=1)
    precision = np.divide(hits, ranked, out=np.zeros_like(hits), where=ranked > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    total = hits[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Array = (step_hits * envelope).sum(axis=1) / total
    return area, envelope
