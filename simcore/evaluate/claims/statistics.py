"""Statistics of claims that choose nothing: means, ratios, correlations, conditional shares."""

import numpy as np

from simcore.evaluate.claims.resampling import Statistic
from simcore.evaluate.statistics.correlation import average_ranks
from simcore.types import Array


def mean(values: Array) -> Statistic:
    """Weighted means.

    Args:
        values: (J, Q), one row per member of a family, or (Q,).

    >>> mean(np.array([1.0, 0.0]))(np.array([[1.0, 3.0]]))
    array([[0.25]])
    """
    columns = np.atleast_2d(values).T.astype(np.float64)
    return lambda weights: (weights @ columns) / weights.sum(axis=1, keepdims=True)


def share(event: Array, condition: Array) -> Statistic:
    """The share of the pairs with a condition that also have an event; NaN where none has it.

    Args:
        event, condition: (Q,) or (J, Q), values 0 to 1.

    >>> share(np.array([1.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0]))(np.ones((1, 3)))
    array([[0.5]])
    """
    return ratio(np.atleast_2d(event) * np.atleast_2d(condition), condition)


def ratio(above: Array, below: Array) -> Statistic:
    """The ratio of two weighted totals; NaN where the lower one is 0.

    Args:
        above, below: (Q,) or (J, Q).
    """
    tops, bottoms = (np.atleast_2d(values).T.astype(np.float64) for values in (above, below))

    def compute(weights: Array) -> Array:
        total = weights @ bottoms
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total > 0, (weights @ tops) / total, np.nan)

    return compute


def correlation(x: Array, y: Array) -> Statistic:
    """Pearson's correlation; NaN for a constant.

    Args:
        x: (J, Q) or (Q,), finite. y: (Q,), finite.
    """
    left, right = np.atleast_2d(x).astype(np.float64), np.asarray(y, np.float64)

    def compute(weights: Array) -> Array:
        total = weights.sum(axis=1, keepdims=True)
        mean_x, mean_y = (weights @ left.T) / total, (weights @ right[:, None]) / total
        cross = (weights @ (left * right).T) / total - mean_x * mean_y
        var_x = (weights @ (left**2).T) / total - mean_x**2
        var_y = (weights @ (right**2)[:, None]) / total - mean_y**2
        with np.errstate(invalid="ignore", divide="ignore"):
            value: Array = cross / np.sqrt(var_x * var_y)
        return np.where((var_x > 1e-12) & (var_y > 1e-12), value, np.nan)

    return compute


def rank_correlation(a: Array, b: Array) -> Array:
    """(R,) Spearman's correlation of the rows of two (R, M) arrays; NaN for a constant row."""
    x, y = (average_ranks(values) for values in (a, b))
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        value: Array = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return value
