"""Cold start: the command line, the app until it answers and until its page stands; memory at rest.

    python -m benchmarks.startup_time

Every time is that of new processes; files have been read before, as they have after a day's first
use. The page is that of an empty cache. Chromium is used where it is found, psutil (extra `bench`)
tells the memory.
"""

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import synthetic_cache
from benchmarks.results_table import Line, number, show, skipped

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
PATIENCE = 90.0  # seconds until the app counts as not started


def ran(args: Sequence[str]) -> float:
    """Seconds of a new Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *args], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return time.perf_counter() - began


def commands(rounds: int) -> list[Line]:
    """Importing and asking for help, against Python itself."""
    commands = {
        "python": ("-c", "pass"),
        "import simcore.lab.evaluate.recall": ("-c", "import simcore.lab.evaluate.recall"),
        "simcore --help": ("-m", "simcore", "--help"),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, args in commands.items():
            seconds = ran(args)
            if turn:  # the first reads the files
                times[name].append(seconds)
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    bare = middle.pop("python")
    against = f"python -c pass: {number(bare)} s"
    return [Line(name, took, "s", against, took / bare) for name, took in middle.items()]


@contextmanager
def app() -> Iterator[tuple[subprocess.Popen, str, float]]:
    """The app on a free port: its process, its address, seconds until it answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    worker = subprocess.Popen(
        [sys.executable, "-m", "simcore", "app", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while True:
            try:
                with urllib.request.urlopen(address, timeout=5):
                    break
            except (urllib.error.URLError, OSError):
                if time.perf_counter() - began > PATIENCE or worker.poll() is not None:
                    raise RuntimeError("the app did not answer") from None
                time.sleep(0.05)
        yield worker, address, time.perf_counter() - began
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait(20)


def shown(address: str) -> float | None:
    """Seconds until a browser shows the page; None without a browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--headless", "--disable-gpu"]
        )
        tab = browser.new_page()
        began = time.perf_counter()
        tab.goto(address)
        tab.wait_for_selector(".stMain h1, .stMain h2", timeout=1e3 * PATIENCE)
        seconds = time.perf_counter() - began
        browser.close()
    return seconds


def resting(worker: subprocess.Popen) -> float | None:
    """GB of the app's processes; None where nothing tells them."""
    try:
        import psutil
    except ImportError:
        return None
    first = psutil.Process(worker.pid)
    return sum(p.memory_info().rss for p in [first, *first.children(recursive=True)]) / 1e9


def served() -> list[Line]:
    """The app from nothing to its first page, and what it holds then."""
    with synthetic_cache.cache(), app() as (worker, address, answered):
        page = shown(address)
        held = resting(worker)
    results = [Line("simcore app until it answers", answered, "s")]
    part = "and until the first page is drawn in a browser"
    if page is None:
        results.append(skipped(part, "no Chromium with playwright here"))
    else:
        results.append(Line(part, answered + page, "s"))
    part = "memory at rest, the app behind its first page"
    if held is None:
        results.append(skipped(part, "psutil is not installed (pip install -e '.[bench]')"))
    else:
        results.append(Line(part, held, "GB"))
    return results


def lines(quick: bool = False) -> list[Line]:
    """Commands, then the app."""
    return [*commands(1 if quick else ROUNDS), *served()]


if __name__ == "__main__":
    show(lines())
