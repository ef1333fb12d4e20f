"""How the similarities of a whole matrix are distributed, without holding the matrix."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from simcore.types import Array

BINS = 100_000  # finer than any percentile that is shown


@dataclass(frozen=True, eq=False)
class Spread:
    """Values counted: `counts[i]` of them lie below `edges[i]`."""

    edges: Array
    counts: Array

    def below(self, value: float) -> float:
        """Share of the values below one, right to a bin of 100,000 between least and most."""
        if not self.counts[-1]:
            return 0.0
        return float(np.interp(value, self.edges, self.counts) / self.counts[-1])


def spread(blocks: Callable[[], Iterable[Array]]) -> Spread:
    """The distribution of all values of some arrays; NaN is left out.

    Args:
        blocks: gives the same arrays each time it is called; it is called twice.

    >>> spread(lambda: [np.arange(5.0), np.array([np.nan, 5.0])]).below(2.5)
    0.5
    """
    low, high = np.inf, -np.inf
    for values in blocks():
        known = values[~np.isnan(values)]
        if known.size:
            low, high = min(low, float(known.min())), max(high, float(known.max()))
    if low > high:
        return Spread(np.zeros(2), np.zeros(2))
    edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
    counts = np.zeros(BINS, np.int64)
    for values in blocks():
        counts += np.histogram(values[~np.isnan(values)], edges)[0]
    return Spread(edges, np.concatenate([[0], counts.cumsum()]))
