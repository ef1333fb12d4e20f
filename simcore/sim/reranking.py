"""A second look at the first images of a ranking: their feature maps, compared cell by cell.

The first stage is a z-sum of whole vectors. Many of these are maps (a grid of averages, the cells
of a histogram), of which a dot product compares each cell with the same cell only. The second stage
lets a pair function compare the maps of the query and of each of the first images, and adds what
that gains. No image behind the first ones is touched, so their ranks stay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simcore.errors import unknown_name
from simcore.types import Array, Features, MapLayout

DEPTH = 50  # images that the second stage looks at
# The best of several alignments is a little better for unrelated images, too, so half of it counts.
# Measured on 1,000 real pairs: 0 finds 252, 0.25 257, 0.5 261, 1 259, 2 230 (shift).
GAIN = 0.5
MAX_CELLS = 8  # per side; finer maps are averaged before
# Dot products (K, P, P) of the P = cells x cells cells of the query with those of K images, as
# shares of the cosine of the whole maps; cells per side -> (K,) gain over comparing each cell with
# the same one, which is in sum the cosine. At least 0: the same cells are one of the choices.
PairFunction = Callable[[Array, int], Array]


def shift(products: Array, cells: int) -> Array:
    """The best translation by up to one cell; cells that leave the map count as 0."""
    grid = products.reshape(len(products), cells, cells, cells, cells)
    steps = range(-min(1, cells - 1), min(1, cells - 1) + 1)
    totals = [np.einsum("kyxyx->k", _moved(grid, y, x)) for y in steps for x in steps]
    gain: Array = np.max(totals, axis=0) - _aligned(products)
    return gain


def _moved(grid: Array, y: int, x: int) -> Array:
    """Products of each cell of the query with the image's cell y rows below and x columns right."""
    cells = grid.shape[1]
    rows, columns = (slice(max(-d, 0), cells - max(d, 0)) for d in (y, x))
    below, right = (slice(max(d, 0), cells + min(d, 0)) for d in (y, x))
    return grid[:, rows, columns, below, right]


def mirror(products: Array, cells: int) -> Array:
    """The image as it is, or with left and right exchanged."""
    flipped = np.arange(cells * cells).reshape(cells, cells)[:, ::-1].ravel()
    mirrored = products[:, np.arange(cells * cells), flipped].sum(axis=1)
    gain: Array = np.maximum(mirrored - _aligned(products), 0)
    return gain


def elastic(products: Array, cells: int) -> Array:
    """Each cell with the most similar cell at most one step away, seen from both images."""
    row, column = np.divmod(np.arange(cells * cells), cells)
    near = np.maximum(abs(row[:, None] - row), abs(column[:, None] - column)) <= 1
    allowed = np.where(near, products, -np.inf)
    both = (allowed.max(axis=2).sum(axis=1) + allowed.max(axis=1).sum(axis=1)) / 2
    gain: Array = both - _aligned(products)
    return gain


def match(products: Array, cells: int) -> Array:
    """Each cell with the most similar cell anywhere, seen from both images."""
    both = (products.max(axis=2).sum(axis=1) + products.max(axis=1).sum(axis=1)) / 2
    gain: Array = both - _aligned(products)
    return gain


def _aligned(products: Array) -> Array:
    return np.trace(products, axis1=1, axis2=2)


PAIR_FUNCTIONS: dict[str, PairFunction] = {
    "shift": shift,
    "mirror": mirror,
    "elastic": elastic,
    "match": match,
}
DEFAULT = "shift"


def pair_function(name: str) -> PairFunction:
    """A pair function by its name; "" is the default one.

    Raises:
        UnknownNameError: there is none.
    """
    if (name or DEFAULT) not in PAIR_FUNCTIONS:
        raise unknown_name("pair function", name, PAIR_FUNCTIONS)
    return PAIR_FUNCTIONS[name or DEFAULT]


