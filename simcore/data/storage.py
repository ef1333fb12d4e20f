"""A folder on a local disk or in S3, read and written in the same way.

It holds the small files beside the feature tables, and images that stay in a bucket. Only the
command line and the environment can name a bucket, never a visitor of the app. Keys and endpoint
come from the environment variables that all S3 tools read: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT_URL for servers other than Amazon's.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from simcore import memory
from simcore.data import cache_dir, state_files
from simcore.errors import BadDataError, SimError
from simcore.types import JSON

_ADDRESS = re.compile(r"s3:/{1,2}([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[^/?#]+)*)/?")


def is_remote(address: str | Path) -> bool:
    """Whether an address is in S3. A Path has only one of the two slashes left.

    >>> is_remote("s3://bucket/folder"), is_remote(Path("s3://bucket/a.png")), is_remote("/s3:/a")
    (True, True, False)
    """
    return str(address).startswith("s3:/")


def parse_s3(address: str) -> str:
    """The address without a slash at its end.

    Raises:
        BadDataError: it does not have the form s3://bucket/folder.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        public = address.rpartition("@")[2]  # the part before it may be a secret
        raise BadDataError(
            f"{public!r} is not an address of the form s3://bucket/folder. Keys and endpoint come "
            "from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL."
        )
    return f"s3://{match[1]}{match[2]}"


def path(text: str | Path) -> Path:
    """The address of a folder or image as a Path; one in S3 has "s3:" as its first part.

    >>> path("s3://bucket/a.png").as_posix(), path("a.png").is_absolute()
    ('s3:/bucket/a.png', True)
    """
    return Path(text) if is_remote(text) else Path(text).expanduser().absolute()


def exists(folder: Path) -> bool:
    """Whether there is a local folder, or anything below an address in S3."""
    return bool(list_files(folder)) if is_remote(folder) else folder.is_dir()


def list_files(folder: Path) -> list[Path]:
    """All files below a folder, sorted (local ones with their folders); empty if it is absent."""
    if not is_remote(folder):
        # Not through pyarrow: it fails on file names that are not UTF-8 and follows links.
        return sorted(folder.rglob("*"))
    system, root = filesystem(folder)
    with storage_errors(parse_s3(str(folder))):
        infos = system.get_file_info(_below(root, deep=True))
    return sorted(Path("s3:") / info.path for info in infos if info.is_file)


def read_bytes(image: Path, max_bytes: int) -> tuple[int, bytes]:
    """Size of a file in S3, and its bytes; no bytes if it is larger than `max_bytes`.

    Raises:
        OSError: it is absent or cannot be read.
    """
    system, _ = filesystem(Path(*image.parts[:2]))
    with system.open_input_file("/".join(image.parts[1:])) as stream:
        size = stream.size()
        return size, bytes(stream.read()) if size <= max_bytes else b""


def options() -> JSON:
    """Options for LanceDB beyond those that it reads from the environment itself."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "").strip()
    if not endpoint:
        return {}
    insecure = {"allow_http": "true"} if endpoint.startswith("http://") else {}
    return {"aws_endpoint": endpoint, **insecure}


def filesystem(address: str | Path) -> tuple[Any, str]:
    """pyarrow's file system for an address, and the path in it."""
    from pyarrow import fs

    if not is_remote(address):
        return fs.LocalFileSystem(), str(address)
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "").strip()
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    # Per process: connections do not survive a fork.
    key = ("S3 file system", endpoint, region, os.getpid())
    system = memory.get(key, lambda: _connect(endpoint, region))
    return system, parse_s3(str(address)).removeprefix("s3://")


def _connect(endpoint: str, region: str) -> Any:
    from pyarrow import fs

    if not endpoint:
        return fs.S3FileSystem(region=region)
    scheme, _, host = endpoint.rpartition("://")
    return fs.S3FileSystem(
        region=region, endpoint_override=host.rstrip("/"), scheme=scheme or "https"
    )


