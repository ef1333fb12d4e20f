"""Which backbones find which queries: oracle, exclusive retrievals, intersections, agreement."""

from collections.abc import Mapping, Sequence

import numpy as np

from simcore.errors import ShapeError
from simcore.types import Array

Hits = Mapping[str, Array]  # backbone -> (Q,) bool, whether the mate ranks first
QueryRows = dict[str, Array]  # backbone -> (n,) int64 positions of queries


def oracle(hits: Hits) -> Array:
    """(Q,) bool: at least one backbone finds the mate (rosenfeld2019, 4.4.1).

    >>> oracle({"a": np.array([True, False, False]), "b": np.array([True, True, False])}).tolist()
    [True, True, False]
    """
    return np.asarray(_table(hits).any(axis=0))


def exclusive(hits: Hits) -> QueryRows:
    """The queries that only one backbone finds, for each backbone (rosenfeld2019, Fig. 6).

    >>> exclusive({"a": np.array([True, False]), "b": np.array([True, True])})["b"].tolist()
    [1]
    """
    table = _table(hits)
    single = table.sum(axis=0) == 1
    return {name: np.flatnonzero(row & single) for name, row in zip(hits, table, strict=True)}


def found_and_missed(hits: Hits, by: Sequence[str] = (), missed: Sequence[str] = ()) -> Array:
    """(n,) queries that every backbone in `by` finds and every backbone in `missed` does not.

    >>> found_and_missed({"a": np.array([True, True]), "b": np.array([True, False])}, ["a"], ["b"])
    array([1])
    """
    selected = np.ones(_table(hits).shape[1], bool)
    for name in by:
        selected &= hits[name]
    for name in missed:
        selected &= ~hits[name]
    return np.flatnonzero(selected)


def intersections(hits: Hits) -> list[tuple[tuple[str, ...], int]]:
    """How many queries exactly each set of backbones finds, most first (UpSet, Lex et al. 2014).

    The empty set counts the queries that no backbone finds.

    >>> intersections({"a": np.array([1, 1, 0]), "b": np.array([1, 1, 1])})
    [(('a', 'b'), 2), (('b',), 1)]
    """
    table, names = _table(hits), list(hits)
    patterns, counts = np.unique(table.T, axis=0, return_counts=True)
    rows = [
        (tuple(name for name, hit in zip(names, pattern, strict=True) if hit), int(count))
        for pattern, count in zip(patterns, counts, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def rank_disagreement(ranks: Array, evidence: Array) -> Array:
    """How much backbones disagree about each query: log2 of the worst over the best of its ranks.

    Args:
        ranks: (M, Q) of the mate, from 1.
        evidence: (M, Q) bool, whether a backbone has evidence about the mate.

    Returns:
        (Q,) float64; 0 where fewer than two backbones have evidence.

    >>> evidence = np.array([[1, 1], [1, 0], [0, 0]], bool)
    >>> rank_disagreement(np.array([[1, 3], [8, 3], [99, 5]]), evidence)
    array([3., 0.])
    """
    order = np.log2(ranks)
    worst = np.where(evidence, order, -np.inf).max(axis=0)
    best = np.where(evidence, order, np.inf).min(axis=0)
    return np.where(evidence.sum(axis=0) > 1, worst - best, 0.0)


def agreement(hits: Hits) -> Array:
    """(M, M) Jaccard index of what two backbones find; 0 where both find nothing."""
    table = _table(hits).astype(np.float64)
    both = table @ table.T
    each = table.sum(axis=1)
    either = each[:, None] + each[None, :] - both
    shared: Array = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return shared


def gain(hits: Hits) -> Array:
    """(M, M): of the queries that the row misses, the share that the column finds."""
    table = _table(hits).astype(np.float64)
    missed = 1 - table
    count = missed.sum(axis=1, keepdims=True)
    share: Array = np.divide(
        missed @ table.T, count, out=np.zeros((len(table),) * 2), where=count > 0
    )
    return share


def _table(hits: Hits) -> Array:
    lengths = {row.shape for row in hits.values()}
    if len(lengths) != 1:
        raise ShapeError(
            f"Hits have the lengths {sorted(lengths)}. All backbones need the same queries."
        )
    return np.stack([row.astype(bool) for row in hits.values()])
