"""Background jobs: long runs in their own process that survive a closed tab and can be stopped.

A job is a `simcore` command line. Its folder in the cache contains job.json (the command),
progress.json, log.txt, and a lock that the running process holds. A job whose lock is free has
ended, whatever ended it; a process id alone would not do, because the system reuses them.
"""

import json
import math
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from simcore.data import cache_dir, file_locks, state_files
from simcore.errors import DamagedFileError, SimError, UnknownNameError, unknown_name
from simcore.types import JSON, Monitor, OnProgress, Progress, Reasons

State = Literal["running", "done", "incomplete", "failed", "stopped"]
FOLDER = "SIMCORE_JOB"  # environment variable: the folder that a job's process reports to
# Commands were renamed; job folders written before keep their old words.
RENAMED = {"data": "collections", "experiment": "experiments", "alike": "pair"}
# Files of a job: what it could not make, and that it was asked to stop.
MISSING, STOPPING = "missing.json", "stopping"
MAX_FINISHED = 50  # older finished jobs are deleted
MAX_START = 20.0  # seconds until the process of a job has locked its folder
DAMAGED = "unknown command (the job's file is damaged)"


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        args: of the `simcore` command line.
        state: "incomplete" if it ended, but left out what `missing` names.
        log_tail: the last lines of its log.
        started: seconds since 1970.
        seconds_left: by its average speed so far; None while unknown.
        is_stopping: whether it runs, but was asked to stop.
        missing: what could not be made, such as backbones, and why.
    """

    id: str
    args: tuple[str, ...]
    state: State
    progress: Progress | None
    log_tail: str
    started: float
    seconds_left: float | None = None
    is_stopping: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The command line; of a job with a damaged file, that."""
        return "simcore " + " ".join(self.args) if self.args else DAMAGED

    def to_dict(self) -> JSON:
        """One entry of the document that `simcore jobs --json` prints."""
        return asdict(self) | {"command": self.title}

    @property
    def message(self) -> str:
        """The last line of its log: of a failed job, what went wrong."""
        lines = self.log_tail.strip().splitlines()
        return lines[-1].removeprefix("simcore: ") if lines else ""


def start(args: Sequence[str]) -> Job:
    """Run `simcore ARGS` in its own process; a running job with the same command is returned.

    Raises:
        SimError: the cache is not writable.
    """
    with file_locks.exclusive(_root()):  # two tabs must not both find that there is none
        for job in running():
            if job.args == tuple(args):
                return job
        _delete_old()
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
        folder = _root() / name
        with cache_dir.disk_errors(folder):
            cache_dir.make_folder(folder)
        process = _spawn(folder, args)
        description = {"args": list(args), "started": time.time(), "pid": process.pid}
        _write(folder / "job.json", description)
        return get(name)


def jobs() -> list[Job]:
    """Running and finished jobs, newest first."""
    return [_read(folder) for folder in sorted(_folders(), reverse=True)]


def running() -> list[Job]:
    """Running jobs, newest first; quicker than `jobs`."""
    unfinished = (f for f in sorted(_folders(), reverse=True) if not (f / "end.json").exists())
    return [job for job in map(_read, unfinished) if job.state == "running"]


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
        description = _description(_root() / name)
        if description.pid is None:
            raise DamagedFileError(
                f"The file of job {name} is damaged, so its process is unknown. "
                "Stop the process of its command instead."
            )
        try:
            os.kill(description.pid, signal.SIGTERM)
        except ProcessLookupError:  # it has ended since its state was read
            pass
        except PermissionError as error:
            raise SimError(f"Job {name} belongs to another user, who can stop it.") from error
        (_root() / name / STOPPING).touch()
    return get(name)


def report_missing(reasons: Mapping[str, str]) -> None:
    """Record what the job that runs this process could not make; elsewhere nothing.

    Args:
        reasons: such as backbone -> why its features could not be extracted.
    """
    if _RUNNING and reasons:
        _write(_RUNNING[-1] / MISSING, dict(reasons))


@contextmanager
def monitor(on_progress: OnProgress | None = None) -> Iterator[Monitor]:
    """A monitor for the command that runs in the block; it stops on SIGTERM.

    In a background job progress is written to the job's folder, elsewhere passed to `on_progress`.
    """
    requests = []
    before = signal.signal(signal.SIGTERM, lambda *_: requests.append(True))
    try:
        report = _Writer(_RUNNING[-1]).write if _RUNNING else on_progress
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


def in_job() -> bool:
    """Whether this process runs a background job."""
    return bool(_RUNNING)


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


