"""Two cheap steps that lift most backbones: centring, and putting hubs in their place.

Both look at the whole collection, the second at all queries at once, so a score with them is about
a set of queries, not about one. Off by default: the papers compare without.
"""

from dataclasses import replace

import numpy as np

from simcore.sim import metrics
from simcore.types import Array, Features, Metric

NEAR = 10  # neighbours that say how crowded it is around an image (Conneau et al. 2018)
ROWS = 512


def mean(queries: Features, gallery: Features) -> Array:
    """(D,) float32 mean over all rows of both sides; zero where there is none."""
    rows = len(queries.values) + len(gallery.values)
    total = queries.values.sum(axis=0, dtype=np.float64)
    total = total + gallery.values.sum(axis=0, dtype=np.float64)
    found: Array = (total / max(rows, 1)).astype(np.float32)
    return found


def centered(features: Features, middle: Array) -> Features:
    """The features with the collection's mean taken away: what all pictures share says nothing."""
    return replace(features, values=features.values - middle)


def hubness(queries: Features, gallery: Features, metric: Metric) -> Array:
    """(G,) how near each gallery image's NEAR nearest queries are, on average.

    An image near to many queries is a hub: it turns up in everybody's answers. Images without
    evidence get 0, which changes nothing, since they are not ranked.
    """
    best = np.full((NEAR, gallery.count), -np.inf)
    for start in range(0, queries.count, ROWS):
        rows = np.arange(start, min(start + ROWS, queries.count))
        block = metrics.pairwise(queries.take(rows), gallery, metric)
        both = np.concatenate([best, np.where(np.isnan(block), -np.inf, block)])
        best = np.partition(both, len(both) - NEAR, axis=0)[-NEAR:]
    return _average(best.T)


def csls(rows: Array, near: Array) -> Array:
    """Cross-domain similarity local scaling: 2 s - crowding of query - crowding of image.

    Args:
        rows: (b, G) similarity to the whole gallery. near: (G,) from `crowding`.

    Returns:
        (b, G) float32 (Conneau et al. 2018, Eq. 3); NaN stays NaN.
    """
    known = np.where(np.isnan(rows), -np.inf, rows)
    take = min(NEAR, rows.shape[1])
    own = _average(np.partition(known, rows.shape[1] - take, axis=1)[:, -take:])
    out: Array = (2 * rows - own[:, None] - near[None, :]).astype(np.float32)
    return out


def _average(best: Array) -> Array:
    """Row means over what is finite; 0 where nothing is."""
    there = np.isfinite(best)
    total = np.where(there, best, 0).sum(axis=1)
    out: Array = total / np.maximum(there.sum(axis=1), 1)
    return out
