"""Results on disk, by content: what was computed once is read by every later process.

A result's file is named by a digest of everything that its value depends on: the images, the
features, the settings, and the source of the code that computes it (`CODE`). So a result is never
invalidated; one whose key is not asked for anymore is deleted when the folder is full, the least
recently used first.

    ranks = result_cache.get("ranks", key, lambda: {"ranks": compute()})["ranks"]
"""

import hashlib
import json
import mmap
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import cache_dir, state_files
from simcore.data.cache_dir import Subfolder
from simcore.errors import SimError
from simcore.types import JSON, Array

Arrays = Mapping[str, Array]

MAX_BYTES = 1 << 30  # the results of a thousand questions about 6,016 pairs take 20 MB
COPY_BYTES = 4 << 30  # always permitted; eight backbones of 6,016 pairs take 0.6 GB
COPY_SHARE = 0.25  # of the disk that copies may take: five backbones of 100,000 pairs are 5 GB
COPIES: Subfolder = "copies"  # folder of copies, which are as large as the originals
PACKAGE = Path(__file__).resolve().parents[1]
CODE = ("sim", "evaluate")  # packages whose code computes results
RESULTS: Subfolder = "results"
ENDING = ".npz"
COPY_ENDING = ".safetensors"
CHECKSUM = "crc32"
# What copies may contain.
DTYPES: dict[np.dtype[Any], str] = {np.dtype(np.float32): "F32", np.dtype(np.int64): "I64"}
MAX_HEADER = 1 << 20  # bytes
NAME = "_name"  # array in every file: its own name, so that a file in the wrong place is noticed


def get(kind: str, key: object, compute: Callable[[], Arrays]) -> Arrays:
    """The arrays stored under a key; computed and stored if they are absent or damaged.

    Args:
        kind: what the result is, such as "ranks"; part of its file's name.
        key: everything else that the result depends on. Its `repr` has to be the same in every
            process: strings, numbers, tuples and dataclasses of them.
        compute: makes the arrays; its exceptions are passed on and nothing is stored.
    """
    arrays = read(kind, key)
    if arrays is None:
        arrays = compute()
        write(kind, key, arrays)
    return arrays


def read(kind: str, key: object) -> Arrays | None:
    """The arrays stored under a key, read-only; None if they are absent or damaged."""
    return _read(_path(kind, key))


def write(kind: str, key: object, arrays: Arrays) -> None:
    """Store arrays under a key; a cache that is full or read-only is no reason to fail."""
    _write(_path(kind, key), arrays)


def copy(kind: str, key: object, original: Callable[[], Arrays]) -> Arrays:
    """As `get`, for arrays that are only copied, because they take long to read where they are.

    Copies do not depend on the code that computes results, are not compressed (safetensors), and
    have a folder and a limit of their own, so that they do not displace results. Their arrays are
    mapped from the file: processes share them, and the system drops what it has no memory for.
    """
    path = _file(COPIES, kind, key, COPY_ENDING)
    arrays = _read_copy(path)
    if arrays is None:
        arrays = original()
        with suppress(SimError):
            _write_copy(path, arrays)
            arrays = _read_copy(path, compare=False) or arrays
        _prune(COPIES, COPY_ENDING, max_copy_bytes())
    return arrays


def max_copy_bytes() -> int:
    """How large all copies may be together: more on a disk with much free space.

    If a page's backbones were over the limit, each visit would copy again what the last displaced.
    """
    folder = cache_dir.subfolder(COPIES)
    copies = sum(size for _, size, _ in _listing(folder, COPY_ENDING))
    with suppress(OSError):
        return max(COPY_BYTES, int(COPY_SHARE * (shutil.disk_usage(folder).free + copies)))
    return COPY_BYTES


def contains(kind: str, key: object) -> bool:
    """Whether there is a result under a key."""
    return _path(kind, key).is_file()


def prune(max_bytes: int = MAX_BYTES) -> int:
    """Delete the least recently used results until the others fit; returns how many it deleted."""
    return _prune(RESULTS, ENDING, max_bytes)


