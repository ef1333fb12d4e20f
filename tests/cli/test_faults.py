"""No traceback reaches a user: odd terminals, full disks, our own mistakes, secrets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simcore.__main__ import run
from simcore.cli import main
from simcore.errors import SimError, redact
from simcore.lab import jobs
from simcore.lab.library import collections

ROOT = Path(__file__).parents[2]
ADDRESSES = [
    "postgresql://me:Sec@ret-1@127.0.0.1:1/x",
    "postgresql://me:Sec:ret-1@127.0.0.1:1x/x",
    "postgresql://me:Sec/ret-1@127.0.0.1:1/x",
    "postgresql://me@127.0.0.1:1/x?password=Sec-ret-1",
    "postgresql://127.0.0.1:1/x?user=me&password=Sec-ret-1",
    "mysql://me:Sec-ret-1@127.0.0.1:1/x",
    "sqlite:////nowhere/x?password=Sec-ret-1",
]


def simcore(*args: str, **settings: object) -> subprocess.CompletedProcess:
    """A command in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment |= {name: str(value) for name, value in settings.pop("env", {}).items()}
    command = [sys.executable, "-m", "simcore", *args]
    return subprocess.run(command, check=False, env=environment, **settings)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("args", [["models", "list"], ["--help"]])
def test_a_full_disk_behind_stdout_is_one_sentence(args):
    with Path("/dev/full").open("wb") as full:
        done = simcore(*args, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.startswith(b"simcore: Cannot write the output (No space left on device)")
    assert done.stderr.count(b"\n") == 1


def test_a_terminal_of_another_encoding_gets_escapes(tiny, cache):
    (cache / "jobs" / "20250101-000000-x").mkdir(parents=True)
    content = {"args": ["extract", "日本 🐧"], "started": 0.0, "pid": 1}
    (cache / "jobs" / "20250101-000000-x" / "job.json").write_text(json.dumps(content))
    for encoding in ("cp1252", "ascii", "utf-8"):
        done = simcore("jobs", capture_output=True, env={"PYTHONIOENCODING": encoding})
        assert done.returncode == 0, done.stderr
        expected = "日本" if encoding == "utf-8" else r"\u65e5\u672c"
        assert expected.encode() in done.stdout


def test_an_interrupted_command_says_that_what_was_finished_is_kept(cache, capsys, monkeypatch):
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(collections, "listing", interrupt)
    assert run(["collections", "list"]) == main.INTERRUPTED
    assert capsys.readouterr().err == "simcore: Interrupted. What was finished is kept.\n"
    assert run(["collections", "list", "--json"]) == main.INTERRUPTED
    assert "Interrupted" in json.loads(capsys.readouterr().out)["error"]


def test_our_own_error_is_an_apology_and_a_log(cache, capsys, monkeypatch):
    def fail() -> None:
        raise ZeroDivisionError("password=hunter2 divided")

    monkeypatch.setattr(collections, "listing", fail)
    assert run(["collections", "list", "--json"]) == main.INTERNAL_ERROR
    printed = capsys.readouterr()
    (log,) = (cache / "logs").iterdir()
    sentence = json.loads(printed.out)["error"]
    assert "ZeroDivisionError" in sentence
    assert str(log) in sentence
    assert "Traceback" not in printed.err + printed.out
    text = log.read_text()
    assert "in fail" in text
    assert "'collections' 'list' '--json'" in text
    assert "hunter2" not in text + printed.out + printed.err


def test_the_log_is_elsewhere_if_the_cache_is_no_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(collections, "listing", lambda: 1 / 0)
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("SIMCORE_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert run(["collections", "list"]) == main.INTERNAL_ERROR
    assert str(tmp_path / "temporary" / "simcore-logs") in capsys.readouterr().err


def test_usage_errors_are_json_too(capsys):
    assert run(["jobs", "--stopp", "x", "--json"]) == 2
    assert "--stop" in json.loads(capsys.readouterr().out)["error"]
    assert run(["serach"]) == 2
    assert "search" in capsys.readouterr().err


def test_the_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("simcore 0.")


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_output_shows_the_password_of_the_database(address, monkeypatch, capsys, cache):
    monkeypatch.setenv("SIMCORE_DATABASE_URL", address)
    for args in (["experiments", "list"], ["experiments", "list", "--json"], ["doctor", "--json"]):
        assert run(args) in {0, 1}
    with pytest.raises(SimError) as caught:
        raise SimError(f"cannot open {address}")
    printed = capsys.readouterr()
    everything = printed.out + printed.err + str(caught.value)
    assert "experiments" in everything
    for part in ("Sec", "ret-1"):
        assert part not in everything
    assert not (cache / "logs").exists(), "a sentence, not a traceback"


def test_secrets_of_the_environment_are_hidden_wherever_they_show(monkeypatch, capsys):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalr/XUtn+FEMI")
    assert redact("denied for wJalr/XUtn+FEMI") == "denied for ***"
    assert run(["search", "wJalr/XUtn+FEMI", "--id", "x", "--json"]) == 1
    assert run(["wJalr/XUtn+FEMI"]) == 2
    printed = capsys.readouterr()
    assert "FEMI" not in printed.out + printed.err


def test_documents_stay_json_when_a_secret_is_hidden(capsys, cache):
    folder = cache / "jobs" / "20250101-000000-x"
    folder.mkdir(parents=True)
    content = {"args": ["x", "{'password': \"a b\"}"], "started": 0.0, "pid": 1}
    (folder / "job.json").write_text(json.dumps(content))
    assert run(["jobs", "--json"]) == 0
    (job,) = json.loads(capsys.readouterr().out)["result"]
    assert "a b" not in json.dumps(job)
    assert len(jobs.jobs()) == 1
