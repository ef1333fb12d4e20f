"""What was measured on: cores, memory, accelerator, versions."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def facts() -> dict:
    """{"cores", "cpu", "memory_gib", "gpu", "python", "torch", "numpy"}; unknown is None."""
    return {
        "cores": cores(),
        "cpu": cpu(),
        "memory_gib": memory(),
        "gpu": gpu(),
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
    }


def busy() -> float:
    """Processes that wanted to run in the last minute: what else the machine does."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def words() -> str:
    """The facts in a line.

    >>> " cores" in words()
    True
    """
    found = facts()
    memory_words = "" if found["memory_gib"] is None else f", {found['memory_gib']:.0f} GiB"
    return (
        f"{found['cores']} cores of {found['cpu']}{memory_words}, "
        f"{found['gpu'] or 'no GPU'}; Python {found['python']}, torch {found['torch']}"
    )


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu() -> str:
    """Its name where the system tells, else its kind."""
    told = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", told.read_text(), re.M) if told.is_file() else []
    return names[0] if names else platform.processor() or platform.machine()


def memory() -> float | None:
    """GiB of it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError, AttributeError):
        return None


def gpu() -> str | None:
    """The CUDA device's name, or None."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
