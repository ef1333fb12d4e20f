"""Make the pictures of the documentation: the app on the demo collection, in a real Chromium.

    simcore demo --no-serve
    python -m docs.screenshots [NAME ...]

Everything happens in a copy of the cache, so that the reviews and the experiment shown are not
kept. Needs Playwright and a Chromium.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from simcore.data import cache_dir

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 800}
COLORS = 256  # of the palette
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
SET = "models=hog,mobilenetv2,efficientnet-lite0"
# Name of the picture -> address. Participants and annotators are strangers.
VIEWS = {
    "explore": f"/?collection=emoji&query=mushroom&{SET}&combine=zsum",
    "map": "/map?collection=emoji&models=mobilenetv2&method=umap",
    "morph": f"/map?collection=emoji&{SET}&view=morph",
    "compare": "/compare?collection=emoji&first=left:mushroom&second=right:mushroom",
    "why": "/compare?collection=emoji&first=left:mushroom&second=right:mushroom&backbone=layout"
    "&view=why",
    "combine": "/combine?collection=emoji",
    "exclusive": "/exclusive?collection=emoji",
    "evaluate": "/evaluate?collection=emoji",
    "reproduce": "/reproduce?paper=rosenfeld2019&collection=emoji",
    "claims": "/claims?collection=emoji&judgements=none",
    "leaderboard": "/leaderboard?collection=emoji",
    "invariance": f"/invariance?collection=emoji&query=mushroom&transform=crop&{SET}",
    "learn": "/learn?collection=emoji",
    "judgements": "/judgements?judgements=known",
    "experiments": "/experiments?experiment=emoji-night&view=invite",
    "participant": "/experiments?experiment=emoji-night&participant=new",
    "duel": "/duel?experiment=emoji-duel&view=wall",
    "duel-phone": "/duel?experiment=emoji-duel&participant=new",
    "duel-look-alike": "/duel?view=look-alike",
    "review": "/review?collection=emoji&annotator=ada",
    "duplicates": "/duplicates?collection=emoji",
    "collections": "/collections",
    "models": "/models",
}
NEW_EXPERIMENT = (
    ("experiments", "new", "emoji-night", "emoji", "--distractors", "random,mobilenetv2"),
)
FUSION = ("learn", "adaptation", "emoji", "--method", "fusion", "--models")
DUEL = (
    ("duel", "new", "emoji-duel", "emoji", "--questions", "12"),
    ("duel", "start", "emoji-duel"),
)
# Twenty strangers, who are right three times in four.
PLAYERS = """
import numpy as np
from simcore.data.answers import experiment_store
from simcore.lab.people import duels
random = np.random.default_rng(0)
questions = experiment_store.questions(experiment_store.get("emoji-duel"))
for _ in range(20):
    experiment, code = duels.join("emoji-duel")
    while screen := duels.seat(experiment, code).screen:
        (question,) = (q for q in questions if q.number == screen.number)
        mate = screen.choices.index(question.options[question.mate][1])
        place = mate if random.random() < 0.75 else int(random.integers(len(screen.choices)))
        duels.answer(experiment, code, screen.number, place=place, seconds=2.0)
        if screen.done == 8:
            break
"""
# What a view needs beside the demo, as commands; minutes for some.
PREPARATION = {
    "map": (("map", "emoji", "--models", "mobilenetv2"),),
    "morph": (("map", "emoji", "--models", SET.removeprefix("models="), "--morph"),),
    "reproduce": (("reproduce", "rosenfeld2019", "emoji"),),
    "claims": (("claims", "emoji", "--judgements", "none"),),
    "leaderboard": (("leaderboard", "emoji"),),
    "learn": (
        (*FUSION, SET.removeprefix("models="), "--runs", "2", "--baseline", "--save", "fused"),
    ),
    "judgements": (
        ("judgements", "add", "known", "--size", "8"),
        ("evaluate", "triplets", "known"),
    ),
    "experiments": NEW_EXPERIMENT,
    "participant": NEW_EXPERIMENT,
    "duel": DUEL,
    "duel-phone": DUEL,
}


def main(names: list[str]) -> None:
    """Take the pictures of some views, by default of all."""
    from playwright.sync_api import sync_playwright

    path = next((found for found in map(shutil.which, CHROMIUM) if found), None)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(shutil.copytree(cache_dir.root(), Path(folder) / "cache"))
        environment = {**os.environ, "SIMCORE_CACHE": str(cache)}
        needed = [command for name in names or VIEWS for command in PREPARATION.get(name, ())]
        for command in dict.fromkeys(needed):
            subprocess.run(
                [sys.executable, "-m", "simcore", *command], check=True, env=environment, cwd=ROOT
            )
        options: tuple[str, ...] = ()
        if "duel" in (names or VIEWS):
            options = ("--host", "0.0.0.0")  # else the wall would say that no phone can join
            subprocess.run([sys.executable, "-c", PLAYERS], check=True, env=environment, cwd=ROOT)
        with served(environment, *options) as address, sync_playwright() as play:
            flags = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
            browser = play.chromium.launch(executable_path=path, args=flags)
            page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
            for name in names or VIEWS:
                take(page, name, address + VIEWS[name])
            browser.close()


def take(page: Any, name: str, url: str) -> None:
    """Open an address, wait until it is drawn, save the picture."""
    phone = name == "duel-phone"
    page.set_viewport_size({"width": 390, "height": 760} if phone else SIZE)
    page.goto(url)
    page.wait_for_selector("h1, h2, section.row", timeout=120_000)
    settle(page)
    if name == "participant":
        page.get_by_role("button", name="Start").click()
        settle(page)
    if phone:
        page.get_by_role("button", name="Join").click()
        settle(page)
    if name == "duel-look-alike":
        show_photograph(page)
    shot = FOLDER / f"{name}.png"
    page.screenshot(path=shot)
    shrink(shot)
    print(f"{shot.relative_to(ROOT)}: {shot.stat().st_size / 1000:.0f} kB")


def show_photograph(page: Any) -> None:
    """Upload a photograph of a person, and wait for the last machine."""
    from PIL import Image
    from skimage import data

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photograph.jpg"
        Image.fromarray(data.astronaut()).save(file)
        page.get_by_role("radio", name="Upload").click()
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_role("button", name="Next person").wait_for(timeout=120_000)
    page.wait_for_timeout(1500)


def settle(page: Any) -> None:
    """Wait until the script has run and pictures are drawn."""
    ready = '[data-testid="stApp"][data-test-script-state="notRunning"]'
    page.wait_for_timeout(500)
    page.wait_for_selector(ready, timeout=300_000)
    page.wait_for_load_state("networkidle")
    # Charts load their library when they are first drawn.
    page.wait_for_selector('[data-testid="stSkeleton"]', state="detached", timeout=120_000)
    page.wait_for_timeout(2000)


def shrink(path: Path) -> None:
    """Store a screenshot with a palette, at a third of its size."""
    from PIL import Image

    with Image.open(path) as image:
        image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)


@contextmanager
def served(environment: dict[str, str], *options: str) -> Iterator[str]:
    """The app on a free port; its address."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "simcore", "app", "--port", str(port), *options]
    app = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10):
                    break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(app.pid, 15)
        app.wait(30)


if __name__ == "__main__":
    main(sys.argv[1:])
