"""SIGKILL to writers at random moments: what was acknowledged is there, and work can go on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import IO

from tests.reliability import commands
from tests.reliability.programme import Attempt, Work, part

ROOT = Path(__file__).parents[2]


def _record_answers(pipe: IO[str]) -> None:
    from simcore.lab.people import participation

    while True:
        code = participation.join("asked")
        while (screen := participation.screen("asked", code)) is not None:
            participation.answer("asked", code, screen.number, place=0, seconds=1.0)
            pipe.write(f"{code} {screen.number}\n")


def _write_state(path: Path, pipe: IO[str]) -> None:
    from simcore.data import state_files

    pipe.write("ready\n")
    while True:
        for number in range(9):
            state_files.write_json(path, [number] * 50_000)


def _fork_and_kill(write: Callable[[IO[str]], None], delay: float) -> list[str]:
    """Run a writer in a child process, kill it `delay` seconds after its first line; its lines."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "w", buffering=1) as pipe:
                write(pipe)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        first = pipe.readline()
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        rest = pipe.read()
    os.waitpid(child, 0)
    lines = (first + rest).splitlines(keepends=True)
    return [line for line in lines if line.endswith("\n")]  # the last one may be cut


def _start_and_kill(command: list[str], delay: float) -> None:
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()


@part("kills of processes that record answers", seconds=90)
def answers(work: Work) -> Generator[Attempt, None, None]:
    """Every acknowledged answer is in the database after each kill, which stays whole."""
    from simcore.data.answers import backups, database, experiment_store
    from simcore.lab.people import experiments

    commands.prepare(work.folder, features=False)
    plan = experiments.Plan((experiments.Condition("random", count=6),), choices=3)
    experiments.create("asked", "tiny", plan)
    acknowledged: set[tuple[str, int]] = set()
    for number in range(work.count(120)):
        lines = _fork_and_kill(_record_answers, work.random.random() * 0.3)
        acknowledged |= {(code, int(row)) for code, row in (line.split() for line in lines)}
        database.close()
        backups.check(database.file())
        stored = set()
        for code in {code for code, _ in acknowledged}:
            attendance = experiment_store.attendance("asked", code)
            ids = attendance.answered
            questions = experiment_store.questions(attendance.experiment)
            stored |= {(code, question.number) for question in questions if question.id in ids}
        lost = acknowledged - stored
        yield Attempt(f"kill {number}", f"{len(lost)} answers lost" if lost else "")


@part("kills of processes that write state files", seconds=40)
def state(work: Work) -> Generator[Attempt, None, None]:
    """The file is the old or the new one, whole."""
    path = work.folder / "state.json"
    for number in range(work.count(60)):
        _fork_and_kill(partial(_write_state, path), work.random.random() * 0.1)
        try:
            content = json.loads(path.read_text()) if path.exists() else [0] * 50_000
            whole = len(content) == 50_000 and len(set(content)) == 1
        except ValueError:
            whole = False
        yield Attempt(f"kill {number}", "" if whole else "half a file")


@part("kills of commands that add and extract a collection", seconds=120)
def collections(work: Work) -> Generator[Attempt, None, None]:
    """The same command ends well afterwards, with a row for each image and no leftovers."""
    from simcore import memory
    from simcore.lab.library import collections as library

    folder = commands.prepare(work.folder, features=False)
    for number in range(work.count(70)):
        name = f"killed{number}"
        for line in (
            ["collections", "add", "pairs", str(work.folder / "pairs"), f"--name={name}"],
            ["extract", name, "--models=texture,hog,color"],
        ):
            _start_and_kill(["-m", "simcore", *line], 0.2 + 2.5 * work.random.random())
            memory.clear()
            if line[0] == "collections" and name in library.names():
                fault = "" if len(library.open_(name).left) == 6 else "half a collection"
            else:
                fault = commands.attempt([*line, "--json"], folder)
            complete = name in library.names()
            yield Attempt(f"simcore {line[0]} {number}", fault or ("" if complete else "missing"))
        memory.clear()
        counts = {row.backbone: row.complete for row in library.feature_counts(name)}
        rows = [counts.get(backbone) for backbone in ("texture", "hog", "color")]
        if rows != [True] * 3:
            yield Attempt(f"features {number}", f"incomplete: {counts}")
