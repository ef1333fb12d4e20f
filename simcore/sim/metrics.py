"""Similarity of two sets of features: higher = more alike, NaN = no evidence."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from simcore.errors import ShapeError, unknown_name
from simcore.types import METRICS, Array, Features, Metric


def pairwise(queries: Features, gallery: Features, metric: Metric) -> Array:
    """Similarity of every query image to every gallery image.

    Where an image has several rows (two faces) the best pair of rows counts; where it has none
    there is no evidence.

    Args:
        queries, gallery: features of one backbone, D alike.
        metric: "cosine" in -1..1; "l2", "l1": the negated distance, 0 at best.

    Returns:
        (Q, G) float32; NaN where a side has no rows.

    Raises:
        ShapeError: D differs. UnknownNameError: no such metric.
    """
    if queries.values.shape[1] != gallery.values.shape[1]:
        raise ShapeError(
            f"found features of {queries.values.shape[1]} and {gallery.values.shape[1]} "
            "dimensions; expected as many on both sides"
        )
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    known = _known(gallery)
    if metric == "cosine":
        rows = normalized(queries.values) @ gallery.values.T
        rows /= known.length
    else:
        from simcore.sim import distance_kernel  # compiled; cosines do not wait for it

        rows = distance_kernel.negated_distances(
            queries.values, gallery.values, squared=metric == "l2"
        )
    # A matrix product may round equal columns differently; the same picture twice is a tie.
    rows[:, known.again] = rows[:, known.first]
    if queries.single and gallery.single:
        return rows
    return _best(_best(rows, queries).T, gallery).T


@dataclass(frozen=True, eq=False)
class _Known:
    """What is worked out once for a gallery.

    Attributes:
        length: (n,) float32 of its rows, 1 for a zero row, so that its cosine is 0.
        again, first: (k,) rows that repeat an earlier one, and that one.
    """

    length: Array
    again: Array
    first: Array


# Features never change, so what is known about them stays true for as long as they live.
_KNOWN: WeakKeyDictionary[Features, _Known] = WeakKeyDictionary()


def _known(gallery: Features) -> _Known:
    found = _KNOWN.get(gallery)
    if found is None:
        length = np.linalg.norm(gallery.values, axis=1)
        again, first = _repeated(np.ascontiguousarray(gallery.values))
        found = _KNOWN[gallery] = _Known(np.where(length > 0, length, 1), again, first)
    return found


def _repeated(values: Array) -> tuple[Array, Array]:
    """Rows equal to an earlier row, and the first such row, both (k,)."""
    sums = values.view(np.uint32).sum(axis=1, dtype=np.uint64)  # whole numbers: equal when equal
    _, group, size = np.unique(sums, return_inverse=True, return_counts=True)
    seen: dict[bytes, int] = {}
    pairs = [
        (int(row), earlier)
        for row in np.flatnonzero(size[group] > 1)
        if (earlier := seen.setdefault(values[row].tobytes(), int(row))) != row
    ]
    again, first = np.array(pairs, np.int64).reshape(-1, 2).T
    return again, first


def normalized(values: Array) -> Array:
    """Rows of length 1; a zero row stays zero, so that its cosine is 0."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    out: Array = values / np.where(length > 0, length, 1)
    return out.astype(np.float32, copy=False)


def _best(rows: Array, owner: Features) -> Array:
    """(n, m) by row of features -> (N, m) by image: the maximum over its rows, NaN without any."""
    out = np.full((owner.count, rows.shape[1]), np.nan, np.float32)
    there, start = np.unique(owner.index, return_index=True)
    if there.size:
        out[there] = np.maximum.reduceat(rows, start, axis=0)
    return out
