"""Why a backbone misses a mate: what was matched, what misled it, and what would help it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from simcore import memory
from simcore.errors import BadDataError
from simcore.lab import recipes
from simcore.lab.library import collections, features
from simcore.lab.search import pair, search
from simcore.lab.search.pair import Picture
from simcore.lab.search.search import Query
from simcore.models import forward, registry
from simcore.models.extract import extraction
from simcore.models.spec import BackboneSpec
from simcore.recipe import Question
from simcore.sim import metrics, rank
from simcore.types import Array, Direction, Features, Monitor

MIN_SHARE = 0.2  # of the height and of the width that a crop keeps
CUTS = (0.1, 0.2, 0.3)  # shares that are tried off each side
CELLS = 5  # parts per side that are occluded: a fifth of the picture can be named
BATCH = 8  # crops that are embedded between two reports of progress


@dataclass(frozen=True)
class Crop:
    """The part of a picture that is kept, as shares of its height and width.

    Raises:
        BadDataError: it keeps less than a fifth of the height or width, or leaves the picture.
    """

    top: float = 0.0
    left: float = 0.0
    bottom: float = 1.0
    right: float = 1.0

    def __post_init__(self) -> None:
        inside = 0 <= self.top < self.bottom <= 1 and 0 <= self.left < self.right <= 1
        small = min(self.bottom - self.top, self.right - self.left) < MIN_SHARE - 1e-9
        if not inside or small:
            raise BadDataError(
                f"A crop must be inside of the picture and keep {MIN_SHARE:.0%} of its height and "
                "width. Draw a larger one."
            )

    def cut(self, pixels: Array) -> Array:
        """(h, w, 3): the pixels inside, of (H, W, 3).

        >>> Crop(0.5, 0, 1, 0.5).cut(np.zeros((4, 6, 3))).shape
        (2, 3, 3)
        """
        height, width = pixels.shape[:2]
        top, left = int(self.top * height), int(self.left * width)
        bottom = max(round(self.bottom * height), top + 1)
        right = max(round(self.right * width), left + 1)
        return np.ascontiguousarray(pixels[top:bottom, left:right])


@dataclass(frozen=True)
class BackboneRank:
    """The mate's rank under one backbone."""

    backbone: str
    rank: int


@dataclass(frozen=True)
class CropRank:
    """The mate's rank if the query is cropped; `similarity` is to the mate."""

    crop: Crop
    rank: int
    similarity: float


@dataclass(frozen=True)
class PartRank:
    """The mate's rank if a part of the query is occluded; `similarity` is to the mate."""

    part: Crop
    rank: int
    similarity: float

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the part as (y, x), in shares of the picture."""
        return (self.part.top + self.part.bottom) / 2, (self.part.left + self.part.right) / 2


@dataclass(frozen=True)
class Why:
    """Why a backbone ranks the mate where it does.

    Attributes:
        rank: of the mate, among `gallery` images.
        best, best_rank: the backbone of the question that ranks the mate best; `backbone` itself
            where no other is better.
        matched: the strongest corresponding places in the query and its mate under the best
            backbone, each as (y, x) in shares; None where it has no feature maps.
        needed: the part of the query without which the best backbone ranks the mate worst, if it
            ranks it worse then; only looked for where `matched` is None.
        misleading: the part of the query without which the rank is best, if it improves it.
        crop: the crop with the best rank, if one improves it.
    """

    backbone: str
    rank: int
    gallery: int
    best: str
    best_rank: int
    matched: tuple[tuple[float, float], tuple[float, float]] | None = None
    needed: PartRank | None = None
    misleading: PartRank | None = None
    crop: CropRank | None = None


Change = TypeVar("Change", CropRank, PartRank)


def crop_rank(
    question: Question, query: Picture, mate: Picture, backbone: str, crop: Crop
) -> CropRank:
    """The rank of the mate for a cropped query.

    Args:
        query, mate: images of the question's collection.

    Raises:
        BadDataError: no evidence in the crop. MissingWeightsError: no weights.
    """
    (result,) = _crop_ranks(question, query, mate, backbone, [crop], Monitor())
    if result is None:
        raise BadDataError(f"{backbone} finds nothing to compare there. Draw another crop.")
    return result


def explain(
    question: Question,
    query: Picture,
    mate: Picture,
    backbone: str,
    *,
    monitor: Monitor = Monitor(),
) -> Why:
    """Explain the rank that a backbone gives to a mate, with a counterfactual.

    A fifth of the picture's height and width is occluded at a time (Zeiler and Fergus 2014), and
    crops of up to 30 % off each side, off opposite sides and off all sides are tried.

    Args:
        question: its single backbones are compared. query, mate: images of its collection.

    Raises:
        BadDataError: the two are no query and its mate, or there is no evidence about them.
        MissingWeightsError: no weights. Stopped: the monitor asked to stop.
    """
    if not query.side or not mate.side or query.side == mate.side or query.row != mate.row:
        raise BadDataError(
            f"{mate.name} is not the known mate of {query.name}, so there is no rank to explain. "
            "Choose a query and its mate."
        )
    ranks = _backbone_ranks(question, query, mate)
    own = next((row for row in ranks if row.backbone == backbone), None)
    if own is None:
        raise BadDataError(f"{backbone} has no evidence about this pair. Choose another backbone.")
    best = min(ranks, key=lambda row: (row.rank, row is not own))
    matched = _matched(query, mate, best.backbone)
    needed = misleading = crop = None
    if matched is None:
        parts = occluded_parts(question, query, mate, best.backbone, monitor=monitor)
        worst = max(parts, key=lambda part: (part.rank, -part.similarity), default=None)
        needed = worst if worst is not None and worst.rank > best.rank else None
    if own.rank > 1:
        parts = occluded_parts(question, query, mate, backbone, monitor=monitor)
        misleading = _better(parts, own.rank)
        crops = _crop_ranks(question, query, mate, backbone, candidates(), monitor)
        crop = _better([result for result in crops if result is not None], own.rank)
    gallery, _ = pair.gallery_features(collections.open_(question.collection), mate, backbone)
    return Why(
        backbone,
        own.rank,
        gallery.count,
        best.backbone,
        best.rank,
        matched,
        needed,
        misleading,
        crop,
    )


def occluded_parts(
    question: Question,
    query: Picture,
    mate: Picture,
    backbone: str,
    *,
    monitor: Monitor = Monitor(),
) -> list[PartRank]:
    """The mate's rank with each part of the query occluded in turn, row by row.

    Parts without which there is no evidence are left out.

    Raises:
        BadDataError: no evidence about the two. MissingWeightsError: no weights.
        Stopped: the monitor asked to stop.
    """
    result = pair.occlusion(
        question.collection,
        query,
        mate,
        backbone,
        metric=question.metric,
        cells=CELLS,
        monitor=monitor,
    )
    return [
        PartRank(
            Crop(row / CELLS, column / CELLS, (row + 1) / CELLS, (column + 1) / CELLS),
            int(result.ranks[row, column]),
            float(result.similarities[row, column]),
        )
        for row in range(CELLS)
        for column in range(CELLS)
        if result.ranks is not None and not np.isnan(result.similarities[row, column])
    ]


def candidates() -> list[Crop]:
    """The crops that `explain` tries, those that cut least first."""
    crops = []
    for cut in CUTS:
        kept = 1 - cut
        crops += [Crop(top=cut), Crop(left=cut), Crop(bottom=kept), Crop(right=kept)]
        crops += [Crop(top=cut, bottom=kept), Crop(left=cut, right=kept)]
        crops += [Crop(cut, cut, kept, kept)]
    return crops


def _better(results: Sequence[Change], than: int) -> Change | None:
    """The change of the query with the best rank, if it is better; of equals the most similar."""
    best = min(results, key=lambda result: (result.rank, -result.similarity), default=None)
    return best if best is not None and best.rank < than else None


def _backbone_ranks(question: Question, query: Picture, mate: Picture) -> list[BackboneRank]:
    """The mate's rank under each single backbone that has evidence about the pair."""
    singles = tuple(recipe for recipe in question.recipes if recipe.combine == "none")
    direction: Direction = "lr" if query.side == "left" else "rl"
    asked = Question(question.collection, singles, direction)
    results = search.search(asked, Query(id=query.name), k=1, mode="exact")
    return [
        BackboneRank(result.recipe.backbones[0], result.mate_rank)
        for result in results
        if result.mate_rank is not None and result.mate_id == mate.name
    ]


