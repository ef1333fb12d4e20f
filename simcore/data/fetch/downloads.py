"""Download large files: interrupted downloads are resumed, and digests are checked."""

import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from simcore.data import cache_dir
from simcore.data.fetch import pip_archives
from simcore.errors import BadDataError, MissingWeightsError
from simcore.types import Monitor

_CHUNK = 1 << 20
_DOWNLOAD_TIMEOUT = 60.0  # seconds without any data
_QUERY_TIMEOUT = 10.0  # seconds
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
    """

    url: str
    hub: str
    sha256: str
    name: str
    missing: str


def fetch(source: Source, target: Path, *, monitor: Monitor = Monitor()) -> Path:
    """Download a file to `target`; it appears there complete and checked, in one step.

    Raises:
        MissingWeightsError: it cannot be reached from here. BadDataError: its digest is wrong.
        SimError: the disk is full.
    """
    url, headers, sha256, _ = _resolve(source)
    part = target.with_name(target.name + ".part")
    with cache_dir.disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(url, headers, part, source, monitor)
        digest = pip_archives.file_digest(part)
        if sha256 and not digest.startswith(sha256):
            part.unlink()
            raise BadDataError(
                f"The file from {url} has sha256 {digest[:16]}... instead of {sha256[:16]}.... "
                "Try again, or find out who changed it."
            )
        part.replace(target)
    return target


def size(source: Source) -> int:
    """Bytes of a file according to its server; 0 if unknown or unreachable."""
    try:
        url, headers, _, hub_size = _resolve(source)
        if hub_size:
            return hub_size
        request = urllib.request.Request(url, headers=headers, method="HEAD")
        with urllib.request.urlopen(request, timeout=_QUERY_TIMEOUT) as response:
            return int(response.headers.get("Content-Length") or 0)
    except (MissingWeightsError, OSError, ValueError):
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


def _resolve(source: Source) -> tuple[str, dict[str, str], str, int]:
    """(address, headers, digest, bytes); a hub publishes digest and size of its files."""
    if not source.hub:
        return source.url, {}, source.sha256, 0
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
        digest = metadata.etag if metadata.etag and len(metadata.etag) == 64 else source.sha256
        return url, build_hf_headers(), digest, metadata.size or 0
    raise MissingWeightsError(f"{repository} has none of {', '.join(names)}. {source.missing}")


def _download(
    url: str, headers: dict[str, str], part: Path, source: Source, monitor: Monitor
) -> None:
    done = part.stat().st_size if part.exists() else 0
    try:
        request = urllib.request.Request(url, headers={**headers, "Range": f"bytes={done}-"})
        with urllib.request.urlopen(request, timeout=_DOWNLOAD_TIMEOUT) as response:
            done = done if response.status == 206 else 0  # 200: the server sends all of it
            total = done + int(response.headers.get("Content-Length") or 0)
            with part.open("ab" if done else "wb") as file:
                while block := response.read(_CHUNK):
                    file.write(block)
                    done += len(block)
                    monitor.report(f"fetching {source.name}", done, total)
            if done < total:
                raise MissingWeightsError(
                    f"The download of {url} was interrupted at {done:,} of {total:,} bytes. Start "
                    "it again to resume."
                )
    except urllib.error.HTTPError as error:
        if error.code != 416 or not done:  # 416: the part is complete already
            raise MissingWeightsError(f"{url} answers {error.code}. {source.missing}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        raise MissingWeightsError(f"No network ({error}). {source.missing}") from error
