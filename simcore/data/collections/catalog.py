"""The memory: named collections, added once with every file checked, and found again later."""

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import home, zips
from simcore.data.collections import emoji, folder, pairs, tll
from simcore.data.collections import votes as voting
from simcore.data.collections.found import Found, Row
from simcore.data.collections.reading import Seen, read_all
from simcore.errors import BadDataError, SimError, unknown
from simcore.types import Collection, ImageSet, OnProgress, Skipped

FORMAT = 1
KINDS = {
    "tll": "Totally-Looks-Like: left/ + right/, composite pages, or the Kaggle form",
    "pairs": "left/ and right/ with equal names, or a CSV left,right of paths",
    "images": "any folder of images, without known mates",
    "emoji": "the same emoji by two design houses (fetched)",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def add(
    kind: str,
    path: Path | str | None,
    *,
    name: str,
    votes: Path | str | None = None,
    trim: int = 0,
    source_name: str = "",
    on_progress: OnProgress | None = None,
) -> Collection:
    """Reads, checks and remembers a collection; afterwards it is whole, or as if never asked for.

    Each image is decoded once, for its key and its thumbnail. One that cannot be used is left
    out, with its mate, and named in `skipped`.

    Args:
        kind: one of KINDS.
        path: a folder, a zip of one, or for `pairs` a CSV; None for `emoji`. A folder is used
            where it lies; a zip is unpacked into the cache.
        name: lower-case letters, digits, ". _ -"; 1 to 64 of them.
        votes: CSV with columns id, wins, fails.
        trim: rows cut from the bottom of every image, px.
        source_name: where it came from, for people, if not the path.

    Raises:
        UnknownNameError: no such kind. BadDataError: the name is taken or odd, the path holds
            nothing of that kind, or not one image can be used. SimError: the disk is full.
    """
    if kind not in KINDS:
        raise unknown("kind of collection", kind, KINDS)
    if trim < 0:
        raise BadDataError(f"found a trim of {trim} px; expected 0 or more; leave it out")
    place = _place(name)
    taken = BadDataError(
        f"found a collection named {name!r} already; expected a new name; "
        "choose another or remove that one first"
    )
    if place.exists():
        raise taken
    source = None if path is None else Path(path).expanduser().absolute()
    work = place.with_name(f".new-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    _sweep(place.parent)
    with home.writing(place.parent):
        work.mkdir()
        try:
            found = _find(kind, source, work / "files", on_progress)
            if votes is not None:
                table = Path(votes).expanduser().absolute()
                found.rows = voting.attach(found.rows, table, found.skipped)
            rows, seen = _usable(found, trim, kind, on_progress)
            told = {
                "format": FORMAT,
                "name": name,
                "kind": kind,
                "source": source_name or str(source or kind),
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "trim": trim,
                "paired": rows[0].mate is not None,
                "rows": len(rows),
                "images": len({one.key for one in seen.values()}),
                "bytes": sum(one.size for one in seen.values()),
                "votes": votes is not None,
                "credits": list(found.credits),
                "digest": _digest(rows, seen),
                "skipped": [[s.what, s.reason] for s in found.skipped],
            }
            _write(work, rows, seen)
            home.write(work / "collection.json", json.dumps(told, indent=1).encode())
            if place.exists():
                raise taken
            work.rename(place)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return open(name)


def open(name: str) -> Collection:
    """A remembered collection.

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    told, place = summary(name), _place(name)
    try:
        import pyarrow.parquet as pq

        table = pq.read_table(place / "images.parquet").to_pydict()
        left = _side(table, "", place, told["trim"])
        right = _side(table, "mate_", place, told["trim"]) if told["paired"] else None
        votes = [table["wins"], table["fails"]] if told["votes"] else None
    except (OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, SimError):
            raise
        raise _damaged(name, error) from error
    return Collection(
        name,
        told["kind"],
        told["source"],
        left,
        right,
        votes=None if votes is None else np.array(votes, np.int64).T,
        skipped=tuple(Skipped(what, reason) for what, reason in told["skipped"]),
        credits=tuple(told["credits"]),
        digest=told["digest"],
    )


def names() -> list[str]:
    """Remembered collections, sorted."""
    return sorted(
        path.parent.name
        for path in home.room("collections").glob("*/collection.json")
        if _NAME.fullmatch(path.parent.name)
    )


def summary(name: str) -> dict[str, Any]:
    """What is known without opening it.

    Returns:
        name, kind, source, created (UTC), trim, paired, rows (pairs, or images without mates),
        images (different ones), bytes (of the files), votes, credits, digest, skipped.

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    if name not in names():
        raise unknown("collection", name, names())
    try:
        told = json.loads((_place(name) / "collection.json").read_bytes())
        form = int(told["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(name, error) from error
    if form > FORMAT:
        raise BadDataError(
            f"collection {name!r} has format {form}; expected at most {FORMAT}; "
            "update simcore or point SIMCORE_CACHE at another folder"
        )
    return dict(told)


def remove(name: str) -> None:
    """Forgets a collection; pictures in its source folder and features in the store stay.

    Raises:
        UnknownNameError: no such name. SimError: the cache is closed to writing.
    """
    if name not in names():
        raise unknown("collection", name, names())
    place = _place(name)
    gone = place.with_name(f".old-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    with home.writing(place.parent):
        place.rename(gone)
        shutil.rmtree(gone)


def _place(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise BadDataError(
            f"found the name {name!r}; expected 1 to 64 lower-case letters, digits, '.', '_' "
            "or '-', a letter or digit first; choose another"
        )
    return home.room("collections") / name


def _sweep(parent: Path) -> None:
    """Removes what runs that were killed have left."""
    for path in [*parent.glob(".new-*"), *parent.glob(".old-*")]:
        owner = path.name.split("-")[1]
        if os.name == "posix" and owner.isdecimal() and not _alive(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # it lives, but belongs to somebody else
    return True


def _find(kind: str, source: Path | None, made: Path, on_progress: OnProgress | None) -> Found:
    """What the reader of that kind finds; what it has to make goes below `made`."""
    if kind == "emoji":
        return emoji.find(made, on_progress=on_progress)
    if source is None or not source.exists():
        raise BadDataError(
            f"found nothing at {source or 'no path'}; expected {KINDS[kind]}; check the path"
        )
    inside = None
    if source.is_file() and source.suffix.lower() != ".csv":
        also = tuple(tll.DRIVE) if kind == "tll" else ()
        inside = made / "zip"
        zips.unpack(source, inside, also=also, on_progress=on_progress)
        source = inside
    if kind == "tll":
        return tll.find(source, made / "sides", on_progress=on_progress)
    if kind == "pairs":
        return pairs.find(source, inside=inside)
    return folder.find(source)


def _usable(
    found: Found, trim: int, kind: str, on_progress: OnProgress | None
) -> tuple[list[Row], dict[Path, Seen]]:
    """The rows whose every image can be decoded; the others are added to `found.skipped`."""
    paths = [p for row in found.rows for p in (row.path, row.mate) if p is not None]
    seen = read_all(list(dict.fromkeys(paths)), trim, on_progress)
    rows, bad = [], []
    for row in found.rows:
        sides = [(row.id, row.path), (row.mate_id or row.id, row.mate)]
        wrong = next(((n, seen[p].wrong) for n, p in sides if p and seen[p].wrong), None)
        if wrong is None:
            rows.append(row)
        else:
            what = row.id if row.mate is None else f"{row.id}, {row.mate_id}"
            bad.append(Skipped(what, wrong[1]))
    found.skipped.extend(bad)
    if not rows:
        why = f" ({found.skipped[0].what}: {found.skipped[0].reason})" if found.skipped else ""
        raise BadDataError(f"found no usable image{why}; expected {KINDS[kind]}; look at the files")
    used = {p for row in rows for p in (row.path, row.mate) if p is not None}
    return rows, {path: seen[path] for path in used}


def _digest(rows: Sequence[Row], seen: dict[Path, Seen]) -> str:
    """Changes with any id, any picture and their order; not with where the files lie."""
    told = hashlib.sha256()
    for row in rows:
        mate = None if row.mate is None else seen[row.mate].key
        line = [row.id, seen[row.path].key, row.mate_id, mate, row.votes]
        told.update(json.dumps(line).encode() + b"\n")
    return told.hexdigest()[:32]


def _write(work: Path, rows: Sequence[Row], seen: dict[Path, Seen]) -> None:
    """The table of images; paths below the collection's own folder are kept relative to it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def column(path: Path) -> str:
        return str(path.relative_to(work)) if path.is_relative_to(work) else str(path)

    columns: dict[str, list[Any]] = {}
    for side in ("", "mate_") if rows[0].mate is not None else ("",):
        files = [row.mate if side and row.mate is not None else row.path for row in rows]
        columns[f"{side}id"] = [(row.mate_id if side else row.id) for row in rows]
        columns[f"{side}path"] = [column(path) for path in files]
        columns[f"{side}key"] = [seen[path].key for path in files]
        columns[f"{side}width"] = [seen[path].width for path in files]
        columns[f"{side}height"] = [seen[path].height for path in files]
    if rows[0].votes is not None:
        columns["wins"] = [row.votes[0] if row.votes else 0 for row in rows]
        columns["fails"] = [row.votes[1] if row.votes else 0 for row in rows]
    pq.write_table(pa.table(columns), work / "images.parquet")


def _side(table: dict[str, list[Any]], side: str, place: Path, trim: int) -> ImageSet:
    paths = tuple(place / path for path in table[f"{side}path"])  # an absolute path stays itself
    return ImageSet(tuple(table[f"{side}id"]), paths, tuple(table[f"{side}key"]), trim)


def _damaged(name: str, error: Exception) -> BadDataError:
    fact = " ".join(str(error).split())[:100]
    return BadDataError(
        f"collection {name!r} is damaged ({fact}); expected a whole one; remove it and add it again"
    )
