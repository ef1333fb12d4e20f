"""Feature rows in LanceDB: computed once, kept by image content, shared by every collection.

One table a slot; a row is (key, part, parts, vector). An image with n rows has n of them, written
in one commit; an image without evidence has one, with parts 0 and no vector. Where two processes
wrote the same key, the first counts.
"""

import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from simcore.data import cache_dir, storage
from simcore.data.store.feature_key import LAYOUT, FeatureKey
from simcore.data.store.feature_rows import Wanted, schema, to_arrow
from simcore.errors import BadDataError, SimError
from simcore.types import Array

_TRIES = 20
NOTES = ("slot", "index")  # small files beside a table
_OBJECT_STORE = "object store"  # LanceDB's words where a bucket is not reached
_CHECKED: set[str] = set()  # places whose layout is known; in a bucket each look is a journey
_FEW = 500  # keys that are looked up by name instead of reading the whole table


class FeatureStore:
    """The feature tables in one folder; any number of processes may read and append at once."""

    def __init__(self, root: Path | str | None = None) -> None:
        """Opens the tables in `root`, by default SIMCORE_STORE, or `features/` in the cache.

        Args:
            root: a folder, or s3://bucket/prefix.

        Raises:
            BadDataError: a newer version of simcore wrote them, or an address that is none.
            SimError: the folder is closed, the bucket not reached.
        """
        named = (
            root or os.environ.get("SIMCORE_STORE", "").strip() or cache_dir.subfolder("features")
        )
        self.place = storage.Folder(named)
        _check_layout(self.place)
        self._db: Any = None

    @property
    def root(self) -> Path | str:
        """Where the tables lie."""
        return self.place.local or self.place.address

    def uri(self, slot: FeatureKey) -> str:
        """Where a slot's table lies."""
        return f"{self.place.address}/{slot.table}.lance"

    def missing(self, slot: FeatureKey, keys: Sequence[str]) -> list[str]:
        """The keys that are not there yet: each once, in the order given.

        Raises:
            BadDataError: the table is damaged.
        """
        wanted = list(dict.fromkeys(keys))
        there: set[str] = set()
        for batch in self._batches(slot, wanted, ["key"]):
            there.update(batch.column("key").to_pylist())
        return [key for key in wanted if key not in there]

    def append(self, slot: FeatureKey, keys: Sequence[str], values: Sequence[Array]) -> None:
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

    def read(self, slot: FeatureKey, keys: Sequence[str]) -> tuple[Array, Array]:
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
        notes = (self.place.json(note) or {} for note in self.place.names(".slot.json"))
        return list(dict.fromkeys(fields["backbone"] for fields in notes))

    def sizes(self) -> list[dict[str, Any]]:
        """What is kept, a table each: slot fields, table, images (None: damaged), bytes."""
        rows = []
        for note in self.place.names(".slot.json"):
            fields = self.place.json(note) or {}
            folder = f"{fields['table']}.lance"
            images: int | None
            try:
                table = self._connect().open_table(fields["table"])
                keys = table.search().select(["key"]).to_arrow().column("key")
                images = len(keys.unique())
            except Exception:
                images = None if self.place.has(folder) else 0
            used = sum(size for _, size in self.place.files(folder))
            rows.append({**fields, "images": images, "bytes": used})
        return rows

    def drop(self, slot: FeatureKey) -> None:
        """Forgets all features of a slot; nothing happens where there are none."""
        for name in (f"{slot.table}.lance", *(f"{slot.table}.{kind}.json" for kind in NOTES)):
            self.place.remove(name)

    def table(self, slot: FeatureKey) -> Any:
        """LanceDB's table of a slot; BadDataError where there is none, or it is damaged."""
        return self._open(slot)

    def create_table(self, slot: FeatureKey) -> None:
        """An empty table where there is none yet; errors as `append`."""
        self._open(slot, create=True)

    def read_metadata(self, slot: FeatureKey, kind: str) -> dict[str, Any] | None:
        """A small fact kept beside a table, or None where there is none."""
        return self.place.json(f"{slot.table}.{kind}.json")

    def write_metadata(self, slot: FeatureKey, kind: str, fact: dict[str, Any] | None) -> None:
        """Keeps a small fact beside a table; None forgets it."""
        name = f"{slot.table}.{kind}.json"
        if fact is None:
            self.place.remove(name)
        else:
            self.place.write(name, json.dumps(fact, indent=1).encode())

    @contextmanager
    def failing(self, slot: FeatureKey, verb: str) -> Iterator[None]:
        """Turns what LanceDB raises into one sentence that names the table.

        Raises:
            BadDataError: the table is damaged. SimError: the disk is full or closed.
        """
        try:
            yield
        except SimError:
            raise
        except Exception as error:
            raise self._failure(slot, error, verb) from error

    def compact(self, slot: FeatureKey, *, commits: int = 200) -> None:
        """Joins the many small commits of a long extraction, so that reading stays fast.

        Safe beside readers and writers: what was current in the last ten minutes stays readable
        (and on disk, until a later call). A table of fewer `commits` is fast as it is, and one
        with rows behind its index is left alone: joining only what is in the index would put
        earlier rows behind later ones, and the first writer of a key counts.

        Raises:
            BadDataError: the table is damaged. SimError: the disk is full or closed.
        """
        data = self.place.files(f"{slot.table}.lance/data", deep=False)
        if not data or len(data) < commits:
            return
        table = self._open(slot)
        try:
            stats = [table.index_stats(index.name) for index in table.list_indices()]
            if any(one is not None and one.num_unindexed_rows for one in stats):
                return
            table.optimize(cleanup_older_than=timedelta(minutes=10))
        except Exception as error:
            if not _conflict(error):  # another process is at it: nothing is lost
                raise self._failure(slot, error, "compacted") from error

    def _batches(self, slot: FeatureKey, keys: list[str], columns: list[str]) -> Iterator[Any]:
        """Record batches that hold `keys` (and maybe others), in the order they were written."""
        if not keys or not self.place.has(f"{slot.table}.lance"):
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

            away = None if self.place.local else storage.options()
            self._db = lancedb.connect(self.place.address, storage_options=away)
        return self._db

    def _open(self, slot: FeatureKey, create: bool = False) -> Any:
        try:
            if not create:
                return self._connect().open_table(slot.table)
            if self.read_metadata(slot, "slot") is None:
                self.write_metadata(slot, "slot", {"table": slot.table, **slot.to_dict()})
            empty = schema(slot.dim)
            return self._connect().create_table(slot.table, schema=empty, exist_ok=True)
        except SimError:
            raise
        except Exception as error:
            if create and _conflict(error):  # another process made it in the same moment
                time.sleep(0.2)
                return self._open(slot)
            raise self._failure(slot, error, "opened") from error

    def _failure(self, slot: FeatureKey, error: Exception, verb: str) -> SimError:
        sentence = cache_dir.disk_error_message(error, self.place.address)
        if sentence is not None and self.place.local is not None:
            return SimError(sentence)
        if self.place.local is None and _OBJECT_STORE in str(error).lower():
            return SimError(storage.unreachable_error(self.place.address, error))
        fact = " ".join(str(error).split())[:120]
        return BadDataError(
            f"the features of {slot.backbone} cannot be {verb} ({fact}); expected a whole table; "
            f"delete {self.uri(slot)} and extract again (others are not touched)"
        )


def _check_layout(place: storage.Folder) -> None:
    if place.address in _CHECKED and place.local is None:
        return
    told = place.json("layout.json")
    if told is None:
        place.write("layout.json", json.dumps({"layout": LAYOUT}).encode())
    elif (found := told.get("layout")) != LAYOUT:
        raise BadDataError(
            f"found features of layout {found} in {place.address}; expected layout {LAYOUT}; "
            "update simcore or point SIMCORE_CACHE at another folder"
        )
    _CHECKED.add(place.address)


def _conflict(error: Exception) -> bool:
    text = str(error).lower()
    return any(word in text for word in ("conflict", "concurrent", "already exists", "retry"))
