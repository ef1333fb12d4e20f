"""SIGKILL to writers at random moments: what was acknowledged is there, and work can go on."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

from simcore.data.fetch import downloads
from tests.reliability import commands
from tests.reliability.programme import Attempt, Work, part


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


def start_and_kill(code: str, arguments: list[str], delay: float) -> list[str]:
    """As `_fork_and_kill`, with a new interpreter: libraries with threads do not survive a fork."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    lines = (first + rest).splitlines(keepends=True)
    return [line.strip() for line in lines if line.endswith("\n")]


@part("kills of processes that record answers", seconds=75)
def answers(work: Work) -> Generator[Attempt, None, None]:
    """Every acknowledged answer is in the database after each kill, which stays whole."""
    from simcore.data.answers import backups, database, experiment_store
    from simcore.lab.people import experiments

    commands.prepare(work.folder, features=False)
    plan = experiments.Plan((experiments.Condition("random", count=6),), choices=3)
    experiments.create("asked", "tiny", plan)
    acknowledged: set[tuple[str, int]] = set()
    for number in range(work.count(80)):
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


ADD = """import sys
from simcore.__main__ import run
print("ready", flush=True)
run(["collections", "add", "pairs", sys.argv[1], f"--name={sys.argv[2]}"])
"""


@part("kills of commands that add a collection", seconds=60)
def collections(work: Work) -> Generator[Attempt, None, None]:
    """The collection is there as a whole or not at all; the same command ends well afterwards."""
    from simcore import memory
    from simcore.lab.library import collections as library

    folder = commands.prepare(work.folder, features=False)
    for number in range(work.count(40)):
        name = f"killed{number}"
        start_and_kill(ADD, [str(work.folder / "pairs"), name], 0.6 * work.random.random())
        memory.clear()
        if name in library.names():
            fault = "" if len(library.open_(name).left) == 6 else "half a collection"
        else:
            line = ["collections", "add", "pairs", str(work.folder / "pairs"), f"--name={name}"]
            fault = commands.attempt([*line, "--json"], folder)
            fault = fault or ("" if name in library.names() else "not added afterwards")
        yield Attempt(f"simcore collections add {number}", fault)


EXTRACT = """import sys
import lancedb
from simcore.__main__ import run
print("ready", flush=True)
for name in sys.argv[1:]:
    run(["extract", name, "--models=texture,hog,color,layout"])
"""


@part("kills of commands that extract features", seconds=90)
def extraction(work: Work) -> Generator[Attempt, None, None]:
    """The same command completes the features afterwards: a row for each image, none twice."""
    from simcore import memory
    from simcore.data.store.feature_store import FeatureStore
    from simcore.lab.library import collections as library
    from tests.conftest import draw_pairs

    folder = commands.prepare(work.folder, features=False)
    backbones = ("texture", "hog", "color", "layout")
    for number in range(work.count(15)):
        name = f"killed{number}"
        source = work.folder / name
        draw_pairs(source, 8)
        for side in ("left", "right"):  # other pictures each time, or nothing is left to extract
            for path in (source / side).iterdir():
                path.write_bytes(path.read_bytes() + str(number).encode())
        library.add("pairs", source, name=name)
        start_and_kill(EXTRACT, [name], 2.0 * work.random.random())
        memory.clear()
        fault = commands.attempt(
            ["extract", name, f"--models={','.join(backbones)}", "--json"], folder
        )
        memory.clear()
        counts = {row.backbone: row.complete for row in library.feature_counts(name)}
        if [counts.get(backbone) for backbone in backbones] != [True] * 4:
            fault = fault or f"incomplete: {counts}"
        opened = FeatureStore()
        twice = [
            f"an image has two rows in {size.key.table}"
            for size in opened.sizes()
            if opened.table(size.key).count_rows() != size.images
        ]
        yield Attempt(f"simcore extract {number}", fault or "; ".join(twice))


APPEND = """import sys
import numpy as np
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.types import Preprocessing
store = FeatureStore(sys.argv[1])
key = FeatureKey("hog", 1, Preprocessing(), "", "fp32", 8)
for number in range(100_000):
    store.append(key, [f"{sys.argv[2]} {number}"], [np.full((1, 8), number, np.float32)])
    print(number, flush=True)
"""


@part("kills of processes that write the feature store", seconds=90)
def store(work: Work) -> Generator[Attempt, None, None]:
    """Every row that was committed is there with its values, and the store takes more."""
    import numpy as np

    from simcore.data.store.feature_key import FeatureKey
    from simcore.data.store.feature_store import FeatureStore
    from simcore.types import Preprocessing

    key = FeatureKey("hog", 1, Preprocessing(), "", "fp32", 8)
    place = work.folder / "features"
    for number in range(work.count(15)):
        lines = start_and_kill(APPEND, [str(place), str(number)], 0.8 * work.random.random())
        opened = FeatureStore(place)
        names = [f"{number} {row}" for row in lines]
        fault = ""
        if absent := opened.missing(key, names):
            fault = f"{len(absent)} of {len(names)} rows lost"
        elif opened.read(key, names)[1][:, 0].tolist() != [float(row) for row in lines]:
            fault = "other values"
        opened.append(key, [f"after {number}"], [np.ones((1, 8), np.float32)])
        yield Attempt(f"kill {number} after {len(lines)} rows", fault)


class _Slow(BaseHTTPRequestHandler):
    """Serves some megabytes in small pieces, with ranges."""

    content = bytes(range(256)) * 4096

    def do_GET(self) -> None:
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.content) - start))
        if start:
            last = len(self.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
        self.end_headers()
        try:
            for place in range(start, len(self.content), 1 << 15):
                self.wfile.write(self.content[place : place + (1 << 15)])
                time.sleep(0.005)
        except OSError:
            pass  # the client was killed

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _fetch(url: str, target: Path, pipe: IO[str]) -> None:
    pipe.write("ready\n")
    downloads.fetch(_source(url), target)


def _source(url: str) -> downloads.Source:
    digest = hashlib.sha256(_Slow.content).hexdigest()
    return downloads.Source(url, "", digest, "weights", "Try again.")


@part("kills of downloads", seconds=40)
def fetches(work: Work) -> Generator[Attempt, None, None]:
    """The file is absent or whole; the next download ends, and leaves nothing else behind."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/file"
    try:
        for number in range(work.count(40)):
            target = work.folder / str(number) / "weights.bin"
            _fork_and_kill(partial(_fetch, url, target), 0.25 * work.random.random())
            fault = ""
            if target.exists() and target.read_bytes() != _Slow.content:
                fault = "half a file under the final name"
            downloads.fetch(_source(url), target)
            if target.read_bytes() != _Slow.content:
                fault = "another file"
            left = [path.name for path in target.parent.iterdir() if path.suffix == ".part"]
            yield Attempt(f"kill {number}", fault or ", ".join(left))
    finally:
        server.shutdown()
