"""Jobs in a real Chromium: progress from the first second, a stop, and an end without all parts."""

import json
import re
import subprocess
import time
from contextlib import contextmanager

import pytest
from filelock import FileLock

from simcore.lab import jobs
from simcore.lab.library import collections
from tests.pages.browser.tab import assert_clean, running, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
JOB = "20260101-000000-abcdef"


@contextmanager
def running_job(cache, args, pid=1):
    """A job's folder as its running process leaves it; yields a function that reports progress."""
    folder = cache / "jobs" / JOB
    folder.mkdir(parents=True)

    def report(stage, done, total, **more):
        document = {"stage": stage, "done": done, "total": total, "rate": 1, **more}
        (folder / "progress.json").write_text(json.dumps(document))

    with FileLock(folder / "lock"):
        (folder / "job.json").write_text(
            json.dumps({"args": args, "started": time.time(), "pid": pid})
        )
        yield report
        (folder / "end.json").write_text(json.dumps({"code": 143}))


def test_an_extraction_that_cannot_happen_ends_in_red_and_leads_to_models(tiny, own_visitor):
    visitor, page = own_visitor, own_visitor.page
    visitor.open(f"{visitor.home}/collections")
    names = page.get_by_role("combobox", name="Backbones to extract")
    for name in ("pl18", "edges"):  # the first one has no weights on this computer
        names.fill(name)
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Extract", exact=True).click()
    page.get_by_role("progressbar").first.wait_for(timeout=5_000)
    alert = page.get_by_test_id("stAlertContentError").filter(has_text="pl18 is missing.")
    end = time.monotonic() + 90
    while any(job.state == "running" for job in jobs.jobs()):
        assert time.monotonic() < end, [(job.title, job.log_tail) for job in jobs.jobs()]
        page.wait_for_timeout(500)
    assert [job.state for job in jobs.jobs()] == ["incomplete"], jobs.jobs()
    alert.wait_for()
    assert page.get_by_text("Done.", exact=True).count() == 0
    assert "simcore" not in alert.inner_text()
    assert "edges" in {c.backbone for c in collections.feature_counts(tiny) if c.complete}
    assert [job.state for job in jobs.jobs()] == ["incomplete"]
    page.get_by_role("button", name="Get it on Models").click()
    visitor.until(lambda: page.url.startswith(f"{visitor.home}/models"))
    page.get_by_test_id("stMultiSelect").filter(has_text="pl18").wait_for()
    assert visitor.errors == []


def test_progress_a_steady_estimate_and_a_stop(tiny, cache, own_visitor):
    visitor, page = own_visitor, own_visitor.page
    process = subprocess.Popen(["sleep", "600"])
    try:
        with running_job(cache, ["extract", tiny, "--models", "edges"], process.pid) as report:
            visitor.open(f"{visitor.home}/collections")
            bars = page.get_by_test_id("stMain").get_by_test_id("stProgress")
            bars.filter(has_text=re.compile(r"Starting, \d+ s")).wait_for()
            report("edges", 3, 12, overall=0.25, left=30)
            bars.filter(has_text="edges: 3 of 12, about 30 s left").wait_for()
            page.get_by_role("button", name="Extraction 25%").wait_for()
            page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
            bars.filter(has_text="Stopping...").wait_for()
            assert page.get_by_test_id("stMain").get_by_role("button", name="Stop").is_disabled()
            process.wait(10)
        page.get_by_text("Stopped. Finished work is saved").wait_for()
    finally:
        process.kill()
    assert visitor.errors == []


# Arguments of a job -> the page on which it shows its progress.
KINDS = {
    "demo": "",
    "collections add pairs x": "collections",
    "models fetch mobilenetv2": "models",
    "map tiny --models hog --method umap": "map?collection=tiny&models=hog&method=umap",
    "learn adaptation tiny --models hog": "learn?collection=tiny",
    "judgements add known": "judgements",
    "reproduce rosenfeld2019 tiny": "reproduce?paper=rosenfeld2019&collection=tiny",
    "claims tiny": "claims?collection=tiny",
    "leaderboard tiny": "leaderboard?collection=tiny",
    "evaluate invariance tiny": "invariance?collection=tiny",
}


def test_every_kind_of_job_shows_its_progress_and_the_header_leads_there(tiny, cache, chromium):
    with running() as app:
        visitor = visit(chromium, app)
        page = visitor.page
        for args, address in KINDS.items():
            with running_job(cache, args.split()) as report:
                report("a stage", 1, 4, overall=0.25, left=60)
                visitor.open(f"{app.address}/models")
                page.locator(".st-key-jobs_chip button").click()
                page.get_by_test_id("stPopoverBody").get_by_role("link").first.click()
                name = address.partition("?")[0]
                visitor.until(lambda name=name: page.url.partition("?")[0].endswith(f"/{name}"))
                if args not in ("demo", "collections add pairs x"):
                    visitor.open(f"{app.address}/{address}")
                bars = page.get_by_test_id("stMain").get_by_test_id("stProgress")
                if args != "demo":  # Explore has images already
                    bars.filter(has_text="a stage: 1 of 4, about 60 s left").first.wait_for()
            for file in (cache / "jobs" / JOB).iterdir():
                file.unlink()
            (cache / "jobs" / JOB).rmdir()
        assert visitor.errors == []


def test_the_demo_opens_explore_with_its_first_images(pairs_folder, cache, chromium):
    with running() as app:
        visitor = visit(chromium, app)
        page = visitor.page
        visitor.open(app.address)
        page.get_by_role("heading", name="Which images look alike?").wait_for()
        assert page.get_by_role("img", name="A red mushroom").count() == 1
        with running_job(cache, ["demo", "--no-serve"]) as report:
            report("drawing emoji", 10, 100, overall=0.01)
            visitor.open(app.address)
            page.get_by_test_id("stProgress").filter(has_text="drawing emoji").first.wait_for()
            collections.add("pairs", pairs_folder, name="emoji")
            page.get_by_role("heading", name="Explore").wait_for()
            report("mobilenetv2", 1, 12, overall=0.5, left=9)
            page.get_by_test_id("stProgress").filter(has_text="mobilenetv2").first.wait_for()
            assert_clean(visitor)
        assert visitor.errors == []
