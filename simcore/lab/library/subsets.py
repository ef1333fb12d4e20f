"""Subsets of a collection's pairs that the papers evaluate on: TLLd, TLLobj, faces, objects."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from simcore import memory
from simcore.data import images, result_cache
from simcore.data.store.feature_key import FeatureKey
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.retrieval import face_counts, near_duplicates
from simcore.evaluate.retrieval.near_duplicates import NearDuplicate
from simcore.lab import printed_values, work_estimates
from simcore.lab.library import (
    collections,
    duplicates,
    features,
    fields,
    provenance,
    selections,
)
from simcore.lab.printed_values import PrintedTable
from simcore.models import lineage
from simcore.recipe import split_subset
from simcore.results import Cell, Table
from simcore.types import JSON, Array, Collection, Labels, Metric, Monitor

SUBSETS = {
    "all": "every pair",
    "tlld": "without near-duplicates, of faces too where they are extracted (rosenfeld2018, text)",
    "tlld-paper": "as the authors' code has it: almost only pairs with a face on both sides",
    "tllobj": "without near-duplicates and without any detected face",
    "tllobj-paper": "as the authors' notebook does it: images with two or more faces stay in",
    "faces": "a face detected on both sides (risser-maroux2021, with dlib's detector)",
    "objects": "all pairs that are not in faces",
    "haar-faces": "a face on both sides by a Haar cascade, as risser-maroux2021 split them "
    "(settings inferred)",
    "haar-objects": "all pairs that are not in haar-faces",
    "reviewed": "without the pairs that annotators call bad or doubled (Review)",
}
DETECTORS = {
    "face": "dlib's HOG detector, on the doubled image",
    "face-cnn": "dlib's network, as the authors of rosenfeld2018 ran it",
    "haar": "OpenCV's Haar cascade for frontal faces",
}
FACE_COUNTS = face_counts.LABELS  # the bins of the counts below
WITHOUT_DUPLICATES = ("tlld", "tlld-paper", "tllobj", "tllobj-paper")
UNSEEN = provenance.UNSEEN  # followed by a learned backbone's name: pairs it was not trained on


@dataclass(frozen=True)
class FaceReport:
    """Faces per image, and whether the two sides of a pair agree (rosenfeld2018, Fig. 5c).

    Attributes:
        images: how many images were counted, both sides.
        histogram: (5,) share of the images with 0, 1, 2, 3, and 4 or more faces.
        table: (5, 5) pairs by the faces of the left (row) and of the right image (column).
        right_if_left: share of the pairs with a face on the left that have one on the right; None
            where no left image has a face.
        pairs_with_faces, pairs_without: pairs with a face on both sides, and on neither.
    """

    collection: str
    detector: str
    images: int
    histogram: tuple[float, ...]
    table: tuple[tuple[int, ...], ...]
    right_if_left: float | None
    pairs_with_faces: int
    pairs_without: int

    @property
    def printed(self) -> PrintedTable | None:
        """The pairs with faces on both sides that a paper counted with this detector."""
        return printed_values.HAAR_SUBSETS if self.detector == "haar" else None

    def subset_table(self) -> Table:
        """Pairs with a face on both sides and all others, beside the printed counts."""
        total = self.images // 2
        counts = (self.pairs_with_faces, total - self.pairs_with_faces)
        labels = ("a face on both sides", "all other pairs")
        rows: list[tuple[Cell, ...]] = [
            (label, "here", count, round(100 * count / total, 1))
            for label, count in zip(labels, counts, strict=True)
        ]
        if self.printed is not None:
            printed = zip(labels, self.printed.rows, strict=True)
            rows += [(label, "printed", *row[1:]) for label, row in printed]
        notes = (self.printed.remark,) if self.printed is not None else ()
        return Table(("subset", "numbers", "pairs", "%"), tuple(rows), notes=notes)

    def to_dict(self) -> JSON:
        """The document that `simcore evaluate faces --json` prints."""
        document = asdict(self)
        if self.printed is not None:
            document["printed"] = [
                dict(zip(self.printed.columns, row, strict=True)) for row in self.printed.rows
            ]
        return document


@dataclass(frozen=True, eq=False)
class DuplicateReport:
    """Near-duplicates of a collection, and what each protocol leaves of its pairs.

    Attributes:
        by: the backbone whose cosine distance was used.
        within, across: the largest distances within a side, and between the sides.
        duplicates: nearest first.
        refused: for each of them, whether a person marked it as no near-duplicate.
        groups: (N,) group of each pair.
        kept: subset -> number of pairs that it keeps; "clean" alone without known mates.
        note: a sentence where near-duplicates may be missing, else "".
    """

    collection: str
    by: str
    within: float
    across: float
    duplicates: tuple[NearDuplicate, ...]
    refused: tuple[bool, ...]
    groups: Array
    kept: dict[str, int]
    note: str = ""

    @property
    def connected(self) -> dict[int, list[int]]:
        """Group -> its rows, for the groups of more than one pair."""
        rows: dict[int, list[int]] = {}
        several = np.flatnonzero(np.bincount(self.groups)[self.groups] > 1)
        for row, group in zip(several.tolist(), self.groups[several].tolist(), strict=True):
            rows.setdefault(group, []).append(row)
        return rows

    def to_dict(self) -> JSON:
        """The document that `simcore evaluate duplicates --json` prints."""
        rows = zip(self.duplicates, self.refused, strict=True)
        return {
            "collection": self.collection,
            "by": self.by,
            "within": self.within,
            "across": self.across,
            "duplicates": [asdict(row) | {"refused": refused} for row, refused in rows],
            "kept": self.kept,
            "note": self.note,
        }


def face_report(name: str, *, detector: str = "face") -> FaceReport:
    """Faces per image, and whether the two sides of a pair agree (rosenfeld2018, Fig. 5c).

    Args:
        detector: one of `DETECTORS`.

    Raises:
        UnknownNameError: no such detector. BadDataError: it has not been run on the collection.
    """
    faces = count_faces(name, detector)
    return FaceReport(
        collection=name,
        detector=detector,
        images=2 * len(faces.left),
        histogram=tuple(faces.histogram.tolist()),
        table=tuple(tuple(row) for row in faces.table.tolist()),
        right_if_left=None if np.isnan(faces.agreement) else faces.agreement,
        pairs_with_faces=int(faces.faces.sum()),
        pairs_without=int(faces.objects.sum()),
    )


def open_subset(name: str, subset: str = "all", *, monitor: Monitor = Monitor()) -> Collection:
    """A collection, or the pairs of it that belong to a subset.

    The same object is returned until the collection, the features or the verdicts change.

    Raises:
        UnknownNameError: no such collection or subset. BadDataError: no pair is left, or the
            features that decide (faces, a generic network) are missing.
        Stopped: the monitor asked to stop.
    """
    collection = collections.open_(name)
    if subset == "all":
        return collection
    rows_key = _rows_key(collection, subset)

    def select() -> Collection:
        rows = _rows(collection, subset, rows_key, monitor)
        noun = "image" if collection.right is None else "pair"
        if not rows.size:
            raise BadDataError(f"No {noun} of {name!r} is in the subset {subset}. Choose another.")
        return replace(
            collection,
            left=collection.left.take(rows),
            right=None if collection.right is None else collection.right.take(rows),
            votes=None if collection.votes is None else collection.votes[rows],
            digest=f"{collection.digest}-{subset}-{collections.rows_digest(rows)}",
        )

    return memory.get(("subset", *rows_key), select)


def is_quick(name: str, subset: str) -> bool:
    """Whether a visitor can wait for `open_subset`: little work, or what decides is stored.

    Raises:
        UnknownNameError: no such collection.
    """
    return work_estimates.is_short(_seconds(collections.open_(name), subset))


def _seconds(collection: Collection, subset: str) -> float:
    """Estimated seconds until the rows of a subset are known."""
    subset, _ = split_subset(subset)
    if subset not in WITHOUT_DUPLICATES:
        return 0.0
    pairs = len(collection.left)
    try:
        if not subset.endswith("-paper"):
            return sum(
                duplicates.seconds(collection, *each) for each in _compared(collection, subset)
            )
        if result_cache.contains("subset", _paper_key(collection, subset)):
            return 0.0
        generic, face = _judges(collection)
    except BadDataError:
        return 0.0  # features are missing, which `open_subset` says
    if subset == "tllobj-paper":
        return work_estimates.near_duplicates(generic, "cosine", 2 * pairs**2)
    return work_estimates.near_duplicates(
        generic, "cosine", 3 * pairs**2
    ) + work_estimates.near_duplicates(face, "l2", 3 * pairs**2)


def choices(name: str) -> Labels:
    """Subsets of a collection with their descriptions.

    They include what its learned backbones were not trained on, and named selections.
    """
    learned = provenance.trained_here(collections.open_(name))
    stems = [backbone.removeprefix(lineage.PREFIX) for backbone in learned]
    unseen = {UNSEEN + stem: f"the pairs that learned:{stem} was not trained on" for stem in stems}
    return SUBSETS | unseen | selections.subsets(name)


def find_duplicates(
    name: str,
    *,
    by: str = "",
    within: float = near_duplicates.WITHIN,
    across: float = near_duplicates.ACROSS,
    monitor: Monitor = Monitor(),
) -> DuplicateReport:
    """Near-duplicates by a backbone's cosine distance, and how many pairs each protocol keeps.

    Images without known mates count as pairs of one image.

    Args:
        by: backbone; by default the first generic network that is extracted.
        within, across: the largest distances within a side, and between the sides. The defaults
            were chosen for densenet121; another network has another scale.
    """
    collection = collections.open_(name)
    backbone = by or duplicates.generic_backbone(collection)
    count = len(collection.left)
    subsets = _reported(collection)
    steps = 1 + len(subsets)
    parts = [monitor.part(step / steps, (step + 1) / steps) for step in range(steps)]
    nearest = duplicates.find_near_duplicates(
        collection, backbone, within, across, monitor=parts[0]
    )
    near_copies = nearest.pairs
    refused = duplicates.refused_pairs(collection, near_copies)
    clean = near_duplicates.clean_pairs(near_copies, count, refused=refused)
    counts = {"clean": int(clean.sum())}
    for subset, part in zip(subsets, parts[1:], strict=True):
        rows = _rows(collection, subset, _rows_key(collection, subset), part)
        counts[subset] = int(rows.size)
    return DuplicateReport(
        collection=name,
        by=backbone,
        within=within,
        across=across,
        duplicates=near_copies,
        refused=tuple(near_duplicates.identity(copy) in refused for copy in near_copies),
        groups=near_duplicates.groups(near_copies, count, refused=refused),
        kept=counts,
        note=nearest.note,
    )


def is_report_quick(name: str, *, by: str, within: float, across: float) -> bool:
    """Whether a visitor can wait for `find_duplicates`: little work, or most of it is stored.

    Raises:
        UnknownNameError: no such collection. BadDataError: features are missing.
    """
    collection = collections.open_(name)
    seconds = duplicates.seconds(collection, by, within, across)
    seconds += sum(_seconds(collection, subset) for subset in _reported(collection))
    return work_estimates.is_short(seconds)


def _reported(collection: Collection) -> tuple[str, ...]:
    """The subsets whose numbers of pairs `find_duplicates` reports."""
    if collection.right is None or not features.is_ready(collection, "face"):
        return ()
    return "tlld-paper", "tllobj", "tllobj-paper"


def count_faces(name: str, detector: str = "face") -> face_counts.FaceCounts:
    """Faces per image and how far the two sides agree, as arrays.

    Raises:
        UnknownNameError: no such detector. BadDataError: it has not been run on the collection.
    """
    if detector not in DETECTORS:
        raise unknown_name("detector", detector, DETECTORS)
    return _faces(collections.open_(name), detector)


def _changed(collection: Collection, subset: str) -> int:
    """When the verdicts that a subset depends on last changed."""
    if subset == "reviewed":
        from simcore.data.answers import review_store  # opens a database; the others need none

        return review_store.last_change(collection.name)
    return duplicates.verdicts_changed(collection.name)


def _rows_key(collection: Collection, subset: str) -> tuple[Any, ...]:
    """Everything that the rows of a subset depend on.

    Raises:
        UnknownNameError: no such subset. BadDataError: the features that decide are missing.
    """
    base = (collections.version(collection.name), subset)
    unfiltered, where = split_subset(subset)
    if where:
        return *base, *(_rows_key(collection, unfiltered) if unfiltered != "all" else ())
    if subset.startswith(UNSEEN):
        return *base, lineage.read(subset.removeprefix(UNSEEN)).sha256
    if subset.startswith(selections.PREFIX):
        return *base, selections.ids_of(collection.name, subset)
    if subset not in SUBSETS:
        options = [*SUBSETS, f"{UNSEEN}NAME", *selections.subsets(collection.name)]
        raise unknown_name("subset", subset, options)
    return *base, _changed(collection, subset), _deciding_keys(collection, subset)


def _deciding_keys(collection: Collection, subset: str) -> tuple[FeatureKey | None, ...]:
    """The keys of the features that decide which pairs are in a subset."""
    if subset == "reviewed":
        return ()
    if subset.endswith(("faces", "objects")):
        detector = "haar" if subset.startswith("haar") else "face"
        return (features.collection_key(collection, detector),)
    judges = duplicates.generic_backbone(collection), "face", duplicates.face_backbone(collection)
    return tuple(features.collection_key(collection, backbone) for backbone in judges)


def _rows(collection: Collection, subset: str, key: tuple[Any, ...], monitor: Monitor) -> Array:
    """Rows of the pairs in a subset, under their `_rows_key`."""

    def select() -> Array:
        unfiltered, where = split_subset(subset)
        if where:
            fitting = fields.matching_rows(collection, where)
            if unfiltered == "all":
                return fitting
            key_unfiltered = _rows_key(collection, unfiltered)
            return np.intersect1d(fitting, _rows(collection, unfiltered, key_unfiltered, monitor))
        if subset.startswith(UNSEEN):
            return _unseen_rows(collection, subset.removeprefix(UNSEEN))
        if subset.startswith(selections.PREFIX):
            return selections.rows(collection, subset)
        if subset == "reviewed":
            return _reviewed_rows(collection)
        if subset.endswith(("faces", "objects")):
            faces = _faces(collection, "haar" if subset.startswith("haar") else "face").faces
            return np.flatnonzero(faces if subset.endswith("faces") else ~faces)
        return _clean_rows(collection, subset, monitor)

    return memory.get(("subset rows", *key), select)


def _unseen_rows(collection: Collection, stem: str) -> Array:
    """Pairs that a learned backbone was not trained on."""
    record = lineage.read(stem)
    if record.collection == collection.name:
        row_of = collection.left.row_of
        rows = [row_of[image] for image in record.test_ids if image in row_of]
    else:
        trained_on = lineage.training_images(stem)
        rows = [
            row
            for row, keys in enumerate(_pair_keys(collection))
            if not trained_on & {images.picture(key) for key in keys}
        ]
        if len(rows) == len(collection.left):
            raise BadDataError(
                f"learned:{stem} was trained on {record.data!r}, not on "
                f"images of {collection.name!r}: every pair is unseen. Use the subset all."
            )
    if not rows:
        raise BadDataError(
            f"learned:{stem} was trained on every pair of {collection.name!r}. "
            "Evaluate it on another collection."
        )
    return np.array(rows)


def _reviewed_rows(collection: Collection) -> Array:
    """Pairs that annotators do not call bad or doubled."""
    from simcore.data.answers import review_store

    bad = review_store.bad_pairs(collection.name)
    return np.flatnonzero([keys not in bad for keys in _pair_keys(collection)])


def _clean_rows(collection: Collection, subset: str, monitor: Monitor) -> Array:
    """Pairs without near-duplicates, by the protocol of `subset`."""
    if subset.endswith("-paper"):
        return _paper_rows(collection, subset, monitor)
    near_copies: tuple[NearDuplicate, ...] = ()
    comparisons = _compared(collection, subset)
    for number, compared in enumerate(comparisons):
        part = monitor.part(number / len(comparisons), (number + 1) / len(comparisons))
        near_copies += duplicates.find_near_duplicates(collection, *compared, monitor=part).pairs
    refused = duplicates.refused_pairs(collection, near_copies)
    keep_row = near_duplicates.clean_pairs(near_copies, len(collection.pairs()), refused=refused)
    if subset == "tllobj":
        keep_row &= _faces(collection).objects
    return np.flatnonzero(keep_row)


def _compared(collection: Collection, subset: str) -> list[tuple[str, float, float, Metric]]:
    """Backbone, largest distances and metric of each comparison that decides about a subset."""
    limit = near_duplicates.TEXT
    compared: list[tuple[str, float, float, Metric]] = [
        (duplicates.generic_backbone(collection), limit, limit, "cosine")
    ]
    if subset == "tlld" and features.is_ready(collection, "face"):
        limit = near_duplicates.FACES_TEXT
        compared.append(("face", limit, limit, "l2"))
    return compared


def _paper_rows(collection: Collection, subset: str, monitor: Monitor) -> Array:
    """Rows of `tlld-paper` or `tllobj-paper`; which no verdict changes, so they are stored."""

    def compute() -> result_cache.Arrays:
        keep = (
            near_duplicates.tlld_paper if subset == "tlld-paper" else near_duplicates.tllobj_paper
        )
        generic_sides, face_sides = (
            duplicates.both_sides(collection, name) for name in _judges(collection)
        )
        return {"rows": np.flatnonzero(keep(*generic_sides, *face_sides, monitor=monitor))}

    return result_cache.get("subset", _paper_key(collection, subset), compute)["rows"]


def _paper_key(collection: Collection, subset: str) -> tuple[object, ...]:
    """Everything that the rows of a subset of the authors' notebook depend on."""
    identities = tuple(features.identity(collection, name) for name in _judges(collection))
    return subset, identities, tuple(side.digest for side in collection.sides())


def _judges(collection: Collection) -> tuple[str, str]:
    """The generic backbone and the face descriptor of the papers' subsets."""
    return duplicates.generic_backbone(collection), duplicates.face_backbone(collection)


def _pair_keys(collection: Collection) -> list[tuple[str, str]]:
    """The content keys of each query and its mate."""
    pairs = collection.pairs()
    mates = pairs.gallery.take(pairs.target)
    return list(zip(pairs.queries.keys, mates.keys, strict=True))


def _faces(collection: Collection, detector: str = "face") -> face_counts.FaceCounts:
    return face_counts.count(*duplicates.both_sides(collection, detector))
