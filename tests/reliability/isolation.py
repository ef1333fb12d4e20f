"""What keeps the programme on this machine: no outside connections, no installations."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from unittest import mock


def refuse_outside_connections() -> list[str]:
    """Refuse connections of this process to other machines; returns the list of attempts."""
    attempts: list[str] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(args[1], tuple):
            host = str(args[1][0])
        elif event == "socket.getaddrinfo" and args[0]:
            host = args[0].decode() if isinstance(args[0], bytes) else str(args[0])
        else:
            return
        if not _is_loopback(host):
            attempts.append(f"{event} {host}")
            raise OSError(101, "Network is unreachable")

    sys.addaudithook(hook)
    return attempts


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
