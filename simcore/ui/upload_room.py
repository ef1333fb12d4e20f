"""How much uploaded data the server keeps in memory, per session and in total.

Streamlit keeps a file until its session ends or its widget lets it go. Files that no widget claims,
since a script uploaded them or a picture was replaced, would stay.
"""

import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config, runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from simcore.ui import kiosk

UPLOAD = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/[^/]+$")
MB = 2**20


def limits() -> tuple[int, int]:
    """Bytes of uploads per session and of all sessions together.

    More than all widgets of all pages hold together: a zip of 200 MB and a dozen images of 20 MB;
    in workshop mode, five images of 5 MB.
    """
    return (32 * MB, 1024 * MB) if kiosk.enabled() else (512 * MB, 2048 * MB)


def stored() -> MemoryUploadedFileManager | None:
    """The uploads of this process; None while Streamlit does not run."""
    if not runtime.exists():
        return None
    manager = runtime.get_instance().uploaded_file_mgr
    return manager if isinstance(manager, MemoryUploadedFileManager) else None


class UploadRoom:
    """Before a file is received: drops the oldest of its session, or refuses it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        files: Callable[[], MemoryUploadedFileManager | None] = stored,
        per_session: int | None = None,
        total: int | None = None,
    ) -> None:
        self.app, self.files = app, files
        default_session, default_total = limits()
        self.per_session = default_session if per_session is None else per_session
        self.total = default_total if total is None else total
        self.arriving: dict[str, int] = {}  # session -> bytes that are being received

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request; an upload only if it fits."""
        match = UPLOAD.search(scope["path"]) if scope["type"] == "http" else None
        if match is None or scope["method"] != "PUT":
            await self.app(scope, receive, send)
            return
        session, size = match["session"], content_length(Headers(scope=scope))
        if not self._make_room(session, size):
            text = "There is no room for more uploads at the moment. Try again in a few minutes."
            await PlainTextResponse(text, 413)(scope, receive, send)
            return
        self.arriving[session] = self.arriving.get(session, 0) + size
        try:
            await self.app(scope, receive, send)
        finally:
            self.arriving[session] -= size
            if not self.arriving[session]:
                del self.arriving[session]

    def _make_room(self, session: str, size: int) -> bool:
        files = self.files()
        if files is None:
            return True
        own = list(files.file_storage.get(session, {}).values())  # oldest first
        used = sum(len(file.data) for file in own) + self.arriving.get(session, 0)
        while own and used + size > self.per_session:
            oldest = own.pop(0)
            files.remove_file(session, oldest.file_id)
            used -= len(oldest.data)
        everything = sum(self.arriving.values())
        for uploads in list(files.file_storage.values()):
            everything += sum(len(file.data) for file in list(uploads.values()))
        return used + size <= self.per_session and everything + size <= self.total


def content_length(headers: Headers) -> int:
    """Bytes of a request's body; the most that Streamlit takes where it does not say so."""
    text = headers.get("content-length", "")
    largest = int(config.get_option("server.maxUploadSize")) * MB
    return min(int(text), largest) if text.isdecimal() else largest
