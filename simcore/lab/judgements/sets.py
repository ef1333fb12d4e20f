"""Verbs on judgements: add, open, list, remove, and their images as a collection."""

import shutil
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from simcore.data import cache_dir
from simcore.data.collections import collection_catalog
from simcore.data.judgements import judgement_catalog, triplet_sets
from simcore.data.judgements.trial_draft import TrialDraft
from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import BadDataError, unknown_name
from simcore.types import Array, Collection, ImageSet, Monitor

KINDS = judgement_catalog.KINDS
KNOWN = "known"  # the set that needs no download; made when it is first asked for

COLUMNS = {
    "triplets": ("query", "nearer", "further"),
    "quadruplets": ("query", "nearer", "further", "another"),
    "singles": ("image",),
}
SIZE = triplet_sets.SIZE


def add(
    kind: str,
    path: str | Path | None = None,
    *,
    name: str,
    images: str | Path | None = None,
    size: int | None = None,
    seed: int = 0,
    grade: int = 100,
    others: bool = False,
    monitor: Monitor = Monitor(),
) -> JudgementSet:
    """Read a set of judgements and remember it under `name`.

    Args:
        kind: one of `KINDS`.
        path: folder, file, tar or zip; None for "known".
        images: folder of the images, where they lie apart.
        size: at most so many trials a group, drawn with `seed`; None keeps all.
        grade: least percentage of catch trials passed (hsj, birds-16).
        others: keep the further images of 8rank2 trials, for quadruplets.

    Raises:
        BadDataError: nothing usable was found, or the name is taken or not allowed.
        UnknownNameError: no such kind.
    """
    return judgement_catalog.add(
        kind,
        path,
        name=name,
        images=images,
        size=size,
        seed=seed,
        grade=grade,
        others=others,
        monitor=monitor,
    )


def names() -> list[str]:
    """Names of all remembered sets, sorted."""
    return judgement_catalog.names()


def listing() -> list[dict]:
    """One summary a set, as `summary` gives it."""
    return [summary(name) for name in names()]


def summary(name: str) -> dict:
    """What is known without opening it: name, kind, source, shape, trials, images, groups, votes.

    Also created (UTC), notes, credits, digest and skipped ([{"what", "reason"}]).

    Raises:
        UnknownNameError: no such set.
    """
    told = judgement_catalog.summary(name)
    skipped = [{"what": what, "reason": reason} for what, reason in told["skipped"]]
    return told | {"skipped": skipped}


def open_(name: str, *, monitor: Monitor = Monitor()) -> JudgementSet:
    """A set by its name; the one that needs no download is made when it is first asked for.

    Raises:
        UnknownNameError: no such set.
    """
    if name not in names():
        if name != KNOWN:
            raise unknown_name("set of judgements", name, [*names(), KNOWN])
        return add(KNOWN, name=KNOWN, monitor=monitor)
    place = cache_dir.root() / "trials" / name / "judgements.json"
    return _open(name, str(place), place.stat().st_mtime_ns)


def remove(name: str) -> None:
    """Forget a set, and the collection that shows its images; features stay."""
    shown = _collection(name)
    judgement_catalog.remove(name)
    if shown is not None:
        collection_catalog.remove(shown)


def collection(name: str, *, monitor: Monitor = Monitor()) -> Collection:
    """The images of a set as a collection without mates, made when it is first asked for.

    It is called like the set, or like the set with "-images" where that name is taken.

    Raises:
        UnknownNameError: no such set. BadDataError: both names are taken.
    """
    if (there := _collection(name)) is not None:
        return collection_catalog.open(there)
    judged = open_(name)
    taken = collection_catalog.names()
    free = next((n for n in (name, f"{name[:57]}-images") if n not in taken), None)
    if free is None:
        raise BadDataError(
            f"found collections named {name!r} and {name[:57] + '-images'!r} already; expected one "
            "of the names free for the images of these judgements; remove one"
        )
    return collection_catalog.adopt(
        judged.trials.images,
        "judgements",
        name=free,
        source=_source(name),
        credits=judged.credits,
        monitor=monitor,
    )


def _collection(name: str) -> str | None:
    for one in collection_catalog.names():
        told = collection_catalog.summary(one)
        if told["kind"] == "judgements" and told["source"] == _source(name):
            return one
    return None


def _source(name: str) -> str:
    return f"judgements {name}"


@lru_cache(maxsize=8)
def _open(name: str, _place: str, _made: int) -> JudgementSet:
    return judgement_catalog.open(name)


@dataclass(frozen=True)
class Printed:
    """A row of Table A.1: its id, the kind of set that it is drawn from, what is drawn."""

    id: str
    source: str
    what: str
    size: int


