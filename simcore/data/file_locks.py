"""One process at a time fetches or makes a file; the others wait and use the result."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simcore.data import cache_dir
from simcore.types import Monitor

_POLL_SECONDS = 0.5


@contextmanager
def exclusive(target: Path, monitor: Monitor = Monitor()) -> Iterator[None]:
    """Hold the lock of a file or folder; the operating system releases it if the process dies.

    The caller checks inside whether another process has made the file meanwhile.

    Raises:
        Stopped: the monitor asked to stop while another process held the lock.
        SimError: the cache is not writable.
    """
    from filelock import FileLock, Timeout

    folder = cache_dir.root() / ".locks"
    digest = hashlib.sha256(str(target.absolute()).encode()).hexdigest()[:16]
    with cache_dir.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{target.name[:80]}-{digest}.lock")
        while not lock.is_locked:
            try:
                lock.acquire(timeout=_POLL_SECONDS)
            except Timeout:
                monitor.check()
                monitor.report(f"waiting for another process that makes {target.name}", 0, 0)
    try:
        yield
    finally:
        lock.release()
