"""The draft of a collection: files and pairs as a reader lists them, then decoded in threads."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import TypeVar

from simcore.data import image_names, images, storage, thumbnails
from simcore.data.collections.fields import Fields
from simcore.errors import BadDataError, BadImageError
from simcore.types import Monitor, OtherFiles, Skipped

# Files that file managers write, which nobody would miss.
_SYSTEM_FILES = {".ds_store", "thumbs.db", "desktop.ini", "ehthumbs.db"}
MAX_NAMED = 10  # other files of one kind
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class DraftRow:
    """An image, or a pair.

    Attributes:
        id, path: the image, or the left one.
        mate_id, mate: the right one; None in a collection without mates.
        votes: up- and down-votes, or None.
        fields: what the table of the images says about it.
    """

    id: str
    path: Path
    mate_id: str | None = None
    mate: Path | None = None
    votes: tuple[int, int] | None = None
    fields: Fields = field(default_factory=dict)


@dataclass
class CollectionDraft:
    """A collection as a reader lists it.

    Attributes:
        rows: in order.
        skipped: images and pairs left out so far.
        credits: to authors.
        accounted: files that are read as tables or named in `skipped`; those of `rows` need not be
            in it.
        ignored: names of files in archives that were not extracted.
        other_files: what the source contains beside all these, by kind.
    """

    rows: list[DraftRow]
    skipped: list[Skipped] = field(default_factory=list)
    credits: tuple[str, ...] = ()
    accounted: set[Path] = field(default_factory=set)
    ignored: tuple[str, ...] = ()
    other_files: tuple[OtherFiles, ...] = ()


def list_images(folder: Path, draft: CollectionDraft) -> list[Path]:
    """The image files below a folder, sorted by path; dot files are ignored.

    A file with the ending of an image counts as one until it is decoded; any other file counts if
    its content is an image's. Images that cannot be read here are added to `draft.skipped`.

    Raises:
        BadDataError: no such folder.
    """
    if not storage.exists(folder):
        raise BadDataError(f"There is no folder {folder}. Check the path.")
    paths = []
    for path in storage.list_files(folder):
        inner = path.relative_to(folder)
        if is_hidden(inner.parts) or not (storage.is_remote(path) or path.is_file()):
            continue
        reason = _unusable_reason(path)
        if reason is None:
            continue
        if reason:
            name = ascii(inner.as_posix()) if not _is_utf8(path) else str(inner)
            draft.skipped.append(Skipped(name, reason))
            draft.accounted.add(path)
        else:
            paths.append(path)
    return paths


def _unusable_reason(path: Path) -> str | None:
    """Why an image file cannot be used, "" if it may be usable; None for other files."""
    suffix = path.suffix.lower()
    content = "" if suffix in images.SUFFIXES else images.content_format(images.read_head(path))
    if suffix not in (*images.SUFFIXES, *images.UNSUPPORTED_SUFFIXES) and not content:
        return None
    if not _is_utf8(path):
        return "The name of the file or its folder is not UTF-8. Rename it."
    raw_photograph = content == "TIFF" and suffix in images.UNSUPPORTED_SUFFIXES
    if suffix in images.SUFFIXES or (content in images.FORMATS and not raw_photograph):
        return ""
    formats = " or ".join(images.FORMATS)
    return f"{path.name} is in an unsupported format. Save it as {formats}."


def is_hidden(parts: Sequence[str]) -> bool:
    """Whether a path below a folder is hidden, or from a Mac's resource forks."""
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def other_files(names: Iterable[str]) -> tuple[OtherFiles, ...]:
    """Files that are not used, by kind, most frequent kind first.

    Args:
        names: their paths below the folder; those that only file managers need are ignored.

    >>> [str(files) for files in other_files(["b.txt", "a.txt", "README", "Thumbs.db"])]
    ['2 .txt files: a.txt, b.txt', '1 other file: README']
    """
    by_kind: dict[str, list[str]] = {}
    for name in sorted(names):
        path = PurePosixPath(name)
        if is_system_file(path):
            continue
        kind = "hidden" if is_hidden(path.parts) else path.suffix.lower() or "other"
        if kind != "hidden" and image_names.has_ending(path.name):
            kind = "unused image"
        by_kind.setdefault(kind, []).append(name)
    kinds = sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(OtherFiles(kind, len(n), tuple(n[:MAX_NAMED])) for kind, n in kinds)


