"""Background jobs: they end by themselves, on request, or when they are killed."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from simcore.__main__ import run
from simcore.errors import DamagedFileError, UnknownNameError
from simcore.lab import jobs


def wait(name, *states, seconds=200):
    """The job once it is in one of the states; a first one compiles for half a minute or more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = jobs.get(name)
        if job.state in states:
            return job
        time.sleep(0.1)
    raise AssertionError(f"still {jobs.get(name)}")


def noise(folder, count):
    """A folder of pictures that take a while to extract."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        pixels = random.integers(0, 256, (200, 200, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.jpg")
    return folder


def test_a_job_reports_progress_and_ends_well(tmp_path):
    folder = noise(tmp_path / "pictures", 8)
    assert run(["collections", "add", "images", str(folder), "--name", "noise"]) == 0
    started = jobs.start(["extract", "noise", "--models", "color,layout"])
    assert started.title == "simcore extract noise --models color,layout"
    ended = wait(started.id, "done", "failed", "stopped")
    assert ended.state == "done", ended.log_tail
    assert ended.progress is not None
    assert ended.progress.stage == "results"  # what the pages open with, after the features
    assert ended.progress.done == ended.progress.total > 0
    assert ended.progress.overall == 1
    assert ended.to_dict()["command"] == started.title
    assert [job.id for job in jobs.jobs()] == [started.id]


def test_bad_input_fails_with_its_sentence_in_the_log(tmp_path):
    job = jobs.start(["extract", "nothing", "--models", "color"])
    failed = wait(job.id, "failed", "done")
    assert failed.state == "failed"
    assert "No collection named 'nothing'" in failed.log_tail


@pytest.mark.slow
def test_the_same_run_is_not_started_twice(tmp_path):
    folder = noise(tmp_path / "pictures", 300)
    run(["collections", "add", "images", str(folder), "--name", "noise"])
    first = jobs.start(["extract", "noise", "--models", "hog"])
    again = jobs.start(["extract", "noise", "--models", "hog"])
    assert again.id == first.id
    jobs.stop(first.id)
    assert wait(first.id, "stopped", "done").state in {"stopped", "done"}


def test_two_tabs_that_start_a_job_at_once_start_one(cache, monkeypatch):
    spawned = []

    def spawn(folder, args):
        time.sleep(0.05)  # as long as the system needs to start a process
        spawned.append(args)
        return SimpleNamespace(pid=os.getpid())

    monkeypatch.setattr(jobs, "_spawn", spawn)
    with ThreadPoolExecutor(3) as tabs:
        started = list(tabs.map(lambda _: jobs.start(["extract", "noise"]), range(3)))
    assert len(spawned) == 1
    assert len({job.id for job in started}) == 1


def test_a_killed_job_is_told_from_a_running_one(tmp_path, cache):
    folder = noise(tmp_path / "pictures", 400)
    run(["collections", "add", "images", str(folder), "--name", "noise"])
    job = jobs.start(["extract", "noise", "--models", "hog,texture"])
    end = time.monotonic() + 60
    while jobs.get(job.id).progress is None and time.monotonic() < end:
        time.sleep(0.05)
    assert jobs.get(job.id).state == "running"
    pid = json.loads((cache / "jobs" / job.id / "job.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    assert wait(job.id, "stopped").state == "stopped"


def test_an_unknown_job(tmp_path):
    with pytest.raises(UnknownNameError, match="No job named 'x'"):
        jobs.get("x")
    assert jobs.jobs() == []


def test_jobs_with_old_command_words_are_readable(cache):
    for word, command in jobs.RENAMED.items():
        folder = cache / "jobs" / f"20250101-000000-{word}"
        folder.mkdir(parents=True)
        content = {"args": [word, "add", "x"], "started": 0.0, "pid": 1}
        (folder / "job.json").write_text(json.dumps(content))
        assert jobs.get(folder.name).title == f"simcore {command} add x"


def add_job(cache, name, **content):
    """A job's folder, as an older run left it."""
    folder = cache / "jobs" / name
    folder.mkdir(parents=True)
    description = {"args": ["extract", "x"], "started": 1.0, "pid": 999_999} | content
    (folder / "job.json").write_text(json.dumps(description))
    return folder


@pytest.mark.parametrize("file", ["job.json", "end.json", "progress.json", "log.txt", "lock"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"pid": "x"}', b"\xff\0", b"[[["])
def test_a_damaged_job_file_breaks_nothing(cache, file, content, capsys):
    add_job(cache, "20250101-000000-whole")
    folder = add_job(cache, "20250101-000001-bad")
    (folder / file).write_bytes(content)
    assert [job.id for job in jobs.jobs()] == ["20250101-000001-bad", "20250101-000000-whole"]
    assert run(["jobs"]) == 0
    assert run(["jobs", "--json"]) == 0
    assert run(["jobs", "--stop", "20250101-000001-bad"]) == 0
    assert "Traceback" not in capsys.readouterr().err
    assert jobs.damaged() == (["20250101-000001-bad"] if file == "job.json" else [])
    jobs.forget("20250101-000001-bad")
    assert [job.id for job in jobs.jobs()] == ["20250101-000000-whole"]


def test_a_job_that_never_began_is_told_from_a_running_one_when_the_clock_was_set_back(cache):
    add_job(cache, "20250101-000000-a", started=time.time() + 3600)
    assert jobs.get("20250101-000000-a").state == "stopped"
    add_job(cache, "20250101-000000-b", started=time.time() + 1)
    assert jobs.get("20250101-000000-b").state == "running"


def test_a_damaged_description_of_a_running_job_cannot_be_stopped_blindly(cache):
    folder = add_job(cache, "20250101-000000-a")
    (folder / "job.json").write_bytes(b"")
    with FileLock(folder / "lock"), pytest.raises(DamagedFileError, match="process is unknown"):
        jobs.stop("20250101-000000-a")
