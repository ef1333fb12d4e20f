"""Order in a row of similarities; ties and missing evidence never help."""

import numpy as np

from simcore.types import Array


def top_k(row: Array, k: int) -> tuple[Array, Array]:
    """The k highest values.

    Args:
        row: (G,) similarity; NaN comes last.
        k: at most G are returned.

    Returns:
        positions (k,) int64 and values (k,) float32, best first; ties by position.
    """
    k = min(k, row.size)
    score = np.where(np.isnan(row), -np.inf, row)
    if k < row.size:
        least = np.partition(score, row.size - k)[row.size - k]
        near = np.flatnonzero(score >= least)
    else:
        near = np.arange(row.size)
    order = near[np.lexsort((near, np.isnan(row[near]), -score[near]))][:k]
    return order, row[order]


def mate_ranks(values: Array, target: Array) -> Array:
    """Rank of the mate in each row; 1 = alone in front.

    Args:
        values: (B, G) similarity. target: (B,) column of the mate.

    Returns:
        (B,) int64: one more than the others that are as good or better. A tie is ahead of the
        mate; without evidence about the mate its rank is G.
    """
    mate = values[np.arange(len(values)), target][:, None]
    with np.errstate(invalid="ignore"):
        ahead = (values >= mate).sum(axis=1)  # the mate itself is one of them
    return np.where(np.isnan(mate[:, 0]), values.shape[1], ahead).astype(np.int64)
