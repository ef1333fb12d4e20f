"""Features from the store, shared in memory by all callers, and features of uploaded images."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.data import images as data_images
from simcore.data import result_cache
from simcore.data.result_cache import Arrays
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, UnknownNameError
from simcore.models import forward, registry
from simcore.models.extract import extraction
from simcore.types import Array, Collection, Features, ImageSet

COPY = "features"  # kind of copy: a process that reads it need not import LanceDB (1 s)
MIN_COPIED = 500  # images; fewer are read from the store
# Of their networks a look-up imports the library, which takes seconds and is of no use here.
LIBRARIES = ("timm", "torchvision", "open_clip")
COMPLETE = "complete"  # kind of result on disk: all images have features
PRECISIONS = ("fp32", "bf16")  # in order of preference; a similarity matrix never mixes them


IMAGE_SUFFIXES = data_images.SUFFIXES


@dataclass(frozen=True)
class FeatureCount:
    """How many images of a collection have features of a backbone.

    Attributes:
        done: images with features. images: different images of the collection.
    """

    backbone: str
    done: int
    images: int

    @property
    def complete(self) -> bool:
        """Whether every image has its features."""
        return self.done == self.images


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image that is in no collection (an upload), decoded.

    Attributes:
        digest: content key of the file, with its trim.
        pixels: (H, W, 3) uint8 RGB, upright.
        name: what the file is called.
    """

    digest: str
    pixels: Array
    name: str


def for_side(collection: Collection, images: ImageSet, backbone: str) -> Features:
    """Features of one side of a collection, or of a few of its images.

    Both sides are read together, because reading a table reads all of it.

    Raises:
        BadDataError: not extracted yet; names the command that does it.
        UnknownNameError: no such backbone.
    """
    sides = _sides(collection)
    position = next((n for n, side in enumerate(sides) if side.digest == images.digest), None)
    if position is not None and (key := complete_key(sides, backbone)) is not None:
        return _features(key, sides)[position]
    key = complete_key([images], backbone)
    if key is None:
        raise not_extracted(collection.name, backbone)
    return _features(key, (images,))[0]


def for_images(images: ImageSet, backbone: str) -> Features | None:
    """Features of any images, or None where those of at least one are missing."""
    key = complete_key([images], backbone)
    return None if key is None else _features(key, (images,))[0]


def has_features(images: ImageSet, backbone: str) -> bool:
    """Whether every one of some images has its features; reads none of them."""
    return complete_key([images], backbone) is not None


def absent_keys(keys: Iterable[str], backbone: str) -> set[str]:
    """Those of a few content keys that have no features in any precision."""
    spec, absent = registry.get(backbone), set(keys)
    for precision in PRECISIONS:
        if absent:
            with suppress(BadDataError):  # of a damaged table no feature is known
                key = extraction.feature_key(spec, precision)
                absent = set(FeatureStore.shared().missing(key, sorted(absent)))
    return absent


def is_ready(collection: Collection, backbone: str) -> bool:
    """Whether every image of the collection has its features."""
    return collection_key(collection, backbone) is not None


def collection_key(collection: Collection, backbone: str) -> FeatureKey | None:
    """The key of a backbone's features of both sides; None where some are missing."""
    return complete_key(_sides(collection), backbone)


def complete_key(image_sets: Sequence[ImageSet], backbone: str) -> FeatureKey | None:
    """The key under which all images of some sets have features; None where there is none."""
    library, colon, _ = backbone.partition(":")
    if colon and library in LIBRARIES and not FeatureStore.shared().has_table_of(backbone):
        return None
    spec = registry.get(backbone)
    for precision in PRECISIONS:
        key = extraction.feature_key(spec, precision)
        if not any(_missing(key, images) for images in image_sets):
            return key
    return None


def key_to_read(collection: Collection, backbone: str) -> FeatureKey:
    """The key of the features that `for_side` reads; before there are any, that of fp32."""
    expected = extraction.feature_key(registry.get(backbone), PRECISIONS[0])
    return collection_key(collection, backbone) or expected


def identity(collection: Collection, backbone: str) -> str:
    """Text that changes with the network, its version, its weights and its precision.

    Raises:
        BadDataError: not extracted yet.
    """
    key = collection_key(collection, backbone)
    if key is None:
        raise not_extracted(collection.name, backbone)
    return repr([key] * len(_sides(collection)))


def not_extracted(collection: str, backbone: str) -> BadDataError:
    """The error for features that are missing, with the command that makes them."""
    return BadDataError(
        f"No features of {backbone} for all images of collection {collection!r}. "
        f"Run `simcore extract {collection} --models {backbone}` first."
    )


def counts(collection: Collection) -> list[FeatureCount]:
    """How many images have features, for every backbone with any."""
    sides = _sides(collection)
    digest = ",".join(side.digest for side in sides)
    keys = memory.get(
        ("different images", digest),
        lambda: tuple(dict.fromkeys(key for side in sides for key in side.keys)),
    )
    best: dict[str, int] = {}
    for backbone in FeatureStore.shared().backbones():
        try:
            spec = registry.get(backbone)
        except UnknownNameError:
            continue  # a learned backbone that was removed since
        for precision in PRECISIONS:
            key = extraction.feature_key(spec, precision)
            complete = not any(_missing(key, side) for side in sides)
            done = len(keys) - (0 if complete else _count_missing(key, keys, digest))
            best[backbone] = max(done, best.get(backbone, 0))
            if complete:
                break
    return [FeatureCount(name, done, len(keys)) for name, done in sorted(best.items()) if done]


