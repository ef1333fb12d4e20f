"""Named collections: added once with every image checked, and opened again by name."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import image_files, storage
from simcore.data.collections import emoji, fields, pair_folders, tll
from simcore.data.collections import votes as collection_votes
from simcore.data.collections.collection_draft import (
    CollectionDraft,
    DecodedImage,
    DraftRow,
    decode_all,
    other_files,
)
from simcore.data.fetch import archives
from simcore.data.named_folders import NamedFolders
from simcore.errors import BadDataError, unknown_name
from simcore.types import JSON, Array, Collection, ImageSet, Monitor, OtherFiles, Skipped

KINDS = {
    "tll": "Totally-Looks-Like: left/ + right/, composite pages, or the Kaggle form",
    "pairs": "left/ and right/ with equal names, or a table with columns left,right of paths",
    "images": "any folder of images, a table (CSV, Parquet) with their paths and fields, or an "
    "export of FiftyOne",
    "emoji": "the same emoji in two designs, Twemoji and Noto (downloaded)",
}
FOLDERS = NamedFolders("collections", "collection.json", "collection", 1)
names = FOLDERS.names  # of all collections, sorted
remove = FOLDERS.remove  # image files in the source folder and stored features stay


def add(
    kind: str,
    path: Path | str | None,
    *,
    name: str,
    votes: Path | str | None = None,
    trim: int = 0,
    ignore_profiles: bool = False,
    source_name: str = "",
    monitor: Monitor = Monitor(),
) -> Collection:
    """Read and check a collection, and save it under a name; on an error nothing is saved.

    Each image is decoded once, for its key and its thumbnail. One that cannot be used is left
    out, together with its mate, and listed in `skipped`.

    Args:
        kind: one of KINDS.
        path: a folder, a zip of one, or a CSV for `pairs`; None for `emoji`. The images of a
            folder stay in place, on disk or (images, pairs) at s3://bucket/folder; a zip is
            extracted into the cache.
        name: 1 to 64 lowercase letters, digits, '.', '_' or '-'.
        votes: CSV with columns id, wins, fails.
        trim: rows cut from the bottom of every image, px.
        ignore_profiles: leave colors as they are stored, as the papers did; by default embedded
            color profiles are converted to sRGB.
        source_name: the source as shown to people, if not the path.

    Raises:
        UnknownNameError: no such kind. BadDataError: the name is taken or not valid, the path has
            nothing of that kind, or no image can be used. SimError: the disk is full.
    """
    if kind not in KINDS:
        raise unknown_name("kind of collection", kind, KINDS)
    if trim < 0:
        raise BadDataError(f"trim must be 0 px or more, got {trim}.")
    source = None if path is None else storage.path(path)

    def read(folder: Path) -> CollectionDraft:
        draft = _read_source(kind, source, folder, ignore_profiles, monitor)
        if votes is not None:
            table = Path(votes).expanduser().absolute()
            draft.rows = collection_votes.attach(
                draft.rows, table, draft.skipped, official=kind == "tll"
            )
            draft.accounted.add(table)
        if source is not None:
            draft.other_files = _other_files(source, folder / "zip", draft)
        return draft

    if not source_name:
        remote = source is not None and storage.is_remote(source)
        source_name = storage.parse_s3(str(source)) if remote else str(source or kind)
    return _save(
        read,
        kind=kind,
        name=name,
        source=source_name,
        votes=votes is not None,
        trim=trim,
        ignore_profiles=ignore_profiles,
        monitor=monitor,
    )


def adopt(
    images: ImageSet,
    kind: str,
    *,
    name: str,
    source: str,
    credits: tuple[str, ...] = (),
    copy_below: Path | None = None,
    monitor: Monitor = Monitor(),
) -> Collection:
    """Save an image set as a collection without mates; the files stay in place.

    Args:
        copy_below: files below this folder are copied, since its owner may remove it.

    Raises:
        BadDataError: the name is taken or not valid, or no image can be used.
    """

    def read(folder: Path) -> CollectionDraft:
        paths = images.paths
        if copy_below is not None:
            paths = image_files.copy_below(paths, copy_below, folder)
        rows = [DraftRow(name, path) for name, path in zip(images.ids, paths, strict=True)]
        return CollectionDraft(rows, credits=credits)

    return _save(
        read,
        kind=kind,
        name=name,
        source=source,
        votes=False,
        trim=images.trim,
        ignore_profiles=images.ignore_profiles,
        monitor=monitor,
    )


def _save(
    read: Callable[[Path], CollectionDraft],
    *,
    kind: str,
    name: str,
    source: str,
    votes: bool,
    trim: int,
    ignore_profiles: bool,
    monitor: Monitor,
) -> Collection:
    """Save what `read` returns; it gets a folder for the files that it has to create."""
    with FOLDERS.create(name) as (folder, save):
        draft = read(folder / "files")
        paths = [path for row in draft.rows for path in (row.path, row.mate) if path is not None]
        unique = list(dict.fromkeys(paths))
        decoded = decode_all(unique, trim, monitor, ignore_profiles=ignore_profiles)
        rows, decoded = _usable(draft, decoded, kind)
        write(folder, rows, decoded)
        field_names = fields.write(folder, [row.fields for row in rows])
        save(
            {
                "kind": kind,
                "source": source,
                "trim": trim,
                "ignore_profiles": ignore_profiles,
                "profiles": len({image.key for image in decoded.values() if image.profile}),
                "paired": rows[0].mate is not None,
                "rows": len(rows),
                "images": len({image.key for image in decoded.values()}),
                "bytes": sum(image.size for image in decoded.values()),
                "votes": votes,
                "credits": list(draft.credits),
                "fields": field_names,
                "digest": digest(rows, decoded),
                "skipped": [[skipped.name, skipped.reason] for skipped in draft.skipped],
                "other_files": [
                    [files.kind, files.count, list(files.names)] for files in draft.other_files
                ],
            }
        )
    return open(name)


def open(name: str) -> Collection:
    """The collection of a name.

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    return FOLDERS.load(name, _load)


