"""The analysis pages in a real Chromium: each opens, answers real clicks, and asks nobody else."""

import shutil

import pytest

from tests.pages.browser.test_explore import NAMES, Visitor, server

__all__ = ["server"]
pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def visitor(server):
    """A tab of Chromium on the analysis pages."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no chromium on this computer")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        yield Visitor(page, server)
        browser.close()


def well(visitor):
    page = visitor.page
    wrong = '[data-testid="stException"], [data-testid="stAlertContentError"]'
    assert page.locator(wrong).count() == 0
    assert visitor.away == []


def test_each_page_by_clicks(visitor, server):
    page = visitor.page
    visitor.open(f"{server}/combine?collection=tiny")
    visitor.until(lambda: page.locator(".js-plotly-plot").count() == 1)
    for name in ("What a member is worth", "Participation", "Weights", "Alike", "All combinations"):
        page.get_by_role("tab", name=name, exact=True).click()
        visitor.settle()
        well(visitor)
    page.locator(".st-key-combine_kind button").last.click()
    visitor.settle()
    well(visitor)
    page.get_by_text("Analyze", exact=True).click()
    page.get_by_role("menuitem", name="Exclusive").click()
    visitor.until(lambda: page.locator("h1").inner_text() == "Exclusive")
    assert visitor.address["collection"] == "tiny"
    visitor.until(lambda: page.locator(".js-plotly-plot").count() == 2)
    well(visitor)
    page.get_by_text("Analyze", exact=True).click()
    page.get_by_role("menuitem", name="Evaluate").click()
    visitor.until(lambda: page.locator("h1").inner_text() == "Evaluate")
    page.locator(".st-key-evaluate_view input").click()
    page.get_by_role("option", name="Recall at every k").click()
    visitor.until(lambda: visitor.address.get("view") == "curve")
    with page.expect_download() as waiting:
        page.get_by_text("Download as one HTML file").click()
    assert waiting.value.suggested_filename == "tiny-all-curve.html"
    well(visitor)


@pytest.mark.slow
def test_a_pair_opens_in_explore_and_a_twin_is_overruled(visitor, server):
    page = visitor.page
    visitor.open(f"{server}/exclusive?collection=tiny&found=none&missed=none")
    tile = page.locator("button.tile").first
    picked = tile.get_attribute("aria-label")
    tile.click()
    visitor.until(lambda: "k" in visitor.address)
    assert f"image {visitor.address['q']} of a pair" in picked
    visitor.open(f"{server}/duplicates?collection=tiny&within=0.4&across=0.4")
    page.get_by_role("button", name="Not a duplicate").first.click()
    visitor.until(lambda: page.get_by_role("button", name="A duplicate").count() == 1)
    page.get_by_role("tab", name="Groups").click()
    visitor.settle()
    well(visitor)
