"""Similarity of two sets of features: higher = more alike, NaN = no evidence."""

import numpy as np

from simcore.errors import ShapeError, unknown
from simcore.types import METRICS, Array, Features, Metric

_CELLS = 4_000_000  # scalars of the largest temporary, so that memory stays bounded


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
    rows = between(queries.values, gallery.values, metric)
    if queries.single and gallery.single:
        return rows
    return _best(_best(rows, queries).T, gallery).T


def between(left: Array, right: Array, metric: Metric) -> Array:
    """(n, D) against (m, D) -> (n, m) float32 similarity."""
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    if metric == "cosine":
        return normalised(left) @ normalised(right).T
    return _minus_l2(left, right) if metric == "l2" else _minus_l1(left, right)


def normalised(values: Array) -> Array:
    """Rows of length 1; a zero row stays zero, so that its cosine is 0."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    out: Array = values / np.where(length > 0, length, 1)
    return out.astype(np.float32, copy=False)


def _minus_l2(left: Array, right: Array) -> Array:
    """Through the Gram matrix in float64: in float32 near-identical rows would lose all digits."""
    right64 = right.astype(np.float64)
    squares = np.einsum("nd,nd->n", right64, right64)
    out = np.empty((len(left), len(right)), np.float32)
    for block in _blocks(len(left), len(right)):
        part = left[block].astype(np.float64)
        gram = np.einsum("nd,nd->n", part, part)[:, None] + squares - 2 * part @ right64.T
        out[block] = -np.sqrt(np.maximum(gram, 0))
    return out


def _minus_l1(left: Array, right: Array) -> Array:
    from scipy.spatial.distance import cdist

    out = np.empty((len(left), len(right)), np.float32)
    for block in _blocks(len(left), len(right)):
        out[block] = -cdist(left[block], right, "cityblock")
    return out


def _blocks(rows: int, columns: int) -> list[slice]:
    step = max(1, _CELLS // max(columns, 1))
    return [slice(start, start + step) for start in range(0, rows, step)]


def _best(rows: Array, owner: Features) -> Array:
    """(n, m) by row of features -> (N, m) by image: the maximum over its rows, NaN without any."""
    out = np.full((owner.count, rows.shape[1]), np.nan, np.float32)
    there, start = np.unique(owner.index, return_index=True)
    if there.size:
        out[there] = np.maximum.reduceat(rows, start, axis=0)
    return out
