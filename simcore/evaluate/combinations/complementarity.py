"""How alike the geometries of two backbones are: linear CKA, RSA, and an order for a heatmap."""

from collections.abc import Sequence

import numpy as np

from simcore.errors import ShapeError
from simcore.evaluate.statistics.correlation import average_ranks
from simcore.types import Array

MAX_IMAGES = 1500  # for RSA, whose matrices grow with the square


def cka(left: Array, right: Array) -> float:
    """Linear centered kernel alignment of two feature sets (Kornblith et al. 2019, Eq. 3).

    Args:
        left, right: (N, D1) and (N, D2) features of the same N images.

    Returns:
        0 (nothing in common) to 1 (equal up to rotation and scale); 0 for a constant.

    Raises:
        ShapeError: N differs.

    >>> x = np.array([[0.0, 1.0], [2.0, 0.0], [4.0, 5.0]])
    >>> round(cka(x, 3 * x[:, ::-1]), 6)
    1.0
    """
    if len(left) != len(right):
        raise ShapeError(
            f"CKA compares features of the same images, got {len(left)} and {len(right)} images."
        )
    x = left.astype(np.float64) - left.mean(axis=0, dtype=np.float64)
    y = right.astype(np.float64) - right.mean(axis=0, dtype=np.float64)
    if x.shape[1] + y.shape[1] > 2 * len(x):  # the Gram matrices are the smaller ones
        a, b = x @ x.T, y @ y.T
        cross = float((a * b).sum())
        norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    else:
        cross = float(np.linalg.norm(y.T @ x) ** 2)
        norms = float(np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    return cross / norms if norms > 0 else 0.0


def rsa(matrices: Sequence[Array], *, seed: int = 0) -> Array:
    """Representational similarity analysis: Spearman correlation of similarity matrices.

    Source: Kriegeskorte et al. 2008.

    Args:
        matrices: M of (N, N) similarities among the same images; NaN = no evidence. At most
            MAX_IMAGES images are used, drawn at random.

    Returns:
        (M, M) float64; NaN where two have no common evidence or one is constant.
    """
    count = len(matrices[0])
    rows = np.arange(count)
    if count > MAX_IMAGES:
        rows = np.sort(np.random.default_rng(seed).choice(count, MAX_IMAGES, replace=False))
    upper = np.triu_indices(len(rows), 1)
    flat = [m[np.ix_(rows, rows)][upper] for m in matrices]
    correlation = np.eye(len(flat))
    for i, first in enumerate(flat):
        for j, second in enumerate(flat[:i]):
            common = ~(np.isnan(first) | np.isnan(second))
            a, b = average_ranks(first[common]), average_ranks(second[common])
            scale = a.std() * b.std() if common.any() else 0.0
            correlation[i, j] = correlation[j, i] = (
                ((a - a.mean()) * (b - b.mean())).mean() / scale if scale > 0 else np.nan
            )
    return correlation


def order(similarity: Array) -> list[int]:
    """An order of the rows of a symmetric (M, M) matrix that places similar rows side by side.

    Average linkage with optimal leaf ordering (Bar-Joseph et al. 2001), as in a clustered heatmap.

    >>> order(np.array([[1, 0, 0.9], [0, 1, 0.1], [0.9, 0.1, 1]]))
    [1, 2, 0]
    """
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    if len(similarity) < 3:
        return list(range(len(similarity)))
    distances = 1 - np.nan_to_num((similarity + similarity.T) / 2)
    np.fill_diagonal(distances, 0)
    flat = squareform(np.clip(distances, 0, None), checks=False)
    return [int(i) for i in leaves_list(optimal_leaf_ordering(linkage(flat, "average"), flat))]
