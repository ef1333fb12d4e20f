"""Correlation of people's votes for a pair with its similarity (rosenfeld2018, 4.2)."""

from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError
from simcore.evaluate.statistics.bootstrap import DRAWS
from simcore.types import Array


@dataclass(frozen=True)
class Correlation:
    """A correlation with its 95 % interval and two-sided p-value; NaN for a constant.

    Attributes:
        name: "pearson" or "spearman".
        value: -1..1. low, high: bootstrap interval.
    """

    name: str
    value: float
    low: float
    high: float
    p: float


def correlations(votes: Array, similarity: Array, *, seed: int = 0) -> list[Correlation]:
    """Pearson's and Spearman's correlation, with a bootstrap over pairs for the intervals.

    Args:
        votes: (Q,) counts.
        similarity: (Q,) of each pair; pairs that are NaN are left out.

    Raises:
        ShapeError: lengths differ, or fewer than three pairs are left.
    """
    if votes.shape != similarity.shape:
        raise ShapeError(f"Got {votes.size} votes for {similarity.size} pairs. Pass one per pair.")
    evidence = ~np.isnan(similarity)
    x, y = votes[evidence].astype(np.float64), similarity[evidence].astype(np.float64)
    if x.size < 3:
        raise ShapeError(f"A correlation needs at least 3 pairs with features, got {x.size}.")
    # Ranks are taken once: ranking every draw anew changes the interval in the third digit.
    samples = {"pearson": (x, y), "spearman": (average_ranks(x), average_ranks(y))}
    rows = []
    for name, (first, second) in samples.items():
        value = float(_pearson(first[None], second[None])[0])
        low, high = _interval(first, second, seed)
        rows.append(Correlation(name, value, low, high, _p_value(value, first.size)))
    return rows


def average_ranks(values: Array) -> Array:
    """Ranks from 1 along the last axis; equal values share their mean rank.

    As scipy.stats.rankdata, which takes a second to import.

    >>> average_ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    if values.ndim > 1:
        return np.apply_along_axis(average_ranks, -1, values)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Array = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def _p_value(correlation: float, size: int) -> float:
    """Two-sided, of Student's t with size - 2 degrees of freedom."""
    from scipy.special import stdtr

    with np.errstate(divide="ignore"):
        t = abs(correlation) * np.sqrt((size - 2) / np.float64(max(1 - correlation**2, 0.0)))
    return float(2 * stdtr(size - 2, -t))


def _interval(x: Array, y: Array, seed: int) -> tuple[float, float]:
    """Percentile bootstrap interval of Pearson's correlation; NaN where no draw has one."""
    draws = np.random.default_rng(seed).integers(0, x.size, (DRAWS, x.size))
    values = np.concatenate(
        [_pearson(x[rows], y[rows]) for rows in np.array_split(draws, DRAWS // 100)]
    )
    values = values[~np.isnan(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _pearson(x: Array, y: Array) -> Array:
    """(R,) correlation of each row of (R, n) with the other; scipy is slower by far for many."""
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        value: Array = (x * y).sum(axis=1) / scale
    return value
