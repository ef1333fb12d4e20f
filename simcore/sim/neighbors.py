"""All images under one recipe: their vectors, and the nearest others of each."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simcore.recipe import Recipe
from simcore.sim import combine, metrics
from simcore.types import Array, Features, Monitor


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest others of each image.

    Attributes:
        index: (n, k) int64 positions, nearest first; the image itself is not among them.
        drop: (n, k) float32, how much less alike than the most alike image, itself included.
    """

    index: Array
    drop: Array


def recipe_vectors(recipe: Recipe, images: Mapping[str, Features]) -> Array:
    """One vector an image, so that the recipe's similarity is their dot product.

    Exact for sums of cosines, up to a constant that is the same for all images; near it where a
    part is a distance. Hub correction moves no vector. Several rows of an image are averaged; an
    image without rows lies at the mean of its part.

    Args:
        images: features of all n images under each backbone of the recipe.

    Returns:
        (n, sum of D) float32.
    """
    blocks = []
    for part in recipe.parts:
        metric = combine.resolved_metric(part)
        side = images[part.backbone]
        pair = combine.prepare_sides(side, side, metric, recipe.post)
        values = pair.queries.values
        gain = pair.moments().shift_and_gain[1] if recipe.combine == "zsum" else 1.0
        rows = metrics.normalized(values) if metric == "cosine" else values
        blocks.append(np.float32(np.sqrt(part.weight * gain)) * _averaged(side, rows))
    return np.concatenate(blocks, axis=1)


def _averaged(owner: Features, rows: Array) -> Array:
    if owner.single:
        return rows
    out = np.empty((owner.count, rows.shape[1]), np.float32)
    out[:] = rows.mean(axis=0) if len(rows) else 0
    there, start, size = np.unique(owner.index, return_index=True, return_counts=True)
    if there.size:
        out[there] = np.add.reduceat(rows, start, axis=0) / size[:, None]
    return out


def nearest(
    recipe: Recipe,
    images: Mapping[str, Features],
    k: int,
    *,
    monitor: Monitor = Monitor(),
) -> tuple[Array, Neighbors]:
    """The k nearest others of every image under a recipe, exactly.

    Returns:
        (m,) the images that anything is known about, and their neighbours, as positions among
        them. An image with fewer than k known others counts as unknown.

    Raises:
        Stopped: somebody asked to.
    """
    count = next(iter(images.values())).count
    index, drop = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
    known = np.empty(count, bool)
    for start, values in combine.blocks(recipe, images, images):
        monitor.check()
        rows = np.arange(len(values))
        found = np.where(np.isnan(values), -np.inf, values)
        top = found.max(axis=1, keepdims=True)
        found[rows, start + rows] = -np.inf
        near = np.argpartition(-found, k - 1, axis=1)[:, :k]
        score = np.take_along_axis(found, near, axis=1)
        order = np.lexsort((near, -score))
        score = np.take_along_axis(score, order, axis=1)
        here = slice(start, start + len(values))
        index[here] = np.take_along_axis(near, order, axis=1)
        known[here] = np.isfinite(score).all(axis=1)
        with np.errstate(invalid="ignore"):  # of unknown images, which are left out
            drop[here] = top - score
        monitor.report("neighbours", here.stop, count)
    kept = np.flatnonzero(known)
    place = np.full(count, -1)
    place[kept] = np.arange(kept.size)
    return kept, Neighbors(place[index[kept]], drop[kept])
