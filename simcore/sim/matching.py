"""Which place of one image answers to which of another: feature maps against each other."""

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

    The mean of the cells is what global average pooling makes of a map, and a cosine of means is a
    sum over the cells, so what each cell adds is exact (Stylianou et al. 2019, arXiv 1901.00536).

    Args:
        left, right: (h, w, C), (h', w', C).

    Raises:
        ShapeError: C differs, or one is no map.
    """
    if left.ndim != 3 or right.ndim != 3 or left.shape[2] != right.shape[2]:
        raise ShapeError(
            f"found maps of shapes {left.shape} and {right.shape}; expected (h, w, C) with one C"
        )
    a, b = (one.reshape(-1, one.shape[2]) for one in (left, right))
    cosine = metrics.normalized(a) @ metrics.normalized(b).T
    ours, theirs = (one.mean(axis=0, dtype=np.float64) for one in (a, b))
    length = np.linalg.norm(ours) * np.linalg.norm(theirs)
    share = [
        one.astype(np.float64) @ other / (len(one) * length) if length > 0 else np.zeros(len(one))
        for one, other in ((a, theirs), (b, ours))
    ]
    return Match(
        cosine,
        share[0].reshape(left.shape[:2]),
        share[1].reshape(right.shape[:2]),
        mutual_matches(cosine),
    )


def mutual_matches(cosine: Array) -> Array:
    """(k, 2) pairs of cells that are each other's nearest, the most alike first."""
    there, back = cosine.argmax(axis=1), cosine.argmax(axis=0)
    ours = np.arange(len(cosine))
    found = np.flatnonzero(back[there] == ours)
    order = np.argsort(-cosine[found, there[found]], kind="stable")
    return np.stack([found[order], there[found[order]]], axis=1)


def grid_windows(count: int, height: int, width: int) -> list[tuple[slice, slice]]:
    """A grid of `count` x `count` windows over an image, row by row; together they tile it."""
    down = np.linspace(0, height, count + 1).astype(int)
    across = np.linspace(0, width, count + 1).astype(int)
    return [
        (slice(down[y], down[y + 1]), slice(across[x], across[x + 1]))
        for y in range(count)
        for x in range(count)
    ]


def mask_window(image: Array, window: tuple[slice, slice]) -> Array:
    """The image with a window in its mean colour: nothing to see there, and no new edge colour."""
    out = image.copy()
    out[window] = np.rint(image.reshape(-1, 3).mean(axis=0)).astype(image.dtype)
    return out
