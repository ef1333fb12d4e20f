"""Euclidean and city-block distances, compiled (numba), on all cores.

Differences are squared and added in float64: through the Gram matrix nearly identical rows would
lose their digits, and in float64 that is no faster.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba as nb
import numpy as np

from simcore.types import Array

TILE = 32  # rows of each side at a time, which then stay in the processor's cache
MIN_PARALLEL = 4_000_000  # fewer scalars are compared faster than threads start


# Reassociated sums compute several terms at once; in float64 no trace is left after float32.
@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _fill(left: Array, right: Array, squared: bool, first: int, last: int, out: Array) -> None:
    """Compute columns `first` to `last` of `out`."""
    for top in range(0, left.shape[0], TILE):
        for begin in range(first, last, TILE):
            for i in range(top, min(top + TILE, left.shape[0])):
                for j in range(begin, min(begin + TILE, last)):
                    total = 0.0
                    if squared:
                        for d in range(left.shape[1]):
                            difference = np.float64(left[i, d]) - np.float64(right[j, d])
                            total += difference * difference
                        out[i, j] = -np.sqrt(total)
                    else:
                        for d in range(left.shape[1]):
                            total += abs(np.float64(left[i, d]) - np.float64(right[j, d]))
                        out[i, j] = -total


def negated_distances(left: Array, right: Array, *, squared: bool) -> Array:
    """Negated distances of all rows to all rows.

    Args:
        left, right: (Q, D) and (G, D) float32.
        squared: Euclidean instead of city-block.

    Returns:
        (Q, G) float32, at most 0.
    """
    left, right = (np.ascontiguousarray(side, np.float32) for side in (left, right))
    out = np.empty((len(left), len(right)), np.float32)
    cores = (os.cpu_count() or 1) if out.size * left.shape[1] > MIN_PARALLEL else 1
    if cores == 1:
        _fill(left, right, squared, 0, len(right), out)
        return out
    edges = np.linspace(0, len(right), cores + 1).astype(int)
    with ThreadPoolExecutor(cores) as pool:
        futures = [
            pool.submit(_fill, left, right, squared, first, last, out)
            for first, last in pairwise(edges)
        ]
        for future in futures:
            future.result()
    return out