def decode(
    data: bytes, *, trim: int = 0, ignore_profile: bool = False, name: str = "the image"
) -> DecodedImage:
    """An uploaded file, decoded once however often it is used.

    Args:
        data: the file's bytes.
        trim: rows to cut from the bottom, in px.
        ignore_profile: leave its colors as they are stored.
        name: what errors call the file.

    Raises:
        BadImageError: not a usable image.
    """
    key = data_images.content_key(data, trim, ignore_profile=ignore_profile)
    return decode_as(data, key, name=name)


def decode_as(data: bytes, key: str, *, name: str = "the image") -> DecodedImage:
    """The bytes of an image file, decoded once as its content key says.

    Raises:
        BadImageError: not a usable image, or not the one of the key.
    """
    pixels = memory.get(("decoded image", key), lambda: data_images.load_as(data, key, name=name))
    return DecodedImage(key, pixels, name)


def embed_upload(image: DecodedImage, backbone: str) -> Features:
    """Features of one uploaded image; stored in memory only, never on disk.

    Raises:
        MissingWeightsError: the backbone's weights are missing.
    """
    spec = registry.get(backbone)
    device = forward.resolve_device("auto")
    precision = forward.resolve_precision("auto", device)

    def embed() -> Features:
        (rows,) = forward.embed_images([image.pixels], spec, device, precision)
        return Features(backbone, np.zeros(len(rows), np.int64), rows, 1)

    # The key has the fingerprint of the weights: a learned backbone may be replaced by another one
    # of the same name.
    return memory.get(("upload", image.digest, extraction.feature_key(spec, precision)), embed)


def _sides(collection: Collection) -> tuple[ImageSet, ...]:
    return (collection.left,) if collection.right is None else (collection.left, collection.right)


class _IncompleteError(Exception):
    """Some images have no features; the argument is how many."""


def _missing(key: FeatureKey, images: ImageSet) -> int:
    """How many images have no features.

    Rows are never deleted from a table one by one, so 0 is remembered until the table is set aside;
    any other number, and 0 on disk, for one state of the table. In a table that cannot be read, all
    are missing: extraction computes them again.
    """
    store = FeatureStore.shared()

    def count() -> int:
        state = store.state(key)
        facts = str(store.root), key, state, images.digest
        if state is not None and result_cache.read(COMPLETE, facts) is not None:
            return 0
        missing = _count_missing(key, images.keys, images.digest)
        if missing:
            raise _IncompleteError(missing)
        if state is not None:
            result_cache.write(COMPLETE, facts, {})
        return missing

    try:
        table = (str(store.root), key, store.generation(key))
        return memory.get(("complete", *table, images.digest), count)
    except _IncompleteError as incomplete:
        return int(incomplete.args[0])


def _count_missing(key: FeatureKey, keys: Sequence[str], digest: str) -> int:
    """How many of the keys have no features: counted once for one state of the table.

    Pages ask at every click, and a table takes 10 ms to open.

    Args:
        digest: changes with the keys.
    """
    store = FeatureStore.shared()
    if not store.has_rows(key):
        return len(keys)
    state = store.state(key)  # before the rows are counted: a commit meanwhile is another state

    def count() -> int:
        return len(store.missing(key, keys))

    try:
        if state is None:
            return count()
        facts = (str(store.root), key, store.generation(key), state, digest)
        return memory.get(("missing features", *facts), count)
    except BadDataError:
        return len(keys)


def _features(key: FeatureKey, image_sets: Sequence[ImageSet]) -> tuple[Features, ...]:
    """Features of each set of images; two threads that ask for them share one reading."""
    digests = tuple(images.digest for images in image_sets)
    return memory.get(
        ("features", str(FeatureStore.shared().root), key, digests), lambda: _read(key, image_sets)
    )


def _read(key: FeatureKey, image_sets: Sequence[ImageSet]) -> tuple[Features, ...]:
    store = FeatureStore.shared()

    def read() -> Arrays:
        index, values = store.read(key, [name for images in image_sets for name in images.keys])
        return {"index": index, "values": values}

    rows: Arrays
    if sum(map(len, image_sets)) < MIN_COPIED:
        rows = read()
    else:
        digests = tuple(images.digest for images in image_sets)
        rows = result_cache.copy(COPY, (key, store.generation(key), digests), read)
    index, values = rows["index"], rows["values"]
    ends = np.cumsum([len(images) for images in image_sets])
    starts = ends - [len(images) for images in image_sets]
    ranges = zip(np.searchsorted(index, starts), np.searchsorted(index, ends), strict=True)
    return tuple(
        Features(key.backbone, index[first:last] - start, values[first:last], len(images))
        for images, start, (first, last) in zip(image_sets, starts, ranges, strict=True)
    )
