"""Named sets of judgements: each is read and checked once, stored, and opened by its name."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from simcore import memory
from simcore.data.judgements import judgement_readers
from simcore.data.judgements.judgement_readers import READERS, ReadOptions
from simcore.data.judgements.trial_draft import (
    WIDTH,
    Shape,
    TrialDraft,
    validate,
)
from simcore.data.judgements.trials import JudgementSet, OddOneOut, SameDifferent, Triplets, Votes
from simcore.data.named_folders import NamedFolders
from simcore.errors import BadDataError, unknown_name
from simcore.results import to_dict
from simcore.types import JSON, Array, ImageSet, Monitor, Skipped

_SETS = NamedFolders("trials", "judgements.json", "set of judgements", 1)


@dataclass(frozen=True)
class JudgementSummary:
    """A stored set of judgements, without its trials.

    Attributes:
        name, kind, source, votes, notes, credits, skipped, digest: as in `JudgementSet`.
        created: time it was added, ISO 8601 in UTC.
        shape: the kind of trial: "triplets", "same" or "odd".
        trials, images: how many it holds.
        groups: group -> number of trials.
        alternatives: further images stored with each trial.
        trim: rows cut from the bottom of every image, in px.
        format: version of the files.
    """

    name: str
    kind: str
    source: str
    created: str
    shape: Shape
    trials: int
    images: int
    groups: Mapping[str, int]
    votes: Votes
    alternatives: int
    trim: int
    notes: tuple[str, ...]
    credits: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    digest: str
    format: int

    @classmethod
    def from_json(cls, facts: JSON) -> "JudgementSummary":
        """The content of `judgements.json`, which calls alternatives "others".

        Raises:
            KeyError, TypeError, ValueError: a field is missing or has another type.
        """
        values = {field.name: facts[field.name] for field in fields(cls) if field.name in facts}
        values |= {
            "alternatives": facts["others"],
            "trim": facts.get("trim", 0),
            "notes": tuple(facts["notes"]),
            "credits": tuple(facts["credits"]),
            "skipped": tuple(Skipped(name, reason) for name, reason in facts["skipped"]),
        }
        return cls(**values)

    def to_dict(self) -> JSON:
        """All fields for JSON."""
        return to_dict(self)


def add(
    kind: str,
    path: Path | str | None = None,
    *,
    name: str,
    images: Path | str | None = None,
    size: int | None = None,
    seed: int = 0,
    min_catch: int = 100,
    keep_alternatives: bool = False,
    monitor: Monitor = Monitor(),
) -> JudgementSet:
    """Read a set of judgements and store it under a name; a failure leaves nothing behind.

    Missing and unusable images are listed in `skipped`; trials that need them are left out and
    counted in `notes`.

    Args:
        kind: one of `judgement_readers.READERS`.
        path: a folder, a file, or a tar or zip of the folder; None for "known".
        name: lower-case letters, digits, ". _ -"; 1 to 64 characters.
        images: folder of the images, if they are not beside the trials.
        size: at most this many trials per group, drawn at random; None keeps all.
        seed: of every draw.
        min_catch: lowest percentage of catch trials that must be passed (hsj, birds-16).
        keep_alternatives: keep the further images of 8rank2 trials, for quadruplets.

    Raises:
        UnknownNameError: no such kind. BadDataError: the name is taken or not allowed, a file is
            not of that kind, or no trial can be used. SimError: the disk is full.
    """
    if kind not in READERS:
        raise unknown_name("kind of judgements", kind, READERS)
    if size is not None and size < 1:
        raise BadDataError(f"The size must be at least 1, got {size}.")
    source = None if path is None else Path(path).expanduser().absolute()
    image_path = None if images is None else Path(images).expanduser().absolute()

    def read_files(work: Path) -> TrialDraft:
        options = ReadOptions(work, image_path, seed, min_catch, keep_alternatives, monitor)
        return judgement_readers.read(kind, source, options)

    return keep(
        read_files,
        name=name,
        kind=kind,
        source=str(source or kind),
        votes=READERS[kind].votes,
        size=size,
        seed=seed,
        monitor=monitor,
    )


def keep(
    make: Callable[[Path], TrialDraft],
    *,
    name: str,
    kind: str,
    source: str,
    votes: Votes = "human",
    trim: int = 0,
    size: int | None = None,
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> JudgementSet:
    """Check trials and store them under a name.

    Args:
        make: folder of the new set, for files of its own -> its trials.
        kind, source, votes: as in `JudgementSet`.
        trim: rows to cut from the bottom of every image, in px.
        name, size, seed: as for `add`.

    Raises:
        BadDataError: the name is taken or not allowed, or no trial can be used.
        SimError: the disk is full.
    """
    with _SETS.create(name) as (work, save):
        draft, keys = validate(make(work), size, seed, monitor, trim)
        write(work, draft, keys)
        save(
            {
                "kind": kind,
                "source": source,
                "shape": draft.shape,
                "trials": len(draft.group),
                "images": len(draft.ids),
                "groups": {group: draft.group.count(group) for group in dict.fromkeys(draft.group)},
                "votes": votes,
                "others": draft.alternatives.shape[1],
                "trim": trim,
                "notes": list(draft.notes),
                "credits": list(draft.credits),
                "skipped": [[image.name, image.reason] for image in draft.skipped],
                "digest": digest(draft, keys),
            }
        )
    return open(name)


def folder(name: str) -> Path:
    """The folder of a set's own files."""
    return _SETS.folder(name)


