"""Workshop mode in a real Chromium: hidden pages, and the page that starts over."""

import os
import re

import pytest

from docs.page_sheets import FAULTS
from simcore.lab.library import collections, extraction
from simcore.lab.people import experiments
from simcore.lab.people.experiments import Plan
from simcore.ui import kiosk
from tests.conftest import ROOT
from tests.pages.browser.tab import assert_clean, running, visit
from tests.pages.browser.test_people_pages import begin

pytestmark = pytest.mark.browser


# What pages offer to the host: words on buttons, popovers, expanders and links.
HOST_WORDS = re.compile(
    r"^(Remove|Delete|Extract|Add|Start|Resume|Stop|Compute|Score now|Not a duplicate|Store as|"
    r"Undo|Draw|Build|Import|Fetch|Fetch weights|Answers as|Triplets as)\b"
)
PAGES = sorted(path.stem for path in ROOT.glob("pages/*.py") if path.stem != "explore")


@pytest.mark.slow
def test_every_page_as_a_visitor(tiny, hard_folder, chromium):
    """Pages work, name no folder, start with the host's collection and offer nothing refused."""
    collections.add("pairs", hard_folder, name="a-first-one")
    experiments.create("pilot", tiny, Plan(experiments.parse(["random"], 2), 3))
    with running("--kiosk", "--collection", "tiny") as app:
        visitor = visit(chromium, app)
        visitor.open(app.address)
        for name in ("", *PAGES):
            if name in kiosk.HIDDEN_PAGES:
                visitor.page.goto(f"{app.address}/{name}")
                visitor.page.get_by_text("Page not found").wait_for()
                continue
            visitor.open(f"{app.address}/{name}")
            assert_clean(visitor)
            assert visitor.address.get("collection", "tiny") == "tiny", name
            text = visitor.page.content()
            assert str(ROOT) not in text
            assert os.environ["SIMCORE_CACHE"] not in text
            labels = visitor.page.get_by_role("button").all_inner_texts()
            labels += visitor.page.get_by_role("link").all_inner_texts()
            words = [line for label in labels for line in label.splitlines()]
            assert [word for word in words if HOST_WORDS.match(word)] == [], name


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (390, 844)])
def test_nothing_is_cut_off_on_a_projector_or_a_phone(tiny, chromium, width, height):
    with running("--kiosk", "--collection", "tiny") as app:
        visitor = visit(chromium, app)
        visitor.page.set_viewport_size({"width": width, "height": height})
        for name in ("", *PAGES):
            if name in kiosk.HIDDEN_PAGES:
                continue
            visitor.open(f"{app.address}/{name}")
            faults = visitor.page.evaluate(FAULTS)
            assert faults == [], name
            title = visitor.page.locator("[data-testid=stMain] h1").first.bounding_box()
            assert 0 <= title["x"] < title["x"] + title["width"] <= width
        assert visitor.errors == []


@pytest.mark.slow
def test_after_a_while_the_host_s_collection_is_back(tiny, hard_folder, chromium):
    collections.add("pairs", hard_folder, name="a-first-one")
    extraction.extract("a-first-one", ["color"])
    with running("--kiosk", "--collection", "tiny", "--idle", "15") as app:
        visitor = visit(chromium, app)
        visitor.open(f"{app.address}/evaluate?collection=a-first-one")
        assert visitor.address["collection"] == "a-first-one"
        visitor.page.get_by_text("Starting over in").wait_for(timeout=30_000)
        visitor.until(lambda: visitor.address.get("collection") == "tiny")
        assert visitor.page.url.startswith(f"{app.address}/?")


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
