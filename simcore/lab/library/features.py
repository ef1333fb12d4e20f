"""Features out of the store, kept in memory between questions."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock

import numpy as np

from simcore.data import images
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, UnknownNameError
from simcore.models import forward, registry
from simcore.models.extract import extraction
from simcore.types import Collection, Features, ImageSet

MOST = 1_500_000_000  # bytes of features in memory: two and a half times TLL with 8 backbones
PRECISIONS = ("fp32", "bf16")  # preferred first; one matrix is never made of both


def for_side(
    collection: Collection, images: ImageSet, backbone: str, *, large: bool = False
) -> Features:
    """Features of one side of a collection, or of a few of its images.

    Args:
        large: as in `of`.

    Raises:
        BadDataError: not extracted yet; names the command that does it.
        UnknownNameError: no such backbone.
    """
    slot = complete_slot(images.keys, backbone)
    if slot is None:
        raise BadDataError(
            f"found no features of {backbone} for all images of {collection.name!r}; "
            f"run `simcore extract {collection.name} --models {backbone}` first"
        )
    if large:
        return _latest(str(FeatureStore().root), backbone, slot, images.keys)
    return _shelf.get(backbone, slot, images.keys, beside=_other(collection, images))


def for_images(images: ImageSet, backbone: str, *, large: bool = False) -> Features | None:
    """Features of any images, or None where those of one are missing.

    Args:
        large: keep them in memory only until others are asked for; judgements may show 100,000
            images, half a gigabyte a backbone.
    """
    slot = complete_slot(images.keys, backbone)
    if slot is None:
        return None
    if large:
        return _latest(str(FeatureStore().root), backbone, slot, images.keys)
    return _shelf.get(backbone, slot, images.keys)


def has_features(images: ImageSet, backbone: str) -> bool:
    """Whether any images have all their features; reads none of them."""
    return complete_slot(images.keys, backbone) is not None


def is_ready(collection: Collection, backbone: str) -> bool:
    """Whether every image of the collection has its features."""
    return all(has_features(side, backbone) for side in _sides(collection))


def identity(collection: Collection, backbone: str) -> str:
    """What changes when the features of a collection would: network, version, weights, precision.

    Raises:
        BadDataError: not extracted yet.
    """
    slots = [complete_slot(side.keys, backbone) for side in _sides(collection)]
    if not all(slots):
        for_side(collection, collection.left, backbone)  # says what is missing, and the command
        for_side(collection, collection.pairs().gallery, backbone)
    return repr(slots)


def counts(collection: Collection) -> list[dict]:
    """For every backbone with any features here: {"backbone", "done", "images"}."""
    keys = tuple(dict.fromkeys(key for side in _sides(collection) for key in side.keys))
    store = FeatureStore()
    best: dict[str, int] = {}
    for backbone in store.backbones():
        try:
            spec = registry.get(backbone)
        except UnknownNameError:
            continue  # learned once, and its file taken away by hand
        for precision in PRECISIONS:
            slot = extraction.feature_key(spec, precision)
            best[backbone] = max(_done(store, slot, keys), best.get(backbone, 0))
            if best[backbone] == len(keys):
                break
    return [
        {"backbone": name, "done": done, "images": len(keys)}
        for name, done in sorted(best.items())
        if done
    ]


def _sides(collection: Collection) -> list[ImageSet]:
    return [collection.left] if collection.right is None else [collection.left, collection.right]


def _other(collection: Collection, images: ImageSet) -> ImageSet | None:
    """The side that is not `images`: who asks for one mostly asks for both."""
    left, right = collection.left, collection.right
    if right is None or images.keys not in (left.keys, right.keys):
        return None
    return right if images.keys == left.keys else left


def complete_slot(keys: tuple[str, ...], backbone: str) -> FeatureKey | None:
    spec, store = registry.get(backbone), FeatureStore()
    for precision in PRECISIONS:
        slot = extraction.feature_key(spec, precision)
        if _done(store, slot, keys) == len(keys):
            return slot
    return None


# Rows are never taken out of a table one by one, so "complete" stays true while the table stands.
_COMPLETE: set[tuple[str, FeatureKey, int]] = set()


def _done(store: FeatureStore, slot: FeatureKey, keys: tuple[str, ...]) -> int:
    """How many of some images are there; pages ask for all of them again and again."""
    known = (str(store.root), slot, hash(keys))
    if known in _COMPLETE:
        return len(keys)
    lacking = len(store.missing(slot, keys))
    if not lacking and len(keys) > 1:  # a single query is not asked for again and again
        _COMPLETE.add(known)
    return len(keys) - lacking


@dataclass
class _Place:
    """One side's features, or that somebody is reading them."""

    lock: Lock = field(default_factory=Lock)
    found: Features | None = None


