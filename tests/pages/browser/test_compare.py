"""Compare and reports in a real Chromium: parts that are hidden, phone width, a file from disk."""

from pathlib import Path

import pytest

from tests.pages.browser.test_map import complaints

pytestmark = pytest.mark.browser
LINK = "/compare?collection=tiny&models=layout,color&first=left:b&second=right:b"


def test_why_from_explore_and_what_hiding_a_part_does(visitor):
    page = visitor.page
    visitor.open(visitor.home + "/?collection=tiny&query=b&models=layout,color")
    page.get_by_role("link", name="Compare the query with its mate").click()
    visitor.until(lambda: visitor.address.get("first") == "left:b")
    assert visitor.address["second"] == "right:b"
    page.get_by_text("has no feature maps").wait_for()  # handcrafted descriptors have none
    page.get_by_role("radiogroup").get_by_text("Occlusion").click()
    page.locator(".frame img").first.wait_for()
    visitor.settle()
    cells = page.locator(".side").first.locator(".cell")
    assert cells.count() == 49
    assert page.locator(".frame img").first.evaluate("i => i.naturalWidth") > 0
    cells.nth(10).hover()
    page.get_by_text("Row 2, column 4 occluded: similarity").wait_for()
    page.mouse.move(0, 0)
    page.locator(".frame svg").first.focus()
    page.get_by_text("Point at a part").wait_for()
    page.keyboard.press("ArrowDown")
    visitor.until(lambda: page.locator(".say").inner_text().startswith("Row "))
    page.get_by_role("radiogroup").get_by_text("Why").click()
    page.get_by_text("ranks the mate first").wait_for()
    picture = page.locator(".box img")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2)
    page.mouse.up()
    visitor.until(lambda: "crop" in visitor.address)
    page.get_by_text("With this crop: rank").wait_for()
    assert visitor.address["view"] == "why"
    assert abs(int(visitor.address["crop"].split(",")[3]) - 50) <= 2
    assert complaints(visitor) == []
    assert visitor.away == []


@pytest.mark.slow
def test_compare_on_a_phone(visitor):
    page = visitor.page
    page.set_viewport_size({"width": 390, "height": 844})
    visitor.open(visitor.home + LINK)
    page.get_by_role("radiogroup").get_by_text("Occlusion").click()
    page.locator(".frame img").first.wait_for()
    visitor.settle()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for frame in page.locator(".frame").all():
        box = frame.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


@pytest.mark.slow
def test_a_view_is_taken_away_and_opens_from_disk(visitor, tmp_path: Path):
    page = visitor.page
    visitor.open(visitor.home + "/map?collection=tiny&models=hog,color&map=hog&method=pca")
    page.locator("canvas.top").wait_for()
    page.locator("canvas.top").focus()
    page.keyboard.press("v")
    page.get_by_text("12 selected", exact=True).wait_for()
    visitor.settle()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download this view as one HTML file").click()
    file = tmp_path / "view.html"
    coming.value.save_as(file)
    asked, wrong = [], []
    other = page.context.browser.new_context().new_page()
    other.on("request", lambda request: asked.append(request.url))
    other.on("pageerror", lambda error: wrong.append(str(error)))
    other.goto(file.as_uri())
    other.get_by_text("12 selected", exact=True).wait_for()
    tiles = other.locator("button.tile img")
    assert tiles.count() == 12
    assert tiles.first.evaluate("i => i.complete && i.naturalWidth > 0")
    other.wait_for_function(
        "() => [...document.querySelectorAll('.component')]"
        ".some(box => +box.shadowRoot.querySelector('.panel')?.dataset.pictures > 0)"
    )
    assert all(url.startswith(("file:", "data:")) for url in asked), asked
    assert wrong == []
