"""Tar and zip archives of judgement data, unpacked inside one folder, or refused as a whole."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from simcore.data import home, images, zips
from simcore.errors import BadDataError, SimError
from simcore.types import OnProgress, Progress

KEPT = (*images.SUFFIXES, ".npy", ".csv", ".json", ".txt", ".hdf5", ".h5")
MAX_ENTRIES = 1_000_000  # the training triplets of BAPPS are 605,000 files
_CHUNK = 1 << 20


def is_archive(path: Path) -> bool:
    """Whether a file is called like a tar or a zip."""
    name = path.name.lower()
    return name.endswith((".tar", ".tar.gz", ".tgz", ".zip"))


def unpack(
    source: Path,
    folder: Path,
    *,
    total: int = zips.MAX_TOTAL,
    on_progress: OnProgress | None = None,
) -> int:
    """Unpacks files of known kinds; others, dot files and folders are passed over.

    Args:
        folder: made here; gone again if anything is refused.
        total: bytes that may come out in all.

    Returns:
        Files unpacked.

    Raises:
        BadDataError: cut short (a half download), damaged, a link, a path that leads outside, or
            more bytes or entries than allowed. SimError: the disk is full.
    """
    left, done = total, 0
    try:
        with home.writing(folder):
            folder.mkdir(parents=True)
            for path, size, file in _entries(source):
                if done >= MAX_ENTRIES:
                    raise BadDataError(
                        f"found more than {MAX_ENTRIES:,} entries in {source.name}; "
                        "expected fewer; split it"
                    )
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as sink:
                    written = 0
                    while block := file.read(_CHUNK):
                        written += len(block)
                        if written > left:
                            raise BadDataError(
                                f"found more than {total:,} bytes in {source.name}; "
                                "expected at most that; split it"
                            )
                        sink.write(block)
                if written != size:
                    raise EOFError(f"{path.name} has {written} of {size} bytes")
                left -= written
                done += 1
                if on_progress is not None and done % 200 == 0:
                    on_progress(Progress("unpacking", done, 0))
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, SimError) or not isinstance(error, Exception):
            raise
        raise BadDataError(
            f"{source.name} is cut short or damaged ({' '.join(str(error).split())[:80]}); "
            "expected a whole archive; download it again"
        ) from error
    if not done:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadDataError(f"found nothing to read in {source.name}; expected {', '.join(KEPT)}")
    return done


def _entries(source: Path) -> Iterator[tuple[PurePosixPath, int, IO[bytes]]]:
    """(path, size, content) of each file to keep."""
    if source.name.lower().endswith(".zip"):
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                link = stat.S_ISLNK(entry.external_attr >> 16)
                if not entry.is_dir() and _wanted(entry.filename, link, source.name):
                    with archive.open(entry) as file:
                        yield _path(entry.filename), entry.file_size, file
        return
    with tarfile.open(source) as tar:
        for member in tar:
            if member.isdir():
                continue
            if _wanted(member.name, not member.isfile(), source.name):
                content = tar.extractfile(member)
                assert content is not None
                yield _path(member.name), member.size, content
    _whole(source)


def _whole(source: Path) -> None:
    """tarfile stops quietly where a compressed stream ends between two members."""
    with source.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(-8 if zipped else -512, 2)
        tail = file.read()
    if zipped:
        unzip = zlib.decompressobj(31)
        with source.open("rb") as file:
            while block := file.read(_CHUNK):
                unzip.decompress(block)
        if not unzip.eof:
            raise EOFError("the compressed stream has no end")
    elif tail.strip(b"\0"):
        raise EOFError("the tar has no end mark")


def _path(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))


def _wanted(name: str, odd: bool, archive: str) -> bool:
    """Whether to unpack an entry.

    Raises:
        BadDataError: it leads outside, or is a link or a device.
    """
    path = _path(name)
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts):
        raise BadDataError(
            f"found the path {name!r} in {archive}; expected paths inside the archive only; "
            "do not trust this file"
        )
    if odd:
        raise BadDataError(
            f"found {name!r} in {archive}, a link or device; expected plain files; "
            "pack the files themselves"
        )
    if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
        return False
    return path.suffix.lower() in KEPT
