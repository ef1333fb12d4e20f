"""Big files over the network: resumed where they broke off, checked before they are used."""

import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from simcore.data import cache_dir
from simcore.data.fetch import pip_archives
from simcore.errors import BadDataError, MissingWeightsError
from simcore.types import Monitor

_CHUNK = 1 << 20
_WAIT = 60.0
_ASK = 10.0
HUB_FILES = "model.safetensors|pytorch_model.bin"  # the first that a repository has


@dataclass(frozen=True)
class Source:
    """Where a file can be had.

    Attributes:
        url: its address, or hub: "owner/name" or "owner/name/file|or this file" on the Hugging
            Face hub.
        sha256: digest or its beginning; empty = unknown.
        name: what it is called in messages.
        missing: the sentence for a person who cannot reach it.
    """

    url: str
    hub: str
    sha256: str
    name: str
    missing: str


def fetch(source: Source, target: Path, *, monitor: Monitor = Monitor()) -> Path:
    """The file at `target`, whole and checked, in one step.

    Raises:
        MissingWeightsError: it cannot be reached from here. BadDataError: its digest is wrong.
        SimError: the disk is full.
    """
    url, headers, sha256, _ = _resolved(source)
    part = target.with_name(target.name + ".part")
    with cache_dir.disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(url, headers, part, source, monitor)
        found = pip_archives.file_digest(part)
        if sha256 and not found.startswith(sha256):
            part.unlink()
            raise BadDataError(
                f"{url} gave a file with sha256 {found[:16]}...; expected {sha256[:16]}...; "
                "try again, or look who changed it"
            )
        part.replace(target)
    return target


def size(source: Source) -> int:
    """Bytes as the server tells them; 0 where it does not, or is not to be reached."""
    try:
        url, headers, _, told = _resolved(source)
        if told:
            return told
        request = urllib.request.Request(url, headers=headers, method="HEAD")
        with urllib.request.urlopen(request, timeout=_ASK) as answer:
            return int(answer.headers.get("Content-Length") or 0)
    except (MissingWeightsError, OSError, ValueError):
        return 0


def find_in_hub_cache(hub: str) -> Path | None:
    """A file in the hub library's own cache, without asking the network."""
    from huggingface_hub import try_to_load_from_cache

    repository, names = _named(hub)
    for name in names:
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


def _named(hub: str) -> tuple[str, tuple[str, ...]]:
    owner, name, *file = hub.strip("/").split("/", 2)
    return f"{owner}/{name}", tuple((file[0] if file else HUB_FILES).split("|"))


def _resolved(source: Source) -> tuple[str, dict[str, str], str, int]:
    """(address, headers, digest, bytes); a hub tells digest and size of what it keeps."""
    if not source.hub:
        return source.url, {}, source.sha256, 0
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers

    repository, names = _named(source.hub)
    for name in names:
        url = hf_hub_url(repository, name)
        try:
            told = get_hf_file_metadata(url, timeout=_ASK)
        except EntryNotFoundError:
            continue
        except HfHubHTTPError as error:
            raise MissingWeightsError(
                f"{constants.ENDPOINT}/{repository} answers {error.response.status_code} "
                f"(gated models want a login and an accepted licence); {source.missing}"
            ) from error
        except Exception as error:  # the hub's client raises its HTTP library's own kinds
            raise MissingWeightsError(f"no network ({error}); {source.missing}") from error
        digest = told.etag if told.etag and len(told.etag) == 64 else source.sha256
        return url, build_hf_headers(), digest, told.size or 0
    raise MissingWeightsError(f"{repository} has none of {', '.join(names)}; {source.missing}")


def _download(
    url: str, headers: dict[str, str], part: Path, source: Source, monitor: Monitor
) -> None:
    have = part.stat().st_size if part.exists() else 0
    try:
        request = urllib.request.Request(url, headers={**headers, "Range": f"bytes={have}-"})
        with urllib.request.urlopen(request, timeout=_WAIT) as answer:
            have = have if answer.status == 206 else 0
            total = have + int(answer.headers.get("Content-Length") or 0)
            with part.open("ab" if have else "wb") as sink:
                while block := answer.read(_CHUNK):
                    sink.write(block)
                    have += len(block)
                    monitor.report(f"fetching {source.name}", have, total)
            if have < total:
                raise MissingWeightsError(
                    f"{url} broke off at {have:,} of {total:,} bytes; what came is kept; "
                    "start it again to go on"
                )
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:  # 416: the part is whole already
            raise MissingWeightsError(f"{url} answers {error.code}; {source.missing}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        raise MissingWeightsError(f"no network ({error}); {source.missing}") from error
