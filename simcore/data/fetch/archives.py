"""Tar and zip archives of judgement data, unpacked inside one folder, or refused as a whole."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from simcore.data import cache_dir, images
from simcore.errors import BadDataError, SimError
from simcore.types import Monitor

KEPT = (*images.SUFFIXES, ".npy", ".csv", ".json", ".txt", ".hdf5", ".h5")
MAX_DATASET_ENTRIES = 1_000_000  # the training triplets of BAPPS are 605,000 files

MAX_ENTRIES = 200_000
MAX_TOTAL = 20_000_000_000
MAX_CSV = 200_000_000
MAX_RATIO = 200
_RATIO_FROM = 10_000_000  # bytes; a small file of zeros is no attack
_CHUNK = 1 << 20
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_KEPT = (*images.SUFFIXES, ".csv")


def is_archive(path: Path) -> bool:
    """Whether a file is called like a tar or a zip."""
    name = path.name.lower()
    return name.endswith((".tar", ".tar.gz", ".tgz", ".zip"))


def extract_dataset(
    source: Path,
    folder: Path,
    *,
    total: int = MAX_TOTAL,
    monitor: Monitor = Monitor(),
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
        with cache_dir.disk_errors(folder):
            folder.mkdir(parents=True)
            for path, size, file in _entries(source):
                if done >= MAX_DATASET_ENTRIES:
                    raise BadDataError(
                        f"found more than {MAX_DATASET_ENTRIES:,} entries in {source.name}; "
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
                if done % 200 == 0:
                    monitor.report("unpacking", done, 0)
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


def extract(
    source: Path,
    folder: Path,
    *,
    total: int = MAX_TOTAL,
    also: tuple[str, ...] = (),
    monitor: Monitor = Monitor(),
) -> int:
    """Unpacks the images and CSV files of a zip into a folder that holds nothing else.

    What the zip tells about sizes is not believed: bytes are counted while they come. Names that
    begin with a dot or "__MACOSX" and files of other kinds are passed over.

    Args:
        source: the zip.
        folder: made here; gone again if anything is refused.
        total: bytes that may come out in all.
        also: file names of other kinds to unpack, like "left.zip".

    Returns:
        Files unpacked.

    Raises:
        BadDataError: not a zip, damaged, encrypted; a path that leads outside; a link; too many
            entries, too many bytes, or a file that grows more than MAX_RATIO times.
        SimError: the disk is full or closed.
    """
    try:
        with cache_dir.disk_errors(folder), zipfile.ZipFile(source) as file:
            entries = _checked(file, source.name, total, also)
            folder.mkdir(parents=True)
            left = total
            for done, (entry, path) in enumerate(entries):
                most = left if path.name in also else _largest(path)
                left -= _extract(file, entry, folder / path, min(left, most), source.name)
                if done % 50 == 0:
                    monitor.report("unpacking", done, len(entries))
            return len(entries)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, SimError) or not isinstance(error, Exception):
            raise
        raise BadDataError(  # a damaged zip brings zipfile to errors of every kind
            f"{source.name} is no whole zip file ({error}); expected a zip of images; pack it again"
        ) from error


def _checked(
    file: zipfile.ZipFile, name: str, total: int, also: tuple[str, ...]
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The entries to unpack; one bad entry refuses the zip."""
    entries = file.infolist()
    if len(entries) > MAX_ENTRIES:
        raise BadDataError(
            f"found {len(entries):,} entries in {name}; expected at most {MAX_ENTRIES:,}; split it"
        )
    kept: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts):
            raise BadDataError(
                f"found the path {entry.filename!r} in {name}; expected paths inside the zip only; "
                "do not trust this file"
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise BadDataError(
                f"found the link {entry.filename!r} in {name}; expected plain files; "
                "pack the files themselves"
            )
        if entry.is_dir() or not (path.suffix.lower() in _KEPT or path.name in also):
            continue
        if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
            continue
        if entry.flag_bits & 1 or entry.compress_type not in _PACKED:
            raise BadDataError(
                f"found {name} encrypted or packed in a rare way; expected a plain zip; "
                "pack it again"
            )
        if path in kept:
            raise BadDataError(f"found {path} twice in {name}; expected each once; pack it again")
        kept[path] = entry
    if sum(entry.file_size for entry in kept.values()) > total:
        raise _too_much(name, total)
    if not kept:
        raise BadDataError(
            f"found no image in {name} ({len(entries)} entries); expected "
            f"{', '.join(images.SUFFIXES)}; pack the images"
        )
    return [(entry, path) for path, entry in kept.items()]


def _largest(path: PurePosixPath) -> int:
    return MAX_CSV if path.suffix.lower() == ".csv" else images.MAX_BYTES


def _extract(
    file: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, most: int, name: str
) -> int:
    """Writes one entry; returns its true size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with file.open(entry) as source, target.open("xb") as sink:
        while block := source.read(_CHUNK):
            size += len(block)
            if size > most:
                raise _too_much(f"{entry.filename} of {name}", most)
            if size > _RATIO_FROM and size > MAX_RATIO * max(entry.compress_size, 1):
                raise BadDataError(
                    f"found {entry.filename} of {name} grow more than {MAX_RATIO} times; "
                    "expected images, which hardly shrink in a zip; do not trust this file"
                )
            sink.write(block)
    return size


def _too_much(name: str, most: int) -> BadDataError:
    return BadDataError(
        f"found more than {most:,} bytes in {name}; expected at most that; split it"
    )