def is_system_file(path: PurePosixPath) -> bool:
    """Whether a file manager wrote it, such as .DS_Store."""
    resource_fork = path.name.startswith("._") or "__MACOSX" in path.parts
    return resource_fork or path.name.lower() in _SYSTEM_FILES


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def relative_names(paths: Iterable[Path], folder: Path) -> list[str]:
    """An id for each file: its path in the folder, without ending unless two would be equal.

    >>> relative_names([Path("d/a.1.png"), Path("d/b.png"), Path("d/b.jpg")], Path("d"))
    ['a.1', 'b.png', 'b.jpg']
    """
    names = [image_names.inner_name(path, folder) for path in paths]
    short = [image_names.stem(name) for name in names]
    counts = Counter(short)
    return [name if counts[name] == 1 else inner for name, inner in zip(short, names, strict=True)]


def drop_repeated(rows: Iterable[DraftRow], skipped: list[Skipped]) -> list[DraftRow]:
    """The rows whose images no earlier row has on the same side; the others are reported."""
    unique: list[DraftRow] = []
    used: set[tuple[str, str | Path]] = set()  # (side, id) and (side, path) of earlier rows
    for row in rows:
        sides = [("left", row.id, row.path), ("right", row.mate_id or "", row.mate)]
        files = [(side, name, path) for side, name, path in sides if path is not None]
        repeated = next(
            (
                f"The {side} image {name} is already in an earlier row. The first row counts."
                for side, name, path in files
                if (side, path) in used or (side, name) in used
            ),
            None,
        )
        if repeated is not None:
            skipped.append(Skipped(f"{row.id}, {row.mate_id}", repeated))
            continue
        unique.append(row)
        for side, name, path in files:
            used |= {(side, name), (side, path)}
    return unique


def map_in_threads(
    function: Callable[[_Item], _Result],
    items: list[_Item],
    stage: str,
    monitor: Monitor = Monitor(),
) -> Iterator[_Result]:
    """Results of a function for all items, computed in threads, in order, with progress."""
    started = last = monotonic()
    with ThreadPoolExecutor(max(2, min(16, (os.cpu_count() or 2)))) as pool:
        try:
            for done, result in enumerate(pool.map(function, items), 1):
                now = monotonic()
                if now - last > 0.2 or done == len(items):
                    rate = done / max(now - started, 1e-6)
                    last = now
                    monitor.report(stage, done, len(items), rate)
                yield result
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass(frozen=True)
class DecodedImage:
    """The properties of a decoded image file.

    Attributes:
        key: content key. width, height: px after trimming. size: bytes of the file.
        profile: whether it has a color profile that changes its colors.
        error: the reason why it cannot be used, or "".
    """

    key: str = ""
    width: int = 0
    height: int = 0
    size: int = 0
    error: str = ""
    profile: bool = False


def decode_all(
    paths: list[Path], trim: int, monitor: Monitor, *, ignore_profiles: bool = False
) -> dict[Path, DecodedImage]:
    """Decode every file once, and write its thumbnail.

    Args:
        trim: rows cut from the bottom, px.
        ignore_profiles: leave the colors of files with a color profile as they are stored.

    Raises:
        SimError: the disk is full. Bad images do not raise; they have an `error`.
    """

    def decode(path: Path) -> DecodedImage:
        try:
            data = images.read(path)
            key = images.content_key(data, trim, ignore_profile=ignore_profiles)
            image = images.load_as(data, key, name=path.name)
        except BadImageError as error:
            return DecodedImage(error=str(error))
        thumbnails.make_thumb(key, image)
        height, width = image.shape[:2]
        return DecodedImage(key, width, height, len(data), profile=images.has_profile(data))

    return dict(zip(paths, map_in_threads(decode, paths, "reading images", monitor), strict=True))
