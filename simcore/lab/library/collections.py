"""Verbs on collections: add, open, list, remove, and what is cached for them."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from simcore.data import cache_dir, thumbnails
from simcore.data.collections import collection_catalog, tll
from simcore.errors import BadDataError
from simcore.lab.library import features
from simcore.models import lineage, registry
from simcore.types import Array, Collection, Monitor, Skipped

KINDS = collection_catalog.KINDS


def add(
    kind: str,
    path: str | Path | None,
    *,
    name: str,
    votes: Path | None = None,
    trim: int = 0,
    monitor: Monitor = Monitor(),
) -> Collection:
    """Read a collection and remember it under `name`.

    Args:
        kind: one of `KINDS`.
        path: folder, zip, CSV or s3://bucket/folder; None for kinds that are fetched.
        votes: CSV with the columns id, wins, fails.
        trim: rows to cut from the bottom of every image (captions), in px.

    Raises:
        BadDataError: nothing usable was found, or the name is taken or not allowed.
        UnknownNameError: no such kind.
    """
    return collection_catalog.add(kind, path, name=name, votes=votes, trim=trim, monitor=monitor)


def upload(data: bytes, kind: str, *, name: str, monitor: Monitor = Monitor()) -> Collection:
    """Add a collection from the bytes of a zip that somebody uploaded; nothing in it is trusted.

    Raises:
        BadDataError: no zip, too large, or nothing usable inside.
    """
    with tempfile.TemporaryDirectory(
        prefix="upload-", dir=cache_dir.subfolder("downloads")
    ) as folder:
        place = Path(folder) / "uploaded.zip"
        cache_dir.write_atomic(place, data)
        return collection_catalog.add(
            kind, place, name=name, source_name="an uploaded zip", monitor=monitor
        )


def names() -> list[str]:
    """Names of all remembered collections, sorted."""
    return collection_catalog.names()


def open_(name: str) -> Collection:
    """The collection, without the images that turned out to be unreadable at extraction.

    Raises:
        UnknownNameError: no such collection.
    """
    return _open(name, *_stamps(name))


def listing() -> list[dict]:
    """One summary a collection."""
    return [summary(name) for name in names()]


def summary(name: str) -> dict:
    """What is known of a collection without opening it.

    Returns:
        name, kind, source, created (UTC), trim, paired, rows, pairs (None without mates), images
        (different ones), bytes, votes, credits, digest, skipped ([{"what", "reason"}]).
    """
    told = collection_catalog.summary(name)
    skipped = [{"what": what, "reason": reason} for what, reason in told["skipped"]]
    pairs = told["rows"] if told["paired"] else None
    return told | {"pairs": pairs, "skipped": skipped}


def cached(name: str) -> list[dict]:
    """For every backbone with any features of this collection: {"backbone", "done", "images"}."""
    return features.counts(whole(name))


def extracted_backbones(name: str) -> list[str]:
    """Backbones whose features are complete: networks first, then descriptors, then faces.

    Within these in the registry's order; detectors are none.

    Raises:
        BadDataError: none is; names the command that makes them.
    """
    full = {row["backbone"] for row in features.counts(open_(name)) if row["done"] == row["images"]}
    if not full:
        raise BadDataError(f"found no features of {name!r} yet; run `simcore extract {name}` first")
    known, detectors = registry.names(), set(registry.names("detectors"))
    found = [b for b in known if b in full] + sorted(full - set(known))
    return sorted((one for one in found if one not in detectors), key=_kind)


def _kind(backbone: str) -> int:
    """What a newcomer should see first comes first; a face has nothing to say of most pictures."""
    groups = registry.get(backbone).groups
    return 2 if "faces" in groups else 1 if "handmade" in groups else 0


def default_backbones(name: str) -> list[str]:
    """Those of `extracted` that nobody learned here: what is used where nothing is asked for.

    A learned backbone has seen some of the pairs, so it is only used where it is named.

    Raises:
        BadDataError: there is none.
    """
    found = [one for one in extracted_backbones(name) if not one.startswith(lineage.PREFIX)]
    if not found:
        raise BadDataError(
            f"found only learned backbones of {name!r}; name them with --models, or run "
            f"`simcore extract {name}` first"
        )
    return found


def thumbnail(key: str) -> Path:
    """The thumbnail of an image by its content key; it exists for every image of a collection."""
    return thumbnails.thumb(key)


def picture(key: str) -> Path:
    """The largest picture that was made of an image; its thumbnail where that is all."""
    path = thumbnails.large(key)
    return path if path.exists() else thumbnails.thumb(key)


def download_tll(folder: Path, *, monitor: Monitor = Monitor()) -> Path:
    """Fetch the official Totally-Looks-Like zips into `folder`.

    Raises:
        BadDataError: they cannot be reached; says what to download by hand and where to put it.
    """
    return tll.download(folder, monitor=monitor)


def remove(name: str) -> None:
    """Forget a collection; features stay, since another one may show the same images."""
    collection_catalog.remove(name)


def mark_unreadable(name: str, reasons: dict[str, str]) -> None:
    """Remember which content keys could not be turned into features, and why."""
    path = _unreadable(name)
    if reasons:
        cache_dir.write_atomic(path, json.dumps(reasons).encode())
    else:
        path.unlink(missing_ok=True)


def whole(name: str) -> Collection:
    """The collection as it was added, unreadable images included."""
    return collection_catalog.open(name)


def _unreadable(name: str) -> Path:
    return cache_dir.root() / "collections" / name / "unreadable.json"


def _stamps(name: str) -> tuple[str, int, int]:
    """Where the collection lies and when it last changed, so that a cached copy is never stale."""
    folder = cache_dir.root() / "collections" / name
    files = (folder / "collection.json", _unreadable(name))
    first, second = (file.stat().st_mtime_ns if file.exists() else 0 for file in files)
    return str(folder), first, second


@lru_cache(maxsize=16)
def _open(name: str, _folder: str, _made: int, _marked: int) -> Collection:
    found = collection_catalog.open(name)
    path = _unreadable(name)
    return _without(found, json.loads(path.read_text())) if path.exists() else found


def _without(found: Collection, reasons: dict[str, str]) -> Collection:
    """`found` less the pairs one of whose images has its key in `reasons`."""
    sides = [found.left] if found.right is None else [found.left, found.right]
    bad = np.zeros(len(found.left), dtype=bool)
    lost = []
    for side in sides:
        for row, (name, key) in enumerate(zip(side.ids, side.keys, strict=True)):
            if key in reasons:
                bad[row] = True
                lost.append(Skipped(name, reasons[key]))
    keep = np.flatnonzero(~bad)
    return replace(
        found,
        left=found.left.take(keep),
        right=None if found.right is None else found.right.take(keep),
        votes=None if found.votes is None else found.votes[keep],
        skipped=found.skipped + tuple(lost),
        digest=f"{found.digest}-{len(keep)}",
    )


def keys(collection: Collection, rows: Sequence[int] | Array | None = None) -> list[str]:
    """Content keys of both pictures of some pairs, or of all."""
    pairs = collection.pairs()
    sides = (pairs.queries, pairs.gallery)
    return [key for s in sides for key in (s if rows is None else s.take(rows)).keys]