def _below(root: str, *, deep: bool) -> Any:
    from pyarrow import fs

    return fs.FileSelector(root, recursive=deep, allow_not_found=True)


@contextmanager
def storage_errors(address: str) -> Iterator[None]:
    """Turn errors on the way to a bucket into one sentence; those of a local disk pass.

    Raises:
        SimError: the bucket cannot be reached, read or written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, SimError) or not is_remote(address):
            raise
        raise SimError(unreachable_error(address, error)) from error


def unreachable_error(address: str, error: Exception) -> str:
    """The message for a bucket that cannot be reached."""
    reason = " ".join(str(error).split())[:160]
    return (
        f"{address} cannot be reached ({reason}). It must be a bucket that may be read and "
        "written: check AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    )


class Folder:
    """A folder, local or in S3; names are of files directly in it, or paths below it.

    Attributes:
        address: its path, or s3://bucket/folder.
        local: its path; None in S3.
    """

    def __init__(self, address: Path | str) -> None:
        """Refers to a folder without creating it.

        Raises:
            BadDataError: the address is neither a path nor of the form s3://bucket/folder.
        """
        self.local = None if is_remote(address) else Path(address).absolute()
        self.address = parse_s3(str(address)) if self.local is None else str(self.local)

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if it is absent.

        Raises:
            OSError, SimError: it exists, but cannot be read.
        """
        system, root = filesystem(self.address)
        with (
            storage_errors(self.address),
            suppress(FileNotFoundError, NotADirectoryError),
            system.open_input_stream(f"{root}/{name}") as stream,
        ):
            return bytes(stream.read())
        return None

    def json(self, name: str) -> JSON | None:
        """The content of a small JSON file, an object; None if it is absent.

        Raises:
            DamagedFileError: it is damaged. SimError: the bucket cannot be reached.
        """
        if self.local is not None:
            return state_files.read_json(self.local / name, dict, advice="Delete it.")
        data = self.read(name)
        place = f"{self.address}/{name}"
        return None if data is None else state_files.parse_json(data, dict, place)

    def write(self, name: str, data: bytes) -> None:
        """Write a small file in one step: readers see the old one or the new one.

        Raises:
            SimError: the disk is full or not writable, or the bucket cannot be reached.
        """
        if self.local is not None:  # pyarrow writes in place
            cache_dir.write_atomic(self.local / name, data)
            return
        system, root = filesystem(self.address)
        with storage_errors(self.address), system.open_output_stream(f"{root}/{name}") as stream:
            stream.write(data)

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with its files; no error if there is none."""
        from pyarrow import fs

        system, root = filesystem(self.address)
        target = f"{root}/{name}"
        with (
            cache_dir.disk_errors(Path(self.address)),
            storage_errors(self.address),
            suppress(FileNotFoundError),  # another process was faster
        ):
            kind = system.get_file_info(target).type
            if kind == fs.FileType.Directory:
                system.delete_dir(target)
            elif kind != fs.FileType.NotFound:
                system.delete_file(target)

    def names(self, ending: str) -> list[str]:
        """Names of the files directly in it that have an ending, sorted."""
        return sorted(name for name, _ in self.files("", deep=False) if name.endswith(ending))

    def files(self, folder: str, *, deep: bool = True) -> list[tuple[str, int]]:
        """(path below `folder`, bytes) of the files in it; none if it is absent."""
        system, root = filesystem(self.address)
        top = f"{root}/{folder}".rstrip("/")
        with storage_errors(self.address):
            infos = system.get_file_info(_below(top, deep=deep))
        return [(info.path.removeprefix(f"{top}/"), info.size) for info in infos if info.is_file]

    def has(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        from pyarrow import fs

        system, root = filesystem(self.address)
        with storage_errors(self.address):
            return bool(system.get_file_info(f"{root}/{name}").type != fs.FileType.NotFound)
