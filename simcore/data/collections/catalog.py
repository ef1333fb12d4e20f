"""The memory: named collections, added once with every file checked, and found again later."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from simcore.data import places, zips
from simcore.data.collections import emoji, folder, pairs, stored, tll
from simcore.data.collections import votes as voting
from simcore.data.collections.found import Found, Row
from simcore.data.collections.reading import Seen, read_all
from simcore.data.kept import Kept
from simcore.errors import BadDataError, SimError, unknown
from simcore.types import Collection, ImageSet, OnProgress, Skipped

KINDS = {
    "tll": "Totally-Looks-Like: left/ + right/, composite pages, or the Kaggle form",
    "pairs": "left/ and right/ with equal names, or a CSV left,right of paths",
    "images": "any folder of images, without known mates",
    "emoji": "the same emoji by two design houses (fetched)",
}
KEPT = Kept("collections", "collection.json", "collection", 1)


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
        raise unknown("kind of collection", kind, KINDS)
    if trim < 0:
        raise BadDataError(f"found a trim of {trim} px; expected 0 or more; leave it out")
    source = None if path is None else places.path(path)

    def find(made: Path) -> Found:
        found = _find(kind, source, made, on_progress)
        if votes is not None:
            table = Path(votes).expanduser().absolute()
            found.rows = voting.attach(found.rows, table, found.skipped)
        return found

    away = source is not None and places.remote(source)
    told = source_name or (places.checked(str(source)) if away else str(source or kind))
    return _remember(find, kind, name, told, votes is not None, trim, on_progress)


def adopt(
    images: ImageSet,
    kind: str,
    *,
    name: str,
    source: str,
    credits: tuple[str, ...] = (),
    on_progress: OnProgress | None = None,
) -> Collection:
    """Remembers images that are known already, without mates; their files stay where they lie.

    Raises:
        BadDataError: the name is taken or odd, or not one image can be used.
    """
    rows = [Row(name, path) for name, path in zip(images.ids, images.paths, strict=True)]

    def find(_made: Path) -> Found:
        return Found(rows, credits=credits)

    return _remember(find, kind, name, source, False, images.trim, on_progress)


def _remember(
    find: Callable[[Path], Found],
    kind: str,
    name: str,
    source: str,
    votes: bool,
    trim: int,
    on_progress: OnProgress | None,
) -> Collection:
    """Whole, or as if never asked for. What `find` has to make goes below the folder it is told."""
    with KEPT.making(name) as (work, tell):
        found = find(work / "files")
        rows, seen = _usable(found, trim, kind, on_progress)
        stored.write(work, rows, seen)
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
                "digest": stored.digest(rows, seen),
                "skipped": [[s.what, s.reason] for s in found.skipped],
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
        left, right, votes = stored.read(place, told)
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


def _find(kind: str, source: Path | None, made: Path, on_progress: OnProgress | None) -> Found:
    """What the reader of that kind finds; what it has to make goes below `made`."""
    if kind == "emoji":
        return emoji.find(made, on_progress=on_progress)
    if source is not None and places.remote(source):
        if kind not in {"images", "pairs"}:
            raise BadDataError(
                f"found an address in S3 for the kind {kind}; expected images or pairs; "
                "copy the others to this disk"
            )
        return pairs.find(source) if kind == "pairs" else folder.find(source)
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
        raise BadDataError(
            f"found no usable image{why}; expected {KINDS.get(kind, kind)}; look at the files"
        )
    used = {p for row in rows for p in (row.path, row.mate) if p is not None}
    return rows, {path: seen[path] for path in used}
