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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from simcore.data import cache_dir, state_files
from simcore.errors import DamagedFileError, SimError, UnknownNameError, unknown_name
from simcore.types import JSON, Monitor, OnProgress, Progress

State = Literal["running", "done", "failed", "stopped"]
FOLDER = "SIMCORE_JOB"  # environment variable: the folder that a job's process reports to
# Commands were renamed; job folders written before keep their old words.
RENAMED = {"data": "collections", "experiment": "experiments", "alike": "pair"}
MAX_FINISHED = 50  # older finished jobs are deleted
MAX_START = 20.0  # seconds until the process of a job has locked its folder
DAMAGED = "unknown command (the job's file is damaged)"


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
        """The command line; of a job with a damaged file, that."""
        return "simcore " + " ".join(self.args) if self.args else DAMAGED

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
    with cache_dir.disk_errors(folder):
        cache_dir.make_folder(folder)
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


def _to_file(folder: Path) -> OnProgress:
    last = [0.0]

    def write(progress: Progress) -> None:
        now = time.monotonic()
        if now - last[0] > 0.3 or progress.done == progress.total:
            last[0] = now
            # Not flushed to disk: it is written again in a moment.
            data = json.dumps(asdict(progress)).encode()
            with suppress(SimError):  # a full disk must not end the run that it reports
                cache_dir.write_atomic(folder / "progress.json", data, durable=False)

    return write


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
    return Job(
        folder.name,
        description.args,
        _state(folder, description.started),
        _progress(folder),
        _tail(folder / "log.txt"),
        description.started,
    )


def _state(folder: Path, started: float) -> State:
    for process in list(_STARTED):
        if process.poll() is not None:
            _STARTED.remove(process)
    end = folder / "end.json"
    if end.exists():
        code = state_files.read_json(end, lambda document: int(document["code"]), rebuild=True)
        return "done" if code == 0 else "stopped" if code == 128 + signal.SIGTERM else "failed"
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


def _progress(folder: Path) -> Progress | None:
    return state_files.read_json(folder / "progress.json", _parse_progress, rebuild=True)


def _parse_progress(document: JSON) -> Progress:
    progress = Progress(
        str(document["stage"]),
        int(document["done"]),
        int(document["total"]),
        float(document["rate"]),
    )
    if not (0 <= progress.done <= 2**53 and 0 <= progress.total <= 2**53):
        raise ValueError("its counts are impossible")
    return progress


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
