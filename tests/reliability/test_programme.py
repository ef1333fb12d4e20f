"""The programme counts what did not survive; the whole of it is slow."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import programme
from tests.reliability.__main__ import markdown
from tests.reliability.programme import Attempt

ROOT = Path(__file__).parents[2]


def test_failures_are_counted_and_time_is_bounded(monkeypatch, capsys):
    def attempts(work):
        for number in range(work.count(10)):
            yield Attempt(f"attempt {number}", "lost" if number == 3 else "")

    def endless(work):
        while True:
            yield Attempt("again")

    parts = [programme.Part("ten", attempts, 60.0), programme.Part("endless", endless, 0.05)]
    monkeypatch.setattr(programme, "load_parts", lambda: parts)
    ten, many = programme.run()
    assert (ten.count, ten.survived, ten.failures) == (10, 9, ("attempt 3: lost",))
    assert many.survived == many.count > 0
    assert "attempt 3: lost" in capsys.readouterr().err
    assert "| ten | 10 | 9 |" in markdown([ten], [], 60.0)
    (half,) = programme.run("ten", scale=0.3)
    assert half.count == 3


def test_other_machines_are_out_of_reach_of_all_processes(tmp_path):
    """In processes of their own, since the refusal cannot be withdrawn."""
    connect = (
        "import socket\n"
        "for address in (('192.0.2.1', 80), ('example.com', 80)):\n"
        "    try: socket.create_connection(address, timeout=2)\n"
        "    except OSError as error: print(error.strerror, flush=True)\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname()).close()\n"
    )
    code = (
        "import pathlib, subprocess, sys; from tests.reliability import isolation\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        f"isolation.isolate(folder)\n{connect}"
        f"subprocess.run([sys.executable, '-c', {connect!r}], check=True)\n"
        "print(len(isolation.attempts(folder)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:5] == ["Network is unreachable"] * 4 + ["4"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_short_programme_survives():
    command = [sys.executable, "-m", "tests.reliability", "--scale", "0.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
