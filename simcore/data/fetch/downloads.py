"""Download large files: interrupted downloads are resumed, and digests are checked."""

import glob
import hashlib
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from simcore.data import cache_dir, file_locks
from simcore.data.fetch import pip_archives
from simcore.data.fetch.https import KeepHttps
from simcore.errors import BadDataError, MissingWeightsError
from simcore.types import Monitor

_CHUNK = 1 << 20
_DOWNLOAD_TIMEOUT = 60.0  # seconds without any data
_QUERY_TIMEOUT = 10.0  # seconds
_PART = ".part"
MAX_BYTES = 20_000_000_000  # of a file whose size its server does not say
FULL_DIGEST = 64  # hex digits of a SHA-256
HUB_FILES = "model.safetensors|pytorch_model.bin"  # the first one that a repository has


@dataclass(frozen=True)
class Source:
    """The source of a file.

    Attributes:
        url: its address, or
        hub: "owner/name" or "owner/name/file|or this file" on the Hugging Face hub.
        sha256: digest or its beginning; empty = unknown.
        name: its name in messages.
        missing: what to do if the source cannot be reached, a sentence for messages.
        size: bytes, 0 = unknown.
    """

    url: str
    hub: str
    sha256: str
    name: str
    missing: str
    size: int = 0


@dataclass(frozen=True)
class _Address:
    """Where a file is now: its address, headers for it, digest (or its beginning) and bytes."""

    url: str
    headers: dict[str, str]
    sha256: str
    size: int


def fetch(source: Source, target: Path, *, monitor: Monitor = Monitor()) -> Path:
    """Download a file to `target`; it appears there complete and checked, in one step.

    One process downloads, others wait for its file. An interrupted download is resumed if the
    content is known to be the same: by its digest, or by what the server says about its version.

    Raises:
        MissingWeightsError: it cannot be reached from here. BadDataError: its digest or its size
            is wrong. SimError: the disk is full.
    """
    address = _resolve(source)
    with file_locks.exclusive(target, monitor), cache_dir.disk_errors(target.parent):
        if target.is_file() and pip_archives.file_digest(target).startswith(address.sha256):
            return target  # another process was faster
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _download(address, target, source, monitor)
        digest = pip_archives.file_digest(part)
        if not digest.startswith(address.sha256):
            part.unlink()
            raise BadDataError(
                f"The file from {address.url} has sha256 {digest[:16]}... instead of "
                f"{address.sha256[:16]}.... Try again, or find out who changed it."
            )
        with cache_dir.atomic_path(target) as draft:
            part.replace(draft)
        for leftover in _parts(target):
            leftover.unlink(missing_ok=True)
    return target


def size(source: Source) -> int:
    """Bytes of a file according to its server; 0 if unknown or unreachable."""
    try:
        address = _resolve(source)
        if address.size:
            return address.size
        with _open(address, method="HEAD", timeout=_QUERY_TIMEOUT) as response:
            return int(response.headers.get("Content-Length") or 0)
    except (MissingWeightsError, BadDataError, OSError, ValueError, HTTPException):
        return 0


def find_in_hub_cache(hub: str) -> Path | None:
    """A file in the cache of the hub's own library, without using the network."""
    from huggingface_hub import try_to_load_from_cache

    repository, names = _parse_hub(hub)
    for name in names:
        path = try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return Path(path)
    return None


def _parse_hub(hub: str) -> tuple[str, tuple[str, ...]]:
    owner, name, *file = hub.strip("/").split("/", 2)
    return f"{owner}/{name}", tuple((file[0] if file else HUB_FILES).split("|"))


def _resolve(source: Source) -> _Address:
    """Where a file is now; a hub publishes digest and size of its files."""
    if not source.hub:
        return _Address(source.url, {}, source.sha256, source.size)
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers

    repository, names = _parse_hub(source.hub)
    for name in names:
        url = hf_hub_url(repository, name)
        try:
            metadata = get_hf_file_metadata(url, timeout=_QUERY_TIMEOUT)
        except EntryNotFoundError:
            continue
        except HfHubHTTPError as error:
            raise MissingWeightsError(
                f"{constants.ENDPOINT}/{repository} answers {error.response.status_code} (gated "
                f"models need a login and an accepted license). {source.missing}"
            ) from error
        except Exception as error:  # the hub's client raises errors of its HTTP library, too
            raise MissingWeightsError(f"No network ({error}). {source.missing}") from error
        published = metadata.etag if len(metadata.etag or "") == FULL_DIGEST else ""
        if published and not published.startswith(source.sha256):
            raise BadDataError(
                f"{source.name} has changed on the hub: its sha256 is {published[:16]}... instead "
                f"of {source.sha256[:16]}.... Find out why; to use it nevertheless, download it "
                "in a browser and pass it to `simcore models add-weights`."
            )
        digest = published or source.sha256
        if len(digest) < FULL_DIGEST:
            raise MissingWeightsError(
                f"{repository} publishes no sha256 of {name}. {source.missing}"
            )
        return _Address(
            url, build_hf_headers(), published or source.sha256, metadata.size or source.size
        )
    raise MissingWeightsError(f"{repository} has none of {', '.join(names)}. {source.missing}")


