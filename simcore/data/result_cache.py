"""Results on disk, by content: what was computed once is read by every later process.

A result's file is named by a digest of everything that its value depends on: the images, the
features, the settings, and the source of the code that computes it (`CODE`). So a result is never
invalidated; one whose key is not asked for anymore is deleted when the folder is full, the least
recently used first.

    ranks = result_cache.get("ranks", key, lambda: {"ranks": compute()})["ranks"]
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from simcore.data import cache_dir, state_files
from simcore.errors import SimError
from simcore.types import Array

Arrays = Mapping[str, Array]

MAX_BYTES = 1 << 30  # the results of a thousand questions about 6,016 pairs take 20 MB
PACKAGE = Path(__file__).resolve().parents[1]
CODE = ("sim", "evaluate")  # packages whose code computes results
ENDING = ".npz"
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
    path = _path(kind, key)
    arrays = state_files.read_arrays(path, lambda content: _checked(content, path), rebuild=True)
    if arrays is None:
        return None
    with suppress(OSError):  # a read-only cache
        os.utime(path)
    for values in arrays.values():
        values.flags.writeable = False
    return arrays


def write(kind: str, key: object, arrays: Arrays) -> None:
    """Store arrays under a key; a cache that is full or read-only is no reason to fail."""
    path = _path(kind, key)
    with suppress(SimError):
        state_files.write_arrays(path, {**arrays, NAME: np.array(path.stem)}, durable=False)


def contains(kind: str, key: object) -> bool:
    """Whether there is a result under a key."""
    return _path(kind, key).is_file()


def prune(max_bytes: int = MAX_BYTES) -> int:
    """Delete the least recently used results until the others fit; returns how many it deleted."""
    files = []
    for path in cache_dir.subfolder("results").glob(f"*{ENDING}"):
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


def _checked(content: Arrays, path: Path) -> Arrays:
    """The arrays of a file, if it is the one that was written under this name."""
    arrays = dict(content)
    if arrays.pop(NAME).item() != path.stem:
        raise ValueError("it is another result")
    return arrays


def _path(kind: str, key: object) -> Path:
    digest = hashlib.sha256(repr((_code_digest(), key)).encode()).hexdigest()[:32]
    return cache_dir.subfolder("results") / f"{kind}-{digest}{ENDING}"


@cache
def _code_digest() -> str:
    """Changes with the code that computes results, so that an update reads no old ones."""
    digest = hashlib.sha256()
    for path in sorted(path for package in CODE for path in (PACKAGE / package).rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
