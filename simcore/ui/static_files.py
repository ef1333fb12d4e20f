"""Streamlit's scripts and fonts from memory: a page needs eighty of them before it shows anything.

Streamlit reads each from disk for each visitor, through a chain of threads; that took longer than
all else until the first paint.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(st.__file__).parent / "static"
# Names of files that carry a hash of their content, as in index.DormvYxC.js.
HASHED = re.compile(r"/static/(?:js|css|media)/[\w.-]+\.[\w-]{8}\.(js|css|woff2)$")
# Not by the system's table, which calls scripts plain text on some computers.
TYPES = {"js": "text/javascript", "css": "text/css", "woff2": "font/woff2"}
MAX_BYTES = 64 * 2**20  # of all files in memory; all scripts are 24 MB
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
CONDITIONS = ("range", "if-none-match", "if-modified-since")


class StaticFiles:
    """Answers requests for Streamlit's hashed files, and passes on all others."""

    def __init__(self, app: ASGIApp, folder: Path = FOLDER) -> None:
        self.app, self.folder = app, folder
        self.contents: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        response = self._answer(scope) if scope["type"] == "http" else None
        await (response or self.app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        match = HASHED.search(scope["path"]) if scope["method"] == "GET" else None
        if match is None or is_conditional(Headers(scope=scope)):
            return None
        name = match[0].lstrip("/")
        content = self.contents.get(name) or self._read(name)
        if content is None:
            return None
        return Response(content, headers=FOR_EVER, media_type=TYPES[match[1]])

    def _read(self, name: str) -> bytes | None:
        try:
            content = (self.folder / name).read_bytes()
        except OSError:
            return None
        if len(content) + sum(map(len, self.contents.values())) <= MAX_BYTES:
            self.contents[name] = content
        return content


def is_conditional(headers: Mapping[str, str]) -> bool:
    """Whether a request is for a part of a file, or only for one that has changed."""
    return any(name in headers for name in CONDITIONS)
