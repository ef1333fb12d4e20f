"""Any two pictures: how similar each backbone rates them against all other pairs, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from simcore import memory
from simcore.data import borders, images, network_input, result_cache, thumbnails
from simcore.errors import BadDataError, unknown_name
from simcore.lab import recipes, work_estimates
from simcore.lab.library import collections, features
from simcore.lab.library.features import DecodedImage
from simcore.models import feature_maps, forward, registry, weights
from simcore.models.extract import extraction
from simcore.models.spec import BackboneSpec
from simcore.recipe import Question
from simcore.results import Table
from simcore.sim import combine, matching, metrics, rank
from simcore.sim.distribution import Distribution, similarity_distribution
from simcore.types import (
    JSON,
    Array,
    Collection,
    Features,
    ImageSet,
    Metric,
    Monitor,
    Preprocessing,
)

SIDES = ("left", "right")
BATCH = 8
DISTRIBUTION = "distribution"  # kind of result on disk


@dataclass(frozen=True)
class Picture:
    """One of the two pictures: an image of a collection, or the bytes of any file.

    Attributes:
        name: the id, or what the file is called. key: content key for its thumbnail, "" for a file.
        side, row: position in the collection; "" and -1 for a file.
        trim: rows to cut from the bottom of a file, in px.
        ignore_profile: whether a file's color profile is ignored.
    """

    name: str
    data: bytes
    key: str = ""
    side: str = ""
    row: int = -1
    trim: int = 0
    ignore_profile: bool = False

    @property
    def decoded(self) -> DecodedImage:
        """The picture as networks get it: upright, trimmed, RGB; decoded once.

        Raises:
            BadImageError: not a usable image.
        """
        if self.key:
            return features.decode_as(self.data, self.key, name=self.name)
        return features.decode(
            self.data, trim=self.trim, ignore_profile=self.ignore_profile, name=self.name
        )


@dataclass(frozen=True)
class Row:
    """How similar one backbone rates the two pictures.

    Attributes:
        similarity: None without evidence.
        above: share of all pairs, mates or not, that are less similar; None without evidence.
        mates: share of the true pairs that are less similar; None too where no mates are known.
    """

    backbone: str
    metric: Metric
    similarity: float | None
    above: float | None
    mates: float | None


@dataclass(frozen=True)
class PairTable:
    """How similar several backbones rate two pictures.

    Attributes:
        first, second: "SIDE:ID" of an image of the collection, or a file's name.
    """

    collection: str
    first: str
    second: str
    rows: tuple[Row, ...]

    def to_dict(self) -> JSON:
        """The document that `simcore pair --json` prints."""
        return asdict(self)

    def to_table(self) -> Table:
        """One row per backbone; shares in percent."""
        rows = tuple(
            (
                row.backbone,
                row.metric,
                None if row.similarity is None else f"{row.similarity:.4f}",
                *(None if v is None else f"{100 * v:.2f}" for v in (row.above, row.mates)),
            )
            for row in self.rows
        )
        columns = (
            "backbone",
            "metric",
            "similarity",
            "% of all pairs below",
            "% of true pairs below",
        )
        return Table(columns, rows, title=f"{self.first} and {self.second}")


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Corresponding regions of two pictures under one network.

    Attributes:
        windows: the part of each picture that the network sees: (top, left, bottom, right) as
            shares of its height and width.
        shape: each picture's height and width in px.
        exact: whether the shares of the cells add up to the similarity itself (global average
            pooling); otherwise to that of the mean features only.
    """

    backbone: str
    match: matching.Match
    windows: tuple[tuple[float, float, float, float], ...]
    shape: tuple[tuple[int, int], ...]
    exact: bool


