"""Background jobs on the pages: progress, stop, what could not be made, the chip in the header."""

import json
import re
import time
from pathlib import Path

import pytest
from filelock import FileLock

from simcore.errors import SimError
from simcore.lab import jobs
from simcore.lab.library import extraction, models
from simcore.types import Monitor, Progress
from simcore.ui import job_progress, remedies
from tests.conftest import ROOT

JOB = "20260101-000000-abcdef"


def add_job(cache, args, code=None, **files):
    """A job's folder as its process left it; without a code it has just been started."""
    folder = cache / "jobs" / JOB
    folder.mkdir(parents=True)
    description = {"args": args, "started": time.time(), "pid": 1}
    (folder / "job.json").write_text(json.dumps(description))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    if code is not None:
        (folder / "end.json").write_text(json.dumps({"code": code}))
    return folder


def alerts(at):
    return " ".join(e.value for kind in (at.error, at.warning) for e in kind).replace("\\", "")


def test_weights_that_cannot_be_fetched_keep_no_other_backbone_from_extraction(tiny, monkeypatch):
    name = next(b.name for b in models.listing() if b.fetched_unasked)
    consent = next(b.name for b in models.listing() if not b.ready and not b.fetched_unasked)
    asked = []

    def unreachable(names, *, monitor):
        asked.extend(names)
        raise SimError("The package index cannot be reached. Check the network.")

    monkeypatch.setattr(models, "fetch", unreachable)
    report = extraction.extract(tiny, [name, consent, "edges"], fetch=True)
    assert asked == [name], "nothing that needs consent is downloaded unasked"
    assert "cannot be reached" in report.unavailable[name]
    assert consent in report.unavailable
    assert report.computed == {"edges": 12}
    extraction.extract(tiny, [name])
    assert asked == [name], "only a job of the app downloads"


def test_the_share_of_an_extraction_only_grows(tiny):
    seen = []
    extraction.extract(tiny, ["edges", "texture"], monitor=Monitor(seen.append))
    shares = [progress.share for progress in seen]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert {progress.stage for progress in seen} == {"loading networks", "edges", "texture"}


def test_a_job_that_misses_something_is_not_done(cache, monkeypatch):
    folder = add_job(cache, ["extract", "x"])
    for code, state in ((0, "incomplete"), (1, "incomplete"), (143, "stopped"), (70, "failed")):
        monkeypatch.setenv(jobs.FOLDER, str(folder))

        def command(_args, code=code):
            jobs.report_missing({"pl18": "no weights"})
            return code

        assert jobs.run_in_job(command, []) == code
        job = jobs.get(JOB)
        assert job.state == state
        assert job.missing == {"pl18": "no weights"}


def test_what_an_extraction_could_not_do_is_said_in_red_with_a_way_on(app, tiny, cache):
    reason = "The weight file x.pth is not in the folder. Run `simcore models fetch` to get it."
    args = ["extract", tiny, "--models", "pl18", "--fetch"]
    add_job(cache, args, code=1, missing={"pl18": reason})
    at = app()
    at.session_state["_job"] = JOB
    at.query_params["models"] = "hog,pl18"
    at.run()
    assert not at.exception
    assert "**pl18** is missing. The weight file x.pth is not in the folder." in alerts(at)
    assert "simcore" not in alerts(at)
    assert not at.toast
    at.button(key=f"job_{JOB}_pages/models.py").click().run()
    assert at.multiselect(key=remedies.WANTED_MODELS).value == ["pl18"]
    at.switch_page("pages/explore.py").run()
    at.button(key=f"dismiss_page_{JOB}").click().run()
    assert "is missing." not in alerts(at)


def test_every_page_shows_running_jobs_in_its_header(app, tiny, cache):
    progress = {"stage": "hog", "done": 3, "total": 12, "rate": 1, "overall": 0.4, "left": 30}
    folder = add_job(cache, ["extract", "elsewhere", "--models", "hog"], progress=progress)
    lock = FileLock(folder / "lock")
    lock.acquire()  # as its process does
    at = app()  # AppTest runs app.py, which draws the chip, only for its first page
    assert not at.exception
    (bar,) = at.progress
    assert bar.value == 40
    assert bar.text.replace("\\", "") == "hog: 3 of 12, about 30 s left"
    at.button(key=f"stop_chip_{JOB}")
    (cache / "jobs" / JOB / jobs.STOPPING).touch()
    at = app()
    assert at.progress[0].text.replace("\\", "") == "Stopping..."
    assert at.button(key=f"stop_chip_{JOB}").disabled
    lock.release()


def test_a_job_says_from_the_first_second_that_it_starts(cache):
    add_job(cache, ["demo"])
    assert re.fullmatch(r"Starting, \d s", job_progress.describe(jobs.get(JOB)))


def test_the_estimate_is_by_the_average_speed(cache, monkeypatch):
    folder = add_job(cache, ["demo"])
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setenv(jobs.FOLDER, str(folder))

    def command(_args):
        with jobs.monitor() as monitor:
            for second, share in ((0, 0.0), (10, 0.1), (20, 0.3), (40, 0.4)):
                clock[0] = float(second)
                monitor.report("fetching", 1, 9, 100.0, overall=share)
        return 0

    jobs.run_in_job(command, [])
    assert json.loads((folder / "progress.json").read_text())["left"] == pytest.approx(60)


def commands_in_messages():
    """The commands that messages below the command line name."""
    found = set()
    for folder in ("lab", "data", "models", "evaluate", "training", "sim"):
        for path in (ROOT / "simcore" / folder).rglob("*.py"):
            text = re.sub(r'"\s*\n\s*f?"', "", path.read_text("utf-8"))
            text = re.sub(r'"""(.|\n)*?"""', "", text)
            found |= {(path.name, command) for command in re.findall(r"`simcore ([^`]+)`", text)}
    return sorted(found)


@pytest.mark.parametrize(("file", "command"), commands_in_messages())
def test_every_command_in_a_message_is_a_button_on_the_pages(file, command):
    if command.split()[0] in {"doctor", "app"}:
        pytest.skip("about the installation; pages do not show it")
    remedy = remedies.of_command(re.sub(r"\{[^}]*\}", "x", command))
    assert remedy is not None, file
    assert not remedy.page or Path(ROOT, remedy.page).is_file()


def test_a_message_keeps_its_facts_and_loses_its_commands():
    text, offered = remedies.split(
        "No features of hog. Run `simcore extract tiny --models hog` first. Add it again with "
        "--votes. Choose another one."
    )
    assert text == "No features of hog. Choose another one."
    assert offered[0].job == ("extract", "tiny", "--models", "hog", "--fetch")
    assert offered[1:] == [remedies.COLLECTIONS_PAGE], "a page, where votes can be added"
    assert Progress("a", 1, 0).share == 0