def _open(
    address: _Address, *, method: str = "GET", start: int = 0, version: str = "", timeout: float
) -> Any:
    """A response; from byte `start` on if the file still has the version that is given."""
    request = urllib.request.Request(address.url, method=method)
    for name, value in address.headers.items():  # a login is for this address, not for redirects
        request.add_unredirected_header(name, value)
    if start:
        request.add_header("Range", f"bytes={start}-")
    if start and version:
        request.add_header("If-Range", version)
    return urllib.request.build_opener(KeepHttps()).open(request, timeout=timeout)


def _download(address: _Address, target: Path, source: Source, monitor: Monitor) -> Path:
    """The complete file under a temporary name beside `target`."""
    part = None
    try:
        version = _current_version(address, target)
        part = _adopt(target, _identity(address, version))
        done = part.stat().st_size if part else 0
        with _open(address, start=done, version=version, timeout=_DOWNLOAD_TIMEOUT) as response:
            if part is None:
                version = _version(response.headers)
                part = _new_part(target, _identity(address, version))
            return _receive(response, part, done, address, source, monitor)
    except urllib.error.HTTPError as error:
        if error.code == 416 and part is not None:  # the part is complete already
            return part
        raise MissingWeightsError(
            f"{address.url} answers {error.code}. {source.missing}"
        ) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise MissingWeightsError(f"No network ({reason}). {source.missing}") from error


def _receive(
    response: Any, part: Path, done: int, address: _Address, source: Source, monitor: Monitor
) -> Path:
    """Append a response to a part; a server that ignores the range sends the whole file."""
    resumed = str(response.headers.get("Content-Range")).startswith(f"bytes {done}-")
    done = done if response.status == 206 and resumed else 0
    if response.status == 206 and not resumed:
        raise MissingWeightsError(f"{address.url} sent another part of the file. Try again.")
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else 0
    if str(response.headers.get("Content-Type")).startswith("text/html"):
        raise MissingWeightsError(f"{address.url} is a web page, not a file. {source.missing}")
    if total and address.size and total != address.size:
        raise BadDataError(
            f"{address.url} has {total:,} bytes instead of {address.size:,}. Find out who changed "
            "it."
        )
    with part.open("ab" if done else "wb") as file:
        while block := response.read(_CHUNK):
            file.write(block)
            done += len(block)
            if done > (total or MAX_BYTES):
                raise BadDataError(f"{address.url} has more than {MAX_BYTES:,} bytes.")
            monitor.report(f"fetching {source.name}", done, total)
    if done < total:
        raise MissingWeightsError(
            f"The download of {address.url} was interrupted at {done:,} of {total:,} bytes. Start "
            "it again to resume."
        )
    return part


def _current_version(address: _Address, target: Path) -> str:
    """The version of a file without a digest, asked only if there is a part that it may fit."""
    if len(address.sha256) == FULL_DIGEST or not _parts(target):
        return ""
    try:
        with _open(address, method="HEAD", timeout=_QUERY_TIMEOUT) as response:
            return _version(response.headers)
    except urllib.error.HTTPError:  # some servers do not answer HEAD
        return ""


def _version(headers: Any) -> str:
    """What a server says about a file's version; "" if it says nothing that can be relied on."""
    etag = str(headers.get("ETag") or "")
    return etag if etag.startswith('"') else str(headers.get("Last-Modified") or "")


def _identity(address: _Address, version: str) -> str:
    """The same for parts of the same content; "" if that cannot be known."""
    if len(address.sha256) == FULL_DIGEST:
        return address.sha256[:16]
    return hashlib.sha256(f"{address.url} {version}".encode()).hexdigest()[:16] if version else ""


def _parts(target: Path) -> list[Path]:
    """Unfinished downloads of a file, the longest first."""
    parts = target.parent.glob(f".{glob.escape(target.name)}.*{_PART}")
    return sorted(parts, key=lambda part: part.stat().st_size, reverse=True)


def _new_part(target: Path, identity: str) -> Path:
    return target.with_name(f".{target.name}.{identity}.{uuid.uuid4().hex[:12]}{_PART}")


def _adopt(target: Path, identity: str) -> Path | None:
    """An unfinished download of the same content, under a name of our own; others are removed."""
    adopted = None
    for part in _parts(target):
        if adopted is None and identity and part.name.startswith(f".{target.name}.{identity}."):
            adopted = part.rename(_new_part(target, identity))
        else:
            part.unlink(missing_ok=True)
    return adopted
