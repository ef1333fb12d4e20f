"""Borders of a picture: the bars of a letterbox, and frames."""

from dataclasses import dataclass

import numpy as np

from simcore.types import Array

VERSION = 1  # raised when other parts of a picture count as its content
TOLERANCE = 24  # levels per channel that a pixel of a border may differ from its color (JPEG)
UNIFORM = 0.98  # share of a row that must have the color
DRIFT = 3  # levels that the median of a row may differ: a sky changes slowly, a bar does not
EDGE = (
    0.5  # share of a row behind the border that must differ from it: a margin has no straight edge
)
EDGE_ROWS = 8  # rows in which that edge is looked for: a block of JPEG blurs it
MIN_SHARE = 0.02  # of a side; a thinner line is no bar
MIN_CONTENT = 0.25  # of a side that must remain, or the picture counts as one without borders


@dataclass(frozen=True)
class Content:
    """The part of a picture inside its borders: rows top to bottom, columns left to right, px."""

    top: int
    left: int
    bottom: int
    right: int


def content(image: Array) -> Content:
    """The picture inside its borders; all of it where there are none.

    A border is a run of rows (or columns) from an edge that have one color, at least `MIN_SHARE` of
    the side, and that end along a straight line. Its color is that of its outermost row, so the
    four borders may differ. An empty margin around an object is no border. Removing borders twice
    removes no more than once.

    Args:
        image: (H, W, 3) uint8.

    >>> picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    >>> content(np.pad(picture, ((20, 20), (0, 0), (0, 0))))
    Content(top=20, left=0, bottom=80, right=80)
    """
    height, width = image.shape[:2]
    inner = Content(0, 0, height, width)
    while (smaller := _step(image, inner)) != inner:
        inner = smaller
    remains = (
        inner.bottom - inner.top >= MIN_CONTENT * height
        and inner.right - inner.left >= MIN_CONTENT * width
    )
    return inner if remains else Content(0, 0, height, width)


def _step(image: Array, inner: Content) -> Content:
    """Without the borders that the rows, and then the columns, of a part of the picture have."""
    rows = image[inner.top : inner.bottom, inner.left : inner.right]
    top, bottom = _border(rows), _border(rows[::-1])
    if top + bottom >= len(rows):  # one color all over
        return inner
    rows = rows[top : len(rows) - bottom]
    columns = rows.swapaxes(0, 1)
    left, right = _border(columns), _border(columns[::-1])
    if left + right >= len(columns):
        return inner
    return Content(inner.top + top, inner.left + left, inner.bottom - bottom, inner.right - right)


def _border(rows: Array) -> int:
    """How many rows from the first have its color; 0 if these are too few for a border."""
    color = np.median(rows[0], axis=0)
    near = (np.abs(rows - color) <= TOLERANCE).all(axis=2).mean(axis=1)
    steady = (np.abs(np.median(rows, axis=1) - color) <= DRIFT).all(axis=1)
    alike = (near >= UNIFORM) & steady
    count = len(rows) if alike.all() else int(np.argmin(alike))
    if count == len(rows):
        return count
    edge = np.flatnonzero(near[count : count + EDGE_ROWS] <= 1 - EDGE)
    if not edge.size or count < max(MIN_SHARE * len(rows), 1):
        return 0
    return count + int(edge[0])


def removed(image: Array) -> Array:
    """The picture inside its borders, a view."""
    inner = content(image)
    return image[inner.top : inner.bottom, inner.left : inner.right]
