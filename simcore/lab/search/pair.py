"""Any two pictures: how alike each backbone finds them, against all other pairs, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcore.data import images, thumbnails
from simcore.errors import BadDataError, unknown_name
from simcore.lab import recipes
from simcore.lab.library import collections, features
from simcore.models import feature_maps, forward, registry
from simcore.sim import combine, matching, metrics, rank
from simcore.sim.distribution import Distribution, similarity_distribution
from simcore.types import Array, Collection, Features, ImageSet, Metric, Monitor

SIDES = ("left", "right")
BATCH = 8


@dataclass(frozen=True)
class Picture:
    """One of the two: an image of a collection by its side and id, or the bytes of any file.

    Attributes:
        name: what it is called. key: content key for its thumbnail, "" for a file.
        side, row: where it is in the collection; "" and -1 for a file.
        trim: rows to cut from the bottom, in px.
    """

    name: str
    data: bytes
    key: str = ""
    side: str = ""
    row: int = -1
    trim: int = 0


@dataclass(frozen=True)
class Row:
    """What one backbone says of the two.

    Attributes:
        similarity: None without evidence.
        above: share of all pairs, mates or not, that are less alike; None without evidence.
        mates: share of the true pairs that are less alike; None too where no mates are known.
    """

    backbone: str
    metric: Metric
    similarity: float | None
    above: float | None
    mates: float | None


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Places of two pictures that answer to each other, under one network.

    Attributes:
        windows: the part of each picture that the network sees: (top, left, bottom, right) as
            shares of its height and width.
        shape: each picture's height and width in px.
        exact: whether the cells' shares add up to the similarity itself (global average pooling);
            otherwise to that of the mean features only.
    """

    backbone: str
    match: matching.Match
    windows: tuple[tuple[float, float, float, float], ...]
    shape: tuple[tuple[int, int], ...]
    exact: bool


@dataclass(frozen=True, eq=False)
class Occlusion:
    """What hiding one part of the first picture after another does.

    Attributes:
        similarity, rank: with nothing hidden; the rank of the second picture among its side, None
            where it is in no collection or nothing is known.
        similarities: (g, g) float64 with that cell hidden; NaN without evidence.
        ranks: (g, g) int64, or None.
        gallery: how many pictures are ranked.
    """

    backbone: str
    similarity: float
    rank: int | None
    similarities: Array
    ranks: Array | None
    gallery: int


def known(name: str, side: str, id: str) -> Picture:
    """An image of a collection.

    Raises:
        UnknownNameError: no such collection, side or id. BadImageError: its file is gone.
    """
    if side not in SIDES:
        raise unknown_name("side", side, SIDES)
    collection = collections.open_(name)
    held = collection.left if side == "left" else collection.pairs().gallery
    if id not in held.ids:
        raise unknown_name(f"{side} image in {name!r}", id, held.ids)
    row = held.ids.index(id)
    return Picture(id, images.read(held.paths[row]), held.keys[row], side, row, held.trim)


def preview(picture: Picture, side: int = 512) -> bytes:
    """The picture as the networks get it, upright and trimmed, as a small WebP file."""
    pixels = images.load(picture.data, trim=picture.trim, name=picture.name)
    return thumbnails.small(pixels, side)


def shapes(*pictures: Picture) -> tuple[tuple[int, int], ...]:
    """Height and width of each, as the networks get them."""
    pixels = [images.load(one.data, trim=one.trim, name=one.name) for one in pictures]
    return tuple((one.shape[0], one.shape[1]) for one in pixels)


def table(
    name: str, first: Picture, second: Picture, models: Sequence[str], metric: str = recipes.OWN
) -> list[Row]:
    """How alike each backbone finds two pictures, and how many of all pairs are less alike.

    Args:
        name: the collection whose pairs are the measure.

    Raises:
        BadDataError: features of the collection are missing. MissingWeightsError: a picture from
            outside needs a network whose weights are not here.
    """
    collection = collections.open_(name)
    return [_row(collection, first, second, backbone, metric) for backbone in models]


def correspondences(
    first: Picture, second: Picture, backbone: str, *, fine: bool = False
) -> Correspondence:
    """Which places of the first picture answer to which of the second.

    Args:
        fine: look at an earlier, finer map of the network.

    Raises:
        BadDataError: the backbone has no feature maps. MissingWeightsError: no weights.
    """
    spec = registry.get(backbone)
    pixels = [images.load(one.data, trim=one.trim, name=one.name) for one in (first, second)]
    device = forward.resolve_device("auto")
    precision = forward.resolve_precision("auto", device)
    a, b = (feature_maps.extract_maps(one, spec, device, precision) for one in pixels)
    found = matching.match(a.fine, b.fine) if fine else matching.match(a.coarse, b.coarse)
    cosine = float(metrics.normalized(a.vector[None])[0] @ metrics.normalized(b.vector[None])[0])
    return Correspondence(
        backbone,
        found,
        tuple(
            images.visible_region(one.shape[0], one.shape[1], spec.preprocessing) for one in pixels
        ),
        tuple((one.shape[0], one.shape[1]) for one in pixels),
        abs(found.total - cosine) < 1e-3,
    )


