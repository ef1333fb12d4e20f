"""The files of a table on a local disk: checksums, a lock, and setting a damaged table aside.

Damage on disk is noticed before a number is computed from it. Lance never changes a file once it is
written. The checksum of each is recorded beside them when its rows are committed, and compared the
first time that a process reads the table. Files without a recorded checksum (of an older version,
or committed by a cluster) are recorded when first read. S3 verifies its own objects.
"""

import errno
import shutil
import uuid
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from simcore.data import cache_dir, state_files
from simcore.errors import SimError

FILE = "checksums.json"  # in the table's folder, and removed with it
LOCK_SECONDS = 120.0  # a commit takes less than one
_BLOCK = 1 << 20  # bytes
_THREADS = 4

Checksum = list[int]  # bytes and CRC-32 of a file, as JSON stores them
Checksums = dict[str, Checksum]  # by path in the folder
_UNREADABLE: Checksum = [-1, -1]  # of a file on a bad sector


class TableFiles:
    """The files of one table.

    Attributes:
        folder: of the table.
        verified: names of files that this process has compared.
        generation: how often the table was set aside or removed here; for keys of what is known
            about its rows.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.verified: set[str] = set()
        self.generation = 0

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the table alone, among all processes.

        Raises:
            SimError: another process holds it for too long, or the folder is not writable.
        """
        path = self.folder.with_suffix(".lock")
        with cache_dir.disk_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Whoever may write to the folder may hold its locks, whatever the umask.
            holder = FileLock(path, mode=0o600 | path.parent.stat().st_mode & 0o066)
            try:
                holder.acquire(timeout=LOCK_SECONDS)
            except Timeout as error:
                raise SimError(
                    f"Another process has been writing to {self.folder} for "
                    f"{LOCK_SECONDS:.0f} seconds. Wait until it has ended, then try again."
                ) from error
        try:
            yield
        finally:
            holder.release()

    @property
    def aside(self) -> Path:
        """Where a damaged table is moved."""
        return self.folder.with_name(self.folder.name + state_files.ASIDE)

    @property
    def suspect(self) -> Path:
        """A file that exists if reading the table has failed, until it succeeds."""
        return self.folder / "suspect"

    def mark_suspect(self) -> None:
        """Note that reading the table has failed, if it can be noted."""
        with suppress(OSError):
            self.suspect.touch()

    @property
    def is_broken(self) -> bool:
        """Whether there is a folder, but no table in it, as after a full disk."""
        return self.folder.is_dir() and current_manifest(self.folder) is None

    def set_aside(self) -> None:
        """Move the table away, so that its features are missing and computed again.

        Raises:
            SimError: the folder is not writable.
        """
        with cache_dir.disk_errors(self.folder):
            shutil.rmtree(self.aside, ignore_errors=True)
            with suppress(FileNotFoundError):  # another process was faster
                self.folder.rename(self.aside)
        self.forget()

    def forget(self) -> None:
        """Forget what is known about the files, because another table takes their place."""
        self.verified.clear()
        self.generation += 1

    def damaged(self) -> list[str]:
        """Files of the current version that changed or are gone; compares each once."""
        recorded = self._read()
        current = self._compute([name for name in self._files() if name not in self.verified])
        wrong = [
            name
            for name, value in current.items()
            if value == _UNREADABLE or recorded.get(name, value) != value
        ]
        self.verified |= current.keys() - set(wrong)
        return wrong + self._gone(recorded)

    def _gone(self, recorded: Iterable[str]) -> list[str]:
        """Recorded files of rows that the current version refers to and that do not exist."""
        manifest = current_manifest(self.folder)
        content = b"" if manifest is None else manifest.read_bytes()
        return [
            name
            for name in recorded
            if name.startswith("data/") and name[len("data/") :].encode() in content
            if not (self.folder / name).exists()
        ]

    def record(self) -> None:
        """Store the checksums of files that have none yet; those of removed files are dropped.

        Only one process may do it at a time. A store that cannot be written is left as it is.
        """
        recorded, files = self._read(), self._files()
        new = self._compute([name for name in files if name not in recorded])
        new = {name: value for name, value in new.items() if value != _UNREADABLE}
        if not new:
            return
        present = {name: value for name, value in recorded.items() if (self.folder / name).exists()}
        with suppress(SimError):
            state_files.write_json(self.folder / FILE, present | new, indent=0)
        self.verified |= new.keys()

    @property
    def complete(self) -> bool:
        """Whether every file of the current version has a recorded checksum."""
        return set(self._files()) <= self._read().keys()

    def _read(self) -> Checksums:
        """Recorded checksums by path in the folder; none if they are damaged themselves."""
        return state_files.read_json(self.folder / FILE, dict, rebuild=True) or {}

    def _files(self) -> list[str]:
        """The current manifest and the files that it refers to.

        Other files may be in the middle of being written, or await their removal.
        """
        manifest = current_manifest(self.folder)
        if manifest is None:
            return []
        try:
            content = manifest.read_bytes()
        except OSError:
            return []
        files = [manifest, *self._data_files(content), *self._index_files(content)]
        return [file.relative_to(self.folder).as_posix() for file in files]

    def _data_files(self, manifest: bytes) -> Iterator[Path]:
        for file in (self.folder / "data").glob("*.lance"):
            name = file.name.encode()
            # A protobuf string is preceded by its length, so that no end of another name matches.
            if bytes([len(name) & 0x7F]) + name in manifest:
                yield file

    def _index_files(self, manifest: bytes) -> Iterator[Path]:
        for index in (self.folder / "_indices").glob("*"):
            with suppress(ValueError):
                if uuid.UUID(index.name).bytes in manifest:
                    yield from (file for file in index.rglob("*") if file.is_file())

    def _compute(self, names: list[str]) -> Checksums:
        """Checksums by name; without files that another process has removed meanwhile."""
        with ThreadPoolExecutor(_THREADS, "checksum") as pool:
            values = list(pool.map(lambda name: checksum(self.folder / name), names))
        return {name: value for name, value in zip(names, values, strict=True) if value}


def tables_set_aside(store: Path) -> list[Path]:
    """Folders of damaged tables in a store that were replaced, sorted."""
    return sorted(path for path in store.glob(f"*.lance{state_files.ASIDE}") if path.is_dir())


def current_manifest(folder: Path) -> Path | None:
    """The file that describes the newest version of a table; None if there is no table."""
    numbered = [
        (_version(int(file.stem)), file)
        for file in (folder / "_versions").glob("*.manifest")
        if file.stem.isdecimal()
    ]
    return max(numbered)[1] if numbered else None


def _version(number: int) -> int:
    """The version of a manifest: newer formats count down from 2^64, so that the newest is first.

    >>> _version(3), _version(2**64 - 4)
    (3, 3)
    """
    return number if number < 2**63 else 2**64 - 1 - number


def checksum(file: Path) -> Checksum:
    """Bytes and CRC-32 of a file; nothing if it does not exist."""
    size = crc = 0
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                size, crc = size + len(block), zlib.crc32(block, crc)
    except FileNotFoundError:
        return []
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return _UNREADABLE
    return [size, crc]
