"""Sets of judgements: add, open, list and remove them, draw samples, and explore their images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simcore.data import image_files
from simcore.data.collections import collection_catalog
from simcore.data.judgements import judgement_catalog, judgement_readers, triplet_sets
from simcore.data.judgements.judgement_catalog import JudgementSummary
from simcore.data.judgements.trial_draft import TrialDraft
from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import BadDataError, unknown_name
from simcore.results import Result, Table, to_dict
from simcore.types import JSON, Array, Collection, Monitor

KNOWN = "known"  # the set that needs no download; made when it is first opened
KINDS = {kind: reader.description for kind, reader in judgement_readers.READERS.items()}
NEED_IMAGES = tuple(
    kind for kind, reader in judgement_readers.READERS.items() if reader.needs_images
)

COLUMNS = {  # kind of sample -> what its columns are
    "triplets": ("query", "nearer", "further"),
    "quadruplets": ("query", "nearer", "further", "another"),
    "singles": ("image",),
}
SIZE = triplet_sets.SIZE
SOURCE_PREFIX = "judgements "  # before the name of a set, as the source of a collection
SINGLES = "singles"  # kind of sample, and of the collections that keep one

add = judgement_catalog.add
names = judgement_catalog.names
summary = judgement_catalog.summary


def listing() -> list[JudgementSummary]:
    """The summaries of all sets, sorted by name."""
    return [summary(name) for name in names()]


def summary_table(summaries: Sequence[JudgementSummary]) -> Table:
    """One row per set."""
    return Table(
        ("name", "kind", "votes", "trials", "images", "groups", "left out"),
        tuple(
            (
                stored.name,
                stored.kind,
                stored.votes,
                stored.trials,
                stored.images,
                len(stored.groups),
                len(stored.skipped),
            )
            for stored in summaries
        ),
    )


def open_(name: str, *, monitor: Monitor = Monitor()) -> JudgementSet:
    """A set by its name; "known" is made when it is first opened.

    Raises:
        UnknownNameError: no such set.
    """
    if name in names():
        return judgement_catalog.open(name)
    if name != KNOWN:
        raise unknown_name("set of judgements", name, [*names(), KNOWN])
    return add(KNOWN, name=KNOWN, monitor=monitor)


def remove(name: str) -> None:
    """Remove a set and the collection of its images; features stay.

    Raises:
        UnknownNameError: no such set.
    """
    collection_name = _collection_of(name)
    judgement_catalog.remove(name)
    if collection_name is not None:
        collection_catalog.remove(collection_name)


def collection(name: str, *, monitor: Monitor = Monitor()) -> Collection:
    """The images of a set as a collection without mates, made when it is first opened.

    It is called like the set, or "NAME-images" if there is another collection of that name.

    Raises:
        UnknownNameError: no such set. BadDataError: both names are taken.
    """
    existing = _collection_of(name)
    if existing is not None:
        return collection_catalog.open(existing)
    judged = open_(name)
    candidates = (name, f"{name[:57]}-images")
    taken = collection_catalog.names()
    free = next((candidate for candidate in candidates if candidate not in taken), None)
    if free is None:
        raise BadDataError(
            f"There are collections named {' and '.join(map(repr, candidates))} already, so the "
            "images of these judgements cannot be shown. Remove one of them."
        )
    return collection_catalog.adopt(
        judged.trials.images,
        "judgements",
        name=free,
        source=_collection_source(name),
        credits=judged.credits,
        monitor=monitor,
    )


def _collection_of(name: str) -> str | None:
    """The collection that was made of a set's images."""
    for collection_name in collection_catalog.names():
        facts = collection_catalog.summary(collection_name)
        if facts["kind"] == "judgements" and facts["source"] == _collection_source(name):
            return collection_name
    return None


def _collection_source(name: str) -> str:
    return f"{SOURCE_PREFIX}{name}"


def name_of_source(source: str) -> str:
    """The set of judgements that a collection of its images names as its source.

    >>> name_of_source("judgements birds")
    'birds'
    """
    return source.removeprefix(SOURCE_PREFIX)


@dataclass(frozen=True)
class PrintedSample:
    """A row of Table A.1 (margaritescu2024): a fine-tuning set.

    Attributes:
        id: as printed.
        source: the kind of set that it is drawn from.
        sample: "triplets", "quadruplets" or "singles".
        size: how many are drawn.
        sets: names of the stored sets of that kind.
    """

    id: str
    source: str
    sample: str
    size: int
    sets: tuple[str, ...] = ()


TABLE_A1 = tuple(
    PrintedSample(id_, source, sample, SIZE)
    for id_, (source, sample) in triplet_sets.TABLE_A1.items()
)


def printed() -> list[PrintedSample]:
    """Table A.1, and which of the stored sets each row can be drawn from."""
    kinds = {stored.name: stored.kind for stored in listing()}
    return [
        replace(row, sets=tuple(name for name, kind in kinds.items() if kind == row.source))
        for row in TABLE_A1
    ]


@dataclass(frozen=True)
class SingletonSet(Result):
    """Single images drawn from a set of judgements, kept as a collection without mates.

    Attributes:
        name: of the collection. judgements: the set that they were drawn from.
        images: how many.
    """

    name: str
    judgements: str
    images: int


def singleton_sets() -> list[SingletonSet]:
    """The singleton sets that were stored, sorted by name."""
    stored = []
    for name in sorted(collection_catalog.names()):
        facts = collection_catalog.summary(name)
        if facts["kind"] == SINGLES:
            stored.append(SingletonSet(name, facts["source"], facts["rows"]))
    return stored


