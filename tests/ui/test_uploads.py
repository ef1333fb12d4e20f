"""Work on an upload stops when the visitor who uploaded it is gone."""

import asyncio
from types import SimpleNamespace

import pytest

from simcore.errors import Stopped
from simcore.lab import recipes
from simcore.lab.library import features
from simcore.lab.search import pair, search
from simcore.lab.search.pair import Picture
from simcore.lab.search.search import Query
from simcore.recipe import Question
from simcore.types import Monitor
from simcore.ui import job_progress, uploads
from tests.conftest import MODELS


@pytest.fixture
def embedded(monkeypatch):
    """Backbones that embedded an upload."""
    names = []
    embed = features.embed_upload
    monkeypatch.setattr(
        features, "embed_upload", lambda image, name: names.append(name) or embed(image, name)
    )
    return names


def leaves_after(count, embedded):
    """A monitor that stops after some backbones."""
    return Monitor(stop=lambda: len(embedded) >= count)


def question(tiny):
    return Question(tiny, tuple(recipes.parse(list(MODELS))))


def test_a_search_stops_between_backbones(tiny, draw, encode, embedded):
    upload = Query(image=encode(draw(1)))
    with pytest.raises(Stopped):
        search.search(question(tiny), upload, monitor=leaves_after(1, embedded))
    assert embedded == list(MODELS[:1])
    assert len(search.search(question(tiny), upload, monitor=leaves_after(9, embedded))) == 3


def test_a_comparison_stops_between_backbones(tiny, draw, encode, embedded):
    first, second = (Picture(f"{n}.png", encode(draw(n))) for n in (1, 2))
    with pytest.raises(Stopped):
        pair.table(question(tiny), first, second, monitor=leaves_after(2, embedded))
    assert set(embedded) == set(MODELS[:1])


def test_a_visitor_has_left_when_their_session_is_not_connected(monkeypatch):
    active = {"here"}
    current = SimpleNamespace(session_id="here")
    monkeypatch.setattr(uploads, "get_script_run_ctx", lambda **_: current)
    assert not uploads.visitor_left()  # no server, as in tests of pages
    server = SimpleNamespace(is_active_session=active.__contains__)
    monkeypatch.setattr(
        uploads, "runtime", SimpleNamespace(exists=lambda: True, get_instance=lambda: server)
    )
    assert not uploads.visitor_left()
    active.clear()  # the tab was closed
    assert uploads.visitor_left()
    with job_progress.progress_bar("Occluding") as monitor, pytest.raises(Stopped):
        monitor.check()


def test_a_picture_is_in_no_file_while_it_arrives():
    """Starlette writes files of more than 1 MB to the disk unless it is told otherwise."""
    from starlette.requests import Request

    photograph = bytes(uploads.MAX_MB * 2**20)
    head = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.jpg"\r\n\r\n'
    body = head + photograph + b"\r\n--x--\r\n"
    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}

    async def receive():
        return {"type": "http.request", "body": body}

    async def size_and_place():
        async with Request(scope, receive).form() as form:
            return form["a"].size, form["a"].file._rolled

    assert asyncio.run(size_and_place()) == (len(photograph), False)
