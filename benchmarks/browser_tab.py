"""The app on a port of its own and a tab of Chromium that says when a page has come to rest."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
# Notes, by the page's own clock: the last act of the person, when the script last ran, and the last
# change of what is drawn, shadow roots included; the app's own running sign is no change.
WATCH = """() => {
    const seen = window.seen = { act: 0, ran: 0, began: 0, drawn: 0, state: '' }
    const now = () => performance.now()
    for (const kind of ['pointerdown', 'keydown'])
        addEventListener(kind, () => { seen.act = now(); seen.ran = seen.began = 0 }, true)
    const known = new WeakSet()
    const changed = new MutationObserver(list => {
        for (const one of list) {
            const at = one.target
            if (at.closest?.('[data-testid="stStatusWidget"], [data-testid="stHeader"]')) continue
            seen.drawn = now()
            for (const node of one.addedNodes) look(node)
        }
    })
    const watch = root => {
        if (known.has(root)) return
        known.add(root)
        changed.observe(root, { subtree: true, childList: true, characterData: true,
                                attributes: true, attributeFilter: ['src', 'd', 'aria-label'] })
    }
    const look = node => {
        if (node.shadowRoot) watch(node.shadowRoot)
        for (const inner of node.querySelectorAll?.('*') || [])
            if (inner.shadowRoot) watch(inner.shadowRoot)
    }
    watch(document.body)
    look(document.body)
    const attach = Element.prototype.attachShadow
    Element.prototype.attachShadow = function (how) {
        const root = attach.call(this, how)
        watch(root)
        return root
    }
    const state = () => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState
    const step = () => {
        const told = state()
        if (told !== seen.state) {
            if (told === 'running' && !seen.began) seen.began = now()
            if (told === 'notRunning') seen.ran = now()
            seen.state = told
        }
    }
    new MutationObserver(step).observe(document.body, { subtree: true, childList: true,
        attributes: true, attributeFilter: ['data-test-script-state'] })
    step()
}"""
REST = """([quiet, act]) => {
    const s = window.seen, now = performance.now()
    if (s.state !== 'notRunning') return null
    // A run can begin and end between two looks at its state: then only what it drew is known.
    const unseen = !s.ran || s.ran < act
    if (unseen && (s.drawn < act || now - s.drawn < 4 * quiet)) return null
    if (now - Math.max(s.ran, s.drawn) < quiet) return null
    if (unseen) return { act: s.act, began: s.act, ran: s.drawn, drawn: s.drawn }
    return { act: s.act, began: s.began, ran: s.ran, drawn: s.drawn }
}"""


@dataclass(frozen=True)
class Waited:
    """Milliseconds from a person's act until all is drawn, and for how long the script ran."""

    drawn: float
    script: float


class Restless(Exception):
    """A page did not come to rest, or lacks what is to be clicked."""


class Absent(Exception):
    """What is needed to drive the pages is not on this computer."""


class Server:
    """`simcore app` in a process of its own."""

    def __init__(self, cache: Path) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simcore", "app", "--port", str(self.port)],
            cwd=ROOT,
            env=os.environ | {"SIMCORE_CACHE": str(cache)},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait(self) -> None:
        """Until it answers."""
        for _ in range(600):
            try:
                with urllib.request.urlopen(self.address + "/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                if self.process.poll() is not None:
                    raise RuntimeError("the app ended before it answered") from None
                time.sleep(0.05)
        raise RuntimeError("the app did not answer within half a minute")

    def memory(self) -> tuple[float, float]:
        """(GB in memory now, the most it ever was) of the process that serves the pages (Linux)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        now, most = (int(status[name].split()[0]) * 1024 / 1e9 for name in ("VmRSS", "VmHWM"))
        return now, most

    def stop(self) -> None:
        """Ends it and what it started."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)


@contextmanager
def server(cache: Path) -> Iterator[Server]:
    """A running app, which ends with the block."""
    running = Server(cache)
    try:
        yield running
    finally:
        running.stop()


class Tab:
    """One visitor."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        page.add_init_script(f"addEventListener('DOMContentLoaded', {WATCH})")

    def open(self, path: str = "") -> Waited:
        """A page by its address, as somebody does who has a link."""
        self.page.goto(self.address + path)
        return self._rest(0)

    def does(self, act: Callable[[Any], object]) -> Waited:
        """What a person does, until all that follows from it is drawn."""
        from playwright.sync_api import TimeoutError as NotThere

        before = self.page.evaluate("performance.now()")
        try:
            act(self.page)
        except NotThere as error:
            raise Restless(str(error).splitlines()[-1].strip()) from error
        return self._rest(before)

    def _rest(self, since: float, quiet: int = 500, patience: float = 120) -> Waited:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            times = self.page.evaluate(REST, [quiet, since])
            if times:
                act = times["act"] if since else 0.0
                return Waited(
                    max(times["ran"], times["drawn"]) - act, times["ran"] - times["began"]
                )
            self.page.wait_for_timeout(50)
        raise Restless(f"{self.page.url} did not come to rest within {patience:.0f} s")


@contextmanager
def browser() -> Iterator[Any]:
    """A Chromium; what is opened in it closes with the block.

    Raises:
        Absent: there is none on this computer, or playwright is not installed.
    """
    executable = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if executable is None:
        raise Absent("no Chromium on this computer")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise Absent("playwright is not installed") from None
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()
