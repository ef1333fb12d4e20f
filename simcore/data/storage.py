"""A folder on this disk or in S3, addressed alike: for the small files beside the tables, and
for pictures that lie there.

Only the command line and the environment name such a place, never a user of the app. Keys and
endpoint come from the environment, as every tool for S3 reads them: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT_URL for a server that is not Amazon's.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from simcore.data import cache_dir
from simcore.errors import BadDataError, SimError

_ADDRESS = re.compile(r"s3:/{1,2}([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[^/?#]+)*)/?")


def is_remote(address: str | Path) -> bool:
    """Whether it names a place in object storage. A Path has one of the two slashes left.

    >>> remote("s3://bucket/folder"), remote(Path("s3://bucket/a.png")), remote("/s3:/a")
    (True, True, False)
    """
    return str(address).startswith("s3:/")


def parse_s3(address: str) -> str:
    """The address without a slash at its end.

    Raises:
        BadDataError: it is no s3://bucket/prefix.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        shown = address.rpartition("@")[2]  # what stands before it may be a secret
        raise BadDataError(
            f"found the address {shown!r}; expected s3://bucket/folder (keys and endpoint come "
            "from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL)"
        )
    return f"s3://{found[1]}{found[2]}"


def path(text: str | Path) -> Path:
    """A folder's or picture's address as a Path, where "s3:" is the first part; never made whole.

    >>> path("s3://bucket/a.png").as_posix(), path("a.png").is_absolute()
    ('s3:/bucket/a.png', True)
    """
    return Path(text) if is_remote(text) else Path(text).expanduser().absolute()


def exists(found: Path) -> bool:
    """Whether a folder, on disk or in S3, holds anything."""
    return bool(list_files(found)) if is_remote(found) else found.is_dir()


def list_files(folder: Path) -> list[Path]:
    """Everything below a folder, on disk or in S3, sorted; empty where there is no such folder."""
    if not is_remote(folder):
        return sorted(folder.rglob("*"))
    from pyarrow import fs

    system, root = filesystem(folder)
    with storage_errors(parse_s3(str(folder))):
        infos = system.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    return sorted(Path("s3:") / info.path for info in infos if info.is_file)


def read_bytes(picture: Path, most: int) -> tuple[int, bytes]:
    """Size of a file in S3, and its bytes; none where it is larger than `most`.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    system, _ = filesystem(Path(*picture.parts[:2]))
    with system.open_input_file("/".join(picture.parts[1:])) as stream:
        size = stream.size()
        return size, bytes(stream.read()) if size <= most else b""


def options() -> dict[str, str]:
    """What LanceDB has to be told besides what it finds in the environment itself."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "").strip()
    if not endpoint:
        return {}
    plain = {"allow_http": "true"} if endpoint.startswith("http://") else {}
    return {"aws_endpoint": endpoint, **plain}


def filesystem(address: str | Path) -> tuple[Any, str]:
    """pyarrow's file system for a place in S3, and the place's path in it."""
    where = parse_s3(str(address)).removeprefix("s3://")
    return _system(os.environ.get("AWS_ENDPOINT_URL", "").strip(), os.getpid()), where


@lru_cache(maxsize=4)
def _system(endpoint: str, _process: int) -> Any:
    from pyarrow import fs

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    if not endpoint:
        return fs.S3FileSystem(region=region)
    scheme, _, host = endpoint.rpartition("://")
    return fs.S3FileSystem(
        region=region, endpoint_override=host.rstrip("/"), scheme=scheme or "https"
    )


@contextmanager
def storage_errors(address: str) -> Iterator[None]:
    """Turns what goes wrong on the way to a place into one sentence.

    Raises:
        SimError: the place cannot be reached, read or written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, SimError):
            raise
        raise SimError(unreachable_error(address, error)) from error


def unreachable_error(address: str, error: Exception) -> str:
    """What to tell a person."""
    fact = " ".join(str(error).split())[:160]
    return (
        f"{address} cannot be reached ({fact}); expected a bucket that may be read and written; "
        "check AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


class Folder:
    """One such folder; names are of files directly in it, or of folders below it."""

    def __init__(self, address: Path | str) -> None:
        """Names the place; nothing is made.

        Raises:
            BadDataError: an address that is neither a folder nor s3://bucket/prefix.
        """
        self.local = None if is_remote(address) else Path(address).absolute()
        self.address = parse_s3(str(address)) if self.local is None else str(self.local)

    def read(self, name: str) -> bytes | None:
        """A small file, or None where there is none.

        Raises:
            OSError, SimError: it is there, but cannot be read.
        """
        if self.local is not None:
            path = self.local / name
            return path.read_bytes() if path.exists() else None
        system, root = filesystem(self.address)
        with storage_errors(self.address):
            try:
                with system.open_input_stream(f"{root}/{name}") as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

    def json(self, name: str) -> dict[str, Any] | None:
        """A small JSON file, or None where there is none.

        Raises:
            BadDataError: it is damaged. SimError: the place is not reached.
        """
        try:
            data = self.read(name)
            found = None if data is None else json.loads(data)
        except (OSError, ValueError) as error:
            if isinstance(error, SimError):
                raise
            raise BadDataError(
                f"{self.address}/{name} cannot be read ({error}); expected a short JSON file; "
                "delete it"
            ) from error
        return found if isinstance(found, dict) or found is None else {}

    def write(self, name: str, data: bytes) -> None:
        """Puts a small file in one step: others see the old one, the new one, or none.

        Raises:
            SimError: the place is full, closed or not reached.
        """
        if self.local is not None:
            cache_dir.write_atomic(self.local / name, data)
            return
        system, root = filesystem(self.address)
        with storage_errors(self.address), system.open_output_stream(f"{root}/{name}") as stream:
            stream.write(data)

    def remove(self, name: str) -> None:
        """Removes a file or a folder; nothing happens where there is none."""
        if self.local is not None:
            with cache_dir.disk_errors(self.local):
                path = self.local / name
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            return
        from pyarrow import fs

        system, root = filesystem(self.address)
        with storage_errors(self.address):
            kind = system.get_file_info(f"{root}/{name}").type
            if kind == fs.FileType.Directory:
                system.delete_dir(f"{root}/{name}")
            elif kind == fs.FileType.File:
                system.delete_file(f"{root}/{name}")

    def names(self, ending: str) -> list[str]:
        """Files directly in the place, sorted."""
        if self.local is not None:
            return sorted(path.name for path in self.local.glob(f"*{ending}"))
        return sorted(name for name, _ in self.files("", deep=False) if name.endswith(ending))

    def files(self, folder: str, *, deep: bool = True) -> list[tuple[str, int]]:
        """(name below `folder`, bytes) of every file in it; none where it is not there."""
        if self.local is not None:
            top = self.local / folder
            paths = top.rglob("*") if deep else top.glob("*")
            return [(str(p.relative_to(top)), p.stat().st_size) for p in paths if p.is_file()]
        from pyarrow import fs

        system, root = filesystem(self.address)
        below = f"{root}/{folder}".rstrip("/")
        asked = fs.FileSelector(below, recursive=deep, allow_not_found=True)
        with storage_errors(self.address):
            infos = system.get_file_info(asked)
        return [(i.path.removeprefix(below + "/"), i.size) for i in infos if i.is_file]

    def has(self, folder: str) -> bool:
        """Whether there is such a folder."""
        if self.local is not None:
            return (self.local / folder).exists()
        from pyarrow import fs

        system, root = filesystem(self.address)
        with storage_errors(self.address):
            kind = system.get_file_info(f"{root}/{folder}").type
        return bool(kind != fs.FileType.NotFound)
