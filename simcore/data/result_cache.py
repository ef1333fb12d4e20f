"""Results on disk, by content: what was computed once is read by every later process.

A result's file is named by a digest of everything that its value depends on: the images, the
features, the settings, and the source of the code that computes it (`CODE`). So a result is never
invalidated; one whose key is not asked for anymore is deleted when the folder is full, the least
recently used first.

    ranks = result_cache.get("ranks", key, lambda: {"ranks": compute()})["ranks"]
"""

import hashlib
import os
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from simcore.data import cache_dir, state_files
from simcore.data.cache_dir import Subfolder
from simcore.errors import SimError
from simcore.types import Array

Arrays = Mapping[str, Array]

MAX_BYTES = 1 << 30  # the results of a thousand questions about 6,016 pairs take 20 MB
MAX_COPY_BYTES = 4 << 30  # eight backbones of 6,016 pairs take 0.6 GB
COPIES: Subfolder = "copies"  # folder of copies, which are as large as the originals
PACKAGE = Path(__file__).resolve().parents[1]
CODE = ("sim", "evaluate")  # packages whose code computes results
RESULTS: Subfolder = "results"
ENDING = ".npz"
COPY_ENDING = ".safetensors"
CHECKSUM = "crc32"
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
    have a folder and a limit of their own, so that they do not displace results.
    """
    path = _file(COPIES, kind, key, COPY_ENDING)
    arrays = _read_copy(path)
    if arrays is None:
        from safetensors.numpy import save

        arrays = original()
        metadata = {NAME: path.stem, CHECKSUM: _checksum(arrays)}
        with suppress(SimError):
            cache_dir.write_atomic(path, save(dict(arrays), metadata), durable=False)
        _prune(COPIES, COPY_ENDING, MAX_COPY_BYTES)
    return arrays


def prune(max_bytes: int = MAX_BYTES) -> int:
    """Delete the least recently used results until the others fit; returns how many it deleted."""
    return _prune(RESULTS, ENDING, max_bytes)


def _prune(folder: Subfolder, ending: str, max_bytes: int) -> int:
    files = []
    for path in cache_dir.subfolder(folder).glob(f"*{ending}"):
        with suppress(OSError):  # another process was faster
            status = path.stat()
            files.append((status.st_mtime_ns, status.st_size, path))
    total, deleted = sum(size for _, size, _ in files), 0
    for _, size, path in sorted(files):
        if total <= max_bytes:
            break
        with suppress(OSError):
            path.unlink()
            deleted += 1
        total -= size
    return deleted


def _read(path: Path) -> Arrays | None:
    arrays = state_files.read_arrays(path, lambda content: _checked(content, path), rebuild=True)
    if arrays is None:
        return None
    with suppress(OSError):  # a read-only cache
        os.utime(path)
    for values in arrays.values():
        values.flags.writeable = False
    return arrays


def _read_copy(path: Path) -> Arrays | None:
    """The arrays of a copy, read-only; None if it is absent or damaged."""
    if not path.is_file():
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, ValueError, SafetensorError):
        return None
    if metadata != {NAME: path.stem, CHECKSUM: _checksum(arrays)}:
        return None
    with suppress(OSError):  # a read-only cache
        os.utime(path)
    for values in arrays.values():
        values.flags.writeable = False
    return arrays


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
