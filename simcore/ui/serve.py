"""The server: the app, its thumbnails, a health check and safe headers, in one process.

    python -m streamlit run simcore/ui/serve.py        (from the repository's root)

`app.py` alone works as well; its thumbnails then travel inside the page instead of by this route.
"""

import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager

from simcore.ui import thumbnails as ui_thumbnails

ROOT = Path(__file__).resolve().parents[2]
# `streamlit run` puts this file's folder on the path, where simcore/ui/collections would hide the
# standard library's module.
sys.path[:] = [str(ROOT), *(p for p in sys.path if Path(p).resolve() != Path(__file__).parent)]

KEY = re.compile(r"[0-9a-f]{32}(-t\d{1,5})?")
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


class SafeHeaders:
    """Puts `HEADERS` on every answer that does not already say otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; only the start of an HTTP answer is touched."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


async def thumb(request: Request) -> Response:
    """The small picture of a content key."""
    return _picture(request.path_params["key"], ui_thumbnails.path)


async def picture(request: Request) -> Response:
    """The large picture of a content key."""
    return _picture(request.path_params["key"], ui_thumbnails.large_path)


def _picture(key: str, where: Callable[[str], Path]) -> Response:
    """Content never changes, so it may be kept for ever."""
    path = where(key) if KEY.fullmatch(key) else None
    if path is None or not path.is_file():
        return JSONResponse({"error": "no such thumbnail"}, 404, {"Cache-Control": "no-store"})
    keep = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(path, media_type="image/webp", headers=keep)


async def health(_request: Request) -> Response:
    """Says that the server answers."""
    return JSONResponse(
        {"status": "ok", "version": version("simcore")}, headers={"Cache-Control": "no-store"}
    )


ui_thumbnails.served = True
# The first visitor may ask for /collections before app.py has called st.navigation; without this,
# Streamlit would then take every file beside it for a page.
PagesManager.uses_pages_directory = False
app = st.App(
    str(ROOT / "app.py"),
    routes=[
        Route("/thumb/{key:path}", thumb),
        Route("/picture/{key:path}", picture),
        Route("/health", health),
    ],
    middleware=[Middleware(SafeHeaders)],
)
