"""Feature rows in LanceDB: computed once per image content, shared by all collections.

There is one table per `FeatureKey`; a row is (key, part, parts, vector). An image with n feature
rows has n table rows, written in one commit; an image without evidence has one, with parts 0 and
no vector. Of processes that compute the same key, the first to write it counts. On a local disk,
damaged files are noticed by their checksums, and set aside (table_files.py).
"""

import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from simcore import memory
from simcore.data import cache_dir, storage
from simcore.data.store.feature_key import LAYOUT, FeatureKey, table_prefix
from simcore.data.store.feature_rows import RowCollector, schema, to_arrow
from simcore.data.store.table_files import TableFiles, current_manifest
from simcore.errors import BadDataError, SimError
from simcore.types import JSON, Array

_MAX_ATTEMPTS = 20  # commits that conflict with those of other processes
METADATA_KINDS = ("slot", "index")  # small files beside a table
_OBJECT_STORE = "object store"  # occurs in LanceDB's message if a bucket cannot be reached
_COLUMNS = ["key", "part", "parts", "vector"]
_FEW_KEYS = 500  # up to so many keys are looked up by name instead of reading the entire table
_VERIFIED_BYTES = 1 << 28  # a few rows of a larger table are read without comparing checksums


@dataclass(frozen=True)
class TableSize:
    """The size of one table.

    Attributes:
        key: the features in it.
        images: images with features, or None if the table is damaged.
        bytes: of its files.
    """

    key: FeatureKey
    images: int | None
    bytes: int


