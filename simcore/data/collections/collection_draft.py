"""What a reader found: files and who is whose mate, before anything is decoded."""

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

_FOREIGN = (".heic", ".heif", ".avif", ".svg", ".jp2", ".jxl", ".ico", ".ppm", ".psd")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class DraftRow:
    """One image, or one pair: row i's right side is its left side's mate.

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
    """Rows in their order, what was left out so far, and whom to thank."""

    rows: list[DraftRow]
    skipped: list[Skipped] = field(default_factory=list)
    credits: tuple[str, ...] = ()


def list_images(folder: Path, skipped: list[Skipped]) -> list[Path]:
    """The image files under a folder, sorted by path; dot files are passed over.

    Files of image kinds that cannot be read here are added to `skipped`.

    Raises:
        BadDataError: no such folder.
    """
    if not storage.exists(folder):
        raise BadDataError(f"found no folder {folder}; expected one with images; check the path")
    kept = []
    for path in storage.list_files(folder):
        inner = path.relative_to(folder)
        if any(part.startswith(".") or part == "__MACOSX" for part in inner.parts):
            continue
        suffix = path.suffix.lower()
        if not _utf8(path):
            if suffix in images.SUFFIXES:
                reason = "its name or folder is not UTF-8; expected one that is; rename it"
                skipped.append(Skipped(ascii(inner.as_posix()), reason))
        elif suffix in images.SUFFIXES and not path.is_dir():
            kept.append(path)
        elif suffix in _FOREIGN and path.is_file():
            formats = ", ".join(images.FORMATS)
            reason = f"{path.name} is of a kind this does not read; expected {formats}"
            skipped.append(Skipped(str(inner), f"{reason}; save it as one of these"))
    return kept


def _utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def relative_names(paths: Iterable[Path], folder: Path) -> list[str]:
    """An id for each file: its path in the folder without the ending, with it where two clash.

    >>> names([Path("d/a.png"), Path("d/b.png"), Path("d/b.jpg")], Path("d"))
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
    kept: list[DraftRow] = []
    left: dict[tuple[str, Path], str] = {}
    ids: tuple[set[str], set[str]] = (set(), set())
    for row in rows:
        sides = [("left", row.id, row.path), ("right", row.mate_id or "", row.mate)]
        for side, (name, name_id, path) in enumerate(sides):
            if path is not None and ((name, path) in left or name_id in ids[side]):
                told = f"the {name} image {name_id} is in an earlier row; expected it once a side"
                skipped.append(Skipped(f"{row.id}, {row.mate_id}", f"{told}; the first row counts"))
                break
        else:
            kept.append(row)
            for side, (name, name_id, path) in enumerate(sides):
                if path is not None:
                    left[name, path] = row.id
                    ids[side].add(name_id)
    return kept


def map_in_threads(
    do: Callable[[_Item], _Result],
    items: list[_Item],
    stage: str,
    monitor: Monitor = Monitor(),
) -> Iterator[_Result]:
    """`do` for every item, in threads, results in order, with progress."""
    started = last = monotonic()
    with ThreadPoolExecutor(max(2, min(16, (os.cpu_count() or 2)))) as pool:
        try:
            for done, result in enumerate(pool.map(do, items), 1):
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
    """What one look at a file told; `wrong` is a sentence where it cannot be used.

    Attributes:
        key: content key. width, height: px after trimming. size: bytes of the file.
    """

    key: str = ""
    width: int = 0
    height: int = 0
    size: int = 0
    wrong: str = ""


def read_all(paths: list[Path], trim: int, monitor: Monitor) -> dict[Path, DecodedImage]:
    """A look at each file.

    Raises:
        SimError: the disk is full; a bad image raises nothing.
    """

    def look(path: Path) -> DecodedImage:
        try:
            data = images.read(path)
            image = images.load(data, trim=trim, name=path.name)
        except BadImageError as error:
            return DecodedImage(wrong=str(error))
        key = images.content_key(data, trim)
        thumbnails.make_thumb(key, image)
        return DecodedImage(key, image.shape[1], image.shape[0], len(data))

    return dict(zip(paths, map_in_threads(look, paths, "reading images", monitor), strict=True))