def summary(name: str) -> JSON:
    """The metadata of a collection; its images are not listed.

    Returns:
        name, kind, source, created (UTC), trim, ignore_profiles and profiles (how many images have
        a color profile; neither in older ones), paired, rows (pairs, or images without mates),
        images (distinct ones), bytes (of the files), votes, credits, fields (names; absent in
        older ones), digest, skipped,
        other_files ([kind, count, first names]; absent in collections added before it existed).

    Raises:
        UnknownNameError: no such name. BadDataError: damaged, or written by a newer version.
    """
    return FOLDERS.metadata(name)


def _read_source(
    kind: str, source: Path | None, folder: Path, ignore_profiles: bool, monitor: Monitor
) -> CollectionDraft:
    """Apply the reader of a kind; files that it creates go below `folder`."""
    if kind == "emoji":
        return emoji.read(folder, monitor=monitor)
    if source is not None and storage.is_remote(source):
        if kind not in {"images", "pairs"}:
            raise BadDataError(
                f"The kind {kind!r} cannot be read from S3, only images and pairs. Copy it to this "
                "disk first."
            )
        return (
            pair_folders.read_pairs(source) if kind == "pairs" else pair_folders.read_images(source)
        )
    if source is None or not source.exists():
        raise BadDataError(
            f"There is nothing at {source or 'the empty path'}. The kind {kind!r} needs "
            f"{KINDS[kind]}."
        )
    extracted = None
    ignored: tuple[str, ...] = ()
    if source.is_file() and source.suffix.lower() not in pair_folders.TABLE_SUFFIXES:
        also = tuple(tll.DRIVE) if kind == "tll" else ()
        extracted = folder / "zip"
        ignored = archives.extract(source, extracted, also=also, monitor=monitor).ignored
        source = extracted
    if kind == "tll":
        draft = tll.read(source, folder / "sides", ignore_profiles=ignore_profiles, monitor=monitor)
    elif kind == "pairs":
        draft = pair_folders.read_pairs(source, inside=extracted)
    else:
        draft = pair_folders.read_image_source(source, folder / "images", inside=extracted)
    draft.ignored += ignored
    return draft


