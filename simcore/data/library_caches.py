"""Caches of other libraries, below ours where their own folders cannot be written.

numba stores compiled code beside the module that it belongs to or in the home folder, and ends
with an error if it can write neither: a read-only installation, a service without a home.
"""

import os
from contextlib import suppress
from pathlib import Path

from simcore.data import cache_dir

# Variable -> folder; each library reads its variable when it is imported.
_VARIABLES = {
    "HF_HOME": "huggingface",
    "TORCH_HOME": "torch",
    "MPLCONFIGDIR": "matplotlib",
    "XDG_CACHE_HOME": "xdg",
}


def redirect() -> None:
    """Set the variables that are not set; does nothing where the cache cannot be written.

    numba's folder is always ours, so that it survives new installations. The others stay where they
    are if possible, since files of the hub and of torch.hub that are there already are used.
    """
    folder = cache_dir.location() / "libraries"
    with suppress(OSError):
        if "NUMBA_CACHE_DIR" not in os.environ and _is_private(numba := folder / _user("numba")):
            os.environ["NUMBA_CACHE_DIR"] = str(numba)
        if not _can_create(_default_folder()):
            for variable, name in _VARIABLES.items():
                os.environ.setdefault(variable, str(folder / name))


def _is_private(folder: Path) -> bool:
    """Whether a folder belongs to this user alone: what numba reads from it is executed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name != "posix":
        return True
    status = folder.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _user(name: str) -> str:
    """A name for a folder of this user, where several users share one cache."""
    return f"{name}-{os.geteuid()}" if os.name == "posix" else name


def _default_folder() -> Path | None:
    """Where libraries have their caches by default; None without a home."""
    if setting := os.environ.get("XDG_CACHE_HOME"):
        return Path(setting)
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return None


def _can_create(folder: Path | None) -> bool:
    """Whether a folder is writable, or can be created."""
    if folder is None:
        return False
    existing = next((path for path in (folder, *folder.parents) if path.exists()), None)
    return existing is not None and existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
