"""Explore in a real Chromium, on the real server: what a person does, and what leaves it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.browser
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


def fetch(url: str) -> tuple[int, dict[str, str], bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


@pytest.fixture
def server(tiny: str, tmp_path: Path) -> Iterator[str]:
    """The app on a free port, started as the README says."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "simcore", "app", "--port", str(port)],
        cwd=ROOT,
        env=os.environ,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            try:
                fetch(address + "/health")
                break
            except urllib.error.URLError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)
        log.close()


class Visitor:
    """A tab, what it asked for that is not ours, and what its console complained about."""

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
        self.page.wait_for_selector("h1, section.row")
        self.settle()

    def settle(self) -> None:
        """Wait until the script has run and its answer is drawn."""
        self.page.wait_for_timeout(300)
        self.page.wait_for_selector(
            '[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000
        )
        self.page.wait_for_timeout(200)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what must come true; a slow machine gets its time, a wrong answer does not."""
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, f"{self.page.url} shows {self.rows()}"
            self.page.wait_for_timeout(100)
        self.settle()

    @property
    def address(self) -> dict[str, str]:
        return {name: value[0] for name, value in parse_qs(urlsplit(self.page.url).query).items()}

    def rows(self) -> list[list[str]]:
        """What each row shows: the tiles' words, and so ranks, scores and ids."""
        lines = self.page.locator("section.row").all()
        return [
            [tile.get_attribute("aria-label") for tile in line.locator("button.tile").all()]
            for line in lines
        ]


@pytest.fixture
def visitor(server: str) -> Iterator[Visitor]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.skip(f"no Chromium here; looked for {', '.join(NAMES)}")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(20_000)
        yield Visitor(page, server)
        browser.close()


def test_explore_as_a_person_does(visitor, server, draw, encode):
    page = visitor.page
    visitor.open(server)
    assert visitor.address["query"] == "a"
    assert len(visitor.rows()) == 4  # three backbones and their z-sum
    assert page.locator("section.row button.tile.mate").count() >= 1
    assert page.locator("section.row img").first.evaluate("i => i.naturalWidth") > 0

    page.get_by_text("Your images").click()
    visitor.settle()
    page.set_input_files(
        "input[type=file]",
        [
            {"name": "mine.png", "mimeType": "image/png", "buffer": encode(draw(2))},
            {"name": "broken.png", "mimeType": "image/png", "buffer": b"not a picture"},
        ],
    )
    page.get_by_text("broken.png is left out").wait_for()
    visitor.until(lambda: page.locator("section.row button.tile.mate").count() == 0)
    first = visitor.rows()
    assert all(" c." in row[0] for row in first), first  # drawn from the seed of c

    page.get_by_text("L1", exact=True).click()
    visitor.until(lambda: visitor.address["metric"] == "l1" and visitor.rows() != first)

    page.locator("section.row button.tile").first.click()
    visitor.until(lambda: (visitor.address["query"], visitor.address["direction"]) == ("c", "rl"))
    before, link = visitor.rows(), page.url
    assert before

    page.reload()
    visitor.until(lambda: bool(visitor.rows()))
    assert page.url == link
    assert visitor.rows() == before

    page.go_back()
    visitor.until(lambda: visitor.address["direction"] == "lr" and visitor.rows() != before)
    assert visitor.away == []
    assert visitor.errors == []


def test_the_gallery_by_keyboard_alone(visitor, server):
    page = visitor.page
    visitor.open(server + "/?collection=tiny&query=b&models=hog,color,layout&combine=zsum")
    tiles = page.locator("section.row").first.locator("button.tile")
    tiles.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    focused = "() => document.activeElement.shadowRoot?.activeElement?.ariaLabel"
    names = "e => e.map(t => t.ariaLabel)"
    assert page.evaluate(focused) == tiles.evaluate_all(names)[1]
    page.keyboard.press("ArrowDown")
    second = page.locator("section.row").nth(1).locator("button.tile").evaluate_all(names)
    assert page.evaluate(focused) == second[1]
    picked = second[1].rsplit(".", 2)[0].split()[-1]
    page.keyboard.press("Enter")
    visitor.until(
        lambda: (visitor.address["query"], visitor.address["direction"]) == (picked, "rl")
    )
    page.locator(".st-key-explore_back button").first.click()
    visitor.until(lambda: (visitor.address["query"], visitor.address["direction"]) == ("b", "lr"))


TITLES = [
    "Explore",
    "Map",
    "Compare",
    "Combine",
    "Exclusive",
    "Evaluate",
    "Learn",
    "Judgements",
    "Experiments",
    "Review",
    "Duplicates",
    "Collections",
    "Models",
]


def test_every_page_on_a_phone(visitor, server):
    page = visitor.page
    page.set_viewport_size({"width": 390, "height": 844})
    # The first visit is not to the first page.
    for path in [*(f"/{title.lower()}" for title in reversed(TITLES[1:])), ""]:
        visitor.open(server + path)
        links = page.locator('[data-testid="stSidebarNavLink"]').all_inner_texts()
        assert [text.split()[-1] for text in links] == TITLES
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{path} is {wide} px wide"
        assert page.locator('[data-testid="stException"]').count() == 0
    assert visitor.away == []


def test_what_the_server_gives_away(server, cache):
    key = next(cache.glob("thumbs/*/*.webp")).stem
    hostile = ("..%2f..%2fapp.py", "%2e%2e/app.py", f"{key}.webp", f"{key}/x", key[:-1])
    for room in ("thumb", "picture"):
        status, headers, body = fetch(f"{server}/{room}/{key}")
        assert (status, headers["content-type"]) == (200, "image/webp")
        assert "immutable" in headers["cache-control"]
        assert body[8:12] == b"WEBP"
        for bad in ("0" * 32, *hostile):
            assert fetch(f"{server}/{room}/{bad}")[0] in {400, 404}, bad
    status, headers, body = fetch(server + "/health")
    assert status == 200
    assert b'"ok"' in body
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in fetch(server + "/")[1]["content-security-policy"]
