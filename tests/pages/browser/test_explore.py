"""Explore in a real Chromium, on the real server: what a person does, and what leaves it."""

import pytest

from simcore.lab.learning import adaptation
from simcore.lab.learning.adaptation import AdaptationSettings
from simcore.lab.library import collections, extraction
from tests.conftest import draw_pairs
from tests.pages.browser.tab import Visitor, assert_clean, fetch

pytestmark = pytest.mark.browser


def _are_complete(rows, count):
    """Whether there are so many rows, and each has its tiles."""
    return len(rows) == count and all(rows)


def test_explore_as_a_person_does(visitor, server, draw, encode):
    page = visitor.page
    visitor.open(server)
    assert visitor.address["query"] == "a"
    visitor.until(lambda: _are_complete(visitor.rows(), 4))  # three backbones and their z-sum
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
    visitor.until(lambda: _are_complete(visitor.rows(), len(before)))
    assert page.url == link
    assert visitor.rows() == before

    page.go_back()
    visitor.until(lambda: visitor.address["direction"] == "lr" and visitor.rows() != before)
    assert visitor.away == []
    assert visitor.errors == []


def test_the_gallery_by_keyboard_alone(visitor, server):
    page = visitor.page
    visitor.open(server + "/?collection=tiny&query=b&models=hog,color,layout&combine=zsum")
    visitor.until(lambda: _are_complete(visitor.rows(), 4))
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
    page.keyboard.press(" ")
    larger = page.locator("dialog.light")
    larger.locator("img").wait_for()
    assert "/picture/" in larger.locator("img").get_attribute("src")
    page.keyboard.press("ArrowLeft")
    assert larger.locator(".words").inner_text().startswith("1 of 6. ")
    page.keyboard.press("Escape")
    larger.wait_for(state="detached")
    assert page.evaluate(focused) == second[0]
    page.keyboard.press("ArrowRight")
    title = page.locator("section.row button.title").nth(1)
    title.press("Enter")
    assert title.get_attribute("aria-expanded") == "false"
    assert not page.locator("section.row").nth(1).locator("button.tile").first.is_visible()
    title.press("Enter")
    page.locator("section.row").nth(1).locator("button.tile").nth(1).press("Enter")
    visitor.until(
        lambda: (visitor.address["query"], visitor.address["direction"]) == (picked, "rl")
    )
    page.locator(".st-key-explore_back button").first.click()
    visitor.until(lambda: (visitor.address["query"], visitor.address["direction"]) == ("b", "lr"))


@pytest.fixture
def unseen(tiny, tmp_path):
    """Twelve pairs called "dozen", and `learned:mine`; the pairs it was not trained on."""
    draw_pairs(tmp_path / "dozen", 12)
    collections.add("pairs", tmp_path / "dozen", name="dozen")
    extraction.extract("dozen", ["hog", "color", "layout"])
    settings = AdaptationSettings(epochs=4, dims=8, width=16)
    result = adaptation.adapt("dozen", ["color"], settings, runs=1, save="mine")
    return adaptation.save_backbone(result, "mine").test_ids


@pytest.mark.slow
def test_rows_their_order_and_the_controls(unseen, own_visitor):
    visitor, page = own_visitor, own_visitor.page
    models = "hog,color,layout,learned:mine"
    link = f"{visitor.home}/?collection=dozen&models={models}&combine=zsum,weighted"
    visitor.open(link)
    visitor.until(lambda: _are_complete(visitor.rows(), 5))
    titles = page.locator("section.row button.title")
    assert titles.all_inner_texts() == ["z-sum of 4", "hog", "color", "layout", "learned:mine"]
    assert page.get_by_text("With equal weights it is the z-sum").count() == 1
    seen = next(name for name in (f"{number:02}" for number in range(12)) if name not in unseen)
    for query, badges in ((seen, 1), (unseen[0], 0)):
        visitor.open(f"{link}&query={query}")
        visitor.until(lambda: _are_complete(visitor.rows(), 5))
        row = page.locator("section.row").nth(4)
        assert row.get_by_text("trained on this pair").count() == badges, query

    # Controls stay on the screen, sliders and names of backbones are in panels of their own.
    assert page.locator(".st-key-explore_metric").bounding_box()["y"] < 600
    page.get_by_role("button", name="Weights").click()
    sliders = page.get_by_test_id("stPopoverBody").get_by_role("slider")
    sliders.first.wait_for()
    assert sliders.count() == 4
    sliders.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    visitor.until(lambda: _are_complete(visitor.rows(), 6))
    page.get_by_role("button", name="Backbones: 4 chosen").click()
    groups = page.get_by_test_id("stPopoverBody").get_by_test_id("stWidgetLabel")
    groups.first.wait_for()
    assert groups.all_inner_texts()[0] == "Ready"
    page.keyboard.press("Escape")

    page.get_by_text("Mate's rank", exact=True).click()
    visitor.until(lambda: visitor.address.get("order") == "rank")
    visitor.until(lambda: _are_complete(visitor.rows(), 6))
    places = page.locator("section.row .scale i").evaluate_all(
        "dots => dots.map(dot => parseFloat(dot.style.left))"
    )
    assert places == sorted(places)
    assert visitor.errors == []