def open(name: str) -> JudgementSet:
    """A set by its name; an unchanged one is read from the disk once.

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    summary(name)
    folder = _SETS.folder(name)
    # The digest does not cover where the images are, so the state of the files is in the key.
    files = sorted((path.name, path.stat()) for path in folder.iterdir() if path.is_file())
    state = tuple((file, stat.st_mtime_ns, stat.st_size) for file, stat in files)
    return memory.get(("judgement set", str(folder), state), lambda: _SETS.load(name, _load))


def _load(folder: Path, metadata: JSON) -> JudgementSet:
    facts = JudgementSummary.from_json(metadata)
    trials, alternatives = read(folder, facts.shape, facts.alternatives, facts.trim)
    return JudgementSet(
        facts.name,
        facts.kind,
        facts.source,
        trials,
        votes=facts.votes,
        alternatives=alternatives,
        skipped=facts.skipped,
        notes=facts.notes,
        credits=facts.credits,
        digest=facts.digest,
    )


def names() -> list[str]:
    """Names of all sets, sorted."""
    return _SETS.names()


def summary(name: str) -> JudgementSummary:
    """What is stored about a set beside its trials; fast, since it opens no table.

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    return _SETS.load(name, lambda _, metadata: JudgementSummary.from_json(metadata))


def remove(name: str) -> None:
    """Remove a set; images in their own folder and features in the store stay.

    Raises:
        UnknownNameError: no such name. SimError: the cache cannot be written.
    """
    _SETS.remove(name)


def write(place: Path, draft: TrialDraft, keys: tuple[str, ...]) -> None:
    """Write the tables of images and trials; paths below `place` are stored relative to it.

    Args:
        keys: (N,) content keys of `draft.ids`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = [
        str(path.relative_to(place)) if path.is_relative_to(place) else str(path)
        for path in draft.paths
    ]
    images = {"id": list(draft.ids), "path": paths, "key": list(keys)}
    pq.write_table(pa.table(images), place / "images.parquet")
    columns: dict[str, Any] = {f"item{k}": column for k, column in enumerate(draft.items.T)}
    columns |= {f"other{k}": column for k, column in enumerate(draft.alternatives.T)}
    columns |= {"vote": draft.vote, "votes_n": draft.votes_n, "group": list(draft.group)}
    pq.write_table(pa.table(columns), place / "trials.parquet")


def read(
    place: Path, shape: Shape, n_alternatives: int, trim: int = 0
) -> tuple[Triplets | SameDifferent | OddOneOut, Array | None]:
    """The trials that `write` stored, and their (T, n_alternatives) further images or None.

    Raises:
        OSError, KeyError, ValueError, TypeError: a table is missing or has other columns.
    """
    import pyarrow.parquet as pq

    columns = pq.read_table(place / "trials.parquet").to_pydict()
    listed = pq.read_table(place / "images.parquet").to_pydict()
    paths = tuple(place / path for path in listed["path"])  # an absolute path stays as it is
    images = ImageSet(tuple(listed["id"]), paths, tuple(listed["key"]), trim)
    items = [np.array(columns[f"item{k}"], np.int64) for k in range(WIDTH[shape])]
    vote, group = np.array(columns["vote"], np.float64), tuple(columns["group"])
    votes_n = np.array(columns["votes_n"], np.int64)
    further = [np.array(columns[f"other{k}"], np.int64) for k in range(n_alternatives)]
    alternatives = np.stack(further, axis=1) if further else None
    if shape == "triplets":
        ref, left, right = items
        return Triplets(images, ref, left, right, vote, group, votes_n), alternatives
    if shape == "same":
        return SameDifferent(images, items[0], items[1], vote, group, votes_n), alternatives
    return OddOneOut(images, np.stack(items, axis=1), group), alternatives


def digest(draft: TrialDraft, keys: tuple[str, ...]) -> str:
    """Changes with any image, trial, vote or their order; not with the place of the files."""
    document = json.dumps([list(keys), list(draft.group), draft.shape])
    state = hashlib.sha256(document.encode())
    for values in (draft.items, draft.alternatives, draft.vote, draft.votes_n):
        state.update(np.ascontiguousarray(values).tobytes())
    return state.hexdigest()[:32]
