"""The app with its thumbnails, a health check, security headers and the guard, for a server.

`simcore app` serves it (simcore/ui/server.py). Without the limits on connections, so does

    python -m streamlit run simcore/ui/serve.py        (from the repository's root)

`app.py` works alone as well; it then sends thumbnails inside the page.
"""

import asyncio
import importlib
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.pages_manager import PagesManager

from simcore.lab import app_files
from simcore.lab.library import collections
from simcore.ui import guard, kiosk, thumbnails
from simcore.ui.addresses import PageAddresses
from simcore.ui.guard import Guard
from simcore.ui.static_files import StaticFiles
from simcore.ui.upload_room import UploadRoom

ROOT = app_files.root()
# `streamlit run` puts this file's folder on the path, where simcore/ui/collections would hide the
# standard library's module.
sys.path[:] = [str(ROOT), *(p for p in sys.path if Path(p).resolve() != Path(__file__).parent)]

SWEEP_SECONDS = 30
# What pages import, the first one first: charts, search, maps with the answers' database. The
# library of the feature store is last, since stored results and copies of features do without it.
FIRST_IMPORTS = (
    *("pandas", "plotly.graph_objects", "simcore.lab.search.search"),
    *("simcore.lab.search.map_colors", "lancedb"),
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Streamlit needs inline styles, blob: scripts (components) and eval (charts); nothing remote.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "media-src 'self' data: blob:; connect-src 'self' data: blob:; "
        "worker-src 'self' blob:; frame-src 'self' data: blob:; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ),
}


class SecurityHeaders:
    """Adds `HEADERS` to every response that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; only the start of an HTTP response changes."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


async def thumb(request: Request) -> Response:
    """The thumbnail of a content key."""
    return _image_response(request.path_params["key"], "thumb")


async def picture(request: Request) -> Response:
    """The larger image of a content key."""
    return _image_response(request.path_params["key"], "picture")


def _image_response(key: str, route: str) -> Response:
    """An image, which browsers may cache for ever, since its key is a hash of its content."""
    path = thumbnails.path(key, route=route) if collections.is_content_key(key) else None
    if path is None or not path.is_file():
        return JSONResponse({"error": "no such thumbnail"}, 404, {"Cache-Control": "no-store"})
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(path, media_type="image/webp", headers=headers)


async def health(_request: Request) -> Response:
    """A health check for process managers and load balancers."""
    return JSONResponse(
        {"status": "ok", "version": version("simcore")}, headers={"Cache-Control": "no-store"}
    )


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """While the server runs, pages use its addresses for thumbnails."""
    thumbnails.served = True
    cleaning = asyncio.create_task(_drop_sessions_that_left())
    threading.Thread(target=_import_libraries, daemon=True).start()
    yield
    cleaning.cancel()


def _import_libraries() -> None:
    """Import what the first page needs, so that its visitor does not wait for it."""
    for name in FIRST_IMPORTS:
        importlib.import_module(name)


async def _drop_sessions_that_left() -> None:
    """Release memory and file descriptors of closed tabs.

    Streamlit keeps their sessions for two minutes, and looks for those that have expired only when
    another session comes or goes.
    """
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        sessions = getattr(runtime.get_instance(), "_session_mgr", None)
        stored = getattr(getattr(sessions, "_session_storage", None), "_cache", ())
        len(stored)  # removes what has expired


# The first request may be for /collections, before app.py has called st.navigation; without this
# line, Streamlit would then show every file in pages/ as a page.
PagesManager.uses_pages_directory = False
kiosk.restrict()
hosts, max_visitors = guard.from_environment()
app = st.App(
    str(ROOT / "app.py"),
    routes=[
        Route("/thumb/{key:path}", thumb),
        Route("/picture/{key:path}", picture),
        Route("/health", health),
    ],
    middleware=[
        Middleware(SecurityHeaders),
        Middleware(Guard, hosts=hosts, max_visitors=max_visitors),
        Middleware(StaticFiles),
        Middleware(UploadRoom),
        Middleware(PageAddresses, pages=[path.stem for path in ROOT.glob("pages/*.py")]),
    ],
    lifespan=lifespan,
)
