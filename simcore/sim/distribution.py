"""How the similarities of a whole matrix are distributed, without holding the matrix."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simcore.types import Array

BINS = 100_000  # of the first array's range: finer than any percentile that is shown


@dataclass(frozen=True, eq=False)
class Distribution:
    """Values counted: `counts[i]` of them lie below `edges[i]`."""

    edges: Array
    counts: Array

    def cdf(self, value: float) -> float:
        """Share of the values below one, right to 1 part in 100,000 of the range."""
        if not self.counts[-1]:
            return 0.0
        return float(np.interp(value, self.edges, self.counts) / self.counts[-1])


def similarity_distribution(blocks: Iterable[Array]) -> Distribution:
    """The distribution of all values of some arrays; NaN is left out.

    The bins are those of the first array's range and grow with what comes, so that one look at each
    array is enough.

    >>> spread([np.arange(5.0), np.array([np.nan, 5.0])]).below(2.5)
    0.5
    """
    low, width = 0.0, 0.0
    counts = np.zeros(0, np.int64)
    for values in blocks:
        known = values[~np.isnan(values)].astype(np.float64, copy=False)
        if not known.size:
            continue
        least, most = float(known.min()), float(known.max())
        if not counts.size:
            low, width = least, max(most - least, 1e-6) / BINS
            counts = np.zeros(BINS, np.int64)
        low, width, counts = _reaching(low, width, counts, least, most)
        place = ((known - low) / width).astype(np.int64)
        counts += np.bincount(np.clip(place, 0, len(counts) - 1), minlength=len(counts))
    if not counts.size:
        return Distribution(np.zeros(2), np.zeros(2))
    edges = low + width * np.arange(len(counts) + 1)
    return Distribution(edges, np.concatenate([[0], counts.cumsum()]))


def _reaching(
    low: float, width: float, counts: Array, least: float, most: float
) -> tuple[float, float, Array]:
    """The same counts in bins that go from `least` to `most` at least; at most 4 * BINS of them."""
    while True:
        before = max(0, math.ceil((low - least) / width))
        behind = max(0, math.ceil((most - low) / width) - len(counts))
        if before + len(counts) + behind <= 4 * BINS:
            break
        counts = np.pad(counts, (0, len(counts) % 2)).reshape(-1, 2).sum(axis=1)
        width *= 2
    return low - before * width, width, np.pad(counts, (before, behind))
