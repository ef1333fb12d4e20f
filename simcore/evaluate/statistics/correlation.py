"""Do people's votes for a pair go with how alike a backbone finds it? (rosenfeld2018, 4.2)"""

from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError
from simcore.types import Array

DRAWS = 2000


@dataclass(frozen=True)
class Correlation:
    """A correlation with its bootstrap interval and two-sided p-value; NaN for a constant."""

    name: str
    value: float
    low: float
    high: float
    p: float


def correlations(votes: Array, similarity: Array, *, seed: int = 0) -> list[Correlation]:
    """Pearson and Spearman, with pairs drawn again as a whole.

    Args:
        votes: (Q,) counts. similarity: (Q,) of each pair; NaN pairs are left out.

    Raises:
        ShapeError: lengths differ, or fewer than three pairs are left.
    """
    from scipy import stats

    if votes.shape != similarity.shape:
        raise ShapeError(f"found {votes.size} votes for {similarity.size} pairs")
    there = ~np.isnan(similarity)
    x, y = votes[there].astype(np.float64), similarity[there].astype(np.float64)
    if x.size < 3:
        raise ShapeError(f"found {x.size} pairs with votes and evidence; expected at least 3")
    found = []
    ranked = stats.rankdata(x), stats.rankdata(y)
    for name, a, b in (("pearson", x, y), ("spearman", *ranked)):
        value = _pearson(a[None], b[None])[0]
        draws = np.random.default_rng(seed).integers(0, x.size, (DRAWS, x.size))
        # Ranks are taken once: ranking every draw anew changes the interval in the third digit.
        again = np.concatenate(
            [_pearson(a[part], b[part]) for part in np.array_split(draws, DRAWS // 100)]
        )
        again = again[~np.isnan(again)]
        low, high = np.quantile(again, [0.025, 0.975]) if again.size else (np.nan, np.nan)
        found.append(Correlation(name, float(value), float(low), float(high), _p(value, x.size)))
    return found


def _pearson(x: Array, y: Array) -> Array:
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        value: Array = (x * y).sum(axis=1) / scale
    return value


def _p(r: float, n: int) -> float:
    from scipy import stats

    if np.isnan(r) or n < 3:
        return float("nan")
    t = r * np.sqrt((n - 2) / max(1e-300, 1 - r * r))
    return float(2 * stats.t.sf(abs(t), n - 2))
