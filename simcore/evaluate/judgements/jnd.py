"""Just noticeable differences: are pairs that look the same to people ranked as most alike?"""

from collections.abc import Sequence

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.statistics.bootstrap import DRAWS
from simcore.types import Array, Score


def average_precision(similarity: Array, same: Array, *, seed: int = 0) -> Score:
    """Average precision of "looked the same" under a ranking, VOC style (Zhang et al. 2018, JND).

    As the official script: pairs sorted by similarity, shares as soft counts, area under the
    precision envelope. Unlike it, equal similarities are one step, so their order decides nothing:
    a constant earns the base rate. Missing evidence (NaN) ranks last.

    Args:
        similarity: (P,) higher = more alike. same: (P,) share of people who saw no difference.

    Returns:
        per_item: (P,) what each pair adds, times P, so that their mean is the value. NaN where
        nobody saw any pair as the same.

    Raises:
        ShapeError: lengths differ. BadDataError: no pair, or a share outside 0..1.
    """
    if similarity.shape != same.shape or same.ndim != 1:
        raise ShapeError(f"found {similarity.size} similarities for {same.size} pairs")
    if not same.size:
        raise BadDataError("found no pair; expected at least one")
    if not (same.min() >= 0 and same.max() <= 1):
        raise BadDataError("found a share outside 0 to 1; expected who saw no difference")
    order, step = _steps(similarity)
    told = same[order].astype(np.float64)
    area, precision = _areas(np.ones((1, told.size)), told, step)
    value = float(area[0])
    total = told.sum()
    per_item = np.zeros(told.size)
    if total > 0:
        per_item[order] = told.size * told * precision[0, step] / total
    random = np.random.default_rng(seed)
    share = np.full(told.size, 1 / told.size)
    block = max(1, 2_000_000 // told.size)
    again = np.concatenate(
        [
            _areas(random.multinomial(told.size, share, size=min(block, DRAWS - k)), told, step)[0]
            for k in range(0, DRAWS, block)
        ]
    )
    again = again[~np.isnan(again)]
    low, high = np.quantile(again, [0.025, 0.975]) if again.size else (0.0, 1.0)
    return Score("jnd", value, min(float(low), value), max(float(high), value), per_item)


def over_groups(scores: Sequence[Score]) -> Score:
    """Mean of the groups' average precisions, each group counting alike, as BAPPS reports it.

    The interval puts together those of the groups (MOVER, Zou and Donner 2008).

    Returns:
        per_item: those of the groups, one after the other.
    """
    value = float(np.mean([s.value for s in scores]))
    low = float(np.sqrt(sum((s.value - s.low) ** 2 for s in scores))) / len(scores)
    high = float(np.sqrt(sum((s.high - s.value) ** 2 for s in scores))) / len(scores)
    whole = np.concatenate([s.per_item for s in scores])
    return Score("jnd", value, max(0.0, value - low), min(1.0, value + high), whole)


def _steps(similarity: Array) -> tuple[Array, Array]:
    """(P,) order from most alike to least, NaN last, and the number of each one's step in it."""
    key = np.where(np.isnan(similarity), np.inf, -similarity.astype(np.float64))
    key = np.where(np.isneginf(similarity), np.finfo(np.float64).max, key)
    order = np.argsort(key, kind="stable")
    placed = key[order]
    step = np.concatenate([[0], np.cumsum(placed[1:] != placed[:-1])]).astype(np.int64)
    return order, step


def _areas(weight: Array, told: Array, step: Array) -> tuple[Array, Array]:
    """Area under the precision envelope of several draws.

    Args:
        weight: (R, P) how often each pair is drawn. told: (P,) shares in ranked order.
        step: (P,) non-decreasing step numbers, 0 to S - 1.

    Returns:
        (R,) area, NaN without any positive; (R, S) envelope of the precision.
    """
    first = np.flatnonzero(np.concatenate([[True], np.diff(step) > 0]))
    hits = np.add.reduceat(weight * told, first, axis=1)
    drawn = np.add.reduceat(weight.astype(np.float64), first, axis=1)
    found, seen = np.cumsum(hits, axis=1), np.cumsum(drawn, axis=1)
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    total = found[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Array = (hits * envelope).sum(axis=1) / total
    return area, envelope
