"""Workshop mode in a real Chromium: hidden pages, and the page that starts over."""

import pytest

from simcore.lab.people import experiments
from simcore.lab.people.experiments import Plan
from tests.conftest import ROOT
from tests.pages.browser.tab import running, visit
from tests.pages.browser.test_people_pages import begin

pytestmark = pytest.mark.browser


@pytest.mark.slow
def test_the_page_starts_over_and_closed_pages_stay_closed(tiny, chromium):
    experiments.create("pilot", tiny, Plan(experiments.parse(["random"], 2), 3))
    with running("--kiosk", "--idle", "15") as app:
        visitor = visit(chromium, app)
        page = visitor.page
        visitor.open(f"{app.address}/?collection=tiny&models=hog")
        assert page.get_by_role("link", name="Map").count() == 1
        page.get_by_text("Library", exact=True).click()
        page.get_by_role("menuitem", name="Duplicates").wait_for()
        assert page.get_by_role("menuitem").count() == 1  # neither Collections nor Models
        page.goto(f"{app.address}/collections")
        page.get_by_text("Page not found").wait_for()
        code = begin(visitor, app, "pilot")
        page.keyboard.press("1")
        page.get_by_text("Starting over in").wait_for(timeout=20_000)
        page.mouse.down()
        page.get_by_text("Starting over in").wait_for(state="hidden")
        assert visitor.address["participant"] == code
        page.get_by_role("button", name="Start", exact=True).wait_for(timeout=60_000)
        assert visitor.address["participant"] == "new"
        assert experiments.listing()[0].answers == 1
        assert str(ROOT) not in page.content()
        assert visitor.away == []
