"""Parts of a collection's pairs that the papers evaluate on: TLLd, TLLobj, faces, objects."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from simcore.data import images
from simcore.errors import BadDataError, unknown
from simcore.evaluate import duplicates, faces
from simcore.lab import collections, features, seen
from simcore.models import learned, registry
from simcore.types import Array, Collection, Features, Metric

SUBSETS = {
    "all": "every pair",
    "tlld": "without near-duplicates, of faces too where they are extracted (rosenfeld2018, text)",
    "tlld-paper": "without near-duplicates, as the authors' notebook does it, quirks included",
    "tllobj": "without near-duplicates and without any detected face",
    "tllobj-paper": "as the authors' notebook does it: images with two or more faces stay in",
    "faces": "a face detected on both sides (risser-maroux2021, with dlib's detector)",
    "objects": "all pairs that are not in faces",
    "haar-faces": "a face on both sides by a Haar cascade, as risser-maroux2021 split them",
    "haar-objects": "all pairs that are not in haar-faces",
    "reviewed": "without the pairs that annotators call bad or doubled (Review)",
}
DETECTORS = {
    "face": "dlib's HOG detector, on the doubled image",
    "face-cnn": "dlib's network, as the authors of rosenfeld2018 ran it",
    "haar": "OpenCV's Haar cascade for frontal faces",
}
UNSEEN = seen.UNSEEN  # and a learned backbone's name: the pairs that it was never shown
Twin = duplicates.Twin
GENERIC = ("densenet121", "conv", "torchvision:densenet121", "mobilenetv2")


@dataclass(frozen=True)
class Duplicates:
    """Near-duplicates of a collection.

    Attributes:
        by: the backbone whose cosine distance was used.
        within, across: thresholds.
        twins: what was found, nearest first.
        refused: one a twin, whether a person said that it is none.
        groups: (N,) group of each pair.
        kept: {"subset": pairs} left by each protocol.
    """

    by: str
    within: float
    across: float
    twins: tuple[duplicates.Twin, ...]
    refused: tuple[bool, ...]
    groups: Array
    kept: dict[str, int]


def open_(name: str, subset: str = "all") -> Collection:
    """A collection, or the pairs of it that belong to a subset.

    Raises:
        UnknownNameError: no such collection or subset. BadDataError: no pair is left, or the
            features that decide (faces, a generic network) have not been extracted.
    """
    if subset.startswith(UNSEEN):
        stem = subset.removeprefix(UNSEEN)
        return _unseen(collections.open_(name), stem, learned.lineage(stem)["sha256"])
    if subset not in SUBSETS:
        raise unknown("subset", subset, [*SUBSETS, f"{UNSEEN}NAME"])
    if subset == "reviewed":
        from simcore.data.answers import reviews  # opens a database; the others need none

        return _chosen(collections.open_(name), subset, reviews.stamp(name))
    return _chosen(collections.open_(name), subset, collections.overruled_stamp(name))


def choices(name: str) -> dict[str, str]:
    """Subsets of a collection and what they hold, those of its learned backbones among them."""
    stems = [typed.removeprefix(learned.PREFIX) for typed in taught(collections.open_(name))]
    return SUBSETS | {
        UNSEEN + stem: f"the pairs that learned:{stem} was not learned from" for stem in stems
    }


def taught(collection: Collection) -> list[str]:
    """Learned backbones that some pictures of a collection were shown to, as pairs or otherwise."""
    keys = [key for side in collection.sides() for key in side.keys]
    by_digest = {
        name
        for name in learned.names()
        if learned.lineage(name)["digest"].startswith(collection.digest)
    }
    by_content = seen.of(learned.names(), keys)
    return [name for name in learned.names() if name in by_digest or name in by_content]


def find_duplicates(
    name: str, *, by: str = "", within: float = duplicates.WITHIN, across: float = duplicates.ACROSS
) -> Duplicates:
    """Near-duplicates by a backbone's cosine distance, and how many pairs each protocol keeps.

    The thresholds were chosen for densenet121; another network has another scale.
    """
    collection = collections.open_(name)
    chosen = by or _generic(collection)
    pairs = collection.pairs()
    found = _twins(collection, chosen, within, across)
    refused = _refused(collection, found)
    kept = {"clean": int(duplicates.clean(found, len(pairs), refused=refused).sum())}
    for subset in ("tlld-paper", "tllobj", "tllobj-paper"):
        if features.ready(collection, "face"):
            stamp = collections.overruled_stamp(name)
            kept[subset] = int(_rows(collection, subset, stamp).size)
    return Duplicates(
        chosen,
        within,
        across,
        found,
        tuple(duplicates.identity(twin) in refused for twin in found),
        duplicates.groups(found, len(pairs), refused=refused),
        kept,
    )


def overrule(name: str, twin: duplicates.Twin, *, duplicate: bool) -> None:
    """Remember what a person says of two images: by their content, so it outlives thresholds.

    It counts for the protocols that follow the text; the `-paper` ones stay as they were run.
    """
    pair = _keys(collections.open_(name), twin)
    known = collections.overruled(name)
    collections.overrule(name, known - {pair} if duplicate else known | {pair})


def judge(name: str) -> str:
    """The network that near-duplicates are judged by unless another is asked for.

    Raises:
        BadDataError: no generic network's features are there yet.
    """
    return _generic(collections.open_(name))


def judge_of(collection: Collection) -> str:
    """The same for an open collection; empty where no generic network's features are there."""
    try:
        return _generic(collection)
    except BadDataError:
        return ""


