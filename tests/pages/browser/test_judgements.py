"""Judgements in a real Chromium: score, see the disagreements, open one in Explore."""

import time

import pytest

from simcore.lab import jobs
from simcore.lab.judgements import pair_similarities, sets
from tests.pages.browser.tab import assert_clean

pytestmark = pytest.mark.browser


@pytest.fixture
def judged(bapps_tree, tiny):
    """Eight triplets called "mine" with three similarities."""
    votes = {"cnn": [0.2, 0.8, 1.0, 0.0, 0.4], "color": [0.0, 1.0, 0.6]}
    judgements = sets.add("bapps", bapps_tree(votes), name="mine")
    pair_similarities.prepare(judgements, ["color", "layout", "pixel-l2"])
    return judgements


@pytest.mark.slow
def test_judgements_as_a_person_does(judged, own_visitor):
    visitor, page = own_visitor, own_visitor.page
    visitor.open(
        f"{visitor.home}/judgements?judgements=mine&models=color,layout,pixel-l2,ssim&order=agreement"
    )
    visitor.until(lambda: page.locator(".js-plotly-plot").count() == 1)
    assert_clean(visitor)
    page.get_by_role("button", name="Score now").click()
    visitor.until(lambda: "ssim" in pair_similarities.available(sets.open_("mine")))
    visitor.until(lambda: page.get_by_role("button", name="Score now").count() == 0)
    assert [job.state for job in jobs.jobs()] == ["done"]
    page.get_by_text("Disagreements").click()
    visitor.until(lambda: visitor.address.get("view") == "disagreements")
    tiles = page.locator("button.tile")
    visitor.until(lambda: page.get_by_text("of 8 trials").count() == 1)
    opposite = int(page.get_by_text("of 8 trials").inner_text().split()[0])
    visitor.until(lambda: tiles.count() == 3 * (8 - opposite))
    assert page.locator("button.tile img").first.evaluate("i => i.naturalWidth") > 0
    wanted = tiles.nth(1).get_attribute("aria-label")
    tiles.nth(1).click()
    visitor.until(lambda: visitor.address.get("collection") == "mine")
    assert visitor.address["query"] in wanted
    visitor.until(lambda: page.locator("section.row").count() >= 2)
    assert_clean(visitor)


@pytest.mark.slow
def test_the_first_set_by_one_click_and_a_stop(own_visitor):
    visitor, page = own_visitor, own_visitor.page
    page.goto(f"{visitor.home}/judgements")
    page.get_by_role("button", name="Make it and score all backbones").click()
    end = time.monotonic() + 60
    while "known" not in sets.names():
        assert time.monotonic() < end, "the set was not made"
        page.wait_for_timeout(200)
    page.get_by_role("button", name="Stop").click()
    while any(job.state == "running" for job in jobs.jobs()):
        assert time.monotonic() < end, "the job goes on"
        page.wait_for_timeout(200)
    page.goto(f"{visitor.home}/judgements")
    visitor.until(lambda: page.get_by_role("button", name="Score now").count() == 1)
    assert_clean(visitor)