@pytest.mark.slow
def test_a_long_press_enlarges_a_picture(chromium, server):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(server + "/?collection=tiny&query=b")
    tile = page.locator("section.row button.tile").first
    tile.wait_for()
    box = tile.bounding_box()
    touch = context.new_cdp_session(page)
    point = {"x": box["x"] + 20, "y": box["y"] + 20}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    page.locator("dialog.light img").wait_for(timeout=5_000)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert "query=b" in page.url, "the press is no click"
    context.close()


TITLES = [
    "Explore",
    "Map",
    "Compare",
    "Combine",
    "Exclusive",
    "Evaluate",
    "Leaderboard",
    "Invariance",
    "Reproduce",
    "Claims",
    "Learn",
    "Judgements",
    "Experiments",
    "Duel",
    "Review",
    "Duplicates",
    "Collections",
    "Models",
]


VIEWS = [
    "/?query=c&models=hog,color&combine=zsum",
    "/map?models=hog,color&map=hog&method=pca&second=color&method2=pca",
    "/map?models=hog,color&view=morph&method=pca&stop=color",
    "/compare?first=left:b&second=right:b&backbone=hog&view=occlusion",
    "/compare?first=left:b&second=right:b&backbone=hog&view=why",
    "/exclusive?found=hog&missed=none",
    "/evaluate?view=curve",
    "/experiments?view=new",
    "/duel?view=look-alike",
    "/review?view=results",
]


@pytest.mark.slow
def test_every_page_and_view_on_a_phone_without_an_error(visitor, server):
    page = visitor.page
    page.set_viewport_size({"width": 390, "height": 844})
    # The first visit is not to the first page.
    paths = [*(f"/{title.lower()}" for title in reversed(TITLES[1:])), "/", *VIEWS]
    for path in paths:
        visitor.open(f"{server}{path}{'&' if '?' in path else '?'}collection=tiny")
        links = page.locator('[data-testid="stSidebarNavLink"]').all_inner_texts()
        assert [text.split()[-1] for text in links] == TITLES
        # Streamlit scrolls inside of its main element.
        wide = page.locator("[data-testid=stMain]").evaluate("main => main.scrollWidth")
        assert wide <= 390, f"{path} is {wide} px wide"
        assert_clean(visitor)
        assert visitor.errors == [], path


def test_the_outline_of_a_page_is_there_before_streamlit(chromium, server):
    context = chromium.new_context(java_script_enabled=True)
    page = context.new_page()
    page.route("**/static/js/*", lambda route: route.abort())
    page.goto(server + "/map?collection=tiny", wait_until="commit")
    page.locator("#outline", has_text="Map").wait_for()
    context.close()


SHIFTS = """
window.moved = 0
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.moved += entry.value
}).observe({ type: "layout-shift", buffered: true })
"""


@pytest.mark.slow
@pytest.mark.parametrize("address", ["", "map?method=pca", "evaluate", "review?annotator=ada"])
def test_nothing_jumps_while_a_page_loads(chromium, server, address):
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(SHIFTS)
    page.goto(f"{server}/{address}", wait_until="commit")
    page.locator("#outline").wait_for()
    assert page.locator("#root").evaluate("root => getComputedStyle(root).visibility") == "hidden"
    visitor = Visitor(page, server)
    page.wait_for_selector("[data-testid=stMain] h1, section.row", timeout=60_000)
    visitor.settle()
    page.wait_for_timeout(1000)
    assert page.locator(".outline").count() == 0
    assert page.evaluate("window.moved") < 0.1  # "good" for a cumulative layout shift
    context.close()


def test_what_the_server_gives_away(server, served_cache):
    key = next(served_cache.glob("thumbs/*/*.webp")).stem
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
