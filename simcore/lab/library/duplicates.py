"""Near-duplicate images of a collection: how they are found, and verdicts by people."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore import memory
from simcore.data import cache_dir, result_cache, state_files
from simcore.errors import BadDataError
from simcore.evaluate.retrieval import near_duplicates, near_join
from simcore.lab import work_estimates
from simcore.lab.library import collections, features
from simcore.models import registry
from simcore.types import Array, Collection, Features, Metric, Monitor

NearDuplicate = near_duplicates.NearDuplicate
Thresholds = near_duplicates.Thresholds
PAPERS_NETWORKS = ("densenet121", "torchvision:densenet121")
NEAR_DUPLICATES = "near-duplicates"  # kind of result on disk
NEARER = "nearer-duplicates"  # in memory: those of the stored ones up to smaller distances
# Cosine distances of images that a split keeps together, see `near_duplicates.split_groups`: always
# up to the first, up to the second unless they would chain unlike pairs to one group.
COPY_DISTANCE, SPLIT_DISTANCE = 0.05, 0.10
THRESHOLDS = "near-duplicate-thresholds"  # kind of result on disk
MAX_DISTANCE = 0.4  # largest distance that the page offers
EXACT_IMAGES = 50_000  # per side; of more, each is compared with its neighborhood only
DUPLICATE_BACKBONES = ("densenet121", "conv", "torchvision:densenet121", "mobilenetv2")


@dataclass(frozen=True)
class NearDuplicates:
    """Near-duplicates of a collection.

    Attributes:
        pairs: nearest first.
        note: a sentence where a few may be missing, else "".
    """

    pairs: tuple[NearDuplicate, ...]
    note: str = ""


def read_verdicts(name: str) -> frozenset[tuple[str, str]]:
    """Pairs of content keys that people marked as no near-duplicates.

    Raises:
        DamagedFileError: the file of verdicts is damaged; it is not overwritten.
    """
    stored = state_files.read_json(
        _verdicts_file(name), lambda rows: frozenset((str(a), str(b)) for a, b in rows)
    )
    return stored or frozenset()


def store_verdicts(name: str, pairs: frozenset[tuple[str, str]]) -> None:
    """Store all pairs that people marked as no near-duplicates; replaces the stored ones.

    Raises:
        DamagedFileError: the stored ones are damaged; they are not overwritten.
    """
    read_verdicts(name)
    state_files.write_json(_verdicts_file(name), sorted(pairs))


def verdicts_changed(name: str) -> int:
    """Changes whenever a verdict is added or withdrawn."""
    path = _verdicts_file(name)
    return path.stat().st_mtime_ns if path.exists() else 0


def _verdicts_file(name: str) -> Path:
    return cache_dir.root() / "collections" / name / "overruled.json"


def pair_groups(collection: Collection, *, monitor: Monitor = Monitor()) -> tuple[Array, str]:
    """(N,) groups of pairs that must stay together, and the backbone used ("" = none).

    Pairs with the same image always belong together; near-duplicates only if features of a generic
    network are extracted, and up to `COPY_DISTANCE` always. Of more than `EXACT_IMAGES` pairs a few
    near-duplicates may be missing.
    """
    pairs = collection.pairs()
    backbone = default_backbone_if_ready(collection)
    duplicates: list[NearDuplicate] = []
    if backbone:
        duplicates += find_near_duplicates(
            collection, backbone, SPLIT_DISTANCE, SPLIT_DISTANCE, monitor=monitor
        ).pairs
    first_row: dict[str, int] = {}  # content key -> first row that shows it
    for side in (pairs.queries, pairs.gallery):
        for row, key in enumerate(side.keys):
            first = first_row.setdefault(key, row)
            if first != row:
                duplicates.append(NearDuplicate("left", first, "left", row, 0.0))
    groups = near_duplicates.split_groups(
        duplicates, len(pairs), certain=COPY_DISTANCE, limit=SPLIT_DISTANCE
    )
    return groups, backbone


def set_verdict(name: str, duplicate: NearDuplicate, *, accepted: bool) -> None:
    """Store whether a person accepts two images as near-duplicates.

    Verdicts are stored by content, so they hold under any thresholds. They count for the protocols
    that follow the paper's text; the `-paper` subsets stay as the authors ran them.
    """
    pair = image_keys(collections.open_(name), duplicate)
    refused = read_verdicts(name)
    store_verdicts(name, refused - {pair} if accepted else refused | {pair})


def default_backbone(name: str) -> str:
    """The network that judges near-duplicates by default.

    Raises:
        BadDataError: no generic network is extracted yet.
    """
    return generic_backbone(collections.open_(name))


def default_backbone_if_ready(collection: Collection) -> str:
    """The network that judges near-duplicates by default; empty where none is extracted."""
    try:
        return generic_backbone(collection)
    except BadDataError:
        return ""


def candidates(name: str) -> list[str]:
    """Backbones that may judge near-duplicates, the one that the page opens with first.

    It is the default of the papers' protocol where its features are extracted.

    Raises:
        BadDataError: nothing is extracted yet.
    """
    ready = collections.extracted_backbones(name)
    first = default_backbone_if_ready(collections.open_(name))
    return [first, *(each for each in ready if each != first)] if first else ready


def find_near_duplicates(
    collection: Collection,
    backbone: str,
    within: float,
    across: float,
    metric: Metric = "cosine",
    *,
    monitor: Monitor = Monitor(),
) -> NearDuplicates:
    """Near-duplicates by one backbone, nearest first, without regard to verdicts.

    Of more than `EXACT_IMAGES` images per side a few may be missing; `note` says how many.

    Args:
        within, across: largest distance within a side, and between the sides.

    Raises:
        BadDataError: the features are missing, or there are too many near-duplicates.
        Stopped: the monitor asked to stop.
    """
    asked = within, across, metric
    compared = _compared_limits(collection, backbone, *asked)

    def nearer() -> NearDuplicates:
        try:
            every = _compare(collection, backbone, *compared, metric, monitor=monitor)
        except BadDataError:  # too many within the larger distances
            return _compare(collection, backbone, *asked, monitor=monitor)
        limits = {True: within, False: across}
        pairs = [
            each for each in every.pairs if each.distance <= limits[each.side == each.other_side]
        ]
        return NearDuplicates(tuple(pairs), every.note)

    if compared == (within, across):
        return _compare(collection, backbone, *asked, monitor=monitor)
    return memory.get((NEARER, _key(collection, backbone, *asked)), nearer)


def _compared_limits(
    collection: Collection, backbone: str, within: float, across: float, metric: Metric
) -> tuple[float, float]:
    """The distances up to which near-duplicates are stored, at least `within` and `across`.

    Of the network that judges them by default, the protocols ask for several distances: one
    comparison up to the largest serves them all.
    """
    is_shared = (
        metric == "cosine"
        and max(within, across) <= near_duplicates.TEXT
        and len(collection.left) <= EXACT_IMAGES
        and backbone == default_backbone_if_ready(collection)
    )
    return (near_duplicates.TEXT, near_duplicates.TEXT) if is_shared else (within, across)


def _compare(
    collection: Collection,
    backbone: str,
    within: float,
    across: float,
    metric: Metric,
    *,
    monitor: Monitor,
) -> NearDuplicates:
    """Near-duplicates up to just these distances, stored on disk."""
    key = _key(collection, backbone, within, across, metric)

    def compute() -> result_cache.Arrays:
        left, right = both_sides(collection, backbone)
        limits = {"within": within, "across": across}
        if left.count <= EXACT_IMAGES:
            duplicates = near_duplicates.find(left, right, **limits, metric=metric, monitor=monitor)
            return _to_arrays(duplicates) | {"measured": np.zeros(3, np.int64)}
        join = near_join.find(left, right, **limits, metric=metric, monitor=monitor)
        measured = np.array([join.known, join.found, join.checked])
        return _to_arrays(join.duplicates) | {"measured": measured}

    return memory.get(
        (NEAR_DUPLICATES, key),
        lambda: _from_arrays(result_cache.get(NEAR_DUPLICATES, key, compute)),
    )


def seconds(
    collection: Collection, backbone: str, within: float, across: float, metric: Metric = "cosine"
) -> float:
    """Estimated seconds of `find_near_duplicates`; 0 where its result is stored.

    Raises:
        BadDataError: the features are missing.
    """
    compared = _compared_limits(collection, backbone, within, across, metric)
    for limits in (compared, (within, across)):
        key = _key(collection, backbone, *limits, metric)
        if memory.contains((NEAR_DUPLICATES, key)) or result_cache.contains(NEAR_DUPLICATES, key):
            return 0.0
    images = len(collection.left) ** 2 * (1 if collection.right is None else 3)
    return work_estimates.near_duplicates(backbone, metric, images)


def _key(
    collection: Collection, backbone: str, within: float, across: float, metric: Metric
) -> tuple[object, ...]:
    digests = tuple(side.digest for side in collection.sides())
    return features.identity(collection, backbone), digests, within, across, metric


def _measured_note(known: int, found: int, checked: int) -> str:
    """One sentence on near-duplicates that may be missing; "" where all images were compared.

    >>> _measured_note(41, 40, 2000)
    'Approximate: 40 of the 41 near-duplicates of 2,000 images drawn at random were found.'
    """
    if not checked:
        return ""
    return (
        f"Approximate: {found:,} of the {known:,} near-duplicates of {checked:,} images drawn at "
        "random were found."
    )


def _to_arrays(duplicates: Sequence[NearDuplicate]) -> dict[str, Array]:
    """One array per field, in the order of the near-duplicates."""
    return {
        "side": np.array([each.side for each in duplicates], "U5"),
        "row": np.array([each.row for each in duplicates], np.int64),
        "other_side": np.array([each.other_side for each in duplicates], "U5"),
        "other": np.array([each.other for each in duplicates], np.int64),
        "distance": np.array([each.distance for each in duplicates], np.float64),
    }


def _from_arrays(arrays: result_cache.Arrays) -> NearDuplicates:
    columns = {name: values.tolist() for name, values in arrays.items()}
    duplicates = tuple(
        NearDuplicate(*row)
        for row in zip(
            *(columns[name] for name in ("side", "row", "other_side", "other", "distance")),
            strict=True,
        )
    )
    return NearDuplicates(duplicates, _measured_note(*columns["measured"]))


def thresholds(name: str, backbone: str) -> Thresholds:
    """The distances up to which images are near-duplicates under a backbone.

    Those of rosenfeld2018 belong to densenet121; for any other backbone they are found by how near
    unrelated images of the collection are to each other, see `near_duplicates.thresholds`.

    Raises:
        BadDataError: the features are missing.
    """
    if backbone in PAPERS_NETWORKS:
        return Thresholds(near_duplicates.WITHIN, near_duplicates.ACROSS)
    collection = collections.open_(name)
    key = _thresholds_key(collection, backbone)

    def compute() -> result_cache.Arrays:
        limits = near_duplicates.thresholds(*both_sides(collection, backbone))
        return {"thresholds": np.array([limits.within, limits.across])}

    return memory.get(
        (THRESHOLDS, key),
        lambda: Thresholds(*result_cache.get(THRESHOLDS, key, compute)["thresholds"].tolist()),
    )


def is_threshold_quick(name: str, backbone: str) -> bool:
    """Whether a visitor can wait for `thresholds`: few images, or they are stored.

    Raises:
        BadDataError: the features are missing.
    """
    collection = collections.open_(name)
    if backbone in PAPERS_NETWORKS or _has_thresholds(collection, backbone):
        return True
    images = len(collection.left)
    compared = near_duplicates.compared_images(images) * images
    compared *= 1 if collection.right is None else 3
    seconds = work_estimates.near_duplicates(backbone, "cosine", compared)
    return work_estimates.is_short(seconds)


def _has_thresholds(collection: Collection, backbone: str) -> bool:
    key = _thresholds_key(collection, backbone)
    return memory.contains((THRESHOLDS, key)) or result_cache.contains(THRESHOLDS, key)


def _thresholds_key(collection: Collection, backbone: str) -> tuple[object, ...]:
    digests = tuple(side.digest for side in collection.sides())
    return features.identity(collection, backbone), digests


def opening_thresholds(name: str, backbone: str) -> Thresholds:
    """The distances that the page Duplicates opens with: `thresholds`, rounded down for sliders.

    Raises:
        BadDataError: the features are missing.
    """
    exact = thresholds(name, backbone)
    within, across = (
        min(MAX_DISTANCE, math.floor(1000 * distance) / 1000)
        for distance in (exact.within, exact.across)
    )
    return Thresholds(within, across)


def both_sides(collection: Collection, backbone: str) -> tuple[Features, Features]:
    """Features of the left and of the right images; of none on the right without known mates.

    Raises:
        BadDataError: the features are missing.
    """
    left = features.for_side(collection, collection.left, backbone)
    if collection.right is None:
        none = Features(backbone, left.index[:0], left.values[:0], 0)
        return left, none
    return left, features.for_side(collection, collection.right, backbone)


def image_keys(collection: Collection, duplicate: NearDuplicate) -> tuple[str, str]:
    """The content keys of two near-duplicates, in alphabetical order."""
    sides = {"left": collection.left, "right": collection.sides()[1]}
    first = sides[duplicate.side].keys[duplicate.row]
    second = sides[duplicate.other_side].keys[duplicate.other]
    return min(first, second), max(first, second)


def refused_pairs(
    collection: Collection, duplicates: Sequence[NearDuplicate]
) -> frozenset[near_duplicates.Identity]:
    """Those of some near-duplicates that people marked as none."""
    verdicts = read_verdicts(collection.name)
    if not verdicts:
        return frozenset()
    return frozenset(
        near_duplicates.identity(duplicate)
        for duplicate in duplicates
        if image_keys(collection, duplicate) in verdicts
    )


def generic_backbone(collection: Collection) -> str:
    """The first extracted network of `DUPLICATE_BACKBONES`, else any extracted network.

    Raises:
        BadDataError: no generic network is extracted yet.
    """
    for name in (*DUPLICATE_BACKBONES, *registry.names("networks")):
        if features.is_ready(collection, name):
            return name
    raise BadDataError(
        f"Near-duplicates need the features of a generic network, and {collection.name!r} has "
        f"none. Run `simcore extract {collection.name} --models mobilenetv2` first."
    )


def face_backbone(collection: Collection) -> str:
    """The face descriptor of the papers' protocols: behind dlib's network where that has been run.

    The authors of rosenfeld2018 ran dlib's network (`face-cnn`); `face` is dlib's faster detector.
    """
    return "face-cnn" if features.is_ready(collection, "face-cnn") else "face"
