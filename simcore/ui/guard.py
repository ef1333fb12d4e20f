"""What is refused before Streamlit sees it: foreign hosts, foreign pages, too many visitors.

- Host: a page of the internet can point its own name at this computer (DNS rebinding) and would
  then count as same-origin. Only this computer's names, numeric addresses, which no one else can
  take, and the names that the host allows are answered.
- Origin: a foreign page could open a session through a visitor's browser. Streamlit would refuse
  it as well, but asks a server on the internet first for this computer's address, and answers
  nobody meanwhile.
- Visitors: beyond a number of sessions the page says so instead of failing.
"""

import html
import ipaddress
import os
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Set by the command line: host names, separated by commas, and the number of visitors at once.
HOSTS, MAX_VISITORS = "SIMCORE_ALLOWED_HOSTS", "SIMCORE_MAX_VISITORS"
DEFAULT_VISITORS = 400
RETRY = 15  # seconds until the page for visitors who must wait tries again
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">{head}<title>simcore</title></head>
<body style="font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto; \
padding: 0 1.5rem; color-scheme: light dark"><h1 style="font-size: 1.5rem">{title}</h1>
<p>{text}</p></body></html>"""


class Guard:
    """Passes on what comes from this computer's own addresses, and counts the visitors.

    Args:
        hosts: further names that the app answers to, as behind a proxy.
        max_visitors: sessions at the same time.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str] = (), max_visitors: int = DEFAULT_VISITORS
    ) -> None:
        self.app = app
        self.hosts = {host.strip().lower() for host in hosts if host.strip()}
        self.max_visitors = max_visitors
        self.visitors = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request or WebSocket."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._visit(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._answers_to(host):
            name = html.escape(hostname(host)[:80]) or "no name"
            return _page(
                421,
                "This app does not answer to this address",
                f"It was called by the name <b>{name}</b>. The person who runs it can allow that "
                "with <code>simcore app --allow-host</code>.",
            )
        if origin is not None:
            page_host = host_of(origin)
            if page_host != host.lower():
                if hostname(page_host) not in self.hosts:
                    return _page(403, "Refused", "Other pages may not use this app.")
                # A proxy has renamed the host. Streamlit would compare the two names again.
                scheme = origin.partition(":")[0]
                MutableHeaders(scope=scope)["origin"] = f"{scheme}://{host}"
        if self.visitors >= self.max_visitors and _opens_session(scope, headers):
            return _page(
                503,
                "All places are taken",
                f"{self.visitors} people are using this app right now. This page tries again "
                f"every {RETRY} seconds; you need not do anything.",
                {"Retry-After": str(RETRY)},
            )
        return None

    def _answers_to(self, host: str) -> bool:
        name = hostname(host)
        return name in own_names() or name in self.hosts or _is_numeric(name)

    async def _visit(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.visitors += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.visitors -= 1


def hostname(host: str) -> str:
    """The name in a Host header, in small letters and without the port.

    >>> hostname("Localhost:8501"), hostname("[::1]:8501"), hostname("10.0.0.5")
    ('localhost', '::1', '10.0.0.5')
    """
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:  # as "[::1"
        return ""


def host_of(origin: str) -> str:
    """Name and port of an Origin header, in small letters; "" for none, as of a local file.

    >>> host_of("http://localhost:8501"), host_of("https://Lab.example"), host_of("null")
    ('localhost:8501', 'lab.example', '')
    """
    try:
        parts = urlsplit(origin)
    except ValueError:  # as "http://["
        return ""
    return parts.netloc.lower() if parts.scheme in {"http", "https"} else ""


def own_names() -> frozenset[str]:
    """The names of this computer; none is looked up in the network."""
    name = socket.gethostname().lower()
    return frozenset({"localhost", name, f"{name}.local", f"{name.partition('.')[0]}.local"})


def from_environment() -> tuple[list[str], int]:
    """The names and the number of visitors that the command line set."""
    hosts = os.environ.get(HOSTS, "").split(",")
    return hosts, int(os.environ.get(MAX_VISITORS, DEFAULT_VISITORS))


def _is_numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _opens_session(scope: Scope, headers: Headers) -> bool:
    """Whether a request is for a page, or opens the WebSocket of one."""
    if scope["type"] == "websocket":
        return True
    return scope["method"] == "GET" and "text/html" in headers.get("accept", "")


def _page(status: int, title: str, text: str, headers: dict[str, str] | None = None) -> Response:
    head = f'<meta http-equiv="refresh" content="{RETRY}">' if status == 503 else ""
    body = PAGE.format(head=head, title=title, text=text)
    return HTMLResponse(body, status, {"Cache-Control": "no-store"} | (headers or {}))


async def _refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
    else:
        await receive()  # the request to connect; closed before it is accepted, it gets a 403
        closing: Message = {"type": "websocket.close", "code": 1008}
        await send(closing)
