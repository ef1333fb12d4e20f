"""Fixtures of the browser tests: Chromium, the server, a visitor."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.pages.browser.tab import FLAGS, NAMES, Visitor, executable, running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A Chromium for the tests of one file; each test opens a context of its own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = executable()
    if path is None:
        pytest.skip(f"no Chromium on this computer; looked for {', '.join(NAMES)}")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def server(tiny: str) -> Iterator[str]:
    """The address of the app, started as the README says, with the collection "tiny"."""
    with running() as app:
        yield app.address


@pytest.fixture
def visitor(chromium: Any, server: str) -> Iterator[Visitor]:
    """A visitor with a desktop screen."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield Visitor(page, server)
    context.close()
