"""SIGKILL to writers at random moments: what was acknowledged is there, and work can go on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from tests.reliability import commands
from tests.reliability.programme import Attempt, Work, part

ROOT = Path(__file__).parents[2]

ANSWERS = """
from simcore.lab.people import participation
while True:
    code = participation.join("asked")
    while (screen := participation.screen("asked", code)) is not None:
        participation.answer("asked", code, screen.number, place=0, seconds=1.0)
        print(code, screen.number, flush=True)
"""
STATE = """
import sys
from pathlib import Path
from simcore.data import state_files
print("ready", flush=True)
while True:
    for number in range(9):
        state_files.write_json(Path(sys.argv[1]), [number] * 50_000)
"""


def _killed(command: list[str], delay: float, *, wait_for_output: bool) -> str:
    """Start a process, kill it after `delay` seconds (from its first output); what it printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline() if wait_for_output else ""
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.stdout.close()
    process.wait()
    return first + rest


@part("kills of processes that record answers", seconds=90)
def answers(work: Work) -> Generator[Attempt, None, None]:
    """Every acknowledged answer is in the database after each kill, which stays whole."""
    from simcore.data.answers import backups, database, experiment_store
    from simcore.lab.people import experiments

    commands.prepare(work.folder)
    plan = experiments.Plan((experiments.Condition("random", count=6),), choices=3)
    experiments.create("asked", "tiny", plan)
    acknowledged: set[tuple[str, int]] = set()
    for number in range(work.count(70)):
        printed = _killed(["-c", ANSWERS], work.random.random() * 0.4, wait_for_output=True)
        lines = (
            line.split() for line in printed.splitlines() if line.endswith(tuple("0123456789"))
        )
        acknowledged |= {(code, int(question)) for code, question in lines}
        database.close()
        backups.check(database.file())
        stored = set()
        for code in {code for code, _ in acknowledged}:
            attendance = experiment_store.attendance("asked", code)
            ids = attendance.answered
            questions = experiment_store.questions(attendance.experiment)
            stored |= {(code, question.number) for question in questions if question.id in ids}
        # The last line may have been cut while it was printed.
        lost = acknowledged - stored
        yield Attempt(f"kill {number}", f"{len(lost)} answers lost" if lost else "")


@part("kills of processes that write state files", seconds=40)
def state(work: Work) -> Generator[Attempt, None, None]:
    """The file is the old or the new one, whole."""
    path = work.folder / "state.json"
    for number in range(work.count(60)):
        _killed(["-c", STATE, str(path)], work.random.random() * 0.1, wait_for_output=True)
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

    folder = commands.prepare(work.folder)
    for number in range(work.count(70)):
        name = f"killed{number}"
        for line in (
            ["collections", "add", "pairs", str(work.folder / "pairs"), f"--name={name}"],
            ["extract", name, "--models=texture,hog,color"],
        ):
            _killed(
                ["-m", "simcore", *line], 0.2 + 2.5 * work.random.random(), wait_for_output=False
            )
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
