"""95 % confidence intervals of ratios and differences of two recipes on the same queries."""

import numpy as np

from simcore.errors import ShapeError
from simcore.evaluate.statistics.bootstrap import DRAWS
from simcore.types import Array

_QUANTILES = (0.025, 0.975)


def ratio_interval(first: Array, second: Array, *, seed: int = 0) -> tuple[float, float]:
    """Paired bootstrap interval of hits(first) / hits(second).

    Resampling queries only changes how many of them both, one or none of the two recipes find, so
    these four counts are drawn instead of the queries. Draws in which `second` has no hit are
    left out.

    Args:
        first, second: (Q,) bool, whether each recipe finds the mate.
        seed: of the draws.

    Returns:
        low, high; NaN where no draw has a ratio.

    Raises:
        ShapeError: the recipes have different queries.

    >>> ratio_interval(np.array([True, True]), np.array([True, True]))
    (1.0, 1.0)
    """
    draws = _draw_counts(first, second, seed)
    numerator, denominator = draws[:, 0] + draws[:, 1], draws[:, 0] + draws[:, 2]
    usable = denominator > 0
    if not usable.any():
        return float("nan"), float("nan")
    low, high = np.quantile(numerator[usable] / denominator[usable], _QUANTILES)
    return float(low), float(high)


def difference_interval(first: Array, second: Array, *, seed: int = 0) -> tuple[float, float]:
    """Paired bootstrap interval of the difference of two shares, in -1..1.

    Args:
        first, second: (Q,) bool, whether each recipe finds the mate.
        seed: of the draws.

    Raises:
        ShapeError: the recipes have different queries, or there are none.
    """
    draws = _draw_counts(first, second, seed)
    low, high = np.quantile((draws[:, 1] - draws[:, 2]) / len(first), _QUANTILES)
    return float(low), float(high)


def _draw_counts(first: Array, second: Array, seed: int) -> Array:
    """(R, 4) bootstrap counts of queries found by both, only first, only second, and none."""
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise ShapeError(
            f"Two recipes need the same queries, got arrays of shape {first.shape} and "
            f"{second.shape}."
        )
    kind = np.where(first, np.where(second, 0, 1), np.where(second, 2, 3))
    shares = np.bincount(kind, minlength=4) / first.size
    draws: Array = np.random.default_rng(seed).multinomial(first.size, shares, DRAWS)
    return draws