TABLE_A1 = tuple(
    Printed(k, source, what, SIZE) for k, (source, what) in triplet_sets.TABLE_A1.items()
)


def printed() -> list[dict]:
    """Table A.1, and which of the sets here each row can be drawn from."""
    known = {name: summary(name)["kind"] for name in names()}
    return [
        {
            "id": row.id,
            "source": row.source,
            "sample": row.what,
            "size": row.size,
            "here": [name for name, kind in known.items() if kind == row.source],
        }
        for row in TABLE_A1
    ]


def sample(name: str, what: str, *, size: int = SIZE, seed: int = 0) -> dict:
    """A sample: groups equally represented, or single images.

    Args:
        what: of `COLUMNS`, or an id of Table A.1. size: at most so many rows. seed: which.

    Returns:
        {"judgements", "what", "seed", "columns", "rows"}; rows of image ids.

    Raises:
        UnknownNameError: no such set or kind of sample. BadDataError: no triplets, a row of Table
            A.1 that is drawn from other data, or quadruplets of 8rank2 trials that were remembered
            without their other images.
    """
    judged, what = _asked(name, what, size)
    asked = judged.triplets
    if what == "quadruplets":
        rows = triplet_sets.quadruplets(judged, size=size, seed=seed)
    elif what == "triplets":
        rows = triplet_sets.nearer_first(asked)[triplet_sets.balanced(asked, size=size, seed=seed)]
    else:
        rows = triplet_sets.single_images(asked, size=size, seed=seed)[:, None]
    return {
        "judgements": name,
        "what": what,
        "seed": seed,
        "columns": list(COLUMNS[what]),
        "rows": [[asked.images.ids[i] for i in row] for row in rows],
    }


def keep(
    name: str,
    what: str,
    save: str,
    *,
    size: int = SIZE,
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> JudgementSet:
    """The same sample as a set of judgements of its own, with its votes, sides and groups.

    A quadruplet's second negative is kept beside its trial.

    Raises:
        UnknownNameError, BadDataError: as `sample`; or the name is taken, or single images, which
            are no judgements.
    """
    judged, what = _asked(name, what, size)
    if what == "singles":
        raise BadDataError(
            "found single images to keep as judgements; expected triplets or quadruplets; "
            "fine-tune on those in a self-supervised way, which learns from their pictures alone"
        )
    rows = triplet_sets.balanced(judged.triplets, size=size, seed=seed)
    more = np.empty((rows.size, 0), np.int64)
    if what == "quadruplets":
        more = triplet_sets.quadruplets(judged, size=size, seed=seed)[:, 3:]
    part = judged.triplets.take(rows)
    note = f"{rows.size:,} {what} of {name!r}, every group equally often, drawn with seed {seed}"
    return judgement_catalog.keep(
        lambda work: _found(judged, part, more, (*judged.notes, note), work),
        name=save,
        kind=judged.kind,
        source=f"{what} of {name}",
        votes=judged.votes,
        trim=part.images.trim,
        monitor=monitor,
    )


def _asked(name: str, what: str, size: int) -> tuple[JudgementSet, str]:
    row = next((row for row in TABLE_A1 if row.id == what), None)
    if row is None and what not in COLUMNS:
        raise unknown_name("kind of sample", what, [*COLUMNS, *(row.id for row in TABLE_A1)])
    if size < 1:
        raise BadDataError(f"found a size of {size}; expected 1 or more")
    judged = open_(name)
    if row is not None and judged.kind != row.source:
        raise BadDataError(
            f"found {name!r} of kind {judged.kind}; expected {row.source}, which {row.id} is drawn "
            f"from; say {row.what} instead"
        )
    return judged, what if row is None else row.what


def _found(
    judged: JudgementSet, part: Triplets, others: Array, notes: tuple[str, ...], work: Path
) -> TrialDraft:
    """Some triplets over the files that they show; files of the set itself are copied."""
    items = np.stack([part.ref, part.left, part.right], axis=1)
    used, place = np.unique(np.concatenate([items, others], axis=1), return_inverse=True)
    place = place.reshape(len(items), -1)
    images = _copied(part.images.take(used), judgement_catalog.folder(judged.name), work)
    found = TrialDraft(
        "triplets",
        images.ids,
        images.paths,
        place[:, :3],
        part.vote,
        part.votes_n,
        part.group,
        notes=notes,
        credits=judged.credits,
    )
    return replace(found, others=place[:, 3:])


def _copied(images: ImageSet, own: Path, work: Path) -> ImageSet:
    paths = []
    for path in images.paths:
        place = path
        if path.is_relative_to(own):
            place = work / path.relative_to(own)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        paths.append(place)
    return replace(images, files=tuple(paths))