def _matched(
    query: Picture, mate: Picture, backbone: str
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The strongest corresponding places, if the backbone has feature maps."""
    spec = registry.get(backbone)
    if not spec.weights or spec.preprocessing.raw:
        return None
    try:
        result = pair.correspondences(query, mate, backbone)
    except BadDataError:  # no feature maps
        return None
    if not len(result.match.mutual):
        return None
    cells = result.match.mutual[0]
    shapes = (result.match.left.shape, result.match.right.shape)
    first, second = (
        _place(int(cell), shape, window)
        for cell, shape, window in zip(cells, shapes, result.windows, strict=True)
    )
    return first, second


def _place(
    cell: int, shape: Sequence[int], window: tuple[float, float, float, float]
) -> tuple[float, float]:
    """The center of a cell of the network's window, as shares of the picture."""
    row, column = divmod(cell, shape[1])
    top, left, bottom, right = window
    return (
        top + (row + 0.5) / shape[0] * (bottom - top),
        left + (column + 0.5) / shape[1] * (right - left),
    )


def _crop_ranks(
    question: Question,
    query: Picture,
    mate: Picture,
    backbone: str,
    crops: Sequence[Crop],
    monitor: Monitor,
) -> list[CropRank | None]:
    """The mate's rank for each crop; None where there is no evidence in it."""
    spec = registry.get(backbone)
    embedded = _embed_crops(query.decoded, spec, crops, monitor)
    collection = collections.open_(question.collection)
    gallery, target = pair.gallery_features(collection, mate, backbone)
    metric = recipes.check_metric(question.metric) or spec.metric
    values = metrics.pairwise(embedded, gallery, metric)
    ranks = rank.mate_ranks(values, np.full(len(values), target))
    return [
        None
        if np.isnan(values[row, target])
        else CropRank(crop, int(ranks[row]), float(values[row, target]))
        for row, crop in enumerate(crops)
    ]


def _embed_crops(
    image: features.DecodedImage, spec: BackboneSpec, crops: Sequence[Crop], monitor: Monitor
) -> Features:
    """Features of the crops, one image each."""
    device = forward.resolve_device("auto")
    precision = forward.resolve_precision("auto", device)

    def embed() -> Features:
        rows: list[Array] = []
        for start in range(0, len(crops), BATCH):
            monitor.check()
            batch = [crop.cut(image.pixels) for crop in crops[start : start + BATCH]]
            rows += forward.embed_images(batch, spec, device, precision)
            monitor.report("cropping", len(rows), len(crops))
        index = np.repeat(np.arange(len(rows)), [len(image_rows) for image_rows in rows])
        return Features(spec.name, index, np.concatenate(rows), len(rows))

    key = ("crops", image.digest, extraction.feature_key(spec, precision), tuple(crops))
    return memory.get(key, embed)
