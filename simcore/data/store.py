"""Feature rows in LanceDB: computed once, kept by image content, shared by every collection.

One table a slot; a row is (key, part, parts, vector). An image with n rows has n of them, written
in one commit; an image without evidence has one, with parts 0 and no vector. Where two processes
wrote the same key, the first counts.
"""

import hashlib
import json
import os
import random
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from simcore.data import home
from simcore.data.rows import Wanted, schema, to_arrow
from simcore.errors import BadDataError, SimError
from simcore.specs import Prepare
from simcore.types import Array

LAYOUT = 1
_TRIES = 20
_FEW = 500  # keys that are looked up by name instead of reading the whole table


@dataclass(frozen=True)
class Slot:
    """All that changes a backbone's numbers, and nothing else: the name of a table.

    Attributes:
        backbone, version: which code makes the features.
        prepare: what the network is shown.
        weights_sha: digest of the weight files; empty where there are none.
        precision: "fp32", "bf16" or "fp16".
        dim: D.
    """

    backbone: str
    version: int
    prepare: Prepare
    weights_sha: str
    precision: str
    dim: int

    @property
    def table(self) -> str:
        """Table name: the backbone for people, then a digest of every field.

        >>> Slot("hog", 1, Prepare(), "", "fp32", 9).table.startswith("hog-")
        True
        """
        told = json.dumps({"layout": LAYOUT, **asdict(self)}, sort_keys=True)
        readable = re.sub(r"[^a-z0-9_]+", "-", self.backbone.lower()).strip("-")[:60]
        return f"{readable}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


