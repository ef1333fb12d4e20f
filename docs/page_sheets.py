"""Pictures of every page at three widths in two themes, to be looked through for faults of layout.

    python -m docs.page_sheets FOLDER COLLECTION [NAME | NAME=ADDRESS ...]

Each page is opened in full height on a copy of the cache. What a program can see is listed in
`faults.txt`: errors in the console, pages that scroll sideways, and texts that are cut off.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docs.screenshots import CHROMIUM, served, settle
from simcore.data import cache_dir
from simcore.lab.library import collections

WIDTHS = {1440: 900, 1024: 768, 390: 760}
THEMES = ("light", "dark")
TALLEST = 6000  # px
# What would not fit: "tag #id.class: text" of elements that leave the page, or lose their end.
FAULTS = """() => {
  const found = [], wide = document.documentElement.clientWidth;
  const say = e => `${e.tagName.toLowerCase()} ${e.dataset.testid || e.className || e.id}: ` +
    (e.innerText || e.getAttribute('aria-label') || '').trim().slice(0, 60);
  const scrolls = e => { for (let p = e; p; p = p.parentElement || p.getRootNode().host) {
    if (p.nodeType === 1 && ['auto', 'scroll'].includes(getComputedStyle(p).overflowX) &&
        p.dataset.testid !== 'stMain') return true; } return false; };
  const main = document.querySelector('[data-testid=stMain]');
  if (main && main.scrollWidth > main.clientWidth + 1) found.push('the page scrolls sideways');
  const walk = root => { for (const e of root.querySelectorAll('*')) {
    if (e.shadowRoot) walk(e.shadowRoot);
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (!box.width || !box.height || style.visibility === 'hidden') continue;
    if (box.right > wide + 1 && box.left < wide && box.left >= 0 && e.children.length === 0 &&
        !scrolls(e) && !e.closest('svg')) found.push('leaves the page: ' + say(e));
    if (style.textOverflow === 'ellipsis' && e.scrollWidth > e.clientWidth + 1)
      found.push('cut off: ' + say(e));
  } };
  walk(document);
  return [...new Set(found)];
}"""


def views(name: str) -> dict[str, str]:
    """Name of the picture -> address, for a collection of pairs with features."""
    pairs = collections.open_(name).pairs()
    query, mate = pairs.queries.ids[2], pairs.gallery.ids[2]
    some = "models=hog,mobilenetv2,efficientnet-lite0"
    pair = f"collection={name}&first=left:{query}&second=right:{mate}"
    return {
        "explore": f"/?collection={name}&query={query}",
        "explore-zsum": f"/?collection={name}&query={query}&{some}&combine=zsum",
        "map": f"/map?collection={name}&models=mobilenetv2&method=umap",
        "map-two": f"/map?collection={name}&{some}&map=mobilenetv2&method=pca&second=hog"
        "&method2=pca",
        "map-morph": f"/map?collection={name}&{some}&view=morph",
        "compare": f"/compare?{pair}",
        "compare-occlusion": f"/compare?{pair}&backbone=layout&view=occlusion",
        "compare-why": f"/compare?{pair}&backbone=layout&view=why",
        "combine": f"/combine?collection={name}",
        "exclusive": f"/exclusive?collection={name}",
        "evaluate": f"/evaluate?collection={name}",
        "leaderboard": f"/leaderboard?collection={name}",
        "invariance": f"/invariance?collection={name}&query={query}&transform=crop&{some}",
        "reproduce": f"/reproduce?paper=rosenfeld2019&collection={name}",
        "claims": f"/claims?collection={name}&judgements=none",
        "learn": f"/learn?collection={name}",
        "judgements": "/judgements?judgements=known",
        "experiments": "/experiments",
        "duel": "/duel",
        "duel-look-alike": "/duel?view=look-alike",
        "review": f"/review?collection={name}&annotator=ada",
        "duplicates": f"/duplicates?collection={name}",
        "collections": "/collections",
        "models": "/models",
    }


def main(folder: Path, name: str, names: Sequence[str]) -> None:
    """Take the pictures of some views, by default of all."""
    from playwright.sync_api import sync_playwright

    addresses = views(name) | dict(text.split("=", 1) for text in names if "=" in text)
    chosen = [text.partition("=")[0] for text in names] or list(addresses)
    path = next((place for place in map(shutil.which, CHROMIUM) if place), None)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        cache = Path(shutil.copytree(cache_dir.root(), Path(temporary) / "cache"))
        with (
            served({**os.environ, "SIMCORE_CACHE": str(cache)}) as address,
            sync_playwright() as play,
            (folder / "faults.txt").open("a") as report,
        ):
            flags = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
            browser = play.chromium.launch(executable_path=path, args=flags)
            for view in chosen:
                for fault in photograph(browser, folder / view, address + addresses[view]):
                    print(view, fault, file=report, flush=True)
            browser.close()


def photograph(browser: Any, stem: Path, url: str) -> list[str]:
    """Save a page at each width in each theme; returns what is wrong with it."""
    faults: list[str] = []

    def listen(page: Any) -> None:
        page.on("console", lambda m: m.type == "error" and faults.append(f"console: {m.text}"))
        page.on("pageerror", lambda error: faults.append(f"console: {error}"))

    for width, height in WIDTHS.items():
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme=THEMES[0],
            reduced_motion="reduce",
        )
        page.set_default_timeout(120_000)
        listen(page)
        page.goto(url)
        page.wait_for_selector("[data-testid=stMain] h1, section.row")
        for theme in THEMES:
            if theme != THEMES[0]:  # tables keep the colors that they were drawn with
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                page.reload()
                page.wait_for_selector("[data-testid=stMain] h1, section.row")
            settle(page)
            _fit(page, width, height)
            page.screenshot(path=f"{stem}-{width}-{theme}.png")
            page.set_viewport_size({"width": width, "height": height})
        faults += [f"{width}: {fault}" for fault in page.evaluate(FAULTS)]
        page.close()
    return faults


def _fit(page: Any, width: int, height: int) -> None:
    """Make the window as tall as the page, which scrolls inside of Streamlit's main element."""
    for _ in range(2):  # a taller window makes some charts taller
        tall = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight || 0")
        page.set_viewport_size({"width": width, "height": max(height, min(tall, TALLEST))})
        page.wait_for_timeout(500)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
