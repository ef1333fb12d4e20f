"""The draft of a collection: files and pairs as a reader lists them, then decoded in threads."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TypeVar

from simcore.data import images, storage, thumbnails
from simcore.errors import BadDataError, BadImageError
from simcore.types import Monitor, Skipped

# Image formats that are reported instead of ignored, because they cannot be read here.
_UNSUPPORTED = (".heic", ".heif", ".avif", ".svg", ".jp2", ".jxl", ".ico", ".ppm", ".psd")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class DraftRow:
    """An image, or a pair.

    Attributes:
        id, path: the image, or the left one.
        mate_id, mate: the right one; None in a collection without mates.
        votes: up- and down-votes, or None.
    """

    id: str
    path: Path
    mate_id: str | None = None
    mate: Path | None = None
    votes: tuple[int, int] | None = None


@dataclass
class CollectionDraft:
    """Rows in order, images and pairs left out so far, and credits to authors."""

    rows: list[DraftRow]
    skipped: list[Skipped] = field(default_factory=list)
    credits: tuple[str, ...] = ()


def list_images(folder: Path, skipped: list[Skipped]) -> list[Path]:
    """The image files below a folder, sorted by path; dot files are ignored.

    Files in unsupported image formats are added to `skipped`.

    Raises:
        BadDataError: no such folder.
    """
    if not storage.exists(folder):
        raise BadDataError(f"There is no folder {folder}. Check the path.")
    paths = []
    for path in storage.list_files(folder):
        inner = path.relative_to(folder)
        if any(part.startswith(".") or part == "__MACOSX" for part in inner.parts):
            continue
        suffix = path.suffix.lower()
        if not _is_utf8(path):
            if suffix in images.SUFFIXES:
                reason = "The name of the file or its folder is not UTF-8. Rename it."
                skipped.append(Skipped(ascii(inner.as_posix()), reason))
        elif suffix in images.SUFFIXES and not path.is_dir():
            paths.append(path)
        elif suffix in _UNSUPPORTED and path.is_file():
            formats = " or ".join(images.FORMATS)
            reason = f"{path.name} is in an unsupported format. Save it as {formats}."
            skipped.append(Skipped(str(inner), reason))
    return paths


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def relative_names(paths: Iterable[Path], folder: Path) -> list[str]:
    """An id for each file: its path in the folder, without suffix unless two would be equal.

    >>> relative_names([Path("d/a.png"), Path("d/b.png"), Path("d/b.jpg")], Path("d"))
    ['a', 'b.png', 'b.jpg']
    """
    inner = [path.relative_to(folder) for path in paths]
    short = [path.with_suffix("").as_posix() for path in inner]
    counts: dict[str, int] = {}
    for name in short:
        counts[name] = counts.get(name, 0) + 1
    return [
        name if counts[name] == 1 else path.as_posix()
        for name, path in zip(short, inner, strict=True)
    ]


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
