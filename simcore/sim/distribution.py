"""How the values of a similarity matrix are distributed, without holding the matrix."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simcore.types import Array

BINS = 100_000  # of the first array's range: finer than any percentile that is shown


@dataclass(frozen=True, eq=False)
class Distribution:
    """Cumulative counts: `counts[i]` of the values are below `edges[i]`."""

    edges: Array
    counts: Array

    def cdf(self, value: float) -> float:
        """Share of the values below `value`, accurate to 1 part in 100,000 of the range."""
        if not self.counts[-1]:
            return 0.0
        return float(np.interp(value, self.edges, self.counts) / self.counts[-1])


def similarity_distribution(blocks: Iterable[Array]) -> Distribution:
    """The distribution of all values of some arrays, in one pass; NaN is left out.

    The bins span the range of the first array and are extended where later arrays need it.

    >>> blocks = [np.arange(5.0), np.array([np.nan, 5.0])]
    >>> round(similarity_distribution(blocks).cdf(2.5), 4)
    0.5
    """
    low, width = 0.0, 0.0
    counts = np.zeros(0, np.int64)
    for block in blocks:
        values = block[~np.isnan(block)].astype(np.float64, copy=False)
        if not values.size:
            continue
        least, most = float(values.min()), float(values.max())
        if not counts.size:
            low, width = least, max(most - least, 1e-6) / BINS
            counts = np.zeros(BINS, np.int64)
        low, width, counts = _extend(low, width, counts, least, most)
        bins = ((values - low) / width).astype(np.int64)
        counts += np.bincount(np.clip(bins, 0, len(counts) - 1), minlength=len(counts))
    if not counts.size:
        return Distribution(np.zeros(2), np.zeros(2))
    edges = low + width * np.arange(len(counts) + 1)
    return Distribution(edges, np.concatenate([[0], counts.cumsum()]))


def _extend(
    low: float, width: float, counts: Array, least: float, most: float
) -> tuple[float, float, Array]:
    """The counts in bins that span at least `least` to `most`; at most 4 * BINS of them."""
    while True:
        before = max(0, math.ceil((low - least) / width))
        behind = max(0, math.ceil((most - low) / width) - len(counts))
        if before + len(counts) + behind <= 4 * BINS:
            break
        # Too many: merge bins in twos.
        counts = np.pad(counts, (0, len(counts) % 2)).reshape(-1, 2).sum(axis=1)
        width *= 2
    return low - before * width, width, np.pad(counts, (before, behind))