class _Shelf:
    """Features in memory, shared by all visitors; those not asked for longest go first."""

    def __init__(self, most: int) -> None:
        self.most = most  # bytes
        self.places: OrderedDict[tuple[str, FeatureKey, tuple[str, ...]], _Place] = OrderedDict()
        self.lock = Lock()

    def get(
        self, backbone: str, slot: FeatureKey, keys: tuple[str, ...], beside: ImageSet | None = None
    ) -> Features:
        """The features of some images; `beside` are read with them, since reading reads all."""
        place = self._place(slot, keys)
        with place.lock:  # two visitors wait for one reading, and then hold the same rows
            new = place.found is None
            if place.found is None:
                both = keys + beside.keys if beside else keys
                every = _stored(backbone, slot, both)
                place.found, rest = _cut(every, len(keys))
                if beside is not None:
                    self._put(slot, beside.keys, rest)
            found = place.found
        if new:
            self._thin()
        return found

    def _place(self, slot: FeatureKey, keys: tuple[str, ...]) -> _Place:
        name = (str(FeatureStore().root), slot, keys)
        with self.lock:
            place = self.places.setdefault(name, _Place())
            self.places.move_to_end(name)
            return place

    def _put(self, slot: FeatureKey, keys: tuple[str, ...], found: Features) -> None:
        place = self._place(slot, keys)
        # Whoever reads that side just now finds the same; nobody waits for anybody in a circle.
        if place.lock.acquire(blocking=False):
            try:
                place.found = place.found or found
            finally:
                place.lock.release()

    def _thin(self) -> None:
        with self.lock:
            held = [p.found.values.nbytes if p.found else 0 for p in self.places.values()]
            too_much = sum(held) - self.most
            for name, size in list(zip(self.places, held, strict=True))[:-2]:
                if too_much <= 0:
                    break
                if size:
                    del self.places[name]
                    too_much -= size


def _cut(both: Features, first: int) -> tuple[Features, Features]:
    """The first images and the others; their rows stay where they are."""
    at = int(np.searchsorted(both.index, first))
    return (
        Features(both.backbone, both.index[:at], both.values[:at], first),
        Features(both.backbone, both.index[at:] - first, both.values[at:], both.count - first),
    )


def _stored(backbone: str, slot: FeatureKey, keys: tuple[str, ...]) -> Features:
    index, values = FeatureStore().read(slot, keys)
    return Features(backbone, index, values, len(keys))


@lru_cache(maxsize=1)
def _latest(_root: str, backbone: str, slot: FeatureKey, keys: tuple[str, ...]) -> Features:
    return _stored(backbone, slot, keys)


_shelf = _Shelf(MOST)


def embed_upload(data: bytes, backbones: tuple[str, ...], *, trim: int = 0) -> dict[str, Features]:
    """Features of one uploaded image; the last few uploads are kept in memory, never on disk."""
    return dict(zip(backbones, _embed(data, backbones, trim), strict=True))


@lru_cache(maxsize=16)
def _embed(data: bytes, backbones: tuple[str, ...], trim: int) -> tuple[Features, ...]:
    picture = images.load(data, trim=trim)
    device = forward.resolve_device("auto")
    precision = forward.resolve_precision("auto", device)
    found = []
    for name in backbones:
        (rows,) = forward.embed_images([picture], registry.get(name), device, precision)
        found.append(Features(name, np.zeros(len(rows), np.int64), rows, 1))
    return tuple(found)
