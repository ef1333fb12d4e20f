"""The cache folder, its subfolders, and writing files so that no reader sees half of one."""

import errno
import os
import shutil
import stat
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
    "results",
    "copies",
    "imported",
    "recipes",
]

_SOURCE_TREE = Path(__file__).resolve().parents[2]
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


def location() -> Path:
    """The cache folder, which need not exist.

    `SIMCORE_CACHE` sets it. By default it is `cache/` in the source tree, or `~/.cache/simcore` if
    the package was installed without one.
    """
    setting = os.environ.get("SIMCORE_CACHE", "").strip()
    if setting:
        return Path(setting).expanduser().absolute()
    if (_SOURCE_TREE / "pyproject.toml").is_file():
        return _SOURCE_TREE / "cache"
    return Path.home() / ".cache" / "simcore"


def root() -> Path:
    """The cache folder (`location`), created on first use.

    Raises:
        SimError: it cannot be created.
    """
    return _create(location())


def subfolder(name: Subfolder) -> Path:
    """A subfolder of the cache, created on first use; absent in a cache that is read only."""
    path = root() / name
    return path if not path.exists() and not os.access(path.parent, os.W_OK) else _create(path)


def _create(path: Path) -> Path:
    if not path.is_dir():  # a page calls this hundreds of times, and `mkdir` costs more
        with disk_errors(path):
            make_folder(path)
    return path


def make_folder(path: Path) -> None:
    """Create a folder and its parents; below the cache folder it is shared as that is."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise
        return  # another process was faster
    _share(path)


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Turn the error of a full or read-only disk into one sentence that names the path.

    Raises:
        SimError: the disk is full, the folder is not writable, or a file is where the folder
            should be.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, SimError):
            raise
        message = disk_error_message(error, target)
        if message is None:
            raise
        raise SimError(message) from error


def disk_error_message(error: Exception, target: Path | str) -> str | None:
    """The message for a failed write to `target`; None if the disk is not the cause.

    Recognizes the operating system's error numbers and, for libraries that pass on text only, its
    words.
    """
    number = error.errno if isinstance(error, OSError) else None
    text = str(error).lower()
    if number in _DISK_FULL or any(
        phrase in text for phrase in ("no space left", "quota exceeded", "file too large")
    ):
        return (
            f"No space left on the disk of {target}. Free some, or set SIMCORE_CACHE to a folder "
            "on another disk. Finished work is kept."
        )
    if number in _NOT_WRITABLE or "permission denied" in text or "read-only file system" in text:
        return (
            f"{target} is not writable. Change its permissions, or set SIMCORE_CACHE to a folder "
            "of your own."
        )
    if number in {errno.EEXIST, errno.ENOTDIR}:
        return (
            f"{target} should be a folder, but a file has that name. Move the file away, or set "
            "SIMCORE_CACHE to another folder."
        )
    return None


@contextmanager
def atomic_path(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """A path beside `target` to write a file to; it replaces `target` when the block ends.

    Readers see the old file or the new one, never half of one, also after a power failure; if the
    block raises, the old one stays. Whoever may read and write the folder may do so with the file,
    whatever the umask, so that several users can share a cache.

    Args:
        durable: wait until the file is on disk. A thousand small files that are quickly made again
            need not be.

    Raises:
        SimError: the disk is full or not writable.
    """
    with disk_errors(target.parent):
        make_folder(target.parent)
        draft = target.parent / f".new-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        try:
            yield draft
            if durable:
                flush(draft)
            _share(draft)
            draft.replace(target)
            if durable:
                flush(target.parent)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def write_atomic(target: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file in one step, see `atomic_path`.

    Raises:
        SimError: the disk is full or not writable.
    """
    with atomic_path(target, durable=durable) as draft:
        draft.write_bytes(data)


def flush(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on disk.

    Without it a power failure can leave an empty file under the final name.
    """
    if os.name != "posix" and path.is_dir():
        return  # folders cannot be flushed there
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # some network file systems
            raise
    finally:
        os.close(descriptor)


def _share(path: Path) -> None:
    """Give a new file or folder in the cache the permissions of the folder that it is in.

    Never the permission to write for everybody: the cache may be in a folder such as /tmp.
    """
    if os.name == "posix" and location() in path.parents:
        bits = 0o2075 if path.is_dir() else 0o064
        path.chmod(stat.S_IMODE(path.stat().st_mode) | path.parent.stat().st_mode & bits)


def remove_leftovers(parent: Path) -> None:
    """Remove unfinished files and folders of processes that were killed."""
    for path in [*parent.glob(".new-*"), *parent.glob(".old-*")]:
        process = path.name.split("-")[1]
        if os.name == "posix" and process.isdecimal() and not is_running(int(process)):
            shutil.rmtree(path, ignore_errors=True)


def is_running(process: int) -> bool:
    """Whether a process has this number."""
    try:
        os.kill(process, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # it runs, but belongs to another user
    return True
