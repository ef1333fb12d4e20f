"""Where everything that can be made again is kept: the cache folder and its sub-folders."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from simcore.errors import SimError

Subfolder = Literal[
    "features",
    "thumbs",
    "weights",
    "collections",
    "trials",
    "jobs",
    "downloads",
    "maps",
    "annex",
    "moments",
]

_TREE = Path(__file__).resolve().parents[2]
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def root() -> Path:
    """The cache folder, made when first asked for.

    `SIMCORE_CACHE` names it; without that it is `cache/` beside the source tree, or
    `~/.cache/simcore` where the package lies in a place that is not one.

    Raises:
        SimError: it cannot be made.
    """
    named = os.environ.get("SIMCORE_CACHE", "").strip()
    if named:
        path = Path(named).expanduser().absolute()
    elif (_TREE / "pyproject.toml").is_file():
        path = _TREE / "cache"
    else:
        path = Path.home() / ".cache" / "simcore"
    return _made(path)


def subfolder(name: Subfolder) -> Path:
    """One sub-folder of the cache, made when first asked for."""
    return _made(root() / name)


def _made(path: Path) -> Path:
    if not path.is_dir():  # asked for hundreds of times a page, and there but for the first time
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Turns a full, closed or unusable disk into one sentence that names the place.

    Raises:
        SimError: the disk is full, the folder is closed to us, or a file stands in the way.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, SimError):
            raise
        sentence = disk_error_message(error, target)
        if sentence is None:
            raise
        raise SimError(sentence) from error


def disk_error_message(error: Exception, target: Path | str) -> str | None:
    """What to tell a person when writing to `target` failed; None where the disk is not to blame.

    Understands the operating system's numbers and, for libraries that pass on only text, its words.
    """
    number = error.errno if isinstance(error, OSError) else None
    text = str(error).lower()
    if number in _FULL or any(
        word in text for word in ("no space left", "quota exceeded", "file too large")
    ):
        return (
            f"found no room left on the disk of {target}; expected space for new files; "
            "free some or point SIMCORE_CACHE at another disk (what was finished is kept)"
        )
    if number in _CLOSED or "permission denied" in text or "read-only file system" in text:
        return (
            f"found {target} closed to writing; expected a folder of your own; "
            "change its rights or point SIMCORE_CACHE elsewhere"
        )
    if number in {errno.EEXIST, errno.ENOTDIR}:
        return (
            f"found a file where the folder {target} should be; expected a folder; "
            "move the file away or point SIMCORE_CACHE elsewhere"
        )
    return None


def write_atomic(target: Path, data: bytes) -> None:
    """Puts `data` at `target` in one step: readers see the old file, the new one, or none.

    Raises:
        SimError: the disk is full or closed.
    """
    with disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.parent / f".new-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        try:
            new.write_bytes(data)
            new.replace(target)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def remove_leftovers(parent: Path) -> None:
    """Removes what runs that were killed have left."""
    for path in [*parent.glob(".new-*"), *parent.glob(".old-*")]:
        owner = path.name.split("-")[1]
        if os.name == "posix" and owner.isdecimal() and not _alive(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # it lives, but belongs to somebody else
    return True
