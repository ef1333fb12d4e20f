"""Extract zip and tar archives into one folder, or refuse them as a whole.

Archives may be uploaded by anyone, so neither their paths nor the sizes in their headers are
trusted: no file leaves the folder, links are refused, and bytes are counted while they are read.
"""

import gzip
import io
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from pathlib import Path, PurePosixPath
from typing import IO, cast

from simcore.data import cache_dir, csv_files, images
from simcore.errors import BadDataError, SimError
from simcore.types import Monitor

MAX_RATIO = 200  # growth of a file; images and tables hardly shrink in a zip
_RATIO_FROM = 10_000_000  # bytes; smaller files may grow more
_CHUNK = 1 << 20
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others inflate in one unlimited step


@dataclass(frozen=True)
class Limits:
    """The files to extract from an archive, and how many and how large they may be.

    Attributes:
        suffixes: of the tables to extract beside images, lowercase; other files, dot files and
            folders are ignored.
        entries: of the archive, ignored ones included.
        total: bytes of all extracted files.
        strict: also limit images to `images.MAX_BYTES`, CSV files to `csv_files.MAX_BYTES`, and
            the growth of each file to MAX_RATIO.
    """

    suffixes: tuple[str, ...]
    entries: int
    total: int = 20_000_000_000
    strict: bool = True


UPLOAD = Limits((".csv", ".tsv"), entries=200_000)
DATASET = Limits(
    (".npy", ".csv", ".tsv", ".json", ".txt", ".hdf5", ".h5"),
    entries=1_000_000,  # the training triplets of BAPPS are 605,000 files
    strict=False,
)


@dataclass(frozen=True)
class Extracted:
    """How many files were extracted, and the paths of those that were ignored."""

    count: int
    ignored: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    """A file to extract: path, content, bytes by the header, compressed bytes (None = unknown)."""

    path: PurePosixPath
    content: IO[bytes]
    size: int
    compressed: int | None = None
    is_selected: bool = True


def is_archive(path: Path) -> bool:
    """Whether a file has the name of a tar or a zip."""
    return path.name.lower().endswith((*_TAR_SUFFIXES, ".zip"))


def extract(
    source: Path,
    folder: Path,
    *,
    limits: Limits = UPLOAD,
    also: tuple[str, ...] = (),
    monitor: Monitor = Monitor(),
) -> Extracted:
    """Extract images and tables into a folder that contains nothing else.

    A file counts as an image if it has the ending of one, or the content.

    Args:
        source: a tar if it has the name of one, otherwise a zip.
        folder: created here; removed again if the archive is refused.
        limits: UPLOAD or DATASET.
        also: names of further files to extract, like "left.zip"; only the total limits them.

    Raises:
        BadDataError: damaged, truncated or encrypted; a link or device; a path that leads outside;
            too many entries or bytes; no image or table. SimError: the disk is full or not
            writable.
    """
    entries = _tar_entries if source.name.lower().endswith(_TAR_SUFFIXES) else _zip_entries
    count, remaining = 0, limits.total
    ignored: list[str] = []
    try:
        with cache_dir.disk_errors(folder):
            folder.mkdir(parents=True)
            for entry in entries(source, limits, also):
                if not entry.is_selected:
                    ignored.append(str(entry.path))
                    continue
                max_bytes = limits.total if entry.path.name in also else _max_bytes(entry, limits)
                remaining -= _write(entry, folder, source.name, limits, max_bytes, remaining)
                count += 1
                if count % 100 == 0:
                    monitor.report("unpacking", count, 0)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, SimError) or not isinstance(error, Exception):
            raise
        raise BadDataError(  # zipfile and tarfile raise errors of every kind for damaged files
            f"{source.name} is not a complete archive ({' '.join(str(error).split())[:80]}). "
            "Download or pack it again."
        ) from error
    if not count:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadDataError(
            f"{source.name} has no file that can be used. Pack images, or files of the kinds "
            f"{', '.join(limits.suffixes)}."
        )
    return Extracted(count, tuple(ignored))


def _zip_entries(source: Path, limits: Limits, also: tuple[str, ...]) -> Iterator[_Entry]:
    """Files to extract from a zip, after all of its entries were checked."""
    with zipfile.ZipFile(source) as archive:
        entries: dict[PurePosixPath, zipfile.ZipInfo] = {}
        infos = archive.infolist()
        _check_count(len(infos), source.name, limits)
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where a zip was not made by Unix
            is_file = kind in {0, stat.S_IFREG, stat.S_IFDIR}
            path = _check_entry(info.filename, source.name, is_file=is_file)
            if info.is_dir():
                continue
            if info.flag_bits & 1 or info.compress_type not in _METHODS:
                raise BadDataError(
                    f"{source.name} is encrypted or uses a rare compression. Pack it as a plain "
                    "zip."
                )
            if path in entries:
                raise _repeated(path, source.name)
            entries[path] = info
        named = [_is_selected(path, limits, also) for path in entries]
        sizes = [info.file_size for info in entries.values()]
        if sum(compress(sizes, named)) > limits.total:
            raise _too_large(source.name, limits.total)
        for (path, info), is_named in zip(entries.items(), named, strict=True):
            with archive.open(info) as content:
                selected = is_named or _is_image(path, content)
                yield _Entry(path, content, info.file_size, info.compress_size, selected)


