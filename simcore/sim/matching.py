"""Corresponding regions of two images: feature maps compared cell by cell; occlusion windows."""

from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError
from simcore.sim import metrics
from simcore.types import Array


@dataclass(frozen=True, eq=False)
class Match:
    """Two feature maps compared, cell by cell.

    Attributes:
        cosine: (h w, h' w') float32 of every left cell with every right cell, row by row.
        left, right: (h, w), (h', w') float64: what each cell adds to the cosine of the two mean
            features; each of them sums to that cosine.
        mutual: (k, 2) int64 cells that are each other's nearest, the most alike first.
    """

    cosine: Array
    left: Array
    right: Array
    mutual: Array

    @property
    def total(self) -> float:
        """Cosine of the two mean features."""
        return float(self.left.sum())


def match(left: Array, right: Array) -> Match:
    """Compare two feature maps.

    Global average pooling turns a map into the mean of its cells, and a cosine of means is a sum
    over the cells, so what each cell adds is exact (Stylianou et al. 2019, arXiv 1901.00536).

    Args:
        left, right: (h, w, C), (h', w', C).

    Raises:
        ShapeError: C differs, or an array has not three axes.

    >>> same = np.ones((1, 2, 4))
    >>> match(same, same).left
    array([[0.5, 0.5]])
    """
    if left.ndim != 3 or right.ndim != 3 or left.shape[2] != right.shape[2]:
        raise ShapeError(
            f"Feature maps of shapes {left.shape} and {right.shape} cannot be compared. "
            "Both have to be (h, w, C) with the same C."
        )
    a, b = (side.reshape(-1, side.shape[2]) for side in (left, right))
    cosine = metrics.normalized(a) @ metrics.normalized(b).T
    mean_a, mean_b = (cells.mean(axis=0, dtype=np.float64) for cells in (a, b))
    length = np.linalg.norm(mean_a) * np.linalg.norm(mean_b)
    shares = [
        cells.astype(np.float64) @ mean / (len(cells) * length)
        if length > 0
        else np.zeros(len(cells))
        for cells, mean in ((a, mean_b), (b, mean_a))
    ]
    return Match(
        cosine,
        shares[0].reshape(left.shape[:2]),
        shares[1].reshape(right.shape[:2]),
        mutual_matches(cosine),
    )


def mutual_matches(cosine: Array) -> Array:
    """Cells that are each other's nearest.

    Args:
        cosine: (A, B) similarity of all left to all right cells.

    Returns:
        (k, 2) int64 of left and right cells, the most alike first.

    >>> mutual_matches(np.array([[0.2, 0.9], [0.5, 0.8]])).tolist()
    [[0, 1]]
    """
    to_right, to_left = cosine.argmax(axis=1), cosine.argmax(axis=0)
    cells = np.flatnonzero(to_left[to_right] == np.arange(len(cosine)))
    order = np.argsort(-cosine[cells, to_right[cells]], kind="stable")
    return np.stack([cells[order], to_right[cells[order]]], axis=1)


def grid_windows(count: int, height: int, width: int) -> list[tuple[slice, slice]]:
    """A grid of `count` x `count` windows that tile an image, row by row.

    >>> grid_windows(2, 4, 6)[1]
    (slice(0, 2, None), slice(3, 6, None))
    """
    y_edges = [int(edge) for edge in np.linspace(0, height, count + 1)]
    x_edges = [int(edge) for edge in np.linspace(0, width, count + 1)]
    return [
        (slice(y_edges[y], y_edges[y + 1]), slice(x_edges[x], x_edges[x + 1]))
        for y in range(count)
        for x in range(count)
    ]


def mask_window(image: Array, window: tuple[slice, slice]) -> Array:
    """The (H, W, 3) image with a window filled with its mean color, which adds no new color."""
    masked = image.copy()
    masked[window] = np.rint(image.reshape(-1, 3).mean(axis=0)).astype(image.dtype)
    return masked
