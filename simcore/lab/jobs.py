"""Background jobs: long runs in their own process that survive a closed tab and can be stopped.

A job is a `simcore` command line. Its folder in the cache contains job.json (the command),
progress.json, log.txt, and a lock that the running process holds. A job whose lock is free has
ended, whatever ended it; a process id alone would not do, because the system reuses them.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from simcore.data import cache_dir
from simcore.errors import unknown_name
from simcore.types import JSON, Monitor, OnProgress, Progress

State = Literal["running", "done", "failed", "stopped"]
FOLDER = "SIMCORE_JOB"  # environment variable: the folder that a job's process reports to
# Commands were renamed; job folders written before keep their old words.
RENAMED = {"data": "collections", "experiment": "experiments", "alike": "pair"}
MAX_FINISHED = 50  # older finished jobs are deleted


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        args: of the `simcore` command line.
        log_tail: the last lines of its log.
        started: seconds since 1970.
    """

    id: str
    args: tuple[str, ...]
    state: State
    progress: Progress | None
    log_tail: str
    started: float

    @property
    def title(self) -> str:
        """The command line."""
        return "simcore " + " ".join(self.args)

    def to_dict(self) -> JSON:
        """One entry of the document that `simcore jobs --json` prints."""
        return asdict(self) | {"command": self.title}


def start(args: Sequence[str]) -> Job:
    """Run `simcore ARGS` in its own process; a running job with the same command is returned."""
    for job in jobs():
        if job.state == "running" and job.args == tuple(args):
            return job
    _delete_old()
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    folder = _root() / name
    folder.mkdir(parents=True)
    process = _spawn(folder, args)
    _write(folder / "job.json", {"args": list(args), "started": time.time(), "pid": process.pid})
    return get(name)


def jobs() -> list[Job]:
    """Running and finished jobs, newest first."""
    return [_read(folder) for folder in sorted(_folders(), reverse=True)]


def get(name: str) -> Job:
    """One job.

    Raises:
        UnknownNameError: no such job.
    """
    for folder in _folders():
        if folder.name == name:
            return _read(folder)
    raise unknown_name("job", name, [folder.name for folder in _folders()])


def stop(name: str) -> Job:
    """Ask a running job to stop; what it has finished is kept. A finished job is left alone."""
    if get(name).state == "running":
        pid = json.loads((_root() / name / "job.json").read_text())["pid"]
        with suppress(ProcessLookupError):  # it may have ended since its state was read
            os.kill(pid, signal.SIGTERM)
    return get(name)


@contextmanager
def monitor(on_progress: OnProgress | None = None) -> Iterator[Monitor]:
    """A monitor for the command that runs in the block; it stops on SIGTERM.

    In a background job progress is written to the job's folder, elsewhere passed to `on_progress`.
    """
    requests = []
    before = signal.signal(signal.SIGTERM, lambda *_: requests.append(True))
    try:
        report = _to_file(_RUNNING[-1]) if _RUNNING else on_progress
        yield Monitor(report, lambda: bool(requests))
    finally:
        signal.signal(signal.SIGTERM, before)


def run_in_job(command: Callable[[Sequence[str]], int], args: Sequence[str]) -> int:
    """Run a command line as the job whose folder SIMCORE_JOB names.

    Holds the job's lock while the command runs and writes its exit status to end.json.
    """
    from filelock import FileLock

    folder = Path(os.environ.pop(FOLDER))  # a child process must not report as this job
    with FileLock(folder / "lock"):
        _RUNNING.append(folder)
        try:
            code = command(list(args))
        finally:
            _RUNNING.pop()
        _write(folder / "end.json", {"code": code})
    return code


_RUNNING: list[Path] = []  # the folder of the job that this process runs, if any


def _spawn(folder: Path, args: Sequence[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "simcore", *args]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {FOLDER: str(folder)},
        )
    _STARTED.append(process)
    return process


_STARTED: list[subprocess.Popen] = []  # polled until they end, so that none is left as a zombie


def _to_file(folder: Path) -> OnProgress:
    last = [0.0]

    def write(progress: Progress) -> None:
        now = time.monotonic()
        if now - last[0] > 0.3 or progress.done == progress.total:
            last[0] = now
            _write(folder / "progress.json", asdict(progress))

    return write


def _read(folder: Path) -> Job:
    job = json.loads((folder / "job.json").read_text())
    command, *rest = job["args"]
    return Job(
        folder.name,
        (RENAMED.get(command, command), *rest),
        _state(folder, job["started"]),
        _progress(folder),
        _tail(folder / "log.txt"),
        job["started"],
    )


def _state(folder: Path, started: float) -> State:
    for process in list(_STARTED):
        if process.poll() is not None:
            _STARTED.remove(process)
    end = folder / "end.json"
    if end.exists():
        code = json.loads(end.read_text())["code"]
        return "done" if code == 0 else "stopped" if code == 128 + signal.SIGTERM else "failed"
    if _held(folder / "lock"):
        return "running"
    is_starting = time.time() - started < 20 and not (folder / "lock").exists()
    return "running" if is_starting else "stopped"


def _held(lock: Path) -> bool:
    from filelock import FileLock, Timeout

    if not lock.exists():
        return False
    probe = FileLock(lock)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    probe.release()
    return False


def _progress(folder: Path) -> Progress | None:
    path = folder / "progress.json"
    return Progress(**json.loads(path.read_text())) if path.exists() else None


def _tail(path: Path, lines: int = 12) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4000))
        text = file.read().decode("utf-8", "replace")
    return "\n".join(text.replace("\r", "\n").strip().splitlines()[-lines:])


def _root() -> Path:
    return cache_dir.root() / "jobs"


def _folders() -> list[Path]:
    root = _root()
    return [f for f in root.iterdir() if (f / "job.json").exists()] if root.exists() else []


def _delete_old() -> None:
    finished = [job for job in jobs() if job.state != "running"]
    for job in finished[MAX_FINISHED:]:
        for file in (_root() / job.id).iterdir():
            file.unlink(missing_ok=True)
        (_root() / job.id).rmdir()


def _write(path: Path, document: JSON) -> None:
    cache_dir.write_atomic(path, json.dumps(document).encode())
