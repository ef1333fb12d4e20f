"""Centering and hubness correction (CSLS): two cheap steps that improve most backbones.

Both look at the whole collection, CSLS also at all queries at once, so a score with them is about
a set of queries, not about one. Off by default, since the papers compare without them.
"""

from dataclasses import replace

import numpy as np

from simcore.sim import metrics
from simcore.types import Array, Features, Metric

NEIGHBORS = 10  # nearest neighbors whose mean similarity is the hubness (Conneau et al. 2018)


def mean(queries: Features, gallery: Features) -> Array:
    """(D,) float32 mean over all rows of both sides; zero where neither has a row."""
    rows = len(queries.values) + len(gallery.values)
    total = queries.values.sum(axis=0, dtype=np.float64)
    total = total + gallery.values.sum(axis=0, dtype=np.float64)
    center: Array = (total / max(rows, 1)).astype(np.float32)
    return center


def centered(features: Features, center: Array) -> Features:
    """The features minus a (D,) mean: what all images share does not tell them apart."""
    return replace(features, values=features.values - center)


def hubness(queries: Features, gallery: Features, metric: Metric) -> Array:
    """Mean similarity of each gallery image to its NEIGHBORS nearest queries.

    An image near to many queries is a hub: it ranks high for all of them. This is r of Conneau et
    al. 2018 (arXiv 1710.04087), section 2.3.

    Returns:
        (G,) float64; 0 for images without evidence, which are not ranked anyway.
    """
    best = np.full((NEIGHBORS, gallery.count), -np.inf)
    step = max(metrics.block_rows(gallery.count), NEIGHBORS)
    for start in range(0, queries.count, step):
        rows = np.arange(start, min(start + step, queries.count))
        block = metrics.matrix_rows(queries.take(rows), gallery, metric)
        candidates = np.concatenate([best, np.where(np.isnan(block), -np.inf, block)])
        best = np.partition(candidates, len(candidates) - NEIGHBORS, axis=0)[-NEIGHBORS:]
    return _finite_mean(best.T)


def csls(similarity: Array, hubness: Array) -> Array:
    """Cross-domain similarity local scaling: 2 s - hubness of the query - hubness of the image.

    Source: Conneau et al. 2018 (arXiv 1710.04087), Eq. 3.

    Args:
        similarity: (b, G) of some queries to the whole gallery.
        hubness: (G,) from `hubness`.

    Returns:
        (b, G) float32; NaN stays NaN.

    >>> csls(np.array([[1.0, 0.0]]), np.array([0.5, 0.25]))
    array([[ 1.  , -0.75]], dtype=float32)
    """
    scores = np.where(np.isnan(similarity), -np.inf, similarity)
    count = min(NEIGHBORS, scores.shape[1])
    nearest = np.partition(scores, scores.shape[1] - count, axis=1)[:, -count:]
    query_hubness = _finite_mean(nearest)
    corrected = 2 * similarity - query_hubness[:, None] - hubness[None, :]
    out: Array = corrected.astype(np.float32)
    return out


def _finite_mean(values: Array) -> Array:
    """Row means over the finite values; 0 for a row without any."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0).sum(axis=1)
    means: Array = total / np.maximum(finite.sum(axis=1), 1)
    return means
