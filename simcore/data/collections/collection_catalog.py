"""The memory: named collections, added once with every file checked, and found again later."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import storage
from simcore.data.collections import emoji, pair_folders, tll
from simcore.data.collections import votes as collections_votes
from simcore.data.collections.collection_draft import (
    CollectionDraft,
    DecodedImage,
    DraftRow,
    read_all,
)
from simcore.data.fetch import archives
from simcore.data.named_folders import NamedFolders
from simcore.errors import BadDataError, SimError, unknown_name
from simcore.types import Array, Collection, ImageSet, Monitor, Skipped

KINDS = {
    "tll": "Totally-Looks-Like: left/ + right/, composite pages, or the Kaggle form",
    "pairs": "left/ and right/ with equal names, or a CSV left,right of paths",
    "images": "any folder of images, without known mates",
    "emoji": "the same emoji by two design houses (fetched)",
}
KEPT = NamedFolders("collections", "collection.json", "collection", 1)


def add(
    kind: str,
    path: Path | str | None,
    *,
    name: str,
    votes: Path | str | None = None,
    trim: int = 0,
    source_name: str = "",
    monitor: Monitor = Monitor(),
) -> Collection:
    """Reads, checks and remembers a collection; afterwards it is whole, or as if never asked for.

    Each image is decoded once, for its key and its thumbnail. One that cannot be used is left
    out, with its mate, and named in `skipped`.

    Args:
        kind: one of KINDS.
        path: a folder, a zip of one, or for `pairs` a CSV; None for `emoji`. A folder is used
            where it lies, on disk or (images, pairs) at s3://bucket/folder; a zip is unpacked
            into the cache.
        name: lower-case letters, digits, ". _ -"; 1 to 64 of them.
        votes: CSV with columns id, wins, fails.
        trim: rows cut from the bottom of every image, px.
        source_name: where it came from, for people, if not the path.

    Raises:
        UnknownNameError: no such kind. BadDataError: the name is taken or odd, the path holds
            nothing of that kind, or not one image can be used. SimError: the disk is full.
    """
    if kind not in KINDS:
        raise unknown_name("kind of collection", kind, KINDS)
    if trim < 0:
        raise BadDataError(f"found a trim of {trim} px; expected 0 or more; leave it out")
    source = None if path is None else storage.path(path)

    def find(made: Path) -> CollectionDraft:
        found = _find(kind, source, made, monitor)
        if votes is not None:
            table = Path(votes).expanduser().absolute()
            found.rows = collections_votes.attach(found.rows, table, found.skipped)
        return found

    away = source is not None and storage.is_remote(source)
    told = source_name or (storage.parse_s3(str(source)) if away else str(source or kind))
    return _remember(find, kind, name, told, votes is not None, trim, monitor)


def adopt(
    images: ImageSet,
    kind: str,
    *,
    name: str,
    source: str,
    credits: tuple[str, ...] = (),
    monitor: Monitor = Monitor(),
) -> Collection:
    """Remembers images that are known already, without mates; their files stay where they lie.

    Raises:
        BadDataError: the name is taken or odd, or not one image can be used.
    """
    rows = [DraftRow(name, path) for name, path in zip(images.ids, images.paths, strict=True)]

    def find(_made: Path) -> CollectionDraft:
        return CollectionDraft(rows, credits=credits)

    return _remember(find, kind, name, source, False, images.trim, monitor)


def _remember(
    find: Callable[[Path], CollectionDraft],
    kind: str,
    name: str,
    source: str,
    votes: bool,
    trim: int,
    monitor: Monitor,
) -> Collection:
    """Whole, or as if never asked for. What `find` has to make goes below the folder it is told."""
    with KEPT.making(name) as (work, tell):
        found = find(work / "files")
        rows, seen = _usable(found, trim, kind, monitor)
        write(work, rows, seen)
        tell(
            {
                "kind": kind,
                "source": source,
                "trim": trim,
                "paired": rows[0].mate is not None,
                "rows": len(rows),
                "images": len({one.key for one in seen.values()}),
                "bytes": sum(one.size for one in seen.values()),
                "votes": votes,
                "credits": list(found.credits),
                "digest": digest(rows, seen),
                "skipped": [[s.name, s.reason] for s in found.skipped],
            }
        )
    return open(name)


def open(name: str) -> Collection:
    """A remembered collection.

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    told, place = summary(name), KEPT.place(name)
    try:
        left, right, votes = read(place, told)
    except (OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, SimError):
            raise
        raise KEPT.damaged(name, error) from error
    return Collection(
        name,
        told["kind"],
        told["source"],
        left,
        right,
        votes=votes,
        skipped=tuple(Skipped(what, reason) for what, reason in told["skipped"]),
        credits=tuple(told["credits"]),
        digest=told["digest"],
    )


