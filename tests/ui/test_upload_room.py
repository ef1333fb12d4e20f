"""Uploads: limits per session and in total; the oldest files make room for new ones."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from simcore.ui import kiosk, upload_room
from simcore.ui.upload_room import MB, UploadRoom


class Files:
    """Streamlit's store of uploads, behind what receives them."""

    def __init__(self, **limits):
        self.manager = MemoryUploadedFileManager("/_stcore/upload_file")
        self.room = UploadRoom(self.receive, files=lambda: self.manager, **limits)
        self.client = TestClient(self.room, base_url="http://localhost:8501")

    async def receive(self, scope, receive, send):
        """Store the body, as Streamlit's own handler does."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        *_, session, file = scope["path"].split("/")
        self.manager.add_file(session, UploadedFileRec(file, file, "image/png", body))
        await PlainTextResponse("stored")(scope, receive, send)

    def put(self, session, file, size):
        response = self.client.put(f"/_stcore/upload_file/{session}/{file}", content=b"x" * size)
        return response.status_code

    def names(self, session):
        return list(self.manager.file_storage[session])

    @property
    def bytes(self):
        return sum(
            len(file.data)
            for files in self.manager.file_storage.values()
            for file in files.values()
        )


def test_sixty_files_leave_only_the_newest():
    """60 files of 4 MB stayed in one session."""
    files = Files(per_session=25_000, total=100_000)
    for number in range(60):
        assert files.put("one", f"{number:02}", 4000) == 200
    assert files.names("one") == ["54", "55", "56", "57", "58", "59"]
    assert files.bytes == 24_000


def test_all_sessions_together_have_a_limit_and_room_comes_back():
    files = Files(per_session=25_000, total=100_000)
    for session in range(4):
        assert files.put(str(session), "a", 25_000) == 200
    assert files.put("late", "a", 1000) == 413
    assert files.names("0") == ["a"]  # nobody loses a file to somebody else
    assert files.put("0", "b", 25_000) == 200  # who replaces a file needs no more room
    assert files.names("0") == ["b"]
    files.manager.remove_session_files("1")
    assert files.put("late", "a", 1000) == 200


def test_what_is_larger_than_a_session_may_hold_is_refused():
    files = Files(per_session=25_000, total=100_000)
    assert files.put("one", "a", 20_000) == 200
    assert files.put("one", "b", 25_001) == 413


def test_files_that_are_still_arriving_count():
    """Else a hundred uploads at once would all be let in."""
    files = Files(per_session=25_000, total=30_000)
    status = {}

    async def receive(scope, receive, send):
        """While the first file arrives, others are announced."""
        if scope["path"].endswith("/one/a"):
            status["too large"] = files.put("two", "a", 11_000)
            status["fits"] = files.put("two", "b", 10_000)
        await files.receive(scope, receive, send)

    files.room.app = receive
    assert files.put("one", "a", 20_000) == 200
    assert status == {"too large": 413, "fits": 200}
    assert files.room.arriving == {}


@pytest.mark.parametrize("length", ["", "-5", "x", "1e9", "99999999999999999999"])
def test_a_body_without_a_believable_length_counts_as_the_largest(length):
    headers = upload_room.Headers({"content-length": length} if length else {})
    assert upload_room.content_length(headers) == 200 * MB


def test_workshop_mode_has_less_room(monkeypatch):
    assert upload_room.limits() == (512 * MB, 2048 * MB)
    monkeypatch.setenv(kiosk.VARIABLE, "60")
    assert upload_room.limits() == (32 * MB, 1024 * MB)
