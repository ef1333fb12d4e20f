"""A weighted sum of similarities and where its mates rank, compiled in one pass (numba).

A few query rows are summed at a time, so that the sums stay in the processor's cache and no
(b, G) array of float64 is written. Every operation is that of `combine.on_grid`, in the same order
and without fused multiplication, so the sums are equal bit by bit.
"""

from collections.abc import Sequence

import numba as nb
import numpy as np

from simcore.sim.combine import GRID, Term
from simcore.sim.rank import MateOutcomes
from simcore.types import Array

CHUNK = 65_536  # sums at a time, half a megabyte


@nb.njit(cache=True, nogil=True)
def _add(values: Array, factors: Array, first: int, total: Array, evidence: Array) -> None:
    """Add one backbone's term of rows `first` and following to `total`; mark where it is known.

    Args:
        factors: shift, gain times GRID, the rounded fill, weight, 1 / GRID.
    """
    shift, gain, fill, weight, step = factors
    for i in range(total.shape[0]):
        row = values[first + i]
        for j in range(row.size):
            value = np.float64(row[j])
            known = value == value
            term = np.rint((value - shift) * gain) * step
            total[i, j] += (term if known else fill) * weight
            evidence[i, j] |= known


@nb.njit(cache=True, nogil=True)
def _outcomes(
    total: Array, evidence: Array, target: Array, ranks: Array, mates: Array, rivals: Array
) -> None:
    """Fill rank and similarity of the mate, and the highest similarity of another image."""
    for i in range(total.shape[0]):
        column = target[i]
        mate = total[i, column]
        ahead, best = 0, -np.inf
        for j in range(total.shape[1]):
            value = total[i, j] if evidence[i, j] else -np.inf
            ahead += value >= mate
            if j != column:
                best = max(best, value)
        known = evidence[i, column]
        ranks[i] = ahead if known else total.shape[1] + 1
        mates[i] = mate if known else np.nan
        rivals[i] = best if best > -np.inf else np.nan


def mate_outcomes(
    parts: Sequence[Array], weights: Sequence[float], terms: Sequence[Term], target: Array
) -> MateOutcomes:
    """As `rank.mate_outcomes(combine.weighted_sum(parts, weights, terms), target)`.

    Args:
        parts: M similarities (b, G) float32; NaN = no evidence.
        weights: M of them; a part with weight 0 is no evidence either.
        terms: M of them.
        target: (b,) column of each mate.
    """
    rows, columns = parts[0].shape
    used = [
        (np.ascontiguousarray(values, np.float32), _factors(term, weight))
        for values, weight, term in zip(parts, weights, terms, strict=True)
        if weight != 0
    ]
    ranks, (mates, rivals) = np.empty(rows, np.int64), np.empty((2, rows))
    target = np.asarray(target, np.int64)
    step = max(1, CHUNK // max(columns, 1))
    for first in range(0, rows, step):
        last = min(first + step, rows)
        total = np.zeros((last - first, columns))
        evidence = np.zeros(total.shape, np.bool_)
        for values, factors in used:
            _add(values, factors, first, total, evidence)
        part = slice(first, last)
        _outcomes(total, evidence, target[part], ranks[part], mates[part], rivals[part])
    return MateOutcomes(ranks, mates, rivals)


def _factors(term: Term, weight: float) -> Array:
    fill = np.rint(term.fill * GRID) / GRID
    return np.array([term.shift, term.gain * GRID, fill, weight, 1 / GRID])
