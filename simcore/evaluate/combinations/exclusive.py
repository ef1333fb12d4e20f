"""Who finds what: oracle, exclusive retrievals, and any "found by these, missed by those"."""

from collections.abc import Mapping, Sequence

import numpy as np

from simcore.errors import ShapeError
from simcore.types import Array

Found = Mapping[str, Array]  # name -> (Q,) bool, whether the mate came first


def oracle(found: Found) -> Array:
    """(Q,) bool: some backbone finds it (rosenfeld2019, 4.4.1)."""
    return np.asarray(_table(found).any(axis=0))


def exclusive(found: Found) -> dict[str, Array]:
    """For each backbone the (n,) queries that it finds and nobody else (Fig. 6)."""
    table = _table(found)
    alone = table.sum(axis=0) == 1
    return {name: np.flatnonzero(row & alone) for name, row in zip(found, table, strict=True)}


def found_and_missed(found: Found, by: Sequence[str] = (), missed: Sequence[str] = ()) -> Array:
    """(n,) queries that every backbone in `by` finds and every one in `missed` does not."""
    keep = np.ones(_table(found).shape[1], bool)
    for name in by:
        keep &= found[name]
    for name in missed:
        keep &= ~found[name]
    return np.flatnonzero(keep)


def intersections(found: Found) -> list[tuple[tuple[str, ...], int]]:
    """How many queries exactly each set of backbones finds, most first (Lex et al. 2014, UpSet).

    The empty set counts what nobody finds.
    """
    table, names = _table(found), list(found)
    patterns, counts = np.unique(table.T, axis=0, return_counts=True)
    rows = [
        (tuple(n for n, there in zip(names, pattern, strict=True) if there), int(count))
        for pattern, count in zip(patterns, counts, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def rank_disagreement(ranks: Array, known: Array) -> Array:
    """How far backbones differ about each query: log2 of the last of its ranks over the first.

    Args:
        ranks: (M, Q) of the mate, from 1. known: (M, Q) bool, whether a backbone knows anything.

    Returns:
        (Q,) float64; 0 where fewer than two know anything.

    >>> apart(np.array([[1, 3], [8, 3], [99, 5]]), np.array([[1, 1], [1, 0], [0, 0]], bool))
    array([3., 0.])
    """
    order = np.log2(ranks)
    last = np.where(known, order, -np.inf).max(axis=0)
    first = np.where(known, order, np.inf).min(axis=0)
    return np.where(known.sum(axis=0) > 1, last - first, 0.0)


def agreement(found: Found) -> Array:
    """(M, M) Jaccard index of what two backbones find; 0 where both find nothing."""
    table = _table(found).astype(np.float64)
    both = table @ table.T
    alone = table.sum(axis=1)
    either = alone[:, None] + alone[None, :] - both
    shared: Array = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return shared


def gain(found: Found) -> Array:
    """(M, M): of what row misses, the share that column finds."""
    table = _table(found).astype(np.float64)
    missed = 1 - table
    of = missed.sum(axis=1, keepdims=True)
    share: Array = np.divide(missed @ table.T, of, out=np.zeros((len(table),) * 2), where=of > 0)
    return share


def _table(found: Found) -> Array:
    lengths = {row.shape for row in found.values()}
    if len(lengths) != 1:
        raise ShapeError(f"found results of lengths {sorted(lengths)}; expected the same queries")
    return np.stack([row.astype(bool) for row in found.values()])