@dataclass
class _Writer:
    """Writes the progress of a job into its folder, with an estimate of the time left.

    The estimate is by the average speed since the operation began, which is steadier than the
    speed of the moment. An operation whose stages do not know their share of it begins anew with
    every stage.
    """

    folder: Path
    written: float = -math.inf
    track: str | None = None
    began: float = 0.0
    first_share: float = 0.0

    def write(self, progress: Progress) -> None:
        """Write it, at most three times a second."""
        now = time.monotonic()
        track = progress.stage if progress.overall is None else ""
        if track != self.track or progress.share < self.first_share:
            self.track, self.began, self.first_share = track, now, progress.share
        if now - self.written < 0.3 and progress.done != progress.total:
            return
        self.written = now
        gained = progress.share - self.first_share
        left = (now - self.began) * (1 - progress.share) / gained if gained > 0.01 else None
        # Not flushed to disk: it is written again in a moment.
        data = json.dumps(asdict(progress) | {"left": left}).encode()
        with suppress(SimError):  # a full disk must not end the run that it reports
            cache_dir.write_atomic(self.folder / "progress.json", data, durable=False)


@dataclass(frozen=True)
class _Description:
    """What job.json says; the defaults stand for a damaged one."""

    args: tuple[str, ...] = ()
    started: float = 0.0
    pid: int | None = None

    @classmethod
    def parse(cls, document: JSON) -> "_Description":
        command, *rest = (str(arg) for arg in document["args"])
        started, pid = float(document["started"]), int(document["pid"])
        if not (math.isfinite(started) and 0 < pid < 2**31):
            raise ValueError("it has no time or process")
        return cls((RENAMED.get(command, command), *rest), started, pid)


def _description(folder: Path) -> _Description:
    # A job may still run, so its file is not set aside.
    with suppress(DamagedFileError):
        return state_files.read_json(folder / "job.json", _Description.parse) or _Description()
    return _Description()


def _read(folder: Path) -> Job:
    description = _description(folder)
    state = _state(folder, description.started)
    progress, left = _progress(folder)
    return Job(
        folder.name,
        description.args,
        state,
        progress,
        _tail(folder / "log.txt"),
        description.started,
        left if state == "running" else None,
        state == "running" and (folder / STOPPING).exists(),
        _missing_parts(folder),
    )


def _state(folder: Path, started: float) -> State:
    for process in list(_STARTED):
        if process.poll() is not None:
            _STARTED.remove(process)
    end = folder / "end.json"
    if end.exists():
        code = state_files.read_json(end, lambda document: int(document["code"]), rebuild=True)
        if code == 128 + signal.SIGTERM:
            return "stopped"
        if code in (0, 1) and _missing_parts(folder):
            return "incomplete"
        return "done" if code == 0 else "failed"
    if _held(folder):
        return "running"
    # The clock may have been set back since.
    is_starting = abs(time.time() - started) < MAX_START and not (folder / "lock").exists()
    return "running" if is_starting else "stopped"


def _held(folder: Path) -> bool:
    from filelock import FileLock, Timeout

    lock = folder / "lock"
    if not lock.exists():
        return False
    probe = FileLock(lock)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # the lock of another user, who alone may write to it
        pid = _description(folder).pid
        return pid is not None and cache_dir.is_running(pid)
    probe.release()
    return False


def _progress(folder: Path) -> tuple[Progress | None, float | None]:
    """How far a job is, and the seconds left."""
    written = state_files.read_json(folder / "progress.json", _parse_progress, rebuild=True)
    return written or (None, None)


def _parse_progress(document: JSON) -> tuple[Progress, float | None]:
    overall, left = (
        None if document.get(name) is None else float(document[name])
        for name in ("overall", "left")
    )
    progress = Progress(
        str(document["stage"]),
        int(document["done"]),
        int(document["total"]),
        float(document["rate"]),
        overall,
    )
    counts = (progress.done, progress.total, overall or 0, left or 0)
    if not all(0 <= count <= 2**53 for count in counts):
        raise ValueError("its counts are impossible")
    return progress, left


def _missing_parts(folder: Path) -> Reasons:
    reasons = state_files.read_json(
        folder / MISSING, lambda rows: {str(k): str(v) for k, v in rows.items()}, rebuild=True
    )
    return reasons or {}


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
    return [f for f in root.iterdir() if (f / "job.json").exists()] if root.is_dir() else []


def damaged() -> list[str]:
    """Ids of the jobs whose description cannot be read, sorted."""
    return sorted(folder.name for folder in _folders() if not _description(folder).args)


def forget(name: str) -> None:
    """Delete a finished job's folder.

    Raises:
        UnknownNameError: no such job. SimError: it runs, or the cache is not writable.
    """
    if get(name).state == "running":
        raise SimError(f"Job {name} is running. Stop it first.")
    with cache_dir.disk_errors(_root() / name):
        shutil.rmtree(_root() / name, ignore_errors=False)


def _delete_old() -> None:
    finished = [job for job in jobs() if job.state != "running"]
    for job in finished[MAX_FINISHED:]:
        with suppress(UnknownNameError, FileNotFoundError):  # another process was faster
            forget(job.id)


def _write(path: Path, document: JSON) -> None:
    state_files.write_json(path, document)