def _tar_entries(source: Path, limits: Limits, also: tuple[str, ...]) -> Iterator[_Entry]:
    """Files to extract from a tar; its entries are only known while it is read.

    `tarfile`'s own filter="data" is not enough: it allows links inside the folder, strips a
    leading slash instead of refusing the archive, and counts no bytes.
    """
    paths: set[PurePosixPath] = set()
    with (
        source.open("rb") as file,
        gzip.GzipFile(fileobj=file) if _is_gzip(file) else file as stream,
        tarfile.open(fileobj=_BoundedReader(cast(IO[bytes], stream)), mode="r:") as archive,
    ):
        for count, member in enumerate(archive, 1):
            _check_count(count, source.name, limits)
            if member.size > limits.total or archive.offset > 2 * limits.total:
                raise _too_large(f"{member.name[:80]!r} in {source.name}", limits.total)
            if member.isdir():
                continue
            is_file = member.isfile() and not member.issparse()
            path = _check_entry(member.name, source.name, is_file=is_file)
            if path in paths:
                raise _repeated(path, source.name)
            paths.add(path)
            content = archive.extractfile(member)
            assert content is not None
            selected = _is_selected(path, limits, also) or _is_image(path, content)
            yield _Entry(path, content, member.size, is_selected=selected)
    _check_end(source)


class _BoundedReader(io.RawIOBase):
    """A stream that refuses to read much at once: headers of a tar claim any size in memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As the stream does."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """As the stream does."""
        return self._stream.tell()

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes.

        Raises:
            ValueError: more than _CHUNK bytes are asked for.
        """
        if not 0 <= size <= _CHUNK:
            raise ValueError("a header is too large")
        return self._stream.read(size)


def _is_gzip(file: IO[bytes]) -> bool:
    magic = file.read(2)
    file.seek(0)
    return magic == b"\x1f\x8b"


def _check_end(source: Path) -> None:
    """tarfile does not notice if a compressed stream ends between two members."""
    with source.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(-8 if compressed else -512, 2)
        tail = file.read()
    if compressed:
        decompressor = zlib.decompressobj(31)
        with source.open("rb") as file:
            while block := file.read(_CHUNK):
                decompressor.decompress(block)
        if not decompressor.eof:
            raise EOFError("the compressed stream has no end")
    elif tail.strip(b"\0"):
        raise EOFError("the tar has no end mark")


def _check_count(count: int, archive: str, limits: Limits) -> None:
    if count > limits.entries:
        raise BadDataError(f"{archive} has more than {limits.entries:,} entries. Split it.")


def _check_entry(name: str, archive: str, *, is_file: bool) -> PurePosixPath:
    """The path of an entry, if it stays in the folder and is neither a link nor a device."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts):
        raise BadDataError(
            f"The path {name!r} in {archive} leads out of the archive. Do not trust this file."
        )
    if not is_file:
        raise BadDataError(f"{name!r} in {archive} is a link or device. Pack the files themselves.")
    return path


def _is_selected(path: PurePosixPath, limits: Limits, also: tuple[str, ...]) -> bool:
    """Whether a file is extracted because of its name."""
    if _is_hidden(path):
        return False
    return path.suffix.lower() in (*images.SUFFIXES, *limits.suffixes) or path.name in also


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _is_image(path: PurePosixPath, content: IO[bytes]) -> bool:
    """Whether a file is an image by its content; reading starts at its beginning again."""
    if _is_hidden(path):
        return False
    head = content.read(images.HEAD_BYTES)
    content.seek(0)
    return bool(images.content_format(head))


def _max_bytes(entry: _Entry, limits: Limits) -> int:
    if not limits.strict:
        return limits.total
    is_table = entry.path.suffix.lower() in limits.suffixes
    return csv_files.MAX_BYTES if is_table else images.MAX_BYTES


def _write(
    entry: _Entry, folder: Path, archive: str, limits: Limits, max_bytes: int, remaining: int
) -> int:
    """Write one file; returns its true size."""
    target = folder / entry.path
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("xb") as sink:
        while block := entry.content.read(_CHUNK):
            size += len(block)
            if size > remaining:
                raise _too_large(archive, limits.total)
            if size > max_bytes:
                raise _too_large(f"{entry.path} in {archive}", max_bytes)
            if (
                limits.strict
                and entry.compressed is not None
                and size > max(_RATIO_FROM, MAX_RATIO * entry.compressed)
            ):
                raise BadDataError(
                    f"{entry.path} in {archive} grows more than {MAX_RATIO} times, which images "
                    "never do. Do not trust this file."
                )
            sink.write(block)
    if size != entry.size:
        raise EOFError(f"{entry.path.name} has {size} of {entry.size} bytes")
    return size


def _too_large(name: str, max_bytes: int) -> BadDataError:
    return BadDataError(f"{name} has more than {max_bytes:,} bytes. Split it.")


def _repeated(path: PurePosixPath, archive: str) -> BadDataError:
    return BadDataError(f"{path} occurs twice in {archive}. Pack it again.")
