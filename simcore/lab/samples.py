"""Fine-tuning sets of margaritescu2024 (4.3, Table A.1): drawn from a set, and kept as another."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simcore.data.trials import catalog, sets
from simcore.data.trials.found import Found
from simcore.data.trials.nouns import Judgements, Triplets
from simcore.errors import BadDataError, unknown
from simcore.lab import judgements
from simcore.types import Array, ImageSet, OnProgress

COLUMNS = {
    "triplets": ("query", "nearer", "further"),
    "quadruplets": ("query", "nearer", "further", "another"),
    "singles": ("image",),
}
SIZE = sets.SIZE


@dataclass(frozen=True)
class Printed:
    """A row of Table A.1: its id, the kind of set that it is drawn from, what is drawn."""

    id: str
    source: str
    what: str
    size: int


TABLE_A1 = tuple(Printed(k, source, what, SIZE) for k, (source, what) in sets.TABLE_A1.items())


def printed() -> list[dict]:
    """Table A.1, and which of the sets here each row can be drawn from."""
    known = {name: judgements.summary(name)["kind"] for name in judgements.names()}
    return [
        {
            "id": row.id, "source": row.source, "sample": row.what, "size": row.size,
            "here": [name for name, kind in known.items() if kind == row.source],
        }
        for row in TABLE_A1
    ]  # fmt: skip


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
        rows = sets.quadruplets(judged, size=size, seed=seed)
    elif what == "triplets":
        rows = sets.nearer_first(asked)[sets.balanced(asked, size=size, seed=seed)]
    else:
        rows = sets.singles(asked, size=size, seed=seed)[:, None]
    return {
        "judgements": name,
        "what": what,
        "seed": seed,
        "columns": list(COLUMNS[what]),
        "rows": [[asked.images.ids[i] for i in row] for row in rows],
    }


def keep(
    name: str, what: str, save: str, *, size: int = SIZE, seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Judgements:  # fmt: skip
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
    rows = sets.balanced(judged.triplets, size=size, seed=seed)
    more = np.empty((rows.size, 0), np.int64)
    if what == "quadruplets":
        more = sets.quadruplets(judged, size=size, seed=seed)[:, 3:]
    part = judged.triplets.take(rows)
    note = f"{rows.size:,} {what} of {name!r}, every group equally often, drawn with seed {seed}"
    return catalog.keep(
        lambda work: _found(judged, part, more, (*judged.notes, note), work),
        name=save, kind=judged.kind, source=f"{what} of {name}", votes=judged.votes,
        trim=part.images.trim, on_progress=on_progress,
    )  # fmt: skip


def _asked(name: str, what: str, size: int) -> tuple[Judgements, str]:
    row = next((row for row in TABLE_A1 if row.id == what), None)
    if row is None and what not in COLUMNS:
        raise unknown("kind of sample", what, [*COLUMNS, *(row.id for row in TABLE_A1)])
    if size < 1:
        raise BadDataError(f"found a size of {size}; expected 1 or more")
    judged = judgements.open_(name)
    if row is not None and judged.kind != row.source:
        raise BadDataError(
            f"found {name!r} of kind {judged.kind}; expected {row.source}, which {row.id} is drawn "
            f"from; say {row.what} instead"
        )
    return judged, what if row is None else row.what


def _found(
    judged: Judgements, part: Triplets, others: Array, notes: tuple[str, ...], work: Path
) -> Found:
    """Some triplets over the files that they show; files of the set itself are copied."""
    items = np.stack([part.ref, part.left, part.right], axis=1)
    used, place = np.unique(np.concatenate([items, others], axis=1), return_inverse=True)
    place = place.reshape(len(items), -1)
    images = _copied(part.images.take(used), catalog.folder(judged.name), work)
    found = Found(
        "triplets", images.ids, images.paths, place[:, :3], part.vote, part.votes_n, part.group,
        notes=notes, credits=judged.credits,
    )  # fmt: skip
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
    return replace(images, paths=tuple(paths))
