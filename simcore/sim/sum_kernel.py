"""A weighted sum of similarities, its first hits and where its mates rank, compiled (numba).

A few query rows are summed at a time, so that the sums stay in the processor's cache and no
(b, G) array of float64 is written. Every operation is that of `combine.on_grid`, in the same order
and without fused multiplication, so the sums are equal bit by bit.
"""

from collections.abc import Iterator, Sequence

import numba as nb
import numpy as np

from simcore.sim.combine import GRID, Term
from simcore.sim.rank import Hits, MateOutcomes
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


@nb.njit(cache=True, nogil=True)
def _hits(
    total: Array, evidence: Array, own: Array, columns: Array, scores: Array, unknown: Array
) -> None:
    """Fill the most similar columns of each row, in order; equal ones in the order of the columns.

    Args:
        own: (b,) column that is no hit and not counted as unknown; -1 for none.
        columns, scores: (b, k), filled with -1 and NaN before.
    """
    k = columns.shape[1]
    for i in range(total.shape[0]):
        count = 0
        for j in range(total.shape[1]):
            if j == own[i]:
                continue
            if not evidence[i, j]:
                unknown[i] += 1
                continue
            value = total[i, j]
            if count == k and not value > scores[i, k - 1]:
                continue
            place = min(count, k - 1)
            while place > 0 and scores[i, place - 1] < value:
                scores[i, place], columns[i, place] = scores[i, place - 1], columns[i, place - 1]
                place -= 1
            scores[i, place], columns[i, place] = value, j
            count = min(count + 1, k)


def first_hits(
    parts: Sequence[Array],
    weights: Sequence[float],
    terms: Sequence[Term],
    k: int,
    *,
    mates: Array | None = None,
    own: Array | None = None,
) -> Hits:
    """As `rank.first_hits(combine.weighted_sum(parts, weights, terms), k, ...)`.

    Args:
        parts: M similarities (b, G) float32; NaN = no evidence.
        weights, terms: M of each; no terms for the similarity of a single part itself.
    """
    rows, width = parts[0].shape
    k = min(k, width)
    columns, scores = np.full((rows, k), -1, np.int32), np.full((rows, k), np.nan)
    unknown, ranks = np.zeros((2, rows), np.int64)
    similarities, rivals = np.full((2, rows), np.nan)
    excluded = np.full(rows, -1) if own is None else np.asarray(own, np.int64)
    used = _used(parts, weights, terms)
    for part in _chunks(rows, width):
        if terms:
            total, evidence = _total(used, part, width)
        else:
            total = parts[0][part].astype(np.float64)
            evidence = ~np.isnan(total)
        _hits(total, evidence, excluded[part], columns[part], scores[part], unknown[part])
        if mates is not None:
            if own is not None:
                evidence[np.arange(len(evidence)), excluded[part]] = False  # no rival of the mate
            target = np.asarray(mates[part], np.int64)
            _outcomes(total, evidence, target, ranks[part], similarities[part], rivals[part])
    return Hits(columns, scores, unknown, ranks, similarities)


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
    used = _used(parts, weights, terms)
    ranks, (mates, rivals) = np.empty(rows, np.int64), np.empty((2, rows))
    target = np.asarray(target, np.int64)
    for part in _chunks(rows, columns):
        total, evidence = _total(used, part, columns)
        _outcomes(total, evidence, target[part], ranks[part], mates[part], rivals[part])
    return MateOutcomes(ranks, mates, rivals)


def _chunks(rows: int, columns: int) -> Iterator[slice]:
    """Rows whose sums stay in the processor's cache."""
    step = max(1, CHUNK // max(columns, 1))
    for first in range(0, rows, step):
        yield slice(first, min(first + step, rows))


def _used(
    parts: Sequence[Array], weights: Sequence[float], terms: Sequence[Term]
) -> list[tuple[Array, Array]]:
    """The similarities and factors of the parts whose weight is not 0; none without terms."""
    if not terms:
        return []
    return [
        (np.ascontiguousarray(values, np.float32), _factors(term, weight))
        for values, weight, term in zip(parts, weights, terms, strict=True)
        if weight != 0
    ]


def _total(used: Sequence[tuple[Array, Array]], part: slice, columns: int) -> tuple[Array, Array]:
    """(b, G) the sum in some rows, and whether any part has evidence."""
    total = np.zeros((part.stop - part.start, columns))
    evidence = np.zeros(total.shape, np.bool_)
    for values, factors in used:
        _add(values, factors, part.start, total, evidence)
    return total, evidence


def _factors(term: Term, weight: float) -> Array:
    fill = np.rint(term.fill * GRID) / GRID
    return np.array([term.shift, term.gain * GRID, fill, weight, 1 / GRID])
