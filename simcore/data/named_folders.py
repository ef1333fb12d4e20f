"""Named folders in the cache, each with its metadata as JSON: collections and judgement sets."""

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from simcore.data import cache_dir, state_files
from simcore.errors import BadDataError, DamagedFileError, SimError, unknown_name
from simcore.types import JSON

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_T = TypeVar("_T")


def is_name(name: str) -> bool:
    """Whether a collection, an experiment or a learned backbone may have this name.

    >>> is_name("emoji-2"), is_name("../emoji")
    (True, False)
    """
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """The name, if it is a valid one: it becomes a file name and part of addresses.

    Raises:
        BadDataError: it is not.
    """
    if not is_name(name):
        raise BadDataError(
            f"{name[:80]!r} is not a valid name. Use 1 to 64 lowercase letters, digits, '.', '_' "
            "or '-', beginning with a letter or digit."
        )
    return name


@dataclass(frozen=True)
class NamedFolders:
    """All named folders of one kind.

    Attributes:
        subfolder: the folder of the cache that contains them.
        file: name of the metadata file in each.
        noun: what messages call one of them.
        version: the newest format of the metadata that this program reads.
    """

    subfolder: cache_dir.Subfolder
    file: str
    noun: str
    version: int

    def names(self) -> list[str]:
        """All names, sorted."""
        files = (cache_dir.root() / self.subfolder).glob(f"*/{self.file}")
        return sorted(path.parent.name for path in files if is_name(path.parent.name))

    def folder(self, name: str) -> Path:
        """The folder of a name, whether or not it exists.

        Raises:
            BadDataError: the name is not valid.
        """
        return cache_dir.subfolder(self.subfolder) / check_name(name)

    @contextmanager
    def create(self, name: str) -> Iterator[tuple[Path, Callable[[JSON], None]]]:
        """Create a folder in one step: if the block raises, nothing of it remains.

        Yields:
            A folder to write the files to, and a function that saves the metadata at the end.

        Raises:
            BadDataError: the name is taken or not valid. SimError: the disk is full or not
                writable.
        """
        target = self.folder(name)
        self._check_free(name)
        cache_dir.remove_leftovers(target.parent)
        draft = target.with_name(f".new-{os.getpid()}-{uuid.uuid4().hex[:8]}")

        def save(metadata: JSON) -> None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            document = {"format": self.version, "name": name, "created": now, **metadata}
            for file in draft.iterdir():
                if file.is_file():
                    cache_dir.flush(file)
            cache_dir.write_atomic(draft / self.file, json.dumps(document, indent=1).encode())

        with cache_dir.disk_errors(target.parent):
            cache_dir.make_folder(draft)
            try:
                yield draft, save
                self._check_free(name)  # another process may have been faster
                draft.rename(target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)

    def metadata(self, name: str) -> JSON:
        """The metadata of a name; its folder is not opened.

        Raises:
            UnknownNameError: no such name. BadDataError: damaged, or from a newer version.
        """
        self._check_exists(name)
        try:
            stored = state_files.read_json(
                self.folder(name) / self.file, lambda read: (dict(read), int(read["format"]))
            )
        except DamagedFileError as error:
            raise self._damaged(name, error.__cause__ or error) from error
        if stored is None:  # another process has removed it since
            raise unknown_name(self.noun, name, self.names())
        document, version = stored
        if version > self.version:
            raise BadDataError(
                f"The {self.noun} {name!r} has format {version}, but this version of simcore "
                f"reads formats up to {self.version}. Update simcore, or set SIMCORE_CACHE to "
                "another folder."
            )
        return document

    def load(self, name: str, read: Callable[[Path, JSON], _T]) -> _T:
        """What `read` makes of a name's folder and metadata.

        Raises:
            UnknownNameError: no such name. BadDataError: its files are damaged, or from a newer
                version.
        """
        metadata = self.metadata(name)
        try:
            return read(self.folder(name), metadata)
        except (OSError, KeyError, ValueError, TypeError) as error:
            if isinstance(error, SimError):
                raise
            raise self._damaged(name, error) from error

    def remove(self, name: str) -> None:
        """Remove a folder in one step; image files elsewhere and stored features stay.

        Raises:
            UnknownNameError: no such name. SimError: the cache is not writable.
        """
        self._check_exists(name)
        folder = self.folder(name)
        trash = folder.with_name(f".old-{os.getpid()}-{uuid.uuid4().hex[:8]}")
        with cache_dir.disk_errors(folder.parent):
            folder.rename(trash)
            shutil.rmtree(trash)

    def _damaged(self, name: str, error: BaseException) -> BadDataError:
        reason = " ".join(str(error).split())[:100]
        return BadDataError(
            f"The {self.noun} {name!r} is damaged ({reason}). Remove it and add it again."
        )

    def _check_free(self, name: str) -> None:
        if self.folder(name).exists():
            raise BadDataError(
                f"There is already a {self.noun} named {name!r}. Choose another name, or remove "
                "that one first."
            )

    def _check_exists(self, name: str) -> None:
        if name not in self.names():
            raise unknown_name(self.noun, name, self.names())