@dataclass(frozen=True, eq=False)
class Occlusion:
    """How similarity and rank change when a part of the first picture is hidden.

    Attributes:
        similarity, rank: with nothing hidden; the rank of the second picture among its side, None
            where it is in no collection or there is no evidence.
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


def open_picture(name: str, side: str, id: str) -> Picture:
    """An image of a collection.

    Args:
        side: "left" or "right".

    Raises:
        UnknownNameError: no such collection, side or id. BadImageError: its file is gone.
    """
    if side not in SIDES:
        raise unknown_name("side", side, SIDES)
    image_set = _side(collections.open_(name), side)
    row = image_set.find(id)
    if row is None:
        raise unknown_name(f"{side} image in {name!r}", id, image_set.ids)
    data = images.read(image_set.paths[row])
    return Picture(id, data, image_set.keys[row], side, row)


def preview(picture: Picture, side: int = 512) -> bytes:
    """The picture as networks get it, upright and trimmed, as a small WebP file."""
    return thumbnails.small(picture.decoded.pixels, side)


def shapes(*pictures: Picture) -> tuple[tuple[int, int], ...]:
    """Height and width of each picture in px, as networks get them."""
    return tuple(_shape(picture.decoded) for picture in pictures)


def _shape(image: DecodedImage) -> tuple[int, int]:
    return image.pixels.shape[0], image.pixels.shape[1]


def table(
    question: Question, first: Picture, second: Picture, *, monitor: Monitor = Monitor()
) -> PairTable:
    """How similar each backbone rates two pictures, and how many of all pairs are less similar.

    Args:
        question: the collection whose pairs are the reference, the backbones and their metric;
            direction and subset do not matter.
        monitor: asked between the backbones.

    Raises:
        BadDataError: features of the collection are missing. MissingWeightsError: a picture from
            outside needs a network whose weights are missing. Stopped: the monitor asked to stop.
    """
    collection = collections.open_(question.collection)
    rows = []
    for backbone in question.backbones:
        monitor.check()
        rows.append(_row(collection, first, second, backbone, question.metric))
    labels = [f"{p.side}:{p.name}" if p.side else p.name for p in (first, second)]
    return PairTable(question.collection, labels[0], labels[1], tuple(rows))


def is_quick(question: Question) -> bool:
    """Whether a visitor can wait for `table`: little work, or the distributions are stored.

    Raises:
        BadDataError: features of the collection are missing.
    """
    collection = collections.open_(question.collection)
    pairs, seconds = len(collection.left), 0.0
    for name in question.backbones:
        metric = _metric(name, question.metric)
        if not result_cache.contains(DISTRIBUTION, _distribution_key(collection, name, metric)):
            seconds += work_estimates.comparison(name, metric, pairs, pairs)
    return work_estimates.is_short(seconds)


def correspondences(
    first: Picture, second: Picture, backbone: str, *, fine: bool = False
) -> Correspondence:
    """Which regions of the first picture correspond to which of the second.

    Args:
        fine: use an earlier, finer feature map of the network.

    Raises:
        BadDataError: the backbone has no feature maps. MissingWeightsError: no weights.
    """
    spec = registry.get(backbone)
    for file in spec.weights:
        weights.path(file)  # raises before PyTorch is imported to choose a device
    device = forward.resolve_device("auto")
    precision = forward.resolve_precision("auto", device)
    both = (first.decoded, second.decoded)
    a, b = (feature_maps.extract_maps(p.pixels, spec, device, precision) for p in both)
    match = matching.match(a.fine, b.fine) if fine else matching.match(a.coarse, b.coarse)
    cosine = float(metrics.normalized(a.vector[None])[0] @ metrics.normalized(b.vector[None])[0])
    return Correspondence(
        backbone,
        match,
        tuple(_visible_region(image, spec.preprocessing) for image in both),
        tuple(_shape(image) for image in both),
        abs(match.total - cosine) < 1e-3,
    )


def _visible_region(
    image: DecodedImage, preprocessing: Preprocessing
) -> tuple[float, float, float, float]:
    """As `network_input.visible_region`, of a picture that may lose its borders before."""
    height, width = _shape(image)
    if not preprocessing.borderless:
        return network_input.visible_region(height, width, preprocessing)
    inner = borders.content(image.pixels)
    rows, columns = inner.bottom - inner.top, inner.right - inner.left
    top, left, bottom, right = network_input.visible_region(rows, columns, preprocessing)
    return (
        (inner.top + top * rows) / height,
        (inner.left + left * columns) / width,
        (inner.top + bottom * rows) / height,
        (inner.left + right * columns) / width,
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
    """Hide one part of the first picture after another and compare (Zeiler and Fergus 2014).

    Args:
        cells: parts per side, 2 to 16; each is filled with the picture's mean color.

    Raises:
        BadDataError: no evidence in one of the two, or `cells` is outside 2 to 16.
        MissingWeightsError: no weights. Stopped: the monitor asked to stop.
    """
    if not 2 <= cells <= 16:
        raise BadDataError(f"The number of cells per side must be 2 to 16, got {cells}.")
    collection, spec = collections.open_(name), registry.get(backbone)
    metric_name = recipes.check_metric(metric) or spec.metric
    queries = _embed_occluded(first.decoded, spec, cells, monitor)
    gallery, target = gallery_features(collection, second, backbone)
    values = metrics.pairwise(queries, gallery, metric_name)
    similarities = values[:, target].astype(np.float64)
    if np.isnan(similarities[0]):
        raise BadDataError(
            f"{backbone} has nothing to compare in {first.name} and {second.name}. "
            "Choose another backbone."
        )
    if first.side and first.side == second.side and first.row != second.row:
        values[:, first.row] = np.nan  # a picture is not its own rival
    ranks = rank.mate_ranks(values, np.full(len(values), target)) if second.side else None
    shape = (cells, cells)
    return Occlusion(
        backbone,
        float(similarities[0]),
        None if ranks is None else int(ranks[0]),
        similarities[1:].reshape(shape),
        None if ranks is None else ranks[1:].reshape(shape),
        gallery.count,
    )


def _embed_occluded(
    image: DecodedImage, spec: BackboneSpec, cells: int, monitor: Monitor
) -> Features:
    """Features of an image as it is (image 0), and with each cell hidden in turn."""
    device = forward.resolve_device("auto")
    precision = forward.resolve_precision("auto", device)
    windows = matching.grid_windows(cells, *image.pixels.shape[:2])

    def embed() -> Features:
        rows: list[Array] = []
        for batch in _occluded_batches(image.pixels, windows):
            monitor.check()
            rows += forward.embed_images(batch, spec, device, precision)
            monitor.report("masking", len(rows), len(windows) + 1)
        index = np.repeat(np.arange(len(rows)), [len(image_rows) for image_rows in rows])
        return Features(spec.name, index, np.concatenate(rows), len(rows))

    key = ("occluded", image.digest, extraction.feature_key(spec, precision), cells)
    return memory.get(key, embed)


def _occluded_batches(
    pixels: Array, windows: Sequence[tuple[slice, slice]]
) -> Iterator[list[Array]]:
    """The image, then one copy per window with that window hidden, in batches."""
    for start in range(-1, len(windows), BATCH):  # -1 is the image itself
        numbers = range(start, min(start + BATCH, len(windows)))
        yield [pixels if n < 0 else matching.mask_window(pixels, windows[n]) for n in numbers]


def _row(
    collection: Collection, first: Picture, second: Picture, backbone: str, metric: str
) -> Row:
    metric_name = _metric(backbone, metric)
    left, right = (_features(collection, picture, backbone) for picture in (first, second))
    similarity = float(metrics.pairwise(left, right, metric_name)[0, 0])
    if np.isnan(similarity):
        return Row(backbone, metric_name, None, None, None)
    everything, mates = _distribution(collection, backbone, metric_name)
    return Row(
        backbone,
        metric_name,
        similarity,
        everything.cdf(similarity),
        None if mates is None else float((mates < similarity).mean()),
    )


def _features(collection: Collection, picture: Picture, backbone: str) -> Features:
    """From the store for an image of the collection, computed for any other."""
    if picture.side:
        images_of_side = _side(collection, picture.side)
        return features.for_side(collection, images_of_side, backbone).take([picture.row])
    return features.embed_upload(picture.decoded, backbone)


def gallery_features(
    collection: Collection, picture: Picture, backbone: str
) -> tuple[Features, int]:
    """The side that a picture is ranked in, and its row; an upload is ranked alone."""
    if not picture.side:
        return _features(collection, picture, backbone), 0
    side = _side(collection, picture.side)
    return features.for_side(collection, side, backbone), picture.row


def _side(collection: Collection, side: str) -> ImageSet:
    return collection.left if side == "left" else collection.pairs().gallery


def similarity_shares(collection: Collection, backbone: str, metric: str = recipes.OWN) -> None:
    """Compute and store how the similarities of all pairs are distributed, which `table` reads."""
    _distribution(collection, backbone, _metric(backbone, metric))


def _metric(backbone: str, metric: str) -> Metric:
    """The metric of a name; "own" is the one that the backbone was made for."""
    return recipes.check_metric(metric) or registry.get(backbone).metric


def _distribution_key(collection: Collection, backbone: str, metric: Metric) -> tuple[object, ...]:
    """Everything that the similarities of all pairs depend on."""
    queries, gallery = collection.sides()
    digests = queries.digest, gallery.digest
    return features.identity(collection, backbone), *digests, collection.right is None, metric


def _distribution(
    collection: Collection, backbone: str, metric: Metric
) -> tuple[Distribution, Array | None]:
    """Similarities of all pairs of the collection, and (N,) those of the mates where known."""
    queries, gallery = collection.sides()
    no_mates = collection.right is None  # an image with itself is no pair
    mate_scores = [np.empty(0, np.float32)]

    def blocks() -> Iterator[Array]:
        left, right = (features.for_side(collection, side, backbone) for side in (queries, gallery))
        for start, values in combine.matrices(left, right, metric):
            rows = np.arange(len(values))
            if no_mates:
                values[rows, start + rows] = np.nan
            else:
                mate_scores.append(values[rows, start + rows])
            yield values

    def compute() -> result_cache.Arrays:
        distribution, mates = similarity_distribution(blocks()), np.concatenate(mate_scores)
        return {
            "edges": distribution.edges,
            "counts": distribution.counts,
            "mates": mates[~np.isnan(mates)],
        }

    key = _distribution_key(collection, backbone, metric)
    arrays = memory.get((DISTRIBUTION, key), lambda: result_cache.get(DISTRIBUTION, key, compute))
    distribution = Distribution(arrays["edges"], arrays["counts"])
    return distribution, None if no_mates else arrays["mates"]
