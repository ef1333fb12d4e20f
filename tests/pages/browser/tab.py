"""A real Chromium on the real server: what the browser tests share."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.conftest import ROOT

FLAGS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def executable() -> str | None:
    """The path of a Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def fetch(url: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a request."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


class App:
    """The app at one address; it can be killed and started again."""

    def __init__(
        self, *options: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
    ) -> None:
        self.cwd, self.env = cwd, env
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port, self.options = probe.getsockname()[1], options
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simcore", "app", "--port", str(self.port), *self.options],
            cwd=self.cwd,
            env=os.environ if self.env is None else self.env,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(300):
            try:
                with urllib.request.urlopen(self.address + "/health", timeout=10):
                    return
            except OSError:  # not started yet, or the connection was cut
                assert self.process.poll() is None
                time.sleep(0.2)

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


@contextmanager
def running(*options: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Iterator[App]:
    """The app on a free port, with further options of `simcore app`."""
    app = App(*options, cwd=cwd, env=env)
    try:
        yield app
    finally:
        app.kill()


class Visitor:
    """A tab, its requests to other servers, and the errors of its console."""

    def __init__(self, page, home: str) -> None:
        self.page, self.home, self.away, self.errors = page, home, [], []
        page.on("request", self._request)
        page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        page.on("pageerror", lambda e: self.errors.append(str(e)))

    def _request(self, request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.away.append(request.url)

    def open(self, url: str) -> None:
        self.page.goto(url)
        # The outline that is shown before Streamlit has loaded has a heading, too.
        self.page.wait_for_selector("[data-testid=stMain] h1, section.row")
        self.settle()

    def settle(self) -> None:
        """Wait until the script has run and the page is drawn."""
        self.page.wait_for_timeout(300)
        self.page.wait_for_selector(
            '[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000
        )
        self.page.wait_for_timeout(200)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait up to 30 s until a condition is true, for slow machines."""
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, f"{self.page.url} shows {self.rows()}"
            self.page.wait_for_timeout(100)
        self.settle()

    @property
    def address(self) -> dict[str, str]:
        return {name: value[0] for name, value in parse_qs(urlsplit(self.page.url).query).items()}

    def rows(self) -> list[list[str]]:
        """The alt texts of the tiles in each row: ranks, scores and ids."""
        lines = self.page.locator("section.row").all()
        return [
            [tile.get_attribute("aria-label") for tile in line.locator("button.tile").all()]
            for line in lines
        ]


def visit(chromium, app, **options):
    """A visitor with separate cookies and storage."""
    page = chromium.new_context(viewport={"width": 1200, "height": 900}, **options).new_page()
    return Visitor(page, app.address)


def assert_clean(visitor: Visitor) -> None:
    """No exception and no error message on the page, no request to another server."""
    wrong = '[data-testid="stException"], [data-testid="stAlertContentError"]'
    assert visitor.page.locator(wrong).count() == 0
    assert visitor.away == []