class FeatureStore:
    """The feature tables in one folder; any number of processes may read and append at once.

    Attributes:
        place: the folder, local or in S3.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        """Opens the tables in `root`, by default SIMCORE_STORE, or `features/` in the cache.

        Args:
            root: a folder, or s3://bucket/folder.

        Raises:
            BadDataError: a newer version of simcore wrote them, or the address is not valid.
            SimError: the folder is not writable, or the bucket cannot be reached.
        """
        self.place = _place(root)
        _check_layout(self.place)
        self._db: Any = None
        self._files: dict[str, TableFiles] = {}
        self._versions: dict[str, int] = {}  # table -> its version after our last commit

    @classmethod
    def shared(cls, root: Path | str | None = None) -> "FeatureStore":
        """The one store of this process for a folder, so that its layout is read only once.

        Args:
            root: as for the constructor.

        Raises:
            BadDataError, SimError: as the constructor.
        """
        address = _place(root).address
        # Per process: connections do not survive a fork.
        return memory.get(("feature store", address, os.getpid()), lambda: cls(address))

    @property
    def root(self) -> Path | str:
        """The folder of the tables."""
        return self.place.local or self.place.address

    def uri(self, feature_key: FeatureKey) -> str:
        """Address of a table."""
        return f"{self.place.address}/{feature_key.table}.lance"

    def missing(self, feature_key: FeatureKey, keys: Sequence[str]) -> list[str]:
        """The keys without features yet: each once, in their order.

        Raises:
            BadDataError: the table is damaged.
        """
        unique = list(dict.fromkeys(keys))
        stored: set[str] = set()
        for batch in self._batches(feature_key, unique, ["key"]):
            stored.update(batch.column("key").to_pylist())
        return [key for key in unique if key not in stored]

    def append(self, feature_key: FeatureKey, keys: Sequence[str], values: Sequence[Array]) -> None:
        """Add images in one commit: all of them become readable, or none.

        Args:
            feature_key: the backbone and settings that computed the features.
            keys: (N,) content keys.
            values: N arrays (n_i, D) float32; n_i = 0 is stored as "no evidence".

        Raises:
            ShapeError: lengths or D do not fit. BadDataError: a value is not finite, or the table
                is damaged. SimError: the disk is full or not writable; earlier features stay.
        """
        if not len(keys):
            return
        rows = to_arrow(feature_key.backbone, feature_key.dim, keys, values)
        files = self.files(feature_key)
        with files.lock() if files else nullcontext():
            table = self._open(feature_key, create=True)
            if table.version != self._versions.get(feature_key.table):
                rows = self._without_stored(feature_key, rows)
            if len(rows):
                self._add(feature_key, table, rows)
                if files:
                    files.record()

    def _without_stored(self, feature_key: FeatureKey, rows: Any) -> Any:
        """The rows of images that no other process has stored meanwhile."""
        import pyarrow as pa
        import pyarrow.compute as pc

        missing = self.missing(feature_key, rows.column("key").to_pylist())
        return rows.filter(pc.is_in(rows.column("key"), pa.array(missing, pa.string())))

    def _add(self, feature_key: FeatureKey, table: Any, rows: Any) -> None:
        for attempts_left in range(_MAX_ATTEMPTS, 0, -1):
            try:
                table.add(rows)
                self._versions[feature_key.table] = table.version
                return
            except Exception as error:
                if attempts_left == 1 or not _is_conflict(error):
                    raise self._failure(feature_key, error, "written") from error
                time.sleep(random.uniform(0.01, 0.2))
                table = self._open(feature_key)

    def read(self, feature_key: FeatureKey, keys: Sequence[str]) -> tuple[Array, Array]:
        """The features of some images, in the order of `keys` (which may repeat).

        Returns:
            index (n,) int64, non-decreasing positions in `keys`, and values (n, D) float32. An
            image without evidence has no row.

        Raises:
            BadDataError: some images have no features yet, or the table is damaged.
        """
        rows = RowCollector(keys, feature_key.dim)
        self.verify(feature_key, few=len(rows.number) <= _FEW_KEYS)
        for batch in self._batches(feature_key, list(rows.number), _COLUMNS):
            rows.take(batch)
        absent = int((rows.counts < 0).sum())
        if absent:
            raise BadDataError(
                f"No {feature_key.backbone} features for {absent} of {len(rows.counts)} images. "
                "Extract them first."
            )
        if (rows.seen < rows.counts).any():
            raise self._failure(feature_key, ValueError("rows of an image are missing"), "read")
        return rows.in_order(keys)

    def keys(self, feature_key: FeatureKey) -> list[str]:
        """The keys of all images that have features, each once, in the order of writing.

        Raises:
            BadDataError: the table is damaged.
        """
        if not self.place.has(f"{feature_key.table}.lance/data"):
            return []
        with self.failing(feature_key, "read"):
            rows = self._open(feature_key).search().select(["key"]).to_arrow()
        return list(dict.fromkeys(rows.column("key").to_pylist()))

    def backbones(self) -> list[str]:
        """Backbones that have a table, each once; the tables themselves are not read."""
        documents = (self.place.json(file) or {} for file in self.place.names(".slot.json"))
        return list(dict.fromkeys(fields["backbone"] for fields in documents))

    def has_table_of(self, backbone: str) -> bool:
        """Whether there may be a table of a backbone, by the names of all tables."""
        prefix = f"{table_prefix(backbone)}-"
        return any(file.startswith(prefix) for file in self.place.names(".slot.json"))

    def sizes(self) -> list[TableSize]:
        """The size of every table."""
        sizes = []
        for file in self.place.names(".slot.json"):
            fields = self.place.json(file) or {}
            folder = f"{fields['table']}.lance"
            images: int | None
            try:
                table = self._connect().open_table(fields["table"])
                keys = table.search().select(["key"]).to_arrow().column("key")
                images = len(keys.unique())
            except Exception:
                images = None if self.place.has(folder) else 0
            used = sum(size for _, size in self.place.files(folder))
            sizes.append(TableSize(FeatureKey.from_dict(fields), images, used))
        return sizes

    def files(self, feature_key: FeatureKey) -> TableFiles | None:
        """The files of a table on a local disk; None in S3, which verifies its own objects."""
        if self.place.local is None:
            return None
        folder = self.place.local / f"{feature_key.table}.lance"
        return self._files.setdefault(feature_key.table, TableFiles(folder))

    def verify(self, feature_key: FeatureKey, *, few: bool = False) -> None:
        """Compare a table's files with their checksums, each once per process.

        A damaged table is set aside: its features are missing then, and computed again.

        Args:
            few: whether only a few rows are read, for which a large table is not compared.

        Raises:
            BadDataError: it was damaged.
        """
        files = self.files(feature_key)
        if files is None or (few and self._size(feature_key) > _VERIFIED_BYTES):
            return
        damaged = files.damaged()
        if damaged:
            with files.lock():
                files.set_aside()
            noun = "file" if len(damaged) == 1 else "files"
            raise BadDataError(
                f"The stored features of {feature_key.backbone} were damaged on disk "
                f"({len(damaged)} {noun} changed) and have been set aside. Run `simcore extract` "
                f"with --models {feature_key.backbone} to compute them again; imported ones must "
                "be imported again."
            )
        if not files.complete:
            with suppress(SimError), files.lock():  # a read-only store stays as it is
                files.record()

    def mend(self, feature_key: FeatureKey) -> str:
        """Set a table aside that is damaged or cannot be read.

        Returns:
            One sentence about it; "" for a sound table, or where there is none.

        Raises:
            SimError: the disk is full or not writable.
        """
        files = self.files(feature_key)
        if files is None or not files.folder.exists():
            return ""
        try:
            if not files.is_broken:
                self.verify(feature_key)
                self._try_reading(feature_key, files)
                return ""
            with files.lock():
                if files.is_broken:  # and not just being created by another process
                    files.set_aside()
        except BadDataError:
            if files.folder.exists():  # else `verify` has set it aside
                with files.lock():
                    files.set_aside()
        return (
            f"The stored features of {feature_key.backbone} were damaged on disk, and are computed "
            f"again. The damaged files are in {files.aside}."
        )

    def _try_reading(self, feature_key: FeatureKey, files: TableFiles) -> None:
        """Read the keys of a table, and all of it if reading it has failed before.

        Raises:
            BadDataError: it cannot be read.
        """
        if not files.suspect.exists():
            self.missing(feature_key, ["-"])
            return
        try:
            for _ in self._open(feature_key).search().select(_COLUMNS).to_batches(2048):
                pass
        except SimError:
            raise
        except Exception as error:
            raise self._failure(feature_key, error, "read") from error
        with suppress(OSError):
            files.suspect.unlink(missing_ok=True)

    def generation(self, feature_key: FeatureKey) -> int:
        """Changes when a table was set aside or removed; part of what is known about its rows."""
        files = self.files(feature_key)
        return files.generation if files else 0

    def state(self, feature_key: FeatureKey) -> tuple[str, int] | None:
        """Changes with every commit to a table, in all processes; None without a local table.

        Found without opening the table: LanceDB takes a second to import.
        """
        files = self.files(feature_key)
        if files is None or files.is_broken or not (files.folder / "data").is_dir():
            return None
        manifest = current_manifest(files.folder)
        return None if manifest is None else (manifest.name, manifest.stat().st_mtime_ns)

    def _size(self, feature_key: FeatureKey) -> int:
        folder = f"{feature_key.table}.lance/data"
        return sum(size for _, size in self.place.files(folder, deep=False))

    def drop(self, feature_key: FeatureKey) -> None:
        """Remove a table; no error if there is none."""
        if files := self.files(feature_key):
            files.forget()
        self._versions.pop(feature_key.table, None)
        self.place.remove(f"{feature_key.table}.lance")
        for kind in METADATA_KINDS:
            self.place.remove(f"{feature_key.table}.{kind}.json")

    def table(self, feature_key: FeatureKey) -> Any:
        """The LanceDB table; BadDataError if it is absent or damaged."""
        return self._open(feature_key)

    def create_table(self, feature_key: FeatureKey) -> None:
        """Create an empty table unless it exists; errors as `append`."""
        files = self.files(feature_key)
        with files.lock() if files else nullcontext():
            self._open(feature_key, create=True)

    def read_metadata(self, feature_key: FeatureKey, kind: str) -> JSON | None:
        """A document stored beside a table, or None; `kind` is one of METADATA_KINDS."""
        return self.place.json(f"{feature_key.table}.{kind}.json")

    def write_metadata(self, feature_key: FeatureKey, kind: str, document: JSON | None) -> None:
        """Store a document beside a table; None removes it."""
        name = f"{feature_key.table}.{kind}.json"
        if document is None:
            self.place.remove(name)
        else:
            self.place.write(name, json.dumps(document, indent=1).encode())

    @contextmanager
    def failing(self, feature_key: FeatureKey, verb: str) -> Iterator[None]:
        """Turn errors of LanceDB into one sentence that names the table.

        Args:
            verb: past participle for the message ("read", "written").

        Raises:
            BadDataError: the table is damaged. SimError: the disk is full or not writable.
        """
        try:
            yield
        except SimError:
            raise
        except Exception as error:
            raise self._failure(feature_key, error, verb) from error

    def compact(self, feature_key: FeatureKey, *, commits: int = 200) -> None:
        """Join the many small commits of a long extraction, so that reading stays fast.

        Safe during reads and writes: versions of the last ten minutes stay readable (and on disk,
        until a later call). A table with fewer than `commits` is fast enough, and one with rows
        that its index does not contain is skipped: joining only the indexed rows would move
        earlier rows behind later ones, and the first writer of a key counts.

        Raises:
            BadDataError: the table is damaged. SimError: the disk is full or not writable.
        """
        data = self.place.files(f"{feature_key.table}.lance/data", deep=False)
        if not data or len(data) < commits:
            return
        table = self._open(feature_key)
        try:
            stats = [table.index_stats(index.name) for index in table.list_indices()]
            if any(index is not None and index.num_unindexed_rows for index in stats):
                return
            table.optimize(cleanup_older_than=timedelta(minutes=10))
        except Exception as error:
            if not _is_conflict(error):  # then another process compacts it: nothing is lost
                raise self._failure(feature_key, error, "compacted") from error

    def has_rows(self, feature_key: FeatureKey) -> bool:
        """Whether there is a table with rows, or at least a version of one; it is not opened."""
        folder = f"{feature_key.table}.lance"
        if self.place.has(f"{folder}/data"):
            return True
        versions = self.place.files(f"{folder}/_versions", deep=False)
        return any(name.endswith(".manifest") for name, _ in versions)

    def _batches(
        self, feature_key: FeatureKey, keys: list[str], columns: list[str]
    ) -> Iterator[Any]:
        """Record batches with the rows of `keys` (and maybe others), in the order of writing."""
        # A table without data has no rows, and cannot be opened while another process creates it.
        if not keys or not self.has_rows(feature_key):
            return
        try:
            table = self._open(feature_key)
            if len(keys) <= _FEW_KEYS and len(keys) * 10 < table.count_rows():
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
            if files := self.files(feature_key):
                files.mark_suspect()
            raise self._failure(feature_key, error, "read") from error

    def _connect(self) -> Any:
        if self._db is None:
            # It would warn of every conflict between processes that compact.
            os.environ.setdefault("LANCEDB_LOG", "error")
            import lancedb

            options = None if self.place.local else storage.options()
            self._db = lancedb.connect(self.place.address, storage_options=options)
        return self._db

    def _open(self, feature_key: FeatureKey, create: bool = False) -> Any:
        try:
            if not create:
                return self._connect().open_table(feature_key.table)
            files = self.files(feature_key)
            if files and files.is_broken:
                files.set_aside()
            if self.read_metadata(feature_key, "slot") is None:
                self.write_metadata(
                    feature_key, "slot", {"table": feature_key.table, **feature_key.to_dict()}
                )
            empty = schema(feature_key.dim)
            return self._connect().create_table(feature_key.table, schema=empty, exist_ok=True)
        except SimError:
            raise
        except Exception as error:
            if create and _is_conflict(error):  # another process created it at the same moment
                time.sleep(0.2)
                return self._open(feature_key)
            raise self._failure(feature_key, error, "opened") from error

    def _failure(self, feature_key: FeatureKey, error: Exception, verb: str) -> SimError:
        message = cache_dir.disk_error_message(error, self.place.address)
        if message is not None and self.place.local is not None:
            return SimError(message)
        if self.place.local is None and _OBJECT_STORE in str(error).lower():
            return SimError(storage.unreachable_error(self.place.address, error))
        reason = " ".join(str(error).split())[:120]
        return BadDataError(
            f"The features of {feature_key.backbone} cannot be {verb} ({reason}). Run `simcore "
            f"extract` with --models {feature_key.backbone}, which computes damaged ones again."
        )


def _place(root: Path | str | None) -> storage.Folder:
    setting = os.environ.get("SIMCORE_STORE", "").strip()
    return storage.Folder(root or setting or cache_dir.subfolder("features"))


def _check_layout(place: storage.Folder) -> None:
    document = place.json("layout.json")
    if document is None:
        if place.local is not None and not _is_writable(place.local):
            return  # there are no features, and none can be added
        place.write("layout.json", json.dumps({"layout": LAYOUT}).encode())
    elif (layout := document.get("layout")) != LAYOUT:
        raise BadDataError(
            f"The features in {place.address} have layout {layout}, but this version of simcore "
            f"reads layout {LAYOUT}. Update simcore, or set SIMCORE_CACHE to another folder."
        )


def _is_writable(folder: Path) -> bool:
    """Whether a folder can be written, or created where it does not exist."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(existing, os.W_OK)


def _is_conflict(error: Exception) -> bool:
    text = str(error).lower()
    return any(phrase in text for phrase in ("conflict", "concurrent", "already exists", "retry"))
