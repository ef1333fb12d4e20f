"""Explore in a real Chromium, on the real server: what a person does, and what leaves it."""

import pytest

from tests.pages.browser.tab import assert_clean, fetch

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
