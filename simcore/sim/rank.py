"""Order in a row of similarities; ties and missing evidence never help."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from simcore.types import Array


@dataclass(frozen=True, eq=False)
class MateOutcomes:
    """How each query's mate fares against the other images of the gallery.

    Attributes:
        ranks: (Q,) int64 from 1; every tie is ahead of the mate; G + 1 without evidence about it.
        mates: (Q,) float64 similarity of the query to its mate; NaN without evidence.
        rivals: (Q,) float64 highest similarity to another image; NaN where there is evidence
            about none.
    """

    ranks: Array
    mates: Array
    rivals: Array

    @property
    def margins(self) -> Array:
        """(Q,) similarity of the best other image minus that of the mate; NaN without evidence."""
        difference: Array = self.rivals - self.mates
        return difference


@dataclass(frozen=True, eq=False)
class Hits:
    """The most similar gallery images of each query, and how its mate fares.

    Attributes:
        columns: (Q, k) int32 of the gallery, most similar first; -1 after the last image with
            evidence.
        scores: (Q, k) float64 similarities; NaN where `columns` is -1.
        unknown: (Q,) int64, how many images of the gallery there is no evidence about.
        mate_ranks: (Q,) int64, as of `mate_ranks`; 0 without a mate.
        mate_scores: (Q,) float64; NaN without a mate or evidence about it.
    """

    columns: Array
    scores: Array
    unknown: Array
    mate_ranks: Array
    mate_scores: Array


def top_k(row: Array, k: int) -> tuple[Array, Array]:
    """The k most similar gallery images of one query.

    Args:
        row: (G,) similarity; NaN ranks last.
        k: how many; at most G are returned.

    Returns:
        positions (k,) int64 and values (k,), most similar first; ties in gallery order.

    >>> top_k(np.array([0.1, 0.9, np.nan, 0.9]), 3)
    (array([1, 3, 0]), array([0.9, 0.9, 0.1]))
    """
    k = min(k, row.size)
    score = np.where(np.isnan(row), -np.inf, row)
    if k < row.size:
        threshold = np.partition(score, row.size - k)[row.size - k]
        candidates = np.flatnonzero(score >= threshold)
    else:
        candidates = np.arange(row.size)
    keys = candidates, np.isnan(row[candidates]), -score[candidates]
    order = candidates[np.lexsort(keys)][:k]
    return order, row[order]


def mate_ranks(values: Array, target: Array) -> Array:
    """Rank of the mate in each row; 1 = alone in front.

    A tie is ahead of the mate. A mate without evidence is behind everything: its rank is G + 1, so
    that it is no hit at any cut-off, even where it is the only image.

    Args:
        values: (B, G) similarity.
        target: (B,) column of the mate.

    Returns:
        (B,) int64: one more than the number of other images that are at least as similar.

    >>> mate_ranks(np.array([[0.9, 0.2, 0.5], [0.5, 0.5, 0.1]]), np.array([2, 0])).tolist()
    [2, 2]
    >>> mate_ranks(np.array([[np.nan]]), np.array([0])).tolist()
    [2]
    """
    mate = values[np.arange(len(values)), target][:, None]
    with np.errstate(invalid="ignore"):
        ahead = np.count_nonzero(values >= mate, axis=1)  # counts the mate itself, too
    return np.where(np.isnan(mate[:, 0]), values.shape[1] + 1, ahead).astype(np.int64)


def mate_outcomes(values: Array, target: Array) -> MateOutcomes:
    """Rank and similarity of the mate in each row, and the highest similarity of another image.

    Args:
        values: (B, G) similarity; NaN = no evidence.
        target: (B,) column of the mate.

    >>> outcomes = mate_outcomes(np.array([[0.75, 0.25, 0.5]]), np.array([2]))
    >>> outcomes.ranks.tolist(), outcomes.mates.tolist(), outcomes.rivals.tolist()
    ([2], [0.5], [0.75])
    """
    rows = np.arange(len(values))
    ranks, mates = mate_ranks(values, target), values[rows, target].astype(np.float64)
    best = np.fmax.reduce(values, axis=1)  # ignores NaN, and copies nothing
    leading = np.flatnonzero(best == values[rows, target])  # the mate itself may be the best
    others = values[leading]
    others[np.arange(leading.size), target[leading]] = np.nan
    best[leading] = np.fmax.reduce(others, axis=1)
    return MateOutcomes(ranks, mates, np.where(np.isfinite(best), best, np.nan).astype(np.float64))


def first_hits(
    values: Array, k: int, *, mates: Array | None = None, own: Array | None = None
) -> Hits:
    """The k most similar images of each query; ties in gallery order.

    Args:
        values: (Q, G) similarity; NaN = no evidence.
        k: how many; at most G are returned.
        mates: (Q,) column of each mate; None where no mates are known.
        own: (Q,) column of the query itself, which is no hit; None where it is not in the gallery.

    >>> hits = first_hits(np.array([[0.5, 0.75, np.nan]]), 3, mates=np.array([0]))
    >>> hits.columns.tolist(), hits.unknown.tolist(), hits.mate_ranks.tolist()
    ([[1, 0, -1]], [1], [2])
    """
    queries, rows = len(values), np.arange(len(values))
    k = min(k, values.shape[1])
    unknown = np.isnan(values).sum(axis=1)
    if own is not None:
        unknown = unknown - np.isnan(values[rows, own])
        values = values.copy()
        values[rows, own] = np.nan
    columns, scores = np.empty((queries, k), np.int32), np.empty((queries, k))
    for row in range(queries):
        columns[row], scores[row] = top_k(values[row], k)
    columns[np.isnan(scores)] = -1
    ranks, similarities = np.zeros(queries, np.int64), np.full(queries, np.nan)
    if mates is not None:
        ranks, similarities = mate_ranks(values, mates), values[rows, mates].astype(np.float64)
    return Hits(columns, scores, unknown.astype(np.int64), ranks, similarities)


def joined_hits(parts: Sequence[Hits]) -> Hits:
    """The hits of several blocks of queries, one after the other."""
    names = [field.name for field in fields(Hits)]
    return Hits(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
