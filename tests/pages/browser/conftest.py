"""Fixtures of the browser tests: Chromium, the server, a visitor."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser.tab import FLAGS, NAMES, App, Visitor, executable, running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A Chromium for the tests of one file; each test opens a context of its own.

    It ends with the file: Playwright keeps an event loop running, which other tests cannot have.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = executable()
    if path is None:
        pytest.skip(f"no Chromium on this computer; looked for {', '.join(NAMES)}")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served_cache(tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of `server`, with the collection "tiny"."""
    return Path(shutil.copytree(tiny_cache, tmp_path_factory.mktemp("served") / "cache"))


@pytest.fixture(scope="session")
def server(served_cache: Path) -> Iterator[str]:
    """The address of the app, started as the README says; shared by tests that change no data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMCORE_CACHE", str(served_cache))
        app = App()
    yield app.address
    app.kill()


@pytest.fixture
def own_server(tiny: str) -> Iterator[str]:
    """The address of an app on the cache of this test, with the collection "tiny"."""
    with running() as app:
        yield app.address


@pytest.fixture
def visitor(chromium: Any, server: str) -> Iterator[Visitor]:
    """A visitor of `server` with a desktop screen."""
    yield from _visit(chromium, server)


@pytest.fixture
def own_visitor(chromium: Any, own_server: str) -> Iterator[Visitor]:
    """A visitor of `own_server` with a desktop screen."""
    yield from _visit(chromium, own_server)


def _visit(chromium: Any, address: str) -> Iterator[Visitor]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield Visitor(page, address)
    context.close()
