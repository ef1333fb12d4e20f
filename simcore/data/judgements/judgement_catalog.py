"""The memory of judgements: sets of trials, added once with every image checked, found again."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data.fetch import archives
from simcore.data.judgements import bapps, known_order, psiz, triplet_files, triplet_sets
from simcore.data.judgements.trial_draft import WIDTH, ImageFolder, Shape, TrialDraft, validate
from simcore.data.judgements.trials import JudgementSet, OddOneOut, SameDifferent, Triplets, Votes
from simcore.data.named_folders import NamedFolders
from simcore.errors import BadDataError, unknown_name
from simcore.types import JSON, Array, ImageSet, Monitor, Skipped

KINDS = {
    "known": "photographs spoiled by known amounts; made here, needs no file",
    "bapps": "BAPPS 2AFC in the official layout: 2afc/val/NAME/ref, p0, p1, judge",
    "bapps-jnd": "BAPPS JND in the official layout: jnd/val/NAME/p0, p1, same",
    "hsj": "ImageNet-HSJ trials (psiz zip, or the older HDF5); images apart",
    "birds-16": "Birds-16 trials (psiz zip, or the older HDF5); images apart",
    "nights": "NIGHTS in DreamSim's layout: data.csv, ref/, distort/",
    "things": "THINGS odd-one-out triplets: three numbers a line, the odd one last; images apart",
    "triplets": "a CSV query,a,b,vote[,group][,votes] of paths",
}
_APART = {"hsj", "birds-16", "things"}  # kinds whose files hold no images
_KEPT = NamedFolders("trials", "judgements.json", "set of judgements", 1)


def add(
    kind: str,
    path: Path | str | None,
    *,
    name: str,
    images: Path | str | None = None,
    size: int | None = None,
    seed: int = 0,
    grade: int = 100,
    others: bool = False,
    monitor: Monitor = Monitor(),
) -> JudgementSet:
    """Reads, checks and remembers a set; afterwards it is whole, or as if never asked for.

    A missing or unusable image is named in `skipped`; the trials that need it are left out and
    counted in `notes`.

    Args:
        kind: one of KINDS.
        path: a folder, a file, or a tar or zip of the folder; None for "known".
        name: lower-case letters, digits, ". _ -"; 1 to 64 of them.
        images: folder of the images, where they lie apart.
        size: at most so many trials a group, drawn at random; None keeps all.
        seed: of every draw. grade: least percentage of catch trials passed (hsj, birds-16).
        others: keep the further images of 8rank2 trials, for quadruplets.

    Raises:
        UnknownNameError: no such kind. BadDataError: the name is taken or odd, a file is not what
            it should be, or no trial can be used. SimError: the disk is full.
    """
    if kind not in KINDS:
        raise unknown_name("kind of judgements", kind, KINDS)
    if size is not None and size < 1:
        raise BadDataError(f"found a size of {size}; expected 1 or more; leave it out for all")
    source = None if path is None else Path(path).expanduser().absolute()
    apart = None if images is None else Path(images).expanduser().absolute()

    def found(work: Path) -> TrialDraft:
        inner = source
        if source is not None and source.is_file() and _unpacked(kind, source):
            inner = work / "files"
            archives.extract(source, inner, limits=archives.DATASET, monitor=monitor)
        if kind == "known":
            return known_order.find(work / "made", seed=seed, monitor=monitor)
        return _find(kind, inner, apart, seed, grade, others)

    votes: Votes = "known order" if kind == "known" else "human"
    return keep(
        found,
        name=name,
        kind=kind,
        source=str(source or kind),
        votes=votes,
        size=size,
        seed=seed,
        monitor=monitor,
    )


def keep(
    find: Callable[[Path], TrialDraft],
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
    """Checks and remembers what was found.

    Args:
        find: given the folder that the set will have, where it may put files of its own.
        kind, source, votes: what is told of it. trim: rows to cut from the bottom of every image.
        name, size, seed: as for `add`.

    Raises:
        BadDataError: the name is taken or odd, or no trial can be used. SimError: the disk is full.
    """
    with _KEPT.create(name) as (work, tell):
        found, keys = validate(find(work), size, seed, monitor, trim)
        write(work, found, keys)
        tell(
            {
                "kind": kind,
                "source": source,
                "shape": found.shape,
                "trials": len(found.group),
                "images": len(found.ids),
                "groups": {g: found.group.count(g) for g in dict.fromkeys(found.group)},
                "votes": votes,
                "others": found.others.shape[1],
                "trim": trim,
                "notes": list(found.notes),
                "credits": list(found.credits),
                "skipped": [[s.name, s.reason] for s in found.skipped],
                "digest": digest(found, keys),
            }
        )
    return open(name)


def folder(name: str) -> Path:
    """Where a set keeps its own files."""
    return _KEPT.folder(name)


def open(name: str) -> JudgementSet:
    """A remembered set.

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    return _KEPT.load(name, _load)


def _load(place: Path, told: JSON) -> JudgementSet:
    trials, others = read(place, told["shape"], told["others"], told.get("trim", 0))
    return JudgementSet(
        place.name,
        told["kind"],
        told["source"],
        trials,
        votes=told["votes"],
        others=others,
        skipped=tuple(Skipped(what, reason) for what, reason in told["skipped"]),
        notes=tuple(told["notes"]),
        credits=tuple(told["credits"]),
        digest=told["digest"],
    )


