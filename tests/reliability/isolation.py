"""What keeps the programme on this machine: no outside connections, no installations."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).parents[2]
LOG = "SIMCORE_RELIABILITY_LOG"  # environment variable: the file that lists attempts
# Python runs a module of this name at its start.
SITE = """import sys
sys.path.insert(0, {root!r})
from tests.reliability import isolation
isolation.refuse_outside_connections()
"""


def isolate(folder: Path) -> None:
    """Refuse connections to other machines in this process and all that it starts.

    Args:
        folder: gets the list of attempts, and what lets other processes refuse them.
    """
    (folder / "sitecustomize.py").write_text(SITE.format(root=str(ROOT)))
    os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{ROOT}"
    os.environ[LOG] = str(folder / "attempts")
    refuse_outside_connections()


def attempts(folder: Path) -> list[str]:
    """What was refused so far, by whichever process."""
    log = folder / "attempts"
    return log.read_text().splitlines() if log.exists() else []


def refuse_outside_connections() -> None:
    """Refuse connections of this process to other machines, and note the attempts."""
    log = Path(os.environ[LOG])

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(args[1], tuple):
            host = str(args[1][0])
        elif event == "socket.getaddrinfo" and args[0]:
            host = args[0].decode() if isinstance(args[0], bytes) else str(args[0])
        else:
            return
        if not _is_loopback(host):
            with log.open("a") as file:
                file.write(f"{event} {host} {' '.join(sys.argv[:4])}\n")
            raise OSError(101, "Network is unreachable")

    sys.addaudithook(hook)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback or host == "0.0.0.0"
    except ValueError:
        return host in {"localhost", ""}


def refuse(*args: object, **options: object) -> None:
    """What starting a process raises when there are too many."""
    raise OSError(11, "Resource temporarily unavailable")


@contextmanager
def no_processes() -> Iterator[None]:
    """Let no command that runs in this process start another, such as pip."""
    with mock.patch("subprocess.Popen.__init__", refuse):
        yield
