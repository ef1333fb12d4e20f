"""How often a map is redrawn a second while somebody zooms, in Chromium without a graphics card.

python -m benchmarks.map_redraw

Compares points written into the pixels (what the map does beyond 3,000) with the canvas's circles.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.results_table import Line, number, show, skipped
from simcore.lab import html_document
from simcore.ui import components
from simcore.ui.map import map_canvas

SIZES = (12_032, 100_000)
SECONDS = 3
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


def page(count: int, *, pixels: bool) -> str:
    """A report that holds one map of random points in forty heaps."""
    random = np.random.default_rng(0)
    heaps = 3 * random.normal(size=(40, 2))
    at = heaps[random.integers(0, 40, count)] + 0.4 * random.normal(size=(count, 2))
    at = (at - at.min(0)) / (at.max(0) - at.min(0)) * (map_canvas.FULL - 1)
    group = random.integers(0, 7, count)
    legend = [
        {"name": str(n), "count": int((group == n).sum()), "color": html_document.COLORS[n]}
        for n in range(7)
    ]
    view = {
        "made": "",
        "title": "",
        "sub": "",
        "say": "",
        "rank": None,
        "legend": legend,
        "x": at[:, 0].astype(int).tolist(),
        "y": at[:, 1].astype(int).tolist(),
        "color": group.tolist(),
    }
    data: dict[str, object] = {
        "base": "",
        "thumbs": {},
        "faces": None,
        "left": count // 2,
        "mates": True,
        "maps": [view],
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


def lines(quick: bool = False) -> list[Line]:
    """Redraws a second at each size, pixels against circles."""
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
        for count in SIZES[: 1 if quick else None]:
            speed = {}
            for pixels in (True, False):
                file = Path(folder) / "map.html"
                file.write_text(page(count, pixels=pixels), "utf-8")
                tab = browser.new_page(viewport={"width": 1400, "height": 1000})
                tab.goto(file.as_uri())
                tab.locator("canvas.top").wait_for()
                tab.wait_for_timeout(2000)
                speed[pixels] = tab.evaluate(ZOOM, SECONDS)
                tab.close()
            part = f"redraws of a map of {count:,} points while zooming"
            against = f"the canvas's circles: {number(speed[False])} a second"
            ratio = speed[True] / speed[False]
            results.append(Line(part, speed[True], "a second", against, ratio))
        browser.close()
    return results


if __name__ == "__main__":
    show(lines())
