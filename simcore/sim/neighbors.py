"""All images under one recipe: their vectors, and the nearest neighbors of each."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simcore.recipe import Recipe
from simcore.sim import combine, metrics, recipe_blocks
from simcore.types import Array, Features, Monitor


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest neighbors of each of n images.

    Attributes:
        index: (n, k) int64 positions, nearest first; the image itself is not among them.
        distances: (n, k) float32, how much less similar a neighbor is than the most similar image,
            the image itself included; 0 or more.
    """

    index: Array
    distances: Array


def recipe_vectors(recipe: Recipe, images: Mapping[str, Features]) -> Array:
    """One vector per image, such that their dot product is the recipe's similarity.

    Exact for sums of cosines, up to a constant that is the same for all images; approximate where
    a part is a distance. CSLS moves no vector. Several rows of an image are averaged; an image
    without rows gets the mean of that backbone's rows.

    Args:
        recipe: a resolved one.
        images: backbone -> features of all n images.

    Returns:
        (n, sum of D) float32.
    """
    vectors = []
    for part in recipe.parts:
        metric = combine.resolved_metric(part)
        features = images[part.backbone]
        sides = combine.prepare_sides(features, features, metric, recipe.post)
        values = sides.queries.values
        gain = sides.moments().shift_and_gain[1] if recipe.standardized else 1.0
        rows = metrics.normalized(values) if metric == "cosine" else values
        vectors.append(np.float32(np.sqrt(part.weight * gain)) * _image_means(features, rows))
    return np.concatenate(vectors, axis=1)


def _image_means(features: Features, rows: Array) -> Array:
    """(N, D) mean of the rows of each image; the mean of all rows for an image without any."""
    if features.single:
        return rows
    means = np.empty((features.count, rows.shape[1]), np.float32)
    means[:] = rows.mean(axis=0) if len(rows) else 0
    images, start, size = np.unique(features.index, return_index=True, return_counts=True)
    if images.size:
        means[images] = np.add.reduceat(rows, start, axis=0) / size[:, None]
    return means


def originals(images: Mapping[str, Features]) -> Array:
    """(N,) int64: for each image, the first one with the same rows under every backbone.

    >>> rows = np.array([[1], [2], [1]], np.float32)
    >>> originals({"a": Features("a", np.arange(3), rows, 3)})
    array([0, 1, 0])
    """
    count = next(iter(images.values())).count
    states = [hashlib.sha256() for _ in range(count)]
    for features in images.values():
        starts = np.searchsorted(features.index, np.arange(count + 1)).tolist()
        values = np.ascontiguousarray(features.values)
        for image, state in enumerate(states):
            rows = values[starts[image] : starts[image + 1]]
            state.update(len(rows).to_bytes(4, "big") + rows.tobytes())
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(s.digest(), image) for image, s in enumerate(states)])


def nearest(
    recipe: Recipe,
    images: Mapping[str, Features],
    k: int,
    *,
    copies: Array | None = None,
    monitor: Monitor = Monitor(),
) -> tuple[Array, Neighbors]:
    """The k nearest neighbors of every image under a recipe, exactly.

    Args:
        recipe: a resolved one.
        images: backbone -> features of all N images.
        copies: (N,) bool, images to leave out, because others have the same rows.

    Returns:
        (n,) positions of the images with evidence, and their neighbors, as positions among these
        n. An image that is comparable with fewer than k others counts as one without evidence.

    Raises:
        Stopped: the operation was asked to stop.
    """
    count = next(iter(images.values())).count
    left_out = np.zeros(count, bool) if copies is None else copies
    index, distances = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
    evidence = np.empty(count, bool)
    for start, values in recipe_blocks.blocks(recipe, images, images):
        monitor.check()
        rows = np.arange(len(values))
        scores = np.where(np.isnan(values), -np.inf, values)
        best = scores.max(axis=1, keepdims=True)
        scores[rows, start + rows] = -np.inf
        scores[:, left_out] = -np.inf
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        top_scores = np.take_along_axis(scores, top, axis=1)
        order = np.lexsort((top, -top_scores))
        top_scores = np.take_along_axis(top_scores, order, axis=1)
        block = slice(start, start + len(values))
        index[block] = np.take_along_axis(top, order, axis=1)
        evidence[block] = np.isfinite(top_scores).all(axis=1)
        with np.errstate(invalid="ignore"):  # inf - inf of images that are left out below
            distances[block] = best - top_scores
        monitor.report("neighbors", block.stop, count)
    placed = np.flatnonzero(evidence & ~left_out)
    position = np.full(count, -1)
    position[placed] = np.arange(placed.size)
    return placed, Neighbors(position[index[placed]], distances[placed])
