"""Why a backbone misses a mate: what it matched, and the crop with which it would not miss it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
class CropRank:
    """The mate's rank if the query is cropped; `similarity` is to the mate."""

    crop: Crop
    rank: int
    similarity: float


@dataclass(frozen=True)
class Why:
    """Why a backbone ranks the mate where it does.

    Attributes:
        rank: of the mate, among `gallery` images.
        best, best_rank: the backbone of the question that ranks the mate best.
        matched: the strongest corresponding places in the query and its mate, each as (y, x) in
            shares; None where no network of the question has feature maps.
        matched_by: the network that says so.
        crop: the crop with the best rank, if one improves it.
    """

    backbone: str
    rank: int
    gallery: int
    best: str
    best_rank: int
    matched: tuple[tuple[float, float], tuple[float, float]] | None
    matched_by: str
    crop: CropRank | None


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

    Crops of up to 30 % off each side, off opposite sides and off all sides are tried.

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
    ranks = _ranks(question, query, mate)
    if backbone not in ranks:
        raise BadDataError(f"{backbone} has no evidence about this pair. Choose another backbone.")
    best = min(ranks, key=ranks.__getitem__)
    matched_by, matched = _matched(question, query, mate, best)
    crops = _crop_ranks(question, query, mate, backbone, candidates(), monitor)
    better = [crop for crop in crops if crop is not None and crop.rank < ranks[backbone]]
    gallery, _ = pair.gallery_features(collections.open_(question.collection), mate, backbone)
    return Why(
        backbone,
        ranks[backbone],
        gallery.count,
        best,
        ranks[best],
        matched,
        matched_by,
        min(better, key=lambda crop: crop.rank) if better else None,
    )


def candidates() -> list[Crop]:
    """The crops that `explain` tries, those that cut least first."""
    crops = []
    for cut in CUTS:
        kept = 1 - cut
        crops += [Crop(top=cut), Crop(left=cut), Crop(bottom=kept), Crop(right=kept)]
        crops += [Crop(top=cut, bottom=kept), Crop(left=cut, right=kept)]
        crops += [Crop(cut, cut, kept, kept)]
    return crops


def _ranks(question: Question, query: Picture, mate: Picture) -> Mapping[str, int]:
    """The mate's rank under each single backbone that has evidence about the pair."""
    singles = tuple(recipe for recipe in question.recipes if recipe.combine == "none")
    direction: Direction = "lr" if query.side == "left" else "rl"
    asked = Question(question.collection, singles, direction)
    results = search.search(asked, Query(id=query.name), k=1, mode="exact")
    return {
        result.recipe.backbones[0]: result.mate_rank
        for result in results
        if result.mate_rank is not None and result.mate_id == mate.name
    }


def _matched(
    question: Question, query: Picture, mate: Picture, best: str
) -> tuple[str, tuple[tuple[float, float], tuple[float, float]] | None]:
    """The strongest corresponding places under the best network, or else any network."""
    for backbone in dict.fromkeys([best, *question.backbones]):
        spec = registry.get(backbone)
        if not spec.weights or spec.preprocessing.raw:
            continue
        try:
            result = pair.correspondences(query, mate, backbone)
        except BadDataError:  # no feature maps
            continue
        if not len(result.match.mutual):
            continue
        cells = result.match.mutual[0]
        shapes = (result.match.left.shape, result.match.right.shape)
        places = [
            _place(int(cell), shape, window)
            for cell, shape, window in zip(cells, shapes, result.windows, strict=True)
        ]
        return backbone, (places[0], places[1])
    return "", None


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