class Store:
    """The feature tables in one folder; any number of processes may read and append at once."""

    def __init__(self, root: Path | str | None = None) -> None:
        """Opens the tables in `root`, by default `features/` in the cache.

        Raises:
            BadDataError: a newer version of simcore wrote them. SimError: the folder is closed.
        """
        self.root = home.room("features") if root is None else Path(root).absolute()
        layout = self.root / "layout.json"
        if not layout.exists():
            home.write(layout, json.dumps({"layout": LAYOUT}).encode())
        found = _read_json(layout).get("layout")
        if found != LAYOUT:
            raise BadDataError(
                f"found features of layout {found} in {self.root}; expected layout {LAYOUT}; "
                "update simcore or point SIMCORE_CACHE at another folder"
            )
        self._db: Any = None

    def missing(self, slot: Slot, keys: Sequence[str]) -> list[str]:
        """The keys that are not there yet: each once, in the order given.

        Raises:
            BadDataError: the table is damaged.
        """
        wanted = list(dict.fromkeys(keys))
        there: set[str] = set()
        for batch in self._batches(slot, wanted, ["key"]):
            there.update(batch.column("key").to_pylist())
        return [key for key in wanted if key not in there]

    def append(self, slot: Slot, keys: Sequence[str], values: Sequence[Array]) -> None:
        """Adds images in one commit: all of it becomes readable, or nothing.

        Args:
            slot: whose features these are.
            keys: (N,) content keys.
            values: N arrays (n_i, D) float32; n_i = 0 is remembered as "no evidence".

        Raises:
            ShapeError: lengths or D do not fit. BadDataError: a value is not finite, or the table
                is damaged. SimError: the disk is full or closed; what was there before stays.
        """
        if not len(keys):
            return
        rows = to_arrow(slot.backbone, slot.dim, keys, values)
        table = self._open(slot, create=True)
        for left in range(_TRIES, 0, -1):
            try:
                table.add(rows)
                return
            except Exception as error:
                if left == 1 or not _conflict(error):
                    raise self._failure(slot, error, "written") from error
                time.sleep(random.uniform(0.01, 0.2))
                table = self._open(slot)

    def read(self, slot: Slot, keys: Sequence[str]) -> tuple[Array, Array]:
        """The features of some images, in the order of `keys` (which may repeat).

        Returns:
            index (n,) int64, non-decreasing positions in `keys`, and values (n, D) float32. An
            image with no evidence has no row.

        Raises:
            BadDataError: some are not there (the message says how many), or the table is damaged.
        """
        wanted = Wanted(keys, slot.dim)
        for batch in self._batches(slot, list(wanted.number), ["key", "part", "parts", "vector"]):
            wanted.take(batch)
        absent = int((wanted.counts < 0).sum())
        if absent:
            raise BadDataError(
                f"found no {slot.backbone} features for {absent} of {len(wanted.counts)} images; "
                "expected all of them; extract them first"
            )
        if (wanted.seen < wanted.counts).any():
            raise self._failure(slot, ValueError("rows of an image are missing"), "read")
        return wanted.in_order(keys)

    def backbones(self) -> list[str]:
        """Those that have tables, each once; nothing of the tables is read."""
        notes = (_read_json(note) for note in sorted(self.root.glob("*.slot.json")))
        return list(dict.fromkeys(fields["backbone"] for fields in notes))

    def sizes(self) -> list[dict[str, Any]]:
        """What is kept, a table each: slot fields, table, images, rows, bytes.

        `images` is None where a table is damaged.
        """
        rows = []
        for note in sorted(self.root.glob("*.slot.json")):
            fields = _read_json(note)
            folder = self._folder(fields["table"])
            images: int | None
            try:
                table = self._connect().open_table(fields["table"])
                keys = table.search().select(["key"]).to_arrow().column("key")
                images = len(keys.unique())
            except Exception:
                images = None if folder.exists() else 0
            used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            rows.append({**fields, "images": images, "bytes": used})
        return rows

    def drop(self, slot: Slot) -> None:
        """Forgets all features of a slot; nothing happens where there are none."""
        with home.writing(self.root):
            shutil.rmtree(self._folder(slot.table), ignore_errors=True)
            self._note(slot).unlink(missing_ok=True)

    def compact(self, slot: Slot, *, commits: int = 200) -> None:
        """Joins the many small commits of a long extraction, so that reading stays fast.

        Safe beside readers and writers: what was current in the last ten minutes stays readable
        (and on disk, until a later call). A table of fewer `commits` is fast as it is.

        Raises:
            BadDataError: the table is damaged. SimError: the disk is full or closed.
        """
        data = self._folder(slot.table) / "data"
        if not data.exists() or sum(1 for _ in data.iterdir()) < commits:
            return
        try:
            self._open(slot).optimize(cleanup_older_than=timedelta(minutes=10))
        except Exception as error:
            if not _conflict(error):  # another process is at it: nothing is lost
                raise self._failure(slot, error, "compacted") from error

    def _batches(self, slot: Slot, keys: list[str], columns: list[str]) -> Iterator[Any]:
        """Record batches that hold `keys` (and maybe others), in the order they were written."""
        if not keys or not self._folder(slot.table).exists():
            return
        try:
            table = self._open(slot)
            if len(keys) <= _FEW and len(keys) * 10 < table.count_rows():
                quoted = ", ".join("'" + key.replace("'", "''") + "'" for key in keys)
                query = table.search().where(f"key IN ({quoted})").select(columns)
                yield from query.limit(None).to_arrow().to_batches()
            elif columns == ["key"]:
                yield from table.search().select(columns).to_arrow().to_batches()
            else:
                yield from table.search().select(columns).to_batches(2048)
        except SimError:
            raise
        except Exception as error:
            raise self._failure(slot, error, "read") from error

    def _connect(self) -> Any:
        if self._db is None:
            os.environ.setdefault("LANCEDB_LOG", "error")  # a lost race to compact is no news
            import lancedb

            self._db = lancedb.connect(str(self.root))
        return self._db

    def _open(self, slot: Slot, create: bool = False) -> Any:
        try:
            if not create:
                return self._connect().open_table(slot.table)
            if not self._note(slot).exists():
                fields = json.dumps({"table": slot.table, **asdict(slot)}, indent=1)
                home.write(self._note(slot), fields.encode())
            empty = schema(slot.dim)
            return self._connect().create_table(slot.table, schema=empty, exist_ok=True)
        except SimError:
            raise
        except Exception as error:
            if create and _conflict(error):  # another process made it in the same moment
                time.sleep(0.2)
                return self._open(slot)
            raise self._failure(slot, error, "opened") from error

    def _note(self, slot: Slot) -> Path:
        return self.root / f"{slot.table}.slot.json"

    def _folder(self, table: str) -> Path:
        return self.root / f"{table}.lance"

    def _failure(self, slot: Slot, error: Exception, verb: str) -> SimError:
        sentence = home.complaint(error, self.root)
        if sentence is not None:
            return SimError(sentence)
        fact = " ".join(str(error).split())[:120]
        return BadDataError(
            f"the features of {slot.backbone} cannot be {verb} ({fact}); expected a whole table; "
            f"delete {self._folder(slot.table)} and extract again (others are not touched)"
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadDataError(
            f"{path} cannot be read ({error}); expected a short JSON file; delete it"
        ) from error
    return found if isinstance(found, dict) else {}


def _conflict(error: Exception) -> bool:
    text = str(error).lower()
    return any(word in text for word in ("conflict", "concurrent", "already exists", "retry"))
