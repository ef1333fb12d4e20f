"""Similarity of two sets of features: cosine, L2 and L1.

A similarity is always "higher = more alike", for every metric, combination and post-processing:
distances are negated where they are computed, so nothing that ranks or scores asks which direction
is better. NaN means that an image has no evidence (no face, say); it never ranks ahead of a number.
"""

import numpy as np

from simcore.errors import ShapeError, unknown_name
from simcore.sim import own_metrics
from simcore.types import METRICS, Array, Features, Metric

FEW_ROWS = 4  # queries of a single image, which may show several faces
SMALL_PRODUCT = 1_000_000  # multiplications up to which OpenBLAS uses a routine of its own
ROWS = 512  # query rows compared at a time, where a matrix may be too large to hold
BLOCK = 1 << 24  # similarities compared at a time, 64 MB; fewer rows than ROWS of large galleries


def block_rows(gallery: int) -> int:
    """Query rows to compare at a time with so many images, so that memory does not grow with them.

    >>> block_rows(6_016), block_rows(100_000)
    (512, 167)
    """
    return max(1, min(ROWS, BLOCK // max(gallery, 1)))


def pairwise(queries: Features, gallery: Features, metric: Metric) -> Array:
    """Similarity of every query image to every gallery image.

    Where an image has several rows (two faces) the best pair of rows counts; where it has none
    there is no evidence.

    Args:
        queries: features of Q images, D dimensions.
        gallery: features of G images from the same backbone.
        metric: "cosine" in -1..1; "l2", "l1": the negated distance, at most 0; or one that
            was registered (simcore/sim/own_metrics.py).

    Returns:
        (Q, G) float32; NaN where an image has no rows.

    Raises:
        ShapeError: D differs.
        UnknownNameError: no such metric.

    >>> query = Features("x", np.array([0]), np.array([[3, 0]]), 1)
    >>> gallery = Features("x", np.array([0, 1]), np.array([[0, 4], [3, 1]]), 2)
    >>> pairwise(query, gallery, "l2")
    array([[-5., -1.]], dtype=float32)
    """
    if queries.values.shape[1] != gallery.values.shape[1]:
        raise ShapeError(
            f"The queries have {queries.values.shape[1]} and the gallery "
            f"{gallery.values.shape[1]} dimensions. Both must come from the same backbone."
        )
    own = own_metrics.find(metric)
    if metric not in METRICS and own is None:
        raise unknown_name("metric", metric, (*METRICS, *own_metrics.names()))
    if own is not None:
        rows = own_metrics.compare(own, queries.values, gallery.values, ROWS)
    elif metric == "cosine":
        rows = normalized(queries.values) @ gallery.values.T
        rows /= np.where(gallery.lengths > 0, gallery.lengths, 1)  # a zero row: cosine 0
    elif len(queries.values) <= FEW_ROWS:
        rows = _negated_distances_of_few(queries.values, gallery.values, squared=metric == "l2")
    else:
        from simcore.sim import distance_kernel  # numba takes long to import; cosine needs none

        rows = distance_kernel.negated_distances(
            queries.values, gallery.values, squared=metric == "l2"
        )
    # A matrix product may round equal columns differently, yet equal images have to tie.
    later, earlier = gallery.repeats
    rows[:, later] = rows[:, earlier]
    if queries.single and gallery.single:
        return rows
    return _best_rows(_best_rows(rows, queries).T, gallery).T


def matrix_rows(queries: Features, gallery: Features, metric: Metric) -> Array:
    """As `pairwise`, for rows of a larger matrix: a value depends on its two images only.

    BLAS multiplies a single row, and small matrices, by other routines, which are faster and round
    differently. A query alone would then rank two nearly equal images in another order than an
    evaluation of all queries does, so that cosines of a few queries are computed as those of many.

    Returns:
        (Q, G) float32.
    """
    if metric != "cosine" or not queries.values.size or not gallery.values.size:
        return pairwise(queries, gallery, metric)
    absent = max(2, SMALL_PRODUCT // gallery.values.size + 1) - len(queries.values)
    if absent <= 0:
        return pairwise(queries, gallery, metric)
    images = np.concatenate([np.arange(queries.count), np.repeat(queries.index[:1], absent)])
    return pairwise(queries.take(images), gallery, metric)[: queries.count]


def normalized(values: Array) -> Array:
    """Rows scaled to length 1; a zero row stays zero, so that its cosine is 0.

    Args:
        values: (n, D).

    Returns:
        (n, D) float32.

    >>> normalized(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit: Array = values / np.where(length > 0, length, 1)
    return unit.astype(np.float32, copy=False)


def _negated_distances_of_few(queries: Array, gallery: Array, *, squared: bool) -> Array:
    """(Q, G) float32, as of `distance_kernel`, which takes a second to load in a new process."""
    distances = np.empty((len(queries), len(gallery)), np.float32)
    for start in range(0, len(gallery), ROWS):
        block = gallery[start : start + ROWS].astype(np.float64)
        for number, query in enumerate(queries):
            difference = block - query
            if squared:
                lengths = np.sqrt(np.einsum("ij,ij->i", difference, difference))
            else:
                lengths = np.abs(difference).sum(axis=1)
            distances[number, start : start + ROWS] = -lengths
    return distances


def _best_rows(similarity: Array, features: Features) -> Array:
    """(n, m) per row of features -> (N, m) per image: the maximum over its rows, NaN without."""
    best = np.full((features.count, similarity.shape[1]), np.nan, np.float32)
    images, start = np.unique(features.index, return_index=True)
    if images.size:
        best[images] = np.maximum.reduceat(similarity, start, axis=0)
    return best
