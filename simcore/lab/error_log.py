"""Log of unexpected errors: what a bug report needs, without passwords."""

import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from simcore.data import cache_dir
from simcore.errors import SimError, redact

MAX_LOGS = 20  # older ones are deleted
MAX_CHARS = 200_000  # of one log; its end, where the error is, is kept


def write(error: BaseException, args: Sequence[str]) -> Path | None:
    """Write the traceback of an error to a file of its own.

    Args:
        args: the command line that failed.

    Returns:
        `logs/error-TIME.txt` in the cache, or in the folder for temporary files if the cache is
        not writable; None if that is not writable either.
    """
    trace = "".join(traceback.format_exception(error))
    text = (
        f"simcore {metadata.version('simcore')}, Python {platform.python_version()}, "
        f"{platform.platform()}\n{time.strftime('%Y-%m-%d %H:%M:%S%z')}\n"
        f"simcore {' '.join(map(repr, args))}\n\n{trace[-MAX_CHARS:]}"
    )
    data = redact(text).encode("utf-8", "backslashreplace")
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000:06}.txt"
    for folder in (_folder, _temporary):
        try:
            path = folder() / name
            cache_dir.write_atomic(path, data)
        except (OSError, SimError, RuntimeError):
            continue
        _delete_old(path.parent)
        return path
    return None


def _folder() -> Path:
    return cache_dir.root() / "logs"


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / "simcore-logs"


def _delete_old(folder: Path) -> None:
    for path in sorted(folder.glob("error-*.txt"))[:-MAX_LOGS]:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            sys.stderr.write(f"simcore: {path} is not deleted ({error.strerror}).\n")
