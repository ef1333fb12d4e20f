"""The analysis pages in a real Chromium: each opens, answers real clicks, and asks nobody else."""

import pytest

from tests.pages.browser.tab import assert_clean

pytestmark = pytest.mark.browser


def test_each_page_by_clicks(visitor, server):
    page = visitor.page
    visitor.open(f"{server}/combine?collection=tiny")
    visitor.until(lambda: page.locator(".js-plotly-plot").count() == 1)
    tabs = ("Ablation", "Participation", "Weights", "Complementarity", "All combinations")
    for name in tabs:
        page.get_by_role("tab", name=name, exact=True).click()
        visitor.settle()
        assert_clean(visitor)
    page.locator(".st-key-combine_kind button").last.click()
    visitor.settle()
    assert_clean(visitor)
    page.get_by_text("Analyze", exact=True).click()
    page.get_by_role("menuitem", name="Exclusive").click()
    visitor.until(lambda: page.locator("h1").inner_text() == "Exclusive")
    assert visitor.address["collection"] == "tiny"
    visitor.until(lambda: page.locator(".js-plotly-plot").count() == 2)
    assert_clean(visitor)
    bars = page.locator(".js-plotly-plot").nth(1).locator(".barlayer .point path")
    before = visitor.address.get("found"), visitor.address.get("missed")
    for bar in bars.all():  # the first may be the set that is shown already
        bar.click(force=True)
        visitor.settle()
        if (visitor.address.get("found"), visitor.address.get("missed")) != before:
            break
    assert (visitor.address.get("found"), visitor.address.get("missed")) != before
    assert_clean(visitor)
    page.get_by_text("Analyze", exact=True).click()
    page.get_by_role("menuitem", name="Evaluate").click()
    visitor.until(lambda: page.locator("h1").inner_text() == "Evaluate")
    page.locator(".st-key-evaluate_view input").click()
    page.get_by_role("option", name="Recall at every k").click()
    visitor.until(lambda: visitor.address.get("view") == "curve")
    with page.expect_download() as waiting:
        page.get_by_text("Download as one HTML file").click()
    assert waiting.value.suggested_filename == "tiny-all-curve.html"
    assert_clean(visitor)


def test_a_cell_answers_a_click_anywhere_in_it(visitor, server):
    """Two backbones: cells many times as wide as the points that answer."""
    page = visitor.page
    visitor.open(f"{server}/combine?collection=tiny&models=hog,color")
    page.get_by_role("tab", name="Complementarity", exact=True).click()
    visitor.settle()
    chart = page.locator(".st-key-alike .js-plotly-plot")
    chart.scroll_into_view_if_needed()
    plot = chart.locator(".heatmaplayer image").first.bounding_box()
    opened = page.get_by_role("heading", name="Compare", exact=True)
    answer = page.get_by_text("misses no pair that").or_(opened)
    # The cell on the right above the diagonal, far from its center.
    page.mouse.click(plot["x"] + 0.56 * plot["width"], plot["y"] + 0.25 * plot["height"])
    answer.first.wait_for()


@pytest.mark.slow
def test_a_pair_opens_in_explore_and_a_near_duplicate_is_marked(own_visitor):
    visitor, page = own_visitor, own_visitor.page
    visitor.open(f"{visitor.home}/exclusive?collection=tiny&found=none&missed=none")
    tile = page.locator("button.tile").first
    picked = tile.get_attribute("aria-label")
    tile.click()
    visitor.until(lambda: "k" in visitor.address)
    assert f"image {visitor.address['query']} of a pair" in picked
    visitor.open(f"{visitor.home}/duplicates?collection=tiny&within=0.4&across=0.4")
    page.get_by_role("button", name="Not a duplicate").first.click()
    visitor.until(lambda: page.get_by_role("button", name="A duplicate", exact=True).count() == 1)
    page.get_by_role("tab", name="Groups").click()
    visitor.settle()
    assert_clean(visitor)
