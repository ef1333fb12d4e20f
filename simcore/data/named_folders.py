"""Things remembered under a name: a folder each in one room of the cache, its facts as JSON."""

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
from typing import Any

from simcore.data import cache_dir
from simcore.errors import BadDataError, unknown_name

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class NamedFolders:
    """One kind of them.

    Attributes:
        room: the folder of the cache. file: what the facts are called in each folder.
        word: what one is called in sentences. form: the newest format this program reads.
    """

    room: cache_dir.Subfolder
    file: str
    word: str
    form: int

    def names(self) -> list[str]:
        """Those that are remembered, sorted."""
        found = (cache_dir.root() / self.room).glob(f"*/{self.file}")
        return sorted(p.parent.name for p in found if _NAME.fullmatch(p.parent.name))

    def place(self, name: str) -> Path:
        """The folder of a name, which need not exist.

        Raises:
            BadDataError: no name of that kind can be given.
        """
        if not _NAME.fullmatch(name):
            raise BadDataError(
                f"found the name {name!r}; expected 1 to 64 lower-case letters, digits, '.', '_' "
                "or '-', a letter or digit first; choose another"
            )
        return cache_dir.subfolder(self.room) / name

    @contextmanager
    def making(self, name: str) -> Iterator[tuple[Path, Callable[[dict[str, Any]], None]]]:
        """Make a new one: whole when the block ends, or as if never asked for.

        Yields:
            A folder to put its files into, and what the facts are told to at the end.

        Raises:
            BadDataError: the name is taken or odd. SimError: the disk is full or closed.
        """
        place = self.place(name)
        self._free(name)
        cache_dir.remove_leftovers(place.parent)
        work = place.with_name(f".new-{os.getpid()}-{uuid.uuid4().hex[:8]}")

        def tell(facts: dict[str, Any]) -> None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            told = {"format": self.form, "name": name, "created": now, **facts}
            cache_dir.write_atomic(work / self.file, json.dumps(told, indent=1).encode())

        with cache_dir.disk_errors(place.parent):
            work.mkdir()
            try:
                yield work, tell
                self._free(name)  # another process may have been quicker
                work.rename(place)
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def facts(self, name: str) -> dict[str, Any]:
        """What was written down of one.

        Raises:
            UnknownNameError: no such name. BadDataError: damaged, or of a newer version.
        """
        self._known(name)
        try:
            told = json.loads((self.place(name) / self.file).read_bytes())
            form = int(told["format"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self.damaged(name, error) from error
        if form > self.form:
            raise BadDataError(
                f"{self.word} {name!r} has format {form}; expected at most {self.form}; "
                "update simcore or point SIMCORE_CACHE at another folder"
            )
        return dict(told)

    def remove(self, name: str) -> None:
        """Forget one, in one step.

        Raises:
            UnknownNameError: no such name. SimError: the cache is closed to writing.
        """
        self._known(name)
        place = self.place(name)
        gone = place.with_name(f".old-{os.getpid()}-{uuid.uuid4().hex[:8]}")
        with cache_dir.disk_errors(place.parent):
            place.rename(gone)
            shutil.rmtree(gone)

    def damaged(self, name: str, error: Exception) -> BadDataError:
        """The sentence for one whose files are not what they were."""
        fact = " ".join(str(error).split())[:100]
        return BadDataError(
            f"{self.word} {name!r} is damaged ({fact}); expected a whole one; "
            "remove it and add it again"
        )

    def _free(self, name: str) -> None:
        if self.place(name).exists():
            raise BadDataError(
                f"found a {self.word} named {name!r} already; expected a new name; "
                "choose another or remove that one first"
            )

    def _known(self, name: str) -> None:
        if name not in self.names():
            raise unknown_name(self.word, name, self.names())
