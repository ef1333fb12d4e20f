"""Where the points of a map are: of all images, or of a sample and then the others among it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from simcore.errors import BadDataError
from simcore.recipe import Recipe
from simcore.sim import neighbors, projection, recipe_blocks
from simcore.sim.neighbors import Neighbors
from simcore.sim.projection import ProjectionSettings
from simcore.types import Array, Features, Monitor

MAX_LAID_OUT = 100_000  # images; of more, a sample is laid out and the others are placed in it
SAMPLE = 10_000  # images
PLACED_BY = 5  # most similar images of the sample


class Points(NamedTuple):
    """xy (n, 2) float32, cluster (n,) and PCA's two shares of the variance (or none)."""

    xy: Array
    cluster: Array
    variance: Sequence[float]


def compute(
    recipe: Recipe,
    images: Mapping[str, Features],
    settings: ProjectionSettings,
    name: str,
    *,
    monitor: Monitor = Monitor(),
) -> Points:
    """The points of all images.

    Of more than `MAX_LAID_OUT` images, `SAMPLE` are laid out. Each of the others gets the weighted
    mean place of the images of the sample that it is most similar to, with UMAP's weights, and the
    cluster of the most similar one.

    Args:
        recipe: a resolved one.
        images: backbone -> features of all n images.
        name: of the collection, for errors.

    Raises:
        BadDataError: fewer images with evidence than a map needs.
        Stopped: the monitor asked to stop.
    """
    count = next(iter(images.values())).count
    if count <= MAX_LAID_OUT:
        return _all_points(recipe, images, settings, name, monitor)
    random = np.random.default_rng(settings.seed)
    evidence = _with_evidence(images.values())
    drawn = np.sort(random.permutation(evidence)[:SAMPLE])
    sample = {backbone: features.take(drawn) for backbone, features in images.items()}
    points = _all_points(recipe, sample, settings, name, monitor.part(0, 0.5))
    on_map = np.flatnonzero(~np.isnan(points.xy[:, 0]))
    gallery = {backbone: features.take(on_map) for backbone, features in sample.items()}
    xy, cluster = np.full((count, 2), np.nan, np.float32), np.full(count, -1)
    placing = monitor.part(0.5, 1)
    for start, values in recipe_blocks.blocks(recipe, images, gallery):
        placing.check()
        index, scores = _most_similar(values, PLACED_BY)
        known = np.isfinite(scores).all(axis=1)
        rows = np.arange(start, start + len(values))[known]
        weights = projection.neighbor_weights(scores[known])
        nearest = on_map[index[known]]
        xy[rows] = np.einsum("nk,nkd->nd", weights, points.xy[nearest])
        cluster[rows] = points.cluster[nearest[:, 0]]
        placing.report("placing", start + len(values), count)
    xy[drawn], cluster[drawn] = points.xy, points.cluster
    return Points(xy, cluster, points.variance)


def _most_similar(values: Array, k: int) -> tuple[Array, Array]:
    """(b, k) columns of the highest values of each row and these, highest first; NaN as -inf."""
    k = min(k, values.shape[1])
    missing = np.isnan(values)
    if missing.any():
        values = np.where(missing, -np.inf, values)
    top = np.argpartition(values, values.shape[1] - k, axis=1)[:, -k:]
    scores = np.take_along_axis(values, top, axis=1)
    order = np.lexsort((top, -scores))
    return np.take_along_axis(top, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _all_points(
    recipe: Recipe,
    images: Mapping[str, Features],
    settings: ProjectionSettings,
    name: str,
    monitor: Monitor,
) -> Points:
    count = next(iter(images.values())).count
    evidence = _with_evidence(images.values())
    _check_count(name, len(evidence))
    vectors = neighbors.recipe_vectors(recipe, images)
    original = neighbors.originals(images)
    distinct = len(np.unique(original[evidence]))
    variance: Sequence[float] = ()
    if settings.method == "pca":
        rows = evidence
        points, variance = projection.pca(vectors[rows], settings.seed)
    elif distinct < projection.FEWEST:  # too few for a layout by neighbors
        rows = evidence
        points, _ = projection.pca(vectors[rows], settings.seed)
    else:
        # Equal images would be pushed apart, so the first is laid out, and its copies follow it.
        k = settings.neighbor_count(distinct)
        copies = original != np.arange(count)
        rows, graph = neighbors.nearest(
            recipe, images, k, copies=copies, monitor=monitor.part(0, 0.4)
        )
        _check_count(name, len(rows))
        points = _by_neighbors(recipe, graph, vectors[rows], settings, monitor.part(0.4, 1))
    xy, cluster = np.full((count, 2), np.nan, np.float32), np.full(count, -1)
    xy[rows] = points
    placed = np.flatnonzero(np.isin(original, rows))
    xy[placed] = xy[original[placed]]
    firsts, times = np.unique(original[placed], return_counts=True)
    cluster[firsts] = projection.find_clusters(vectors[firsts], settings.seed, times=times)
    cluster[placed] = cluster[original[placed]]
    return Points(xy, cluster, variance)


def _by_neighbors(
    recipe: Recipe,
    graph: Neighbors,
    vectors: Array,
    settings: ProjectionSettings,
    monitor: Monitor,
) -> Array:
    """(n, 2) points by UMAP or t-SNE, beginning at those of PCA."""
    start, _ = projection.pca(vectors, settings.seed)
    if settings.method == "umap":
        return projection.umap(graph, start, settings, monitor=monitor)
    metrics = {part.metric for part in recipe.parts}
    squared = len(recipe.parts) > 1 or "cosine" in metrics
    return projection.tsne(graph, start, settings, squared=squared, monitor=monitor)


def _with_evidence(images: Iterable[Features]) -> Array:
    """Images with a row under any of the backbones."""
    return np.unique(np.concatenate([rows.index for rows in images]))


def _check_count(name: str, count: int) -> None:
    if count < projection.FEWEST:
        raise BadDataError(
            f"A map needs at least {projection.FEWEST} images with evidence, and {name!r} has "
            f"{count}."
        )
