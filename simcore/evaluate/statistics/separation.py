"""How far groups of images are apart under a similarity (margaritescu2024, Figure 5.2)."""

from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.types import Array

K = 5  # neighbors of the purity


@dataclass(frozen=True)
class Separation:
    """How far groups are apart.

    Attributes:
        silhouette: mean of Rousseeuw's coefficient (1987), -1..1; 0 = groups overlap. An image that
            is alone in its group counts 0.
        purity: mean share of the `K` nearest images that are of the same group, 0..1.
        chance: purity of a random order.
    """

    silhouette: float
    purity: float
    chance: float


def separation(distance: Array, labels: Array, k: int = K) -> Separation:
    """Separation of N images by their distances.

    Args:
        distance: (N, N), at least 0. labels: (N,) group of each image.
        k: neighbors; fewer if there are fewer images. Of equally distant ones each has the same
            share of the remaining places.

    Raises:
        ShapeError: shapes do not fit. BadDataError: one group only, or all images alone in theirs.
    """
    names, group = np.unique(labels, return_inverse=True)
    count = group.size
    if distance.shape != (count, count):
        raise ShapeError(f"Got distances of shape {distance.shape} for {count} labels.")
    if not 2 <= names.size < count:
        raise BadDataError(
            f"Separation needs at least 2 groups of images and one of several, got {names.size} "
            f"groups of {count} images."
        )
    sizes = np.bincount(group)
    members = (group[:, None] == np.arange(names.size)).astype(np.float64)
    distance = distance.astype(np.float64)
    np.fill_diagonal(distance, 0)
    sums = distance @ members  # to all images of each group
    own = np.arange(count), group
    within = sums[own] / np.maximum(sizes[group] - 1, 1)
    foreign = sums / sizes
    foreign[own] = np.inf
    nearest = foreign.min(axis=1)
    largest = np.maximum(within, nearest)
    silhouette = np.where(largest > 0, (nearest - within) / np.where(largest > 0, largest, 1), 0)
    silhouette[sizes[group] == 1] = 0
    np.fill_diagonal(distance, np.inf)
    k = min(k, count - 1)
    last = np.sort(distance, axis=1)[:, k - 1 : k]  # distance of the k-th neighbor
    same = group[:, None] == group
    nearer, tied = distance < last, distance == last
    places = k - nearer.sum(1)
    hits = (nearer & same).sum(1) + places * (tied & same).sum(1) / tied.sum(1)
    chance = float((sizes * (sizes - 1)).sum() / (count * (count - 1)))
    return Separation(float(silhouette.mean()), float(hits.mean() / k), chance)