def _other_files(source: Path, extracted: Path, draft: CollectionDraft) -> tuple[OtherFiles, ...]:
    """What a folder or zip contains beside the files of a draft, by kind.

    A CSV given by its path is no such container: files beside it are nobody's concern.
    """
    folder = extracted if extracted.is_dir() else source
    if not storage.exists(folder):
        return other_files(draft.ignored)
    used = {file for row in draft.rows for file in (row.path, row.mate)} | draft.accounted
    files = [path for path in storage.list_files(folder) if path not in used]
    names = [
        path.relative_to(folder).as_posix()
        for path in files
        if storage.is_remote(path) or not path.is_dir()
    ]
    # Names that are not UTF-8 are escaped, since JSON and terminals cannot hold them.
    names = [name.encode("utf-8", "backslashreplace").decode() for name in names]
    return other_files([*names, *draft.ignored])


def _usable(
    draft: CollectionDraft, decoded: dict[Path, DecodedImage], kind: str
) -> tuple[list[DraftRow], dict[Path, DecodedImage]]:
    """The rows whose images can all be decoded; the others are added to `draft.skipped`."""
    rows = []
    for row in draft.rows:
        images = [decoded[path] for path in (row.path, row.mate) if path]
        error = next((image.error for image in images if image.error), None)
        if error is None:
            rows.append(row)
        else:
            label = row.id if row.mate is None else f"{row.id}, {row.mate_id}"
            draft.skipped.append(Skipped(label, error))
    if not rows:
        first = draft.skipped[0] if draft.skipped else None
        reason = f" ({first.name}: {first.reason.rstrip('.')})" if first else ""
        raise BadDataError(f"No usable image{reason}. Expected {KINDS.get(kind, kind)}.")
    used = {path for row in rows for path in (row.path, row.mate) if path is not None}
    return rows, {path: decoded[path] for path in used}


def digest(rows: Sequence[DraftRow], decoded: dict[Path, DecodedImage]) -> str:
    """Changes with any id, any picture and their order; not with the place of the files."""
    sha = hashlib.sha256()
    for row in rows:
        mate = None if row.mate is None else decoded[row.mate].key
        line = [row.id, decoded[row.path].key, row.mate_id, mate, row.votes]
        sha.update(json.dumps(line).encode() + b"\n")
    return sha.hexdigest()[:32]


def write(folder: Path, rows: Sequence[DraftRow], decoded: dict[Path, DecodedImage]) -> None:
    """Write the table of images; paths below `folder` are stored relative to it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def text(path: Path) -> str:
        return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)

    columns: dict[str, list[Any]] = {}
    for side in ("", "mate_") if rows[0].mate is not None else ("",):
        files = [row.mate if side and row.mate is not None else row.path for row in rows]
        columns[f"{side}id"] = [(row.mate_id if side else row.id) for row in rows]
        columns[f"{side}path"] = [text(path) for path in files]
        columns[f"{side}key"] = [decoded[path].key for path in files]
        columns[f"{side}width"] = [decoded[path].width for path in files]
        columns[f"{side}height"] = [decoded[path].height for path in files]
    if rows[0].votes is not None:
        columns["wins"] = [row.votes[0] if row.votes else 0 for row in rows]
        columns["fails"] = [row.votes[1] if row.votes else 0 for row in rows]
    pq.write_table(pa.table(columns), folder / "images.parquet")


def _load(folder: Path, metadata: JSON) -> Collection:
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "images.parquet").to_pydict()
    votes: Array | None = None
    if metadata["votes"]:
        votes = np.array([table["wins"], table["fails"]], np.int64).T
    return Collection(
        folder.name,
        metadata["kind"],
        metadata["source"],
        _side(table, "", folder, metadata),
        _side(table, "mate_", folder, metadata) if metadata["paired"] else None,
        votes=votes,
        skipped=tuple(Skipped(name, reason) for name, reason in metadata["skipped"]),
        credits=tuple(metadata["credits"]),
        digest=metadata["digest"],
    )


def _side(table: JSON, side: str, folder: Path, metadata: JSON) -> ImageSet:
    files = tuple(
        Path(file) if storage.is_remote(file) else file  # an absolute path stays as it is, too
        for file in table[f"{side}path"]
    )
    return ImageSet(
        tuple(table[f"{side}id"]),
        files,
        tuple(table[f"{side}key"]),
        metadata["trim"],
        folder,
        metadata.get("ignore_profiles", False),
    )