@dataclass(frozen=True, eq=False)
class MapSides:
    """The maps of one backbone on both sides, and what they count in the sum.

    Attributes:
        queries, gallery: features of b queries and G images, one row each.
        layout: how a row is a map.
        factor: weight and scale of the backbone's cosine in the sum; (b,), one per query.
    """

    queries: Features
    gallery: Features
    layout: MapLayout
    factor: Array

    def gain(self, row: int, columns: Array, compare: PairFunction) -> Array:
        """(K,) float64, what the pair function adds to the sum for some images of the gallery."""
        originals = columns.copy()  # equal images get equal gains, however a product is rounded
        later, earlier = self.gallery.repeats
        if later.size:
            first = np.arange(self.gallery.count)
            first[later] = earlier
            originals = first[columns]
        distinct, place = np.unique(originals, return_inverse=True)
        if self.queries.count * DEPTH < self.gallery.count:  # one click: only what it needs
            images = cells_of(self.gallery.values[distinct], self.layout)
        else:
            images = self._gallery_cells[distinct]
        products = cell_products(cells_of(self.queries.values[[row]], self.layout)[0], images)
        cells = pooled_cells(self.layout)
        gains = GAIN * np.maximum(compare(products, cells).astype(np.float64), 0.0)
        scaled: Array = float(self.factor[row]) * gains[place]
        return scaled

    @cached_property
    def _gallery_cells(self) -> Array:
        return cells_of(self.gallery.values, self.layout)


def cell_products(query: Array, images: Array) -> Array:
    """Dot products of all cells of a query's map with all cells of K images' maps.

    Args:
        query: (P, C). images: (K, P, C). Both are of `cells_of`.

    Returns:
        (K, P, P) float32, whose diagonals sum to the cosines of the maps.
    """
    count, cells, channels = images.shape
    products = query @ images.reshape(count * cells, channels).T
    shaped: Array = products.reshape(cells, count, cells).transpose(1, 0, 2)
    return shaped


def cells_of(rows: Array, layout: MapLayout) -> Array:
    """The cells of maps of length 1.

    Args:
        rows: (n, D) features.

    Returns:
        (n, P, C) float32; 0 for a map without length.
    """
    side, count = layout.cells, len(rows)
    if layout.channels_last:
        maps = rows.reshape(count, side, side, -1)
    else:
        maps = rows.reshape(count, -1, side, side).transpose(0, 2, 3, 1)
    pooled = pooled_cells(layout)
    if pooled < side:
        step = side // pooled
        maps = maps.reshape(count, pooled, step, pooled, step, -1).mean(axis=(2, 4))
    cells = np.ascontiguousarray(maps, np.float32).reshape(count, pooled * pooled, -1)
    length = np.sqrt(np.einsum("npc,npc->n", cells, cells))[:, None, None]
    unit: Array = cells / np.where(length > 0, length, 1)
    return unit


def pooled_cells(layout: MapLayout) -> int:
    """Cells per side that are compared: the largest divisor of at most MAX_CELLS."""
    side = layout.cells
    return next(cells for cells in range(min(side, MAX_CELLS), 0, -1) if side % cells == 0)


def shortlist(row: Array, depth: int = DEPTH) -> Array:
    """The images that are among the first `depth`, whatever the order of ties.

    Args:
        row: (G,) similarity; NaN = no evidence.

    Returns:
        (K,) columns, in order; images that tie across the border are not among them.

    >>> shortlist(np.array([0.5, 0.9, 0.5, 0.1, np.nan]), 2).tolist()
    [1]
    """
    known = row[~np.isnan(row)]
    if known.size <= depth:
        return np.flatnonzero(~np.isnan(row))
    border = np.partition(known, known.size - depth - 1)[known.size - depth - 1]
    return np.flatnonzero(row > border)


def reranked(first: Array, maps: Sequence[MapSides], compare: PairFunction) -> Array:
    """The similarities of a first stage, with the gains of the second for the first images.

    A gain is at least 0, so an image of the short list stays ahead of all others. Missing evidence
    gains nothing.

    Args:
        first: (b, G) float64 similarity of the first stage; NaN = no evidence.
        maps: of the backbones whose features are maps.

    Returns:
        (b, G) float64.
    """
    result = first.copy()
    for row, similarity in enumerate(first):
        columns = shortlist(similarity)
        if columns.size:
            for sides in maps:
                result[row, columns] += sides.gain(row, columns, compare)
    return result
