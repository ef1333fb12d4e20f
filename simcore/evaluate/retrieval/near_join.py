"""Near-duplicates among very many images: each is compared with its neighborhood only.

Rows of features are grouped around rows that are drawn as centers, each row with its `CELLS`
nearest centers, and all rows of a group are compared exactly. Two near-duplicates are missed only
if they have none of these centers in common, which is rare, since both are nearly at the same
place; how rare is measured by comparing some images with all others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simcore.evaluate.retrieval.near_duplicates import NearDuplicate, check_count
from simcore.sim import metrics
from simcore.types import Array, Features, Metric, Monitor

CELLS = 4  # nearest centers of each row
CELL_ROWS = 500  # rows per center, before each row counts CELLS times
MAX_CENTERS = 4_000
CHECKED = 1_000  # images per side that are compared with all others
BLOCK_ROWS = 2_048  # rows of a group that are compared at a time
AT_ONCE = 50_000  # near rows between two checks of how many there are


@dataclass(frozen=True)
class NearJoin:
    """Near-duplicates, and what was measured of how many are missing.

    Attributes:
        duplicates: nearest first.
        known: near-duplicates of images that were compared with all others.
        found: how many of these are among `duplicates`.
        checked: how many images were compared with all others.
    """

    duplicates: tuple[NearDuplicate, ...]
    known: int
    found: int
    checked: int


@dataclass(frozen=True, eq=False)
class _Rows:
    """Feature rows of both sides, the left ones first.

    Attributes:
        values: (n, D), of length 1 for cosine.
        image: (n,) the image of each row, right ones after all left ones.
        pairs: N images per side.
    """

    values: Array
    image: Array
    pairs: int


def find(
    left: Features,
    right: Features,
    *,
    within: float,
    across: float,
    metric: Metric = "cosine",
    monitor: Monitor = Monitor(),
) -> NearJoin:
    """As `near_duplicates.find`, for more images than can be compared with all others.

    Args:
        left, right: features of N images each, or of none on the right.
        metric: "cosine" or "l2".

    Raises:
        BadDataError: there are too many near-duplicates. Stopped: the monitor asked to stop.
    """
    rows = _stack(left, right, metric)
    most = max(within, across)
    distances: dict[tuple[int, int], float] = {}
    for first, second, distance in _near_rows(rows, most, metric, monitor.part(0, 0.9)):
        _keep_nearest(distances, rows, (first, second, distance), (within, across))
        check_count(len(distances), left.count + right.count)
    known, checked = _known(left, right, metric, (within, across), monitor.part(0.9, 1))
    duplicates = [_named(pair, distance, left.count) for pair, distance in distances.items()]
    duplicates.sort(key=lambda near: (near.distance, near.side, near.row, near.other))
    return NearJoin(tuple(duplicates), len(known), len(known & distances.keys()), checked)


def _stack(left: Features, right: Features, metric: Metric) -> _Rows:
    count = len(left.values) + len(right.values)
    values = np.empty((count, left.values.shape[1]), np.float32)
    for start, side in ((0, left), (len(left.values), right)):
        for first in range(0, len(side.values), BLOCK_ROWS):
            block = side.values[first : first + BLOCK_ROWS]
            unit = metrics.normalized(block) if metric == "cosine" else block
            values[start + first : start + first + len(block)] = unit
    return _Rows(values, np.concatenate([left.index, left.count + right.index]), left.count)


def _near_rows(
    rows: _Rows, most: float, metric: Metric, monitor: Monitor
) -> Iterator[tuple[Array, Array, Array]]:
    """Rows up to a distance from each other: two numbers of each, and the distance.

    Two rows that share several centers occur several times.
    """
    values = rows.values
    if len(values) < 2:
        return
    count = int(np.clip(len(values) // CELL_ROWS, 1, MAX_CENTERS))
    centers = values[np.sort(np.random.default_rng(0).choice(len(values), count, replace=False))]
    cells = _nearest_centers(values, centers, metric, monitor.part(0, 0.4))
    members = np.argsort(cells.ravel(), kind="stable") // cells.shape[1]
    ends = np.cumsum(np.bincount(cells.ravel(), minlength=count))
    compared = monitor.part(0.4, 1)
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        group = members[start:end]
        # Thousands of equal images are one group, whose distances need not fit into memory.
        step = max(1, min(BLOCK_ROWS, metrics.BLOCK // max(1, len(group))))
        for first in range(0, len(group), step):
            block = group[first : first + step]
            later = group[first:]
            distance = _distances(values[block], values[later], metric)
            near_row, near_column = np.nonzero(distance <= most)
            is_first = near_column > near_row
            near_row, near_column = near_row[is_first], near_column[is_first]
            for at in range(0, near_row.size, AT_ONCE):
                row, column = near_row[at : at + AT_ONCE], near_column[at : at + AT_ONCE]
                yield block[row], later[column], distance[row, column]
            compared.check()
        compared.report("near-duplicates", number + 1, count)


def _nearest_centers(values: Array, centers: Array, metric: Metric, monitor: Monitor) -> Array:
    """(n, CELLS) numbers of the centers that each row is nearest to."""
    size = min(CELLS, len(centers))
    cells = np.empty((len(values), size), np.int32)
    for start in range(0, len(values), BLOCK_ROWS):
        distance = _distances(values[start : start + BLOCK_ROWS], centers, metric)
        nearest = np.argpartition(distance, size - 1, axis=1)[:, :size]
        cells[start : start + len(nearest)] = nearest
        monitor.report("neighborhoods", start + len(nearest), len(values))
        monitor.check()
    return cells


def _distances(rows: Array, others: Array, metric: Metric) -> Array:
    """(n, m) float32 distances; rows are of length 1 for cosine."""
    products = rows @ others.T
    if metric == "cosine":
        return np.subtract(1, products, out=products)
    squares = np.einsum("ij,ij->i", rows, rows)[:, None] - 2 * products
    squares += np.einsum("ij,ij->i", others, others)
    return np.sqrt(np.maximum(squares, 0, out=squares), out=squares)


def _keep_nearest(
    distances: dict[tuple[int, int], float],
    rows: _Rows,
    near: tuple[Array, Array, Array],
    limits: tuple[float, float],
) -> None:
    """Add the near-duplicates among some near rows; of several rows of images the nearest count."""
    images = np.sort(np.stack([rows.image[near[0]], rows.image[near[1]]]), axis=0)
    left_and_right = (images[0] < rows.pairs) & (images[1] >= rows.pairs)
    mates = images[1] - images[0] == rows.pairs
    limit = np.where(left_and_right, limits[1], limits[0])
    is_duplicate = (near[2] <= limit) & (images[0] != images[1]) & ~(left_and_right & mates)
    for first, second, distance in zip(
        *images[:, is_duplicate].tolist(), near[2][is_duplicate], strict=True
    ):
        pair = first, second
        distances[pair] = min(float(distance), distances.get(pair, np.inf))


def _known(
    left: Features,
    right: Features,
    metric: Metric,
    limits: tuple[float, float],
    monitor: Monitor,
) -> tuple[set[tuple[int, int]], int]:
    """All near-duplicates of some images of each side, as pairs of numbers, and how many images."""
    known: set[tuple[int, int]] = set()
    checked = 0
    offset = {"left": 0, "right": left.count}
    sides = {"left": left, "right": right}
    for name, side in sides.items():
        drawn = np.random.default_rng(1).permutation(side.count)[:CHECKED]
        checked += drawn.size
        for other_name, other in sides.items():
            if not (drawn.size and other.count):
                continue
            limit = limits[name != other_name]
            step = metrics.block_rows(other.count)
            for start in range(0, drawn.size, step):
                part = drawn[start : start + step]
                similarity = metrics.pairwise(side.take(part), other, metric)
                distance = (1 if metric == "cosine" else 0) - similarity
                distance[np.arange(part.size), part] = np.nan  # itself, or its mate
                row, column = np.nonzero(distance <= limit)
                numbers = offset[name] + part[row], offset[other_name] + column
                known.update(zip(*np.sort(np.stack(numbers), axis=0).tolist(), strict=True))
                monitor.check()
    return known, checked


def _named(pair: tuple[int, int], distance: float, pairs: int) -> NearDuplicate:
    (side, row), (other_side, other) = (
        ("left", image) if image < pairs else ("right", image - pairs) for image in pair
    )
    return NearDuplicate(side, row, other_side, other, distance)
