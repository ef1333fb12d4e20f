"""How like two backbones' geometries are: linear CKA, RSA, and an order that puts like by like."""

from collections.abc import Sequence

import numpy as np

from simcore.errors import ShapeError
from simcore.types import Array

MOST = 1500  # images for RSA: its matrices grow with the square


def cka(left: Array, right: Array) -> float:
    """Linear centred kernel alignment of two feature sets (Kornblith et al. 2019, Eq. 3).

    Args:
        left, right: (N, D1) and (N, D2) features of the same N images.

    Returns:
        0 (nothing in common) to 1 (the same up to rotation and scale); 0 for a constant.
    """
    if len(left) != len(right):
        raise ShapeError(f"found {len(left)} and {len(right)} images; expected the same ones")
    x = left.astype(np.float64) - left.mean(axis=0, dtype=np.float64)
    y = right.astype(np.float64) - right.mean(axis=0, dtype=np.float64)
    if x.shape[1] + y.shape[1] > 2 * len(x):  # Gram matrices are the smaller ones
        a, b = x @ x.T, y @ y.T
        cross = float((a * b).sum())
        own = float(np.linalg.norm(a) * np.linalg.norm(b))
    else:
        cross = float(np.linalg.norm(y.T @ x) ** 2)
        own = float(np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    return cross / own if own > 0 else 0.0


def rsa(matrices: Sequence[Array], *, seed: int = 0) -> Array:
    """Spearman correlation of similarity matrices (Kriegeskorte et al. 2008).

    Args:
        matrices: M of (N, N) similarities among the same images; NaN = no evidence. At most MOST
            images are looked at, drawn at random.

    Returns:
        (M, M) float64; NaN where two share no evidence or one is constant.
    """
    from scipy.stats import rankdata

    count = len(matrices[0])
    rows = np.arange(count)
    if count > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(count, MOST, replace=False))
    upper = np.triu_indices(len(rows), 1)
    flat = [m[np.ix_(rows, rows)][upper] for m in matrices]
    out = np.eye(len(flat))
    for i, one in enumerate(flat):
        for j in range(i):
            there = ~(np.isnan(one) | np.isnan(flat[j]))
            a, b = rankdata(one[there]), rankdata(flat[j][there])
            spread = a.std() * b.std() if there.any() else 0.0
            out[i, j] = out[j, i] = (
                ((a - a.mean()) * (b - b.mean())).mean() / spread if spread > 0 else np.nan
            )
    return out


def order(likeness: Array) -> list[int]:
    """An order of the rows of a symmetric (M, M) matrix in which like ones stand together."""
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    if len(likeness) < 3:
        return list(range(len(likeness)))
    apart = 1 - np.nan_to_num((likeness + likeness.T) / 2)
    np.fill_diagonal(apart, 0)
    flat = squareform(np.clip(apart, 0, None), checks=False)
    return [int(i) for i in leaves_list(optimal_leaf_ordering(linkage(flat, "average"), flat))]