def _prune(folder: Subfolder, ending: str, max_bytes: int) -> int:
    files = _listing(cache_dir.subfolder(folder), ending)
    total, deleted = sum(size for _, size, _ in files), 0
    for _, size, path in sorted(files):
        if total <= max_bytes:
            break
        with suppress(OSError):
            path.unlink()
            deleted += 1
        total -= size
    return deleted


def _listing(folder: Path, ending: str) -> list[tuple[int, int, Path]]:
    """Time of the last use, size and path of each file."""
    files = []
    for path in folder.glob(f"*{ending}"):
        with suppress(OSError):  # another process was faster
            status = path.stat()
            files.append((status.st_mtime_ns, status.st_size, path))
    return files


def _read(path: Path) -> Arrays | None:
    arrays = state_files.read_arrays(path, lambda content: _checked(content, path), rebuild=True)
    if arrays is None:
        return None
    with suppress(OSError):  # a read-only cache
        os.utime(path)
    for values in arrays.values():
        values.flags.writeable = False
    return arrays


def _write_copy(path: Path, arrays: Arrays) -> None:
    """Write a safetensors file array by array, so that no second copy of them is in memory.

    Raises:
        SimError: the disk is full or not writable.
    """
    header: JSON = {"__metadata__": {NAME: path.stem, CHECKSUM: _checksum(arrays)}}
    end = 0
    for name, values in arrays.items():
        start, end = end, end + values.nbytes
        header[name] = {
            "dtype": DTYPES[values.dtype],
            "shape": list(values.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the arrays begin at a multiple of 8
    with (
        cache_dir.atomic_path(path, durable=False) as draft,
        draft.open("wb") as file,
    ):
        file.write(len(text).to_bytes(8, "little") + text)
        for values in arrays.values():
            file.write(np.ascontiguousarray(values).data)


def _read_copy(path: Path, *, compare: bool = True) -> Arrays | None:
    """The arrays of a copy, mapped and read-only; None if it is absent or damaged.

    Args:
        compare: the checksum.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(start - 8, MAX_HEADER)))
            metadata = header.pop("__metadata__")
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        arrays = {name: _mapped(content, start, entry) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if metadata.get(NAME) != path.stem or (compare and metadata.get(CHECKSUM) != _checksum(arrays)):
        return None
    with suppress(OSError):  # a read-only cache
        os.utime(path)
    return arrays


def _mapped(content: mmap.mmap, start: int, entry: JSON) -> Array:
    """One array of a safetensors file, whose data begin at `start`."""
    dtype = {name: dtype for dtype, name in DTYPES.items()}[entry["dtype"]]
    first, last = entry["data_offsets"]
    if (last - first) % dtype.itemsize:
        raise ValueError(f"{last - first} bytes are no whole number of {dtype}")
    count = (last - first) // dtype.itemsize
    values: Array = np.frombuffer(content, dtype, count, start + first).reshape(entry["shape"])
    return values


def _checksum(arrays: Arrays) -> str:
    """CRC-32 of the names and values of arrays."""
    checksum = 0
    for name in sorted(arrays):
        checksum = zlib.crc32(name.encode(), checksum)
        checksum = zlib.crc32(np.ascontiguousarray(arrays[name]).data, checksum)
    return str(checksum)


def _checked(content: Arrays, path: Path) -> Arrays:
    """The arrays of a file, if it is the one that was written under this name."""
    arrays = dict(content)
    if arrays.pop(NAME).item() != path.stem:
        raise ValueError("it is another result")
    return arrays


def _write(path: Path, arrays: Arrays) -> None:
    with suppress(SimError):
        state_files.write_arrays(path, {**arrays, NAME: np.array(path.stem)}, durable=False)


def _path(kind: str, key: object) -> Path:
    return _file(RESULTS, kind, (_code_digest(), key))


def _file(folder: Subfolder, kind: str, key: object, ending: str = ENDING) -> Path:
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:32]
    return cache_dir.subfolder(folder) / f"{kind}-{digest}{ending}"


@cache
def _code_digest() -> str:
    """Changes with the code that computes results, so that an update reads no old ones."""
    digest = hashlib.sha256()
    for path in sorted(path for package in CODE for path in (PACKAGE / package).rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
