"""Order in a row of similarities; ties and missing evidence never help."""

import numpy as np

from simcore.types import Array


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
        ahead = (values >= mate).sum(axis=1)  # counts the mate itself, too
    return np.where(np.isnan(mate[:, 0]), values.shape[1] + 1, ahead).astype(np.int64)
