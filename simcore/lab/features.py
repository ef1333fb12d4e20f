"""Features out of the store, kept in memory between questions."""

from functools import lru_cache

from simcore.data.store import Slot, Store
from simcore.errors import BadDataError, UnknownNameError
from simcore.models import extract, registry
from simcore.types import Collection, Features, ImageSet

PRECISIONS = ("fp32", "bf16")  # preferred first; one matrix is never made of both


def read(
    collection: Collection, images: ImageSet, backbone: str, *, large: bool = False
) -> Features:
    """Features of one side of a collection, or of a few of its images.

    Args:
        large: as in `of`.

    Raises:
        BadDataError: not extracted yet; names the command that does it.
        UnknownNameError: no such backbone.
    """
    found = of(images, backbone, large=large)
    if found is None:
        raise BadDataError(
            f"found no features of {backbone} for all images of {collection.name!r}; "
            f"run `simcore extract {collection.name} --models {backbone}` first"
        )
    return found


def of(images: ImageSet, backbone: str, *, large: bool = False) -> Features | None:
    """Features of any images, or None where those of one are missing.

    Args:
        large: keep them in memory only until others are asked for; judgements may show 100,000
            images, half a gigabyte a backbone.
    """
    slot = complete_slot(images.keys, backbone)
    if slot is None:
        return None
    return (_latest if large else _read)(str(Store().root), backbone, slot, images.keys)


def has(images: ImageSet, backbone: str) -> bool:
    """Whether any images have all their features; reads none of them."""
    return complete_slot(images.keys, backbone) is not None


def ready(collection: Collection, backbone: str) -> bool:
    """Whether every image of the collection has its features."""
    return all(has(side, backbone) for side in _sides(collection))


def identity(collection: Collection, backbone: str) -> str:
    """What changes when the features of a collection would: network, version, weights, precision.

    Raises:
        BadDataError: not extracted yet.
    """
    slots = [complete_slot(side.keys, backbone) for side in _sides(collection)]
    if not all(slots):
        read(collection, collection.left, backbone)  # says what is missing, and the command
        read(collection, collection.pairs().gallery, backbone)
    return repr(slots)


def counts(collection: Collection) -> list[dict]:
    """For every backbone with any features here: {"backbone", "done", "images"}."""
    keys = tuple(dict.fromkeys(key for side in _sides(collection) for key in side.keys))
    store = Store()
    best: dict[str, int] = {}
    for backbone in dict.fromkeys(table["backbone"] for table in store.sizes()):
        try:
            spec = registry.spec(backbone)
        except UnknownNameError:
            continue  # learned once, and its file taken away by hand
        for precision in PRECISIONS:
            slot = extract.slot(spec, precision)
            done = len(keys) - len(store.missing(slot, keys))
            best[backbone] = max(done, best.get(backbone, 0))
    return [
        {"backbone": name, "done": done, "images": len(keys)}
        for name, done in sorted(best.items())
        if done
    ]


def _sides(collection: Collection) -> list[ImageSet]:
    return [collection.left] if collection.right is None else [collection.left, collection.right]


def complete_slot(keys: tuple[str, ...], backbone: str) -> Slot | None:
    spec, store = registry.spec(backbone), Store()
    for precision in PRECISIONS:
        slot = extract.slot(spec, precision)
        if _known_complete(str(store.root), slot, keys) or not store.missing(slot, keys):
            if len(keys) > 1:  # a single query is not asked for again and again
                _COMPLETE.add((str(store.root), slot, hash(keys)))
            return slot
    return None


# Rows are never taken out of a table one by one, so "complete" stays true while the table stands.
_COMPLETE: set[tuple[str, Slot, int]] = set()


def _known_complete(root: str, slot: Slot, keys: tuple[str, ...]) -> bool:
    return (root, slot, hash(keys)) in _COMPLETE


def _stored(_root: str, backbone: str, slot: Slot, keys: tuple[str, ...]) -> Features:
    index, values = Store().read(slot, keys)
    return Features(backbone, index, values, len(keys))


_read = lru_cache(maxsize=64)(_stored)
_latest = lru_cache(maxsize=1)(_stored)