def names() -> list[str]:
    """Remembered sets, sorted."""
    return _KEPT.names()


def summary(name: str) -> dict[str, Any]:
    """What is known without opening it.

    Returns:
        name, kind, source, created (UTC), shape ("triplets", "same", "odd"), trials, images,
        groups (name -> trials), votes ("human" or "known order"), notes, credits, skipped, digest.

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    return _KEPT.metadata(name)


def remove(name: str) -> None:
    """Forgets a set; images in their own folder and features in the store stay.

    Raises:
        UnknownNameError: no such name. SimError: the cache is closed to writing.
    """
    _KEPT.remove(name)


def _unpacked(kind: str, source: Path) -> bool:
    """Whether a file is an archive to unpack; sequences of psiz are read inside their zip."""
    return archives.is_archive(source) and kind not in _APART


def _find(
    kind: str, source: Path | None, apart: Path | None, seed: int, grade: int, others: bool
) -> TrialDraft:
    """What the reader of that kind finds."""
    if source is None or not source.exists():
        raise BadDataError(
            f"found nothing at {source or 'no path'}; expected {KINDS[kind]}; check the path"
        )
    if kind == "bapps":
        return bapps.triplets(source)
    if kind == "bapps-jnd":
        return bapps.jnd(source)
    if kind == "nights":
        return triplet_files.nights(source)
    if kind == "triplets":
        table = source
        if source.is_dir():
            listed = sorted(source.rglob("*.csv"))
            if len(listed) != 1:
                raise BadDataError(f"found {len(listed)} CSV files in {source}; expected one")
            table = listed[0]
        return triplet_files.triplets(table, ImageFolder(apart) if apart else None)
    if apart is None:
        raise BadDataError(
            f"found no folder of images for {source.name}; expected one, since {kind} trials hold "
            "no images; name it with --images"
        )
    shelf = ImageFolder(apart)
    if kind == "things":
        return triplet_files.things(source, shelf)
    older = source.suffix.lower() in psiz.SUFFIXES or (
        source.is_dir() and any(p.suffix.lower() in psiz.SUFFIXES for p in source.rglob("*"))
    )
    trials, notes = (
        psiz.read_hdf5(*psiz.find(source), grade=grade) if older else psiz.read(source, grade=grade)
    )
    found = triplet_sets.from_rankings(trials, shelf, seed=seed, others=others)
    return replace(found, notes=notes, credits=_ROADS)


_ROADS = (
    "trials: Roads and Mozer 2019 (Birds-16), Roads and Love 2021 (ImageNet-HSJ), CC-BY 4.0 "
    "(osf.io/cn2s3); the images are CUB-200 and ILSVRC-2012 and have terms of their own",
)


def write(place: Path, found: TrialDraft, keys: tuple[str, ...]) -> None:
    """Writes both; paths below `place` are kept relative to it.

    Args:
        keys: (N,) content keys of `found.ids`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = [str(p.relative_to(place)) if p.is_relative_to(place) else str(p) for p in found.paths]
    images = {"id": list(found.ids), "path": paths, "key": list(keys)}
    pq.write_table(pa.table(images), place / "images.parquet")
    columns: dict[str, Any] = {f"item{k}": column for k, column in enumerate(found.items.T)}
    columns |= {f"other{k}": column for k, column in enumerate(found.others.T)}
    columns |= {"vote": found.vote, "votes_n": found.votes_n, "group": list(found.group)}
    pq.write_table(pa.table(columns), place / "trials.parquet")


def read(
    place: Path, shape: Shape, others: int, trim: int = 0
) -> tuple[Triplets | SameDifferent | OddOneOut, Array | None]:
    """Trials as a noun, and (T, others) further images or None.

    Raises:
        OSError, KeyError, ValueError, TypeError: a table is absent or not what `write` makes.
    """
    import pyarrow.parquet as pq

    rows = pq.read_table(place / "trials.parquet").to_pydict()
    shown = pq.read_table(place / "images.parquet").to_pydict()
    paths = tuple(place / p for p in shown["path"])  # an absolute path stays itself
    images = ImageSet(tuple(shown["id"]), paths, tuple(shown["key"]), trim)
    item = [np.array(rows[f"item{k}"], np.int64) for k in range(WIDTH[shape])]
    vote, group = np.array(rows["vote"], np.float64), tuple(rows["group"])
    counts = np.array(rows["votes_n"], np.int64)
    more = [np.array(rows[f"other{k}"], np.int64) for k in range(others)]
    further = np.stack(more, axis=1) if more else None
    if shape == "triplets":
        return Triplets(images, item[0], item[1], item[2], vote, group, counts), further
    if shape == "same":
        return SameDifferent(images, item[0], item[1], vote, group, counts), further
    return OddOneOut(images, np.stack(item, axis=1), group), further


def digest(found: TrialDraft, keys: tuple[str, ...]) -> str:
    """Changes with any picture, trial, vote and their order; not with where the files lie."""
    told = hashlib.sha256(json.dumps([list(keys), list(found.group), found.shape]).encode())
    for values in (found.items, found.others, found.vote, found.votes_n):
        told.update(np.ascontiguousarray(values).tobytes())
    return told.hexdigest()[:32]