def count_faces(name: str, detector: str = "face") -> faces.FaceCounts:
    """Faces per image and how far the two sides agree (Fig. 5c).

    Raises:
        UnknownNameError: no such detector. BadDataError: it has not been run on the collection.
    """
    if detector not in DETECTORS:
        raise unknown("detector", detector, DETECTORS)
    return _faces(collections.open_(name), detector)


# `stamp` is when overrulings, or reviews, last changed: another stamp, another entry in the cache.
@lru_cache(maxsize=32)
def _chosen(collection: Collection, subset: str, stamp: int) -> Collection:
    if subset == "all":
        return collection
    rows = _rows(collection, subset, stamp)
    if not rows.size:
        raise BadDataError(f"found no pair of {collection.name!r} in {subset}; choose another")
    return _taken(collection, rows, f"{subset}-{stamp}")


def _taken(collection: Collection, rows: Array, mark: str) -> Collection:
    return replace(
        collection,
        left=collection.left.take(rows),
        right=collection.pairs().gallery.take(rows),
        votes=None if collection.votes is None else collection.votes[rows],
        digest=f"{collection.digest}-{mark}",
    )


@lru_cache(maxsize=32)
def _unseen(collection: Collection, name: str, _digest: str) -> Collection:
    told = learned.lineage(name)
    if told.get("collection") == collection.name:
        places = {image: row for row, image in enumerate(collection.left.ids)}
        rows = [places[image] for image in told["test_ids"] if image in places]
    else:
        known, pairs = learned.seen(name), collection.pairs()
        rows = [
            row
            for row, keys in enumerate(zip(pairs.queries.keys, pairs.gallery.keys, strict=True))
            if not known & {images.picture(key) for key in keys}
        ]
        if len(rows) == len(pairs):
            raise BadDataError(
                f"found that learned:{name} comes from {learned.worth(told)['data']!r}; expected "
                f"one that was learned from pictures of {collection.name!r}; every other pair is "
                "unseen anyway"
            )
    if not rows:
        raise BadDataError(
            f"found no pair of {collection.name!r} that learned:{name} never saw; expected some; "
            "judge it on another collection"
        )
    return _taken(collection, np.array(rows), f"{UNSEEN}{name}")


@lru_cache(maxsize=32)
def _rows(collection: Collection, subset: str, _stamp: int) -> Array:
    if subset == "reviewed":
        from simcore.data.answers import reviews

        bad = reviews.bad(collection.name)
        return np.flatnonzero([keys not in bad for keys in _pair_keys(collection)])
    if subset.endswith(("faces", "objects")):
        both = _faces(collection, "haar" if subset.startswith("haar") else "face").faces
        return np.flatnonzero(both if subset.endswith("faces") else ~both)
    pairs = collection.pairs()
    by = _generic(collection)
    if subset.endswith("-paper"):
        generic, face = (_both(collection, one) for one in (by, "face"))
        keep = duplicates.paper if subset == "tlld-paper" else duplicates.paper_objects
        return np.flatnonzero(keep(*generic, *face))
    twins = _twins(collection, by, duplicates.TEXT, duplicates.TEXT)
    if subset == "tlld" and features.ready(collection, "face"):
        most = duplicates.FACES_TEXT
        twins += _twins(collection, "face", most, most, "l2")
    kept = duplicates.clean(twins, len(pairs), refused=_refused(collection, twins))
    if subset == "tllobj":
        kept &= _faces(collection).objects
    return np.flatnonzero(kept)


# Pages ask again whenever anything on them changes; what a person refuses is taken off afterwards.
@lru_cache(maxsize=8)
def _twins(
    collection: Collection, by: str, within: float, across: float, metric: Metric = "cosine"
) -> tuple[Twin, ...]:
    both = _both(collection, by)
    return tuple(duplicates.twins(*both, within=within, across=across, metric=metric))


def _both(collection: Collection, backbone: str) -> tuple[Features, Features]:
    pairs = collection.pairs()
    left, right = (features.read(collection, s, backbone) for s in (pairs.queries, pairs.gallery))
    return left, right


def _keys(collection: Collection, twin: duplicates.Twin) -> tuple[str, str]:
    """The content keys of two images, in an order that does not depend on who came first."""
    sides = {"left": collection.left, "right": collection.pairs().gallery}
    one, other = sides[twin.side].keys[twin.row], sides[twin.other_side].keys[twin.other]
    return min(one, other), max(one, other)


def _pair_keys(collection: Collection) -> list[tuple[str, str]]:
    """The content keys of each query and its mate."""
    pairs = collection.pairs()
    mates = pairs.gallery.take(pairs.target)
    return list(zip(pairs.queries.keys, mates.keys, strict=True))


def _refused(
    collection: Collection, twins: Sequence[duplicates.Twin]
) -> frozenset[duplicates.Identity]:
    known = collections.overruled(collection.name)
    if not known:
        return frozenset()
    return frozenset(duplicates.identity(t) for t in twins if _keys(collection, t) in known)


def _faces(collection: Collection, detector: str = "face") -> faces.FaceCounts:
    return faces.count(*_both(collection, detector))


def _generic(collection: Collection) -> str:
    """The network that near-duplicates are judged by: densenet121 where it is ready."""
    for name in (*GENERIC, *registry.names("networks")):
        if features.ready(collection, name):
            return name
    raise BadDataError(
        f"found no features of a generic network for {collection.name!r}; near-duplicates need "
        f"one; run `simcore extract {collection.name} --models mobilenetv2` first"
    )