def names() -> list[str]:
    """Remembered collections, sorted."""
    return KEPT.names()


def summary(name: str) -> dict[str, Any]:
    """What is known without opening it.

    Returns:
        name, kind, source, created (UTC), trim, paired, rows (pairs, or images without mates),
        images (different ones), bytes (of the files), votes, credits, digest, skipped.

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    return KEPT.facts(name)


def remove(name: str) -> None:
    """Forgets a collection; pictures in its source folder and features in the store stay.

    Raises:
        UnknownNameError: no such name. SimError: the cache is closed to writing.
    """
    KEPT.remove(name)


def _find(kind: str, source: Path | None, made: Path, monitor: Monitor) -> CollectionDraft:
    """What the reader of that kind finds; what it has to make goes below `made`."""
    if kind == "emoji":
        return emoji.find(made, monitor=monitor)
    if source is not None and storage.is_remote(source):
        if kind not in {"images", "pairs"}:
            raise BadDataError(
                f"found an address in S3 for the kind {kind}; expected images or pairs; "
                "copy the others to this disk"
            )
        return (
            pair_folders.find_pairs(source) if kind == "pairs" else pair_folders.find_images(source)
        )
    if source is None or not source.exists():
        raise BadDataError(
            f"found nothing at {source or 'no path'}; expected {KINDS[kind]}; check the path"
        )
    inside = None
    if source.is_file() and source.suffix.lower() != ".csv":
        also = tuple(tll.DRIVE) if kind == "tll" else ()
        inside = made / "zip"
        archives.extract(source, inside, also=also, monitor=monitor)
        source = inside
    if kind == "tll":
        return tll.find(source, made / "sides", monitor=monitor)
    if kind == "pairs":
        return pair_folders.find_pairs(source, inside=inside)
    return pair_folders.find_images(source)


def _usable(
    found: CollectionDraft, trim: int, kind: str, monitor: Monitor
) -> tuple[list[DraftRow], dict[Path, DecodedImage]]:
    """The rows whose every image can be decoded; the others are added to `found.skipped`."""
    paths = [p for row in found.rows for p in (row.path, row.mate) if p is not None]
    seen = read_all(list(dict.fromkeys(paths)), trim, monitor)
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
        why = f" ({found.skipped[0].name}: {found.skipped[0].reason})" if found.skipped else ""
        raise BadDataError(
            f"found no usable image{why}; expected {KINDS.get(kind, kind)}; look at the files"
        )
    used = {p for row in rows for p in (row.path, row.mate) if p is not None}
    return rows, {path: seen[path] for path in used}


def digest(rows: Sequence[DraftRow], seen: dict[Path, DecodedImage]) -> str:
    """Changes with any id, any picture and their order; not with where the files lie."""
    told = hashlib.sha256()
    for row in rows:
        mate = None if row.mate is None else seen[row.mate].key
        line = [row.id, seen[row.path].key, row.mate_id, mate, row.votes]
        told.update(json.dumps(line).encode() + b"\n")
    return told.hexdigest()[:32]


def write(work: Path, rows: Sequence[DraftRow], seen: dict[Path, DecodedImage]) -> None:
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


def read(place: Path, told: dict[str, Any]) -> tuple[ImageSet, ImageSet | None, Array | None]:
    """Left side, right side or None, and votes (N, 2) or None.

    Args:
        told: the collection's summary.

    Raises:
        OSError, KeyError, ValueError, TypeError: the table is absent or not what `write` makes.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(place / "images.parquet").to_pydict()
    left = _side(table, "", place, told["trim"])
    right = _side(table, "mate_", place, told["trim"]) if told["paired"] else None
    votes = np.array([table["wins"], table["fails"]], np.int64).T if told["votes"] else None
    return left, right, votes


def _side(table: dict[str, list[Any]], side: str, place: Path, trim: int) -> ImageSet:
    paths = tuple(  # an absolute path stays itself, and so does an address
        Path(path) if storage.is_remote(path) else place / path for path in table[f"{side}path"]
    )
    return ImageSet(tuple(table[f"{side}id"]), paths, tuple(table[f"{side}key"]), trim)
