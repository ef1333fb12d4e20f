"""Serving the app from this process: the socket, limits on connections, logs, signals.

The server ends with the process: SIGINT and SIGTERM end it gracefully, and after SIGHUP or SIGKILL
nothing is left that would keep the port. Background jobs are processes of their own; they continue.
"""

import asyncio
import errno
import ipaddress
import logging
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import h11
import uvicorn
from streamlit.web import bootstrap
from uvicorn.protocols.http.h11_impl import H11Protocol

from simcore.errors import BadDataError
from simcore.lab import log_files
from simcore.ui import guard

HEADER_SECONDS: Final = 10.0  # until the headers of a request must be complete
BODY_SECONDS: Final = 30.0  # without any byte of a request's body
KEEP_ALIVE: Final = 5  # seconds that a connection may stay open without a request
PING_SECONDS: Final = 20.0  # after which a visitor who does not answer has left
GRACE_SECONDS: Final = 3  # for requests in progress when the server stops
RESERVED: Final = 256  # file descriptors for files, databases and libraries
# A session takes three descriptors while its script runs, its WebSocket, and up to four connections
# of the browser while it loads a page.
PER_VISITOR: Final = 8
PER_CLIENT: Final = 500  # connections of one address: a hundred people behind one router
Environment = Mapping[str, str]  # variables of a process
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"
LOGGERS: Final = ("streamlit", "uvicorn", "asyncio", "websockets")


@dataclass(frozen=True)
class Limits:
    """How many visitors, and connections, the server takes at the same time.

    Attributes:
        per_client: connections of one address. A room behind one router has one address.
    """

    visitors: int
    connections: int
    per_client: int

    @classmethod
    def of(cls, descriptors: int, visitors: int, per_client: int = PER_CLIENT) -> "Limits":
        """What a number of file descriptors allows, up to a number of visitors.

        >>> Limits.of(1024, 400)
        Limits(visitors=96, connections=480, per_client=480)
        """
        possible = max(1, min(visitors, (descriptors - RESERVED) // PER_VISITOR))
        return cls(possible, 5 * possible, min(per_client, 5 * possible))


class Connection(H11Protocol):
    """A connection that is refused beyond the limit, and closed if its request does not come."""

    timer: asyncio.TimerHandle | None = None
    per_client: int = PER_CLIENT

    def connection_made(self, transport: Any) -> None:  # an asyncio.Transport
        """Count a new connection."""
        super().connection_made(transport)
        if self._is_one_too_many():
            transport.write(BUSY)
            transport.close()
        else:
            self._close_after(HEADER_SECONDS)

    def _is_one_too_many(self) -> bool:
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency:
            return True
        if self.client is None or is_loopback(self.client[0]):
            return False  # this computer's own, or a proxy's on it
        own = (getattr(connection, "client", None) for connection in self.connections)
        count = sum(client is not None and client[0] == self.client[0] for client in own)
        return count > self.per_client

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; its headers have a deadline, its body must not pause."""
        waiting = self.timer is not None
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._cancel()
        elif self.conn.their_state is h11.SEND_BODY:
            self._cancel()
            self._close_after(BODY_SECONDS)
        elif self.conn.their_state is h11.IDLE:
            if not waiting:  # else the deadline of these headers stays
                self._close_after(HEADER_SECONDS)
        else:
            self._cancel()

    def on_response_complete(self) -> None:
        """Uvicorn's own timer closes the connection if no further request begins."""
        self._cancel()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._cancel()
        super().connection_lost(exc)

    def _close_after(self, seconds: float) -> None:
        self.timer = self.loop.call_later(seconds, self.transport.close)

    def _cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def is_loopback(address: str) -> bool:
    """Whether a numeric address is this computer's own.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("fe80::1%eth0")
    (True, True, False)
    """
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections.

    Raises:
        BadDataError: no such port or address, or it cannot be used; the sentence says why.
    """
    if not 1 <= port <= 65535:
        raise BadDataError(f"There is no port {port}. Choose one from 1024 to 65535 with --port.")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise BadDataError(
            f"There is no address {host!r}. Give one of this computer with --host: 127.0.0.1 for "
            "this computer alone, 0.0.0.0 for others as well."
        ) from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise BadDataError(_why(error, host, port)) from error
    listener.setblocking(False)
    return listener


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is taken, perhaps by another simcore app. Stop that one, or choose "
            "another port with --port."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for administrators. Choose 1024 or higher with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"{host} is not an address of this computer. Choose 127.0.0.1, 0.0.0.0 or one of its "
            "own addresses with --host."
        )
    return f"Port {port} of {host} cannot be used: {error.strerror}. Choose others."


def raise_descriptor_limit() -> int:
    """Allow this process as many file descriptors as the system permits; returns how many."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return 8192
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16384 if hard == resource.RLIM_INFINITY else min(hard, 16384)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return min(soft, 16384) if soft > 0 else 16384
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS refuses more than kern.maxfilesperproc
        return soft
    return wanted


def write_logs(file: logging.Handler) -> None:
    """Write warnings to a file and to the terminal; who visited is not recorded."""
    terminal = logging.StreamHandler()
    terminal.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    terminal.addFilter(log_files.Throttle())
    logging.basicConfig(level=logging.WARNING, handlers=[terminal, file])
    for name in list(
        logging.root.manager.loggerDict
    ):  # Streamlit gives each logger its own handler
        if name.partition(".")[0] in LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.WARNING)


def run(listener: socket.socket, limits: Limits, options: dict[str, Any]) -> None:
    """Serve until a signal ends it.

    Args:
        options: Streamlit's, such as {"server_maxUploadSize": 5}.
    """
    log = log_files.rotating("app")  # before `serve` restricts this process to visitors
    from simcore.ui import serve  # builds the app; `guard` reads its settings from the environment

    host, port = listener.getsockname()[:2]
    bootstrap.load_config_options(
        {
            "server_address": host,
            "server_port": port,
            "server_headless": True,
            "logger_enableRich": False,  # it would print each traceback past the log's limits
        }
        | options
    )
    write_logs(log)
    config = uvicorn.Config(
        serve.app,
        http=type("LimitedConnection", (Connection,), {"per_client": limits.per_client}),
        ws="websockets-sansio",
        ws_max_size=16 * 2**20,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE_SECONDS,
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="on",
    )
    uvicorn.Server(config).run(sockets=[listener])


def settings(limits: Limits, hosts: Sequence[str]) -> Environment:
    """The environment variables from which `serve` builds the guard."""
    return {guard.HOSTS: ",".join(hosts), guard.MAX_VISITORS: str(limits.visitors)}
