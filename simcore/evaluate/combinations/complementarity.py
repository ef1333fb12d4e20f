"""How alike the geometries of two backbones are: linear CKA, RSA, and an order for a heatmap."""

from collections.abc import Sequence

import numpy as np

from simcore.errors import ShapeError
from simcore.evaluate.statistics.correlation import average_ranks
from simcore.types import Array, Monitor

MAX_IMAGES = 1500  # for RSA, whose matrices grow with the square
BLOCK_ROWS = 4096  # rows in float64 at a time


def cka_matrix(features: Sequence[Array | None], *, monitor: Monitor = Monitor()) -> Array:
    """Linear centered kernel alignment of all pairs of feature sets (Kornblith et al. 2019, Eq. 3).

    Each cross term is computed from Gram matrices (N x N) or from D1 x D2, whichever is smaller;
    Gram matrices are made once. All in float64, D1 x D2 from blocks of rows: a copy of all features
    would be twice as large as they are.

    Args:
        features: (N, D) each, of the same N images; None = nothing to compare.
        monitor: told about each pair of feature sets, after each of which it may stop.

    Returns:
        (M, M) float64, symmetric: 0 (nothing in common, or a constant) to 1 (equal up to rotation
        and scale); NaN where one of the two is None.

    Raises:
        ShapeError: N differs. Stopped: the monitor asked to stop.

    >>> x = np.array([[0.0, 1.0], [2.0, 0.0], [4.0, 5.0]])
    >>> cka_matrix([x, 3 * x[:, ::-1]]).round(6).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    counts = {len(values) for values in features if values is not None}
    if len(counts) > 1:
        numbers = " and ".join(f"{count}" for count in sorted(counts))
        raise ShapeError(f"CKA compares features of the same images, got {numbers} images.")
    means = [None if each is None else each.mean(0, dtype=np.float64) for each in features]
    grams: dict[int, Array] = {}

    def gram(number: int, values: Array) -> Array:
        if number not in grams:
            centered = values - means[number]
            grams[number] = centered @ centered.T
        return grams[number]

    products = np.full((len(features), len(features)), np.nan)
    total = len(features) * (len(features) + 1) // 2
    for i, x in enumerate(features):
        for j, y in enumerate(features[: i + 1]):
            monitor.check()
            monitor.report("CKA", i * (i + 1) // 2 + j, total)
            if x is None or y is None:
                continue
            if x.shape[1] * y.shape[1] > len(x) ** 2:
                product = float(np.vdot(gram(i, x), gram(j, y)))
            else:
                product = _cross_product(x, y, means[i], means[j])
            products[i, j] = products[j, i] = product
    norms = np.sqrt(np.diag(products))
    scale = np.outer(norms, norms)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > 0, products / scale, np.where(np.isnan(scale), np.nan, 0.0))


def _cross_product(x: Array, y: Array, mean_x: Array | None, mean_y: Array | None) -> float:
    """The squared Frobenius norm of y.T @ x, both less their means (D,)."""
    total = np.zeros((y.shape[1], x.shape[1]))
    for start in range(0, len(x), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        total += (y[rows] - mean_y).T @ (x[rows] - mean_x)
    return float(np.linalg.norm(total) ** 2)


def compared_images(count: int, *, seed: int = 0) -> Array:
    """The images whose similarities RSA compares: all, or MAX_IMAGES drawn at random, in order.

    >>> len(compared_images(10)), len(compared_images(100_000))
    (10, 1500)
    """
    if count <= MAX_IMAGES:
        return np.arange(count)
    drawn: Array = np.random.default_rng(seed).choice(count, MAX_IMAGES, replace=False)
    return np.sort(drawn)


def rsa(matrices: Sequence[Array], *, monitor: Monitor = Monitor()) -> Array:
    """Representational similarity analysis: Spearman correlation of similarity matrices.

    Source: Kriegeskorte et al. 2008.

    Args:
        matrices: M of (N, N) similarities among the same images, those of `compared_images`; NaN =
            no evidence.
        monitor: told about each pair of matrices, after each of which it may stop.

    Returns:
        (M, M) float64; NaN where two have no common evidence or one is constant.

    Raises:
        Stopped: the monitor asked to stop.
    """
    upper = np.triu_indices(len(matrices[0]), 1)
    flat = [matrix[upper] for matrix in matrices]
    complete = [not np.isnan(values).any() for values in flat]
    total = len(flat) * (len(flat) + 1) // 2  # each matrix is ranked, then each pair compared
    ranked = []
    for i, values in enumerate(flat):
        monitor.check()
        monitor.report("RSA", i, total)
        ranked.append(average_ranks(values) if complete[i] else values)
    correlation = np.eye(len(flat))
    for i, first in enumerate(flat):
        for j, second in enumerate(flat[:i]):
            monitor.check()
            monitor.report("RSA", len(flat) + i * (i - 1) // 2 + j, total)
            if complete[i] and complete[j]:
                a, b = ranked[i], ranked[j]
            else:
                common = ~(np.isnan(first) | np.isnan(second))
                a, b = average_ranks(first[common]), average_ranks(second[common])
            scale = a.std() * b.std() if len(a) else 0.0
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