@dataclass(frozen=True)
class FineTuningSample:
    """Image ids drawn from a set of judgements.

    Attributes:
        judgements: name of the set.
        what: "triplets", "quadruplets" or "singles".
        seed: of the draw.
        columns: the role of each column.
        rows: image ids.
    """

    judgements: str
    what: str
    seed: int
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_dict(self) -> JSON:
        """All fields for JSON."""
        return to_dict(self)

    def to_table(self) -> Table:
        """One row per triplet, quadruplet or image."""
        return Table(self.columns, self.rows)


def sample(name: str, what: str, *, size: int = SIZE, seed: int = 0) -> FineTuningSample:
    """Draw triplets or quadruplets with groups equally represented, or single images.

    Args:
        what: one of `COLUMNS`, or an id of Table A.1.
        size: at most this many rows.
        seed: of the draw.

    Raises:
        UnknownNameError: no such set or kind of sample.
        BadDataError: the set holds no triplets, the row of Table A.1 is drawn from another kind of
            set, or quadruplets need alternatives that were not kept.
    """
    judged, what = _open_for_sample(name, what, size)
    triplets = judged.triplets
    if what == "quadruplets":
        rows = triplet_sets.quadruplets(judged, size=size, seed=seed)
    elif what == "triplets":
        drawn = triplet_sets.balanced(triplets, size=size, seed=seed)
        rows = triplet_sets.nearer_first(triplets)[drawn]
    else:
        rows = triplet_sets.single_images(triplets, size=size, seed=seed)[:, None]
    ids = triplets.images.ids
    named = tuple(tuple(ids[image] for image in row) for row in rows)
    return FineTuningSample(name, what, seed, COLUMNS[what], named)


def save_sample(
    name: str,
    what: str,
    save: str,
    *,
    size: int = SIZE,
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> JudgementSet | SingletonSet:
    """Store the trials that `sample` draws as a new set, with their votes, sides and groups.

    The second negative of a quadruplet is stored as the alternative of its trial. Single images are
    not judgements: they become a collection, which self-supervised paradigms learn from.

    Raises:
        UnknownNameError, BadDataError: as `sample`; or the name is taken.
    """
    judged, what = _open_for_sample(name, what, size)
    if what == SINGLES:
        return _save_singles(judged, save, size, seed, monitor)
    rows = triplet_sets.balanced(judged.triplets, size=size, seed=seed)
    alternatives = np.empty((rows.size, 0), np.int64)
    if what == "quadruplets":
        alternatives = triplet_sets.quadruplets(judged, size=size, seed=seed)[:, 3:]
    triplets = judged.triplets.take(rows)
    note = f"{rows.size:,} {what} of {name!r}, every group equally often, drawn with seed {seed}"
    notes = (*judged.notes, note)
    return judgement_catalog.keep(
        lambda work: replace(_copy_draft(judged, triplets, alternatives, work), notes=notes),
        name=save,
        kind=judged.kind,
        source=f"{what} of {name}",
        votes=judged.votes,
        trim=triplets.images.trim,
        monitor=monitor,
    )


def _save_singles(
    judged: JudgementSet, save: str, size: int, seed: int, monitor: Monitor
) -> SingletonSet:
    if save in judgement_catalog.names():
        raise BadDataError(f"There is a set of judgements named {save!r}. Choose another name.")
    rows = triplet_sets.single_images(judged.triplets, size=size, seed=seed)
    collection_catalog.adopt(
        judged.triplets.images.take(rows),
        SINGLES,
        name=save,
        source=judged.name,
        credits=judged.credits,
        copy_below=judgement_catalog.folder(judged.name),
        monitor=monitor,
    )
    return SingletonSet(save, judged.name, len(rows))


def _open_for_sample(name: str, what: str, size: int) -> tuple[JudgementSet, str]:
    """The set, and the kind of sample; an id of Table A.1 becomes what it draws."""
    row = next((row for row in TABLE_A1 if row.id == what), None)
    if row is None and what not in COLUMNS:
        raise unknown_name("kind of sample", what, [*COLUMNS, *(row.id for row in TABLE_A1)])
    if size < 1:
        raise BadDataError(f"The size must be at least 1, got {size}.")
    judged = open_(name)
    if row is not None and judged.kind != row.source:
        raise BadDataError(
            f"{row.id} is drawn from a set of kind {row.source}, but {name!r} is of kind "
            f"{judged.kind}. Use {row.sample} instead."
        )
    return judged, what if row is None else row.sample


def _copy_draft(
    judged: JudgementSet, triplets: Triplets, alternatives: Array, work: Path
) -> TrialDraft:
    """Some triplets over the images they show; files that the set itself owns are copied."""
    items = np.stack([triplets.ref, triplets.left, triplets.right], axis=1)
    used, new_rows = np.unique(np.concatenate([items, alternatives], axis=1), return_inverse=True)
    new_rows = new_rows.reshape(len(items), -1)
    images = triplets.images.take(used)
    owned = judgement_catalog.folder(judged.name)
    images = replace(images, files=image_files.copy_below(images.paths, owned, work))
    return TrialDraft(
        "triplets",
        images.ids,
        images.paths,
        new_rows[:, :3],
        triplets.vote,
        triplets.votes_n,
        triplets.group,
        alternatives=new_rows[:, 3:],
        credits=judged.credits,
    )