def occlusion(
    name: str,
    first: Picture,
    second: Picture,
    backbone: str,
    *,
    metric: str = recipes.OWN,
    cells: int = 7,
    monitor: Monitor = Monitor(),
) -> Occlusion:
    """Hide one part of the first picture after another (Zeiler and Fergus 2014), and look again.

    Args:
        cells: parts a side, 2 to 16; each is hidden behind the picture's mean colour.

    Raises:
        BadDataError: nothing is known of one of the two, or `cells` is outside 2 to 16.
        MissingWeightsError: no weights. Stopped: `stop` said so.
    """
    if not 2 <= cells <= 16:
        raise BadDataError(f"found {cells} cells a side; expected 2 to 16")
    collection, spec = collections.open_(name), registry.get(backbone)
    chosen = recipes.check_metric(metric) or spec.metric
    device = forward.resolve_device("auto")
    precision = forward.resolve_precision("auto", device)
    pixels = images.load(first.data, trim=first.trim, name=first.name)
    windows = matching.grid_windows(cells, *pixels.shape[:2])
    rows: list[Array] = []
    for start in range(-1, len(windows), BATCH):  # the first one is whole
        monitor.check()
        part = [
            pixels if at < 0 else matching.mask_window(pixels, windows[at])
            for at in range(start, min(start + BATCH, len(windows)))
        ]
        rows += forward.embed_images(part, spec, device, precision)
        monitor.report("masking", len(rows), len(windows) + 1)
    index = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    queries = Features(backbone, index, np.concatenate(rows), len(rows))
    gallery, target = _gallery(collection, first, second, backbone)
    values = metrics.pairwise(queries, gallery, chosen)
    found = values[:, target].astype(np.float64)
    if np.isnan(found[0]):
        raise BadDataError(
            f"found nothing that {backbone} can compare in {first.name} and {second.name}; "
            "expected evidence in both; choose another backbone"
        )
    if first.side and first.side == second.side and first.row != second.row:
        values[:, first.row] = np.nan  # a picture is not its own rival
    ranks = rank.mate_ranks(values, np.full(len(values), target)) if second.side else None
    shape = (cells, cells)
    return Occlusion(
        backbone,
        float(found[0]),
        None if ranks is None else int(ranks[0]),
        found[1:].reshape(shape),
        None if ranks is None else ranks[1:].reshape(shape),
        gallery.count,
    )


def _row(
    collection: Collection, first: Picture, second: Picture, backbone: str, metric: str
) -> Row:
    chosen = recipes.check_metric(metric) or registry.get(backbone).metric
    one, other = (_features(collection, p, backbone) for p in (first, second))
    value = float(metrics.pairwise(one, other, chosen)[0, 0])
    if np.isnan(value):
        return Row(backbone, chosen, None, None, None)
    everybody, mates = _spread(collection, backbone, chosen)
    return Row(
        backbone,
        chosen,
        value,
        everybody.cdf(value),
        None if mates is None else float((mates < value).mean()),
    )


def _features(collection: Collection, picture: Picture, backbone: str) -> Features:
    """Out of the store for an image of the collection, made now for any other."""
    if picture.side:
        return features.for_side(collection, _side(collection, picture.side), backbone).take(
            [picture.row]
        )
    return features.embed_upload(picture.data, (backbone,), trim=picture.trim)[backbone]


def _gallery(
    collection: Collection, first: Picture, second: Picture, backbone: str
) -> tuple[Features, int]:
    """What the second picture is ranked in, and its place there; alone if in no collection."""
    if not second.side:
        return _features(collection, second, backbone), 0
    return features.for_side(collection, _side(collection, second.side), backbone), second.row


def _side(collection: Collection, side: str) -> ImageSet:
    return collection.left if side == "left" else collection.pairs().gallery


@lru_cache(maxsize=64)
def _spread(
    collection: Collection, backbone: str, metric: Metric
) -> tuple[Distribution, Array | None]:
    """Of all pairs of the collection, and the similarities of the true ones where known."""
    a, b = (features.for_side(collection, side, backbone) for side in collection.sides("lr"))
    alone = collection.right is None  # a picture with itself is no pair

    mates = [np.empty(0, np.float32)]

    def blocks() -> Iterator[Array]:
        for start, values in combine.matrices(a, b, metric):
            rows = np.arange(len(values))
            if alone:
                values[rows, start + rows] = np.nan
            else:
                mates.append(values[rows, start + rows])
            yield values

    everybody, known = similarity_distribution(blocks()), np.concatenate(mates)
    return everybody, None if alone else known[~np.isnan(known)]
