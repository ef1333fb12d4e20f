"""Navigation in a real Chromium: deep links, sections, unknown addresses, the chip of jobs."""

import json
import time

import pytest
from filelock import FileLock

pytestmark = pytest.mark.browser


def _marked_sections(page):
    """Sections of the menu in bold; the menu is drawn after the page on a slow machine."""
    weights = page.locator("[data-testid=stTopNavSection] p").evaluate_all(
        "items => items.map(item => [item.textContent, getComputedStyle(item).fontWeight])"
    )
    return [name for name, weight in weights if weight == "650"]


def test_a_deep_link_opens_without_errors_and_marks_its_section(visitor, server):
    visitor.open(server + "/evaluate?collection=tiny&metric=l2")
    assert visitor.address["metric"] == "l2"
    assert visitor.errors == []
    visitor.until(lambda: _marked_sections(visitor.page) == ["Analyze"])
    assert visitor.page.title() == "Evaluate · simcore"
    visitor.page.get_by_role("link", name="Map", exact=True).click()
    visitor.until(lambda: visitor.page.url.startswith(server + "/map"))
    assert visitor.errors == []


def test_unknown_addresses_lead_home(visitor, server):
    visitor.open(server + "/evaluat/x?k=3")
    assert visitor.page.url.startswith(server + "/?")
    assert visitor.page.locator("[role=dialog]").count() == 0
    for address in ("/explore?query=c", "/explore/?query=c"):
        visitor.open(server + address)
        assert visitor.address["query"] == "c"
    visitor.open(server + "/maps/")
    assert visitor.page.url.startswith(server + "/?")


def test_a_running_job_is_shown_in_the_header_of_other_pages(visitor, server, served_cache):
    folder = served_cache / "jobs" / "20260101-000000-abcdef"
    folder.mkdir(parents=True)
    progress = {"stage": "hog", "done": 3, "total": 12, "rate": 1, "overall": 0.4, "left": 30}
    (folder / "progress.json").write_text(json.dumps(progress))
    job = {"args": ["extract", "elsewhere"], "started": time.time(), "pid": 1}
    with FileLock(folder / "lock"):
        (folder / "job.json").write_text(json.dumps(job))
        visitor.open(server + "/models")
        chip = visitor.page.get_by_role("button", name="Extraction 40%")
        chip.click()
        visitor.page.get_by_text("hog: 3 of 12, about 30 s left").wait_for()
        visitor.page.get_by_role("link", name="Extraction").click()
        visitor.until(lambda: visitor.page.url.startswith(server + "/collections"))
    (folder / "end.json").write_text('{"code": 0}')
    visitor.until(lambda: chip.count() == 0)
    assert visitor.errors == []
