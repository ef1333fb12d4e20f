"""Near-duplicates within and across sides, and the subsets TLLd and TLLobj (rosenfeld2018, 4.2).

Two protocols. `clean_pairs` does what the text says: every pair one of whose images has a
near-duplicate is left out. `tlld_paper` and `tllobj_paper` do what the authors' published notebook
does, so that their 1,828 and 1,622 pairs can be reproduced on the full set:

- generic: cosine distance to the nearest other image of the same side at most 0.10, on either side;
  across the sides, off the diagonal, at most 0.15, which drops the left image's pair only;
- faces across the sides: Euclidean distance at most 0.4, which drops the left image's pair only;
- faces within a side: the notebook compares the *position* of the nearest face with 0.4 where it
  means its distance, so that a pair is dropped if the nearest face is in row 0. Missing faces have
  the distance 1e9, so that the nearest "face" of an image without one is in row 0 as well: TLLd
  consists, but for a few rows, of pairs with a face on both sides;
- TLLobj leaves out generic near-duplicates within the sides, and pairs where the larger number of
  faces of the two images is exactly one: with two or more they stay in.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.errors import BadDataError
from simcore.sim import metrics
from simcore.types import Array, Features, Metric, Monitor

WITHIN, ACROSS = 0.10, 0.15  # cosine distance in the notebook, within and across sides
TEXT = 0.15  # cosine distance in the text, within and across sides
FACES_TEXT, FACES_NOTEBOOK = 0.5, 0.4  # Euclidean distance of face descriptors
NO_FACE, SELF = 1e9, 100.0  # in the notebook: distance without a face, added to that to itself
MAX_DUPLICATES = 200_000  # with more, the backbone does not tell images apart


DEVIATIONS = 3.0  # robust standard deviations below the median of the nearest distances
MANY, SAMPLED = 10_000, 1_000  # of more images per side so many decide on thresholds
FEWEST = 20  # images from which their nearest distances have a distribution
SAME = 1e-6  # distance of one picture to itself, up to rounding


@dataclass(frozen=True)
class Thresholds:
    """The largest distances of near-duplicates, within a side and across the sides."""

    within: float
    across: float


@dataclass(frozen=True)
class NearDuplicate:
    """Two images that are near-duplicates.

    Attributes:
        side, row: "left" or "right", and the pair that the first image belongs to.
        other_side, other: the same of the second image.
        distance: cosine or Euclidean.
    """

    side: str
    row: int
    other_side: str
    other: int
    distance: float


Identity = tuple[str, int, str, int]
NearDuplicates = Sequence[NearDuplicate]


def identity(duplicate: NearDuplicate) -> Identity:
    """The two images of a near-duplicate without their distance."""
    return duplicate.side, duplicate.row, duplicate.other_side, duplicate.other


def find(
    left: Features,
    right: Features,
    *,
    within: float,
    across: float,
    metric: Metric = "cosine",
    monitor: Monitor = Monitor(),
) -> list[NearDuplicate]:
    """Near-duplicates, nearest first; the two images of one pair are not compared.

    All images are compared; `near_join.find` does without for many of them.

    Args:
        left, right: features of N images each; image i of both sides is a pair.
        within: largest distance between two images of one side.
        across: largest distance between images of both sides.
        metric: "cosine" for generic features; "l2" for face descriptors.

    Raises:
        BadDataError: there are more than MAX_DUPLICATES. Stopped: the monitor asked to stop.
    """
    first, second, third = _equal_parts(monitor, 3)
    duplicates = [
        *_near(left, left, ("left", "left"), within, metric, monitor=first),
        *_near(right, right, ("right", "right"), within, metric, monitor=second),
        *_near(left, right, ("left", "right"), across, metric, monitor=third),
    ]
    return sorted(duplicates, key=lambda duplicate: duplicate.distance)


def thresholds(left: Features, right: Features, *, metric: Metric = "cosine") -> Thresholds:
    """Distances below which two images are nearer than unrelated ones get, under one backbone.

    The distances of all images to their nearest other image are taken in logarithms, where their
    bulk is about symmetric. Most images have no near-duplicate, so the bulk is that of unrelated
    images; a near-duplicate lies more than `DEVIATIONS` robust standard deviations (1.4826 times
    the median absolute deviation) below its median. Of more than `MANY` images `SAMPLED`
    are drawn, and compared with all.

    Args:
        left, right: features of N images each; image i of both sides is a pair.

    Returns:
        Thresholds within the sides and across them; 0 where there are too few images to tell.
    """
    sides = [_nearest(left, left, metric), _nearest(right, right, metric)]
    return Thresholds(
        _outlier_limit(np.concatenate(sides)), _outlier_limit(_nearest(left, right, metric))
    )


def compared_images(images: int) -> int:
    """How many of so many images per side `thresholds` compares with all others.

    >>> compared_images(500), compared_images(100_000)
    (500, 1000)
    """
    return SAMPLED if images > MANY else images


def _nearest(queries: Features, gallery: Features, metric: Metric) -> Array:
    """(n,) distance of images to the nearest image of another pair; NaN without evidence."""
    rows = np.arange(queries.count)
    if compared_images(rows.size) < rows.size:
        rows = np.sort(np.random.default_rng(0).choice(rows, SAMPLED, replace=False))
    nearest = np.full(rows.size, np.nan)
    if not gallery.count:
        return nearest
    for start, distances in _distance_blocks(queries, gallery, metric, rows):
        numbers = np.arange(len(distances))
        distances[numbers, rows[start : start + len(distances)]] = np.nan
        nearest[start : start + len(distances)] = np.fmin.reduce(distances, axis=1)
    return nearest


def _outlier_limit(distances: Array) -> float:
    # A distance of zero is that of the same picture, and has no logarithm.
    logarithms = np.log(distances[distances > SAME])
    if logarithms.size < FEWEST:
        return 0.0
    median = np.median(logarithms)
    deviation = 1.4826 * np.median(np.abs(logarithms - median))
    return float(np.exp(median - DEVIATIONS * deviation))


def groups(
    duplicates: NearDuplicates, count: int, *, refused: frozenset[Identity] = frozenset()
) -> Array:
    """Groups of pairs that are connected by near-duplicates.

    Args:
        count: N pairs.
        refused: near-duplicates that a person has rejected.

    Returns:
        (N,) int64 group of each pair; a pair without near-duplicates is a group by itself.

    >>> groups([NearDuplicate("left", 0, "right", 2, 0.1)], 3).tolist()
    [0, 1, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    accepted = [each for each in duplicates if identity(each) not in refused]
    rows, columns = [each.row for each in accepted], [each.other for each in accepted]
    links = coo_array((np.ones(len(accepted)), (rows, columns)), shape=(count, count))
    return connected_components(links, directed=False)[1].astype(np.int64)


def split_groups(duplicates: NearDuplicates, count: int, *, certain: float, limit: float) -> Array:
    """Groups of pairs that a split keeps together: near-duplicates without chains of likeness.

    Connected components at a wide threshold grow with the collection until they hold every
    portrait. So pairs are connected (single linkage) up to `certain`, where images are copies, and
    above it two groups are merged only if each pair of one has a near-duplicate in each pair of the
    other (complete linkage).

    Args:
        duplicates: as `find` returns them. Two pairs are as far apart as their nearest images.
        count: N pairs.
        certain: pairs up to this distance always share a group.
        limit: largest distance of two pairs of a group that `certain` does not connect.

    Returns:
        (N,) int64 group of each pair; a pair without near-duplicates is a group by itself.

    >>> near, nearer = (NearDuplicate("left", n, "left", n + 1, 0.09 - n / 50) for n in (0, 1))
    >>> split_groups([near, nearer], 3, certain=0.05, limit=0.1).tolist()
    [0, 1, 1]
    """
    near = [each for each in duplicates if each.distance <= limit]
    copies = groups([each for each in near if each.distance <= certain], count)
    distance: dict[tuple[int, int], float] = {}  # of two pairs, the smaller row first
    for each in near:
        pair = min(each.row, each.other), max(each.row, each.other)
        distance[pair] = min(each.distance, distance.get(pair, np.inf))
    merged = _merge_completely(copies, distance)
    # Numbered by their first pairs, so that the numbers do not depend on the order of merging.
    names = {name: number for number, name in enumerate(dict.fromkeys(merged))}
    return np.array([names[name] for name in merged], np.int64)


def _merge_completely(start: Array, distance: Mapping[tuple[int, int], float]) -> list[int]:
    """Complete linkage of groups of pairs, as far as all their pairs have a distance.

    Args:
        start: (N,) groups to begin with. distance: of the pairs that may share a group.

    Returns:
        The name of the group of each pair.
    """
    members: dict[int, list[int]] = {}
    for row, name in enumerate(start.tolist()):
        members.setdefault(name, []).append(row)
    between: dict[int, dict[int, list[float]]] = {name: {} for name in members}
    for (row, other), value in distance.items():
        first, second = int(start[row]), int(start[other])
        if first != second:
            between[first].setdefault(second, []).append(value)
            between[second].setdefault(first, []).append(value)
    # Group -> groups that it may be merged with, and the distance of their farthest pairs.
    farthest = {
        name: {
            other: max(values)
            for other, values in neighbors.items()
            if len(values) == len(members[name]) * len(members[other])
        }
        for name, neighbors in between.items()
    }
    queue = [(far, a, b) for a, row in farthest.items() for b, far in row.items() if a < b]
    heapq.heapify(queue)
    while queue:
        far, a, b = heapq.heappop(queue)
        if a not in farthest or farthest[a].get(b) != far:
            continue  # one of the two was merged with another group in between
        row_a, row_b = farthest[a], farthest.pop(b)
        members[a] += members.pop(b)
        joint = {c: max(row_a[c], row_b[c]) for c in row_a.keys() & row_b.keys()}
        for c in row_a.keys() | row_b.keys() - {a, b}:
            if c in farthest and c != a:
                farthest[c].pop(a, None)
                farthest[c].pop(b, None)
        farthest[a] = joint
        for c, new in joint.items():
            farthest[c][a] = new
            heapq.heappush(queue, (new, min(a, c), max(a, c)))
    name_of = {row: name for name, rows in members.items() for row in rows}
    return [name_of[row] for row in range(len(start))]


def clean_pairs(
    duplicates: NearDuplicates, count: int, *, refused: frozenset[Identity] = frozenset()
) -> Array:
    """(N,) bool: pairs neither of whose images has a near-duplicate (what the text says).

    Args:
        count: N pairs.
        refused: near-duplicates that a person has rejected.
    """
    keep = np.ones(count, bool)
    for duplicate in duplicates:
        if identity(duplicate) not in refused:
            keep[[duplicate.row, duplicate.other]] = False
    return keep


def tlld_paper(
    left: Features,
    right: Features,
    face_left: Features,
    face_right: Features,
    *,
    monitor: Monitor = Monitor(),
) -> Array:
    """(N,) bool: TLLd as the authors' notebook makes it.

    Args:
        left, right: generic features of both sides.
        face_left, face_right: face descriptors of both sides.

    Raises:
        Stopped: the monitor asked to stop.
    """
    parts = _equal_parts(monitor, 5)
    keep: Array = ~(
        _generic_duplicates(left, right, parts[0])
        | _has_near_image(left, right, ACROSS, "cosine", parts[1])
        | _has_near_image(face_left, face_right, FACES_NOTEBOOK, "l2", parts[2])
        | _nearest_face_is_first(face_left, parts[3])
        | _nearest_face_is_first(face_right, parts[4])
    )
    return keep


def tllobj_paper(
    left: Features,
    right: Features,
    face_left: Features,
    face_right: Features,
    *,
    monitor: Monitor = Monitor(),
) -> Array:
    """(N,) bool: TLLobj as the authors' notebook makes it; arguments as for `tlld_paper`."""
    faces = np.maximum(_face_count(face_left), _face_count(face_right))
    keep: Array = ~(_generic_duplicates(left, right, monitor) | (faces == 1))
    return keep


def _equal_parts(monitor: Monitor, count: int) -> list[Monitor]:
    """The monitors of steps that take about the same time."""
    return [monitor.part(step / count, (step + 1) / count) for step in range(count)]


def _generic_duplicates(left: Features, right: Features, monitor: Monitor) -> Array:
    """(N,) bool: pairs with a near-duplicate on its side; both subsets of the paper ask for it."""
    key = "near-duplicates within sides", left.digest, right.digest

    def compute() -> Array:
        duplicate = np.zeros(left.count, bool)
        for side, part in zip((left, right), _equal_parts(monitor, 2), strict=True):
            for row, distances in _distance_rows(side, side, monitor=part):
                distances[row] = np.inf
                duplicate[row] |= bool(distances.min() <= WITHIN)
        duplicate.flags.writeable = False  # shared by all who ask for it
        return duplicate

    return memory.get(key, compute)


def _has_near_image(
    left: Features, right: Features, most: float, metric: Metric, monitor: Monitor
) -> Array:
    """(N,) bool: left images within a distance of a right image, their mates left aside."""
    is_near = np.zeros(left.count, bool)
    for row, distances in _distance_rows(left, right, metric, monitor):
        distances[row] = np.inf
        is_near[row] = bool((distances <= most).any())
    return is_near


def _nearest_face_is_first(side: Features, monitor: Monitor) -> Array:
    """(N,) bool: the notebook's `argmin <= .4`, true where the argmin is 0.

    A missing distance is 1e9, and 100 is added to the distance of an image to itself. So the argmin
    of an image without a face is 0, but for the image in row 0 itself.
    """
    is_first = np.zeros(side.count, bool)
    for row, distances in _distance_rows(side, side, "l2", monitor):
        filled = np.where(np.isnan(distances), NO_FACE, distances.astype(np.float64))
        filled[row] += SELF
        is_first[row] = filled.argmin() == 0
    return is_first


def _face_count(side: Features) -> Array:
    return np.bincount(side.index, minlength=side.count)


def _distance_rows(
    queries: Features,
    gallery: Features,
    metric: Metric = "cosine",
    monitor: Monitor = Monitor(),
) -> Iterator[tuple[int, Array]]:
    """(row, (G,) distances to the gallery) for each query image."""
    for start, block in _distance_blocks(queries, gallery, metric, monitor=monitor):
        yield from enumerate(block, start)


def _distance_blocks(
    queries: Features,
    gallery: Features,
    metric: Metric,
    rows: Array | None = None,
    monitor: Monitor = Monitor(),
) -> Iterator[tuple[int, Array]]:
    """(first, (b, G) distances to the gallery) of all query images, or of those in `rows`."""
    if rows is None:
        rows = np.arange(queries.count)
    step = metrics.block_rows(gallery.count)
    for start in range(0, len(rows), step):
        monitor.check()
        monitor.report("near-duplicates", start, len(rows))
        similarity = metrics.pairwise(queries.take(rows[start : start + step]), gallery, metric)
        yield start, np.subtract(1 if metric == "cosine" else 0, similarity, out=similarity)


def _near(
    queries: Features,
    gallery: Features,
    sides: tuple[str, str],
    most: float,
    metric: Metric,
    *,
    monitor: Monitor,
) -> list[NearDuplicate]:
    side, other_side = sides
    duplicates: list[NearDuplicate] = []
    if not (queries.count and gallery.count):
        return duplicates
    for start, distances in _distance_blocks(queries, gallery, metric, monitor=monitor):
        rows, columns = np.nonzero(distances <= most)
        numbers = rows + start
        kept = columns > numbers if side == other_side else columns != numbers
        rows, columns, numbers = rows[kept], columns[kept], numbers[kept]
        check_count(len(duplicates) + numbers.size, queries.count)
        values = distances[rows, columns].tolist()
        duplicates += [
            NearDuplicate(side, row, other_side, column, distance)
            for row, column, distance in zip(
                numbers.tolist(), columns.tolist(), values, strict=True
            )
        ]
    return duplicates


def check_count(duplicates: int, images: int) -> None:
    """Raise `BadDataError` for more near-duplicates than a backbone that tells images apart has."""
    if duplicates > MAX_DUPLICATES:
        raise BadDataError(
            f"There are more than {MAX_DUPLICATES:,} near-duplicates among "
            f"{images:,} images. Lower the thresholds or use another backbone."
        )
