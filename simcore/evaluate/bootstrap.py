"""Intervals: what the number could have been on another draw of the same size."""

import numpy as np

from simcore.types import Array

DRAWS = 2000


def interval(per_item: Array, *, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean (Efron 1979).

    For zeros and ones the bootstrap distribution is binomial, so its quantiles are exact; where all
    or none are ones it has no spread, and the exact bound (Clopper and Pearson 1934) is given.

    Args:
        per_item: (n,) one value a query; n = 0 gives (0, 1).
        level: 0.95 for a 95 % interval.

    Returns:
        low, high.
    """
    n = per_item.size
    if n == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    if np.isin(per_item, (0, 1)).all():
        return _binomial(int(per_item.sum()), n, tail)
    random = np.random.default_rng(seed)
    values = per_item.astype(np.float64)
    means = [values[random.integers(0, n, n)].mean() for _ in range(DRAWS)]
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _binomial(hits: int, n: int, tail: float) -> tuple[float, float]:
    from scipy.stats import binom

    if hits == 0:
        return 0.0, float(1 - tail ** (1 / n))
    if hits == n:
        return float(tail ** (1 / n)), 1.0
    low, high = binom.ppf([tail, 1 - tail], n, hits / n)
    return float(low / n), float(high / n)
