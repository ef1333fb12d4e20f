"""Small files of the program's own state: one reader that expects damage, one writer.

A file may be empty, cut short or full of anything after a crash, a full disk or a bad sector. What
can be made again is: `rebuild=True` logs one sentence, sets the file aside and reads as absent.
What people said is refused with that sentence instead, and never overwritten.
"""

import io
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from simcore.data import cache_dir, npz_files
from simcore.errors import DamagedFileError, SimError
from simcore.types import Array

_T = TypeVar("_T")
_log = logging.getLogger("simcore")
ASIDE = ".damaged"  # ending of files that were set aside
MAX_BYTES = 2**30  # no state file is larger; a damaged directory entry may claim anything

ADVICE = "Restore it from a backup, or move it away."

# What parsers of JSON and NumPy raise for bytes that are not what they expect. MemoryError: a size
# that a header claims; RuntimeError: JSON that is nested too deeply, zip members that are encrypted
# or compressed in another way.
_DAMAGE = (
    *(EOFError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(MemoryError, RuntimeError),
)


def read_json(
    path: Path, parse: Callable[[Any], _T], *, rebuild: bool = False, advice: str = ADVICE
) -> _T | None:
    """What `parse` makes of a JSON file; None if it is absent.

    Args:
        parse: gets the document; any usual error in it means that the file is damaged.
        rebuild: whether the content can be made again, see above.
        advice: what to do about a damaged file, one sentence.

    Raises:
        DamagedFileError: it is damaged, and not `rebuild`.
    """
    return _read(path, lambda data: parse(json.loads(data)), rebuild, advice)


def parse_json(data: bytes, parse: Callable[[Any], _T], place: str, *, advice: str = ADVICE) -> _T:
    """As `read_json`, for content that was read elsewhere, as from S3.

    Args:
        place: its address, for messages.

    Raises:
        DamagedFileError: it is damaged.
    """
    try:
        return parse(json.loads(data))
    except SimError:
        raise
    except _DAMAGE as error:
        raise DamagedFileError(f"{place} is damaged ({_reason(error)}). {advice}") from error


def read_arrays(
    path: Path, parse: Callable[[Mapping[str, Array]], _T], *, rebuild: bool = False
) -> _T | None:
    """As `read_json`, for an .npz file; nothing in it is executed."""

    def arrays(data: bytes) -> _T:
        return parse(npz_files.read(io.BytesIO(data), max_bytes=MAX_BYTES))

    return _read(path, arrays, rebuild)


def read_text(path: Path, parse: Callable[[str], _T], *, rebuild: bool = False) -> _T | None:
    """As `read_json`, for UTF-8 text."""
    return _read(path, lambda data: parse(data.decode()), rebuild)


def write_json(path: Path, document: Any, *, indent: int | None = None) -> None:
    """Write a JSON file in one step; it is on disk when this returns.

    Raises:
        SimError: the disk is full or not writable.
    """
    cache_dir.write_atomic(path, json.dumps(document, indent=indent).encode())


def write_arrays(path: Path, arrays: Mapping[str, Array], *, durable: bool = True) -> None:
    """Write a compressed .npz file in one step.

    Args:
        durable: it is on disk when this returns; what is quickly made again need not be.

    Raises:
        SimError: the disk is full or not writable.
    """
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    cache_dir.write_atomic(path, out.getvalue(), durable=durable)


def _read(
    path: Path, parse: Callable[[bytes], _T], rebuild: bool, advice: str = ADVICE
) -> _T | None:
    try:
        return parse(_content(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except SimError as error:
        if not rebuild:
            raise  # `parse` has said what is wrong
        _set_aside(path, str(error))
        return None
    except (*_DAMAGE, OSError) as error:
        reason = _reason(error)
        if not rebuild:
            raise DamagedFileError(f"{path} is damaged ({reason}). {advice}") from error
        _set_aside(path, reason)
        return None


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join((text or "it cannot be read").split())[:100]


def _content(path: Path) -> bytes:
    if not path.is_file() and path.exists():  # a pipe or a device would never end
        raise ValueError("it is no file")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if not data:
        raise ValueError("it is empty")
    if len(data) > MAX_BYTES:
        raise ValueError("it is too large")
    return data


def _set_aside(path: Path, reason: str) -> None:
    with suppress(OSError):  # a read-only cache: it is damaged again at the next read
        path.replace(path.with_name(f"{path.name}{ASIDE}"))
    _log.warning("%s is damaged (%s); it is made again.", path, reason)


def damaged_copies(root: Path) -> list[Path]:
    """Files that were set aside because they were damaged, sorted."""
    return sorted(path for path in root.rglob(f"*{ASIDE}") if path.is_file())
