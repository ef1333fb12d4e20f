"""How often a map is redrawn a second while somebody zooms, in Chromium without a graphics card.

python -m benchmarks.map_redraw

Compares points written into the pixels (what the map does beyond 3,000) with the canvas's circles,
and times the frames of a morph between four maps.
"""

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results_table import Aim, Line, number, show, skipped
from simcore.lab import html_document
from simcore.ui import components
from simcore.ui.map import map_canvas

SIZES = (12_032, 100_000)
MORPHS = (12_032, 2_000, 50_000)
STOPS = 4  # maps of a morph
SECONDS = 3
FRAME = Aim("at most", 17.0)  # ms: a screen shows 60 frames a second
FLAGS = ["--no-sandbox", "--headless", "--disable-gpu"]
ZOOM = """seconds => new Promise(done => {
    const top = document.querySelector('.component').shadowRoot.querySelector('canvas.top')
    const box = top.getBoundingClientRect()
    const at = { clientX: box.x + 300, clientY: box.y + 300, bubbles: true, cancelable: true }
    const began = performance.now()
    let count = 0
    const step = () => {
        top.dispatchEvent(new WheelEvent('wheel', { deltaY: count++ % 2 ? -40 : 40, ...at }))
        if (performance.now() - began > 1000 * seconds) done(count / seconds)
        else requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
})"""


# Times between frames while the morph plays from its first map to its last.
PLAY = """() => new Promise(done => {
    const root = document.querySelector('.component').shadowRoot
    root.querySelector('.morph .play').click()
    const times = []
    let before = 0
    const step = now => {
        if (before) times.push(now - before)
        before = now
        if (root.querySelector('.morph .play').textContent === 'Play') done(times)
        else requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
})"""


def page(count: int, *, pixels: bool = True, stops: int = 1) -> str:
    """A report that holds one map of random points in forty heaps, or a morph between several."""
    random = np.random.default_rng(0)
    data: dict[str, object] = {
        "base": "",
        "thumbs": {},
        "faces": None,
        "left": count // 2,
        "mates": True,
        "morph": stops > 1,
        "at": stops - 1,
        "maps": [_view(random, count, number, of=2 if stops > 1 else 7) for number in range(stops)],
        "ids": [str(n) for n in range(count)],
        "keys": [f"{n:032x}" for n in range(count)],
    }
    js = (
        components.MAP.js
        if pixels
        else components.MAP.js.replace("const MANY = 3000", "const MANY = 1e9")
    )
    assert pixels or js != components.MAP.js
    return html_document.document(
        "redraw", [html_document.embed(components.MAP.html, components.MAP.css, js, data)]
    )


def _view(random: np.random.Generator, count: int, number: int, *, of: int) -> dict[str, object]:
    """One map, its points in groups of `of` colors."""
    heaps = 3 * random.normal(size=(40, 2))
    at = heaps[random.integers(0, 40, count)] + 0.4 * random.normal(size=(count, 2))
    at = (at - at.min(0)) / (at.max(0) - at.min(0)) * (map_canvas.FULL - 1)
    group = random.integers(0, of, count)
    legend = [
        {"name": str(n), "count": int((group == n).sum()), "color": html_document.COLORS[n]}
        for n in range(of)
    ]
    return {
        "made": str(number),
        "title": f"map {number}",
        "sub": "",
        "say": "",
        "rank": None,
        "legend": legend,
        "x": at[:, 0].astype(int).tolist(),
        "y": at[:, 1].astype(int).tolist(),
        "color": group.tolist(),
    }


def lines(quick: bool = False) -> list[Line]:
    """Redraws a second at each size, pixels against circles; times of the frames of a morph."""
    browser_file = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser_file = None
    if browser_file is None:
        return [skipped("redraws of the map", "no Chromium with playwright here")]
    results = []
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=browser_file, args=FLAGS)
        measure = partial(_measure, browser, Path(folder) / "map.html")
        for count in SIZES[: 1 if quick else None]:
            speed = {
                pixels: measure(page(count, pixels=pixels), ZOOM, SECONDS)
                for pixels in (True, False)
            }
            part = f"redraws of a map of {count:,} points while zooming"
            against = f"the canvas's circles: {number(speed[False])} a second"
            ratio = speed[True] / speed[False]
            results.append(Line(part, speed[True], "a second", against, ratio))
        for count in MORPHS[: 1 if quick else None]:
            times = np.array(measure(page(count, stops=STOPS), PLAY, None))
            part = f"frames of a morph of {count:,} points between {STOPS} maps"
            p95, rate = float(np.percentile(times, 95)), 1e3 / float(times.mean())
            note = f"p95 {number(p95)} ms, {len(times)} frames, {number(rate)} a second"
            median = float(np.median(times))
            results.append(Line(f"{part}, median", median, "ms", aim=FRAME, note=note))
        browser.close()
    return results


def _measure(browser: Any, file: Path, html: str, script: str, argument: object) -> Any:
    """What a script returns on a page of its own, after the page has come to rest."""
    file.write_text(html, "utf-8")
    tab = browser.new_page(viewport={"width": 1400, "height": 1000})
    tab.goto(file.as_uri())
    tab.locator("canvas.top").wait_for()
    tab.wait_for_timeout(2000)
    result = tab.evaluate(script, argument)
    tab.close()
    return result


if __name__ == "__main__":
    show(lines())
