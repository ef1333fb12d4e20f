"""Parts of a collection's pairs that the papers evaluate on: TLLd, TLLobj, faces, objects."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from simcore.data import images
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.retrieval import face_counts, near_duplicates
from simcore.lab.library import collections, features, provenance
from simcore.lab.library import duplicates as library_duplicates
from simcore.lab.library.duplicates import (
    both_sides,
    find_near_duplicates,
    generic_backbone,
    refused_pairs,
)
from simcore.lab.library.provenance import trained_here
from simcore.models import lineage
from simcore.types import Array, Collection

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
UNSEEN = provenance.UNSEEN  # and a learned backbone's name: the pairs that it was never shown
Twin = near_duplicates.NearDuplicate


def faces(name: str, *, detector: str = "face") -> dict:
    """Faces an image and agreement of the two sides (Fig. 5c).

    Args:
        detector: a name of `selection.DETECTORS`.
    """
    found = count_faces(name, detector)
    return {
        "collection": name,
        "detector": detector,
        "images": 2 * len(found.left),
        "histogram": found.histogram.tolist(),
        "table": found.table.tolist(),
        "right_if_left": None if np.isnan(found.agreement) else found.agreement,
        "pairs_with_faces": int(found.faces.sum()),
        "pairs_without": int(found.objects.sum()),
    }


def duplicates(name: str, *, by: str = "", within: float = 0.10, across: float = 0.15) -> dict:
    """Near-duplicates and what each protocol keeps."""
    found = find_duplicates(name, by=by, within=within, across=across)
    return {
        "collection": name,
        "by": found.by,
        "within": found.within,
        "across": found.across,
        "twins": [
            vars(twin) | {"refused": refused}
            for twin, refused in zip(found.twins, found.refused, strict=True)
        ],
        "kept": found.kept,
    }


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
    twins: tuple[near_duplicates.NearDuplicate, ...]
    refused: tuple[bool, ...]
    groups: Array
    kept: dict[str, int]


def open_subset(name: str, subset: str = "all") -> Collection:
    """A collection, or the pairs of it that belong to a subset.

    Raises:
        UnknownNameError: no such collection or subset. BadDataError: no pair is left, or the
            features that decide (faces, a generic network) have not been extracted.
    """
    if subset.startswith(UNSEEN):
        stem = subset.removeprefix(UNSEEN)
        return _unseen(collections.open_(name), stem, lineage.read(stem).sha256)
    if subset not in SUBSETS:
        raise unknown_name("subset", subset, [*SUBSETS, f"{UNSEEN}NAME"])
    if subset == "reviewed":
        from simcore.data.answers import review_store  # opens a database; the others need none

        return _chosen(collections.open_(name), subset, review_store.last_change(name))
    return _chosen(collections.open_(name), subset, library_duplicates.verdicts_changed(name))


def choices(name: str) -> dict[str, str]:
    """Subsets of a collection and what they hold, those of its learned backbones among them."""
    stems = [typed.removeprefix(lineage.PREFIX) for typed in trained_here(collections.open_(name))]
    return SUBSETS | {
        UNSEEN + stem: f"the pairs that learned:{stem} was not learned from" for stem in stems
    }


def find_duplicates(
    name: str,
    *,
    by: str = "",
    within: float = near_duplicates.WITHIN,
    across: float = near_duplicates.ACROSS,
) -> Duplicates:
    """Near-duplicates by a backbone's cosine distance, and how many pairs each protocol keeps.

    The thresholds were chosen for densenet121; another network has another scale.
    """
    collection = collections.open_(name)
    chosen = by or generic_backbone(collection)
    pairs = collection.pairs()
    found = find_near_duplicates(collection, chosen, within, across)
    refused = refused_pairs(collection, found)
    kept = {"clean": int(near_duplicates.clean_pairs(found, len(pairs), refused=refused).sum())}
    for subset in ("tlld-paper", "tllobj", "tllobj-paper"):
        if features.is_ready(collection, "face"):
            stamp = library_duplicates.verdicts_changed(name)
            kept[subset] = int(_rows(collection, subset, stamp).size)
    return Duplicates(
        chosen,
        within,
        across,
        found,
        tuple(near_duplicates.identity(twin) in refused for twin in found),
        near_duplicates.groups(found, len(pairs), refused=refused),
        kept,
    )


def count_faces(name: str, detector: str = "face") -> face_counts.FaceCounts:
    """Faces per image and how far the two sides agree (Fig. 5c).

    Raises:
        UnknownNameError: no such detector. BadDataError: it has not been run on the collection.
    """
    if detector not in DETECTORS:
        raise unknown_name("detector", detector, DETECTORS)
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
    info = lineage.read(name)
    if info.collection == collection.name:
        places = {image: row for row, image in enumerate(collection.left.ids)}
        rows = [places[image] for image in info.test_ids if image in places]
    else:
        known, pairs = lineage.training_images(name), collection.pairs()
        rows = [
            row
            for row, keys in enumerate(zip(pairs.queries.keys, pairs.gallery.keys, strict=True))
            if not known & {images.picture(key) for key in keys}
        ]
        if len(rows) == len(pairs):
            raise BadDataError(
                f"found that learned:{name} comes from {info.data!r}; expected "
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
        from simcore.data.answers import review_store

        bad = review_store.bad_pairs(collection.name)
        return np.flatnonzero([keys not in bad for keys in _pair_keys(collection)])
    if subset.endswith(("faces", "objects")):
        both = _faces(collection, "haar" if subset.startswith("haar") else "face").faces
        return np.flatnonzero(both if subset.endswith("faces") else ~both)
    pairs = collection.pairs()
    by = generic_backbone(collection)
    if subset.endswith("-paper"):
        generic, face = (both_sides(collection, one) for one in (by, "face"))
        keep = (
            near_duplicates.tlld_paper if subset == "tlld-paper" else near_duplicates.tllobj_paper
        )
        return np.flatnonzero(keep(*generic, *face))
    twins = find_near_duplicates(collection, by, near_duplicates.TEXT, near_duplicates.TEXT)
    if subset == "tlld" and features.is_ready(collection, "face"):
        most = near_duplicates.FACES_TEXT
        twins += find_near_duplicates(collection, "face", most, most, "l2")
    kept = near_duplicates.clean_pairs(twins, len(pairs), refused=refused_pairs(collection, twins))
    if subset == "tllobj":
        kept &= _faces(collection).objects
    return np.flatnonzero(kept)


def _pair_keys(collection: Collection) -> list[tuple[str, str]]:
    """The content keys of each query and its mate."""
    pairs = collection.pairs()
    mates = pairs.gallery.take(pairs.target)
    return list(zip(pairs.queries.keys, mates.keys, strict=True))


def _faces(collection: Collection, detector: str = "face") -> face_counts.FaceCounts:
    return face_counts.count(*both_sides(collection, detector))
