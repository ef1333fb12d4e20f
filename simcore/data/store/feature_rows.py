"""Feature rows as Arrow columns for a commit, and back into arrays in the requested order."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.types import Array


def schema(dim: int) -> Any:
    """The columns of a feature table; `vector` is null where an image has no evidence."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("key", pa.string(), nullable=False),
            pa.field("part", pa.int16(), nullable=False),
            pa.field("parts", pa.int16(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), dim)),
        ]
    )


def to_arrow(backbone: str, dim: int, keys: Sequence[str], values: Sequence[Array]) -> Any:
    """An Arrow table of (key, part, parts, vector) from N keys and N arrays (n_i, D).

    Raises:
        ShapeError: lengths or D do not fit. BadDataError: a value is not finite.
    """
    import pyarrow as pa

    if len(keys) != len(values):
        raise ShapeError(
            f"There must be one array per key, got {len(values)} for {len(keys)} keys."
        )
    rows = [np.asarray(v, np.float32) for v in values]
    wrong = next((v.shape for v in rows if v.ndim != 2 or v.shape[1] != dim), None)
    if wrong is not None:
        raise ShapeError(
            f"Features of {backbone} must have shape (n, {dim}) per image, got {wrong}."
        )
    counts = np.array([len(v) for v in rows])
    stored = np.maximum(counts, 1)  # an image without evidence has one row without a vector
    flat = np.concatenate([v if len(v) else np.zeros((1, dim), np.float32) for v in rows])
    if not np.isfinite(flat).all():
        raise BadDataError(f"{backbone} returned features that are not finite. Try --device cpu.")
    empty = np.repeat(counts == 0, stored)
    part = np.arange(len(flat)) - np.repeat(np.cumsum(stored) - stored, stored)
    vector = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), dim, mask=pa.array(empty))
    row_keys = np.repeat(np.asarray(keys, dtype=object), stored)
    numbers = [part.astype(np.int16), np.repeat(counts, stored).astype(np.int16)]
    columns = [pa.array(row_keys, pa.string()), *(pa.array(n) for n in numbers), vector]
    return pa.table(columns, schema(dim))


class RowCollector:
    """Collects the rows of some keys from batches of a table; the first complete set counts.

    Attributes:
        number: key -> its row of `first`.
        counts: rows of the image, -1 until its first row is read. seen: rows read so far.
        first: (K, D) first row of each image. more: (owner (n,), values (n, D)) of further rows.
    """

    def __init__(self, keys: Sequence[str], dim: int) -> None:
        self.number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        self.counts = np.full(len(self.number), -1, np.int64)
        self.seen = np.zeros(len(self.number), np.int64)
        self.first = np.empty((len(self.number), dim), np.float32)
        self.more: list[tuple[Array, Array]] = []

    def take(self, batch: Any) -> None:
        """Take the rows of a batch. Rows of an image are adjacent, but may continue in the next."""
        names = batch.column("key").to_pylist()
        owner = np.fromiter((self.number.get(k, -1) for k in names), np.int64, len(names))
        part = batch.column("part").to_numpy().astype(np.int64)
        parts = batch.column("parts").to_numpy().astype(np.int64)
        unread = (self.counts[owner] < 0) | (part >= self.seen[owner])
        rows = np.flatnonzero((owner >= 0) & unread)
        # Of equal (owner, part), the first; a part number is below 65,536.
        rows = rows[np.sort(np.unique(owner[rows] * 65_536 + part[rows], return_index=True)[1])]
        start = rows[(part[rows] == 0) & (self.counts[owner[rows]] < 0)]
        self.counts[owner[start]] = parts[start]
        rows = rows[part[rows] < self.counts[owner[rows]]]
        if not rows.size:
            return
        np.add.at(self.seen, owner[rows], 1)
        column, dim = batch.column("vector"), self.first.shape[1]
        flat = column.values.to_numpy(zero_copy_only=False)
        vectors = flat[column.offset * dim :][: len(column) * dim].reshape(-1, dim)
        is_first = part[rows] == 0
        self.first[owner[rows[is_first]]] = vectors[rows[is_first]]
        if not is_first.all():
            self.more.append((owner[rows[~is_first]], vectors[rows[~is_first]]))

    def in_order(self, keys: Sequence[str]) -> tuple[Array, Array]:
        """index (n,) into `keys` and values (n, D)."""
        if len(keys) == len(self.number) and (self.counts == 1).all():
            return np.arange(len(keys)), self.first
        with_rows = np.flatnonzero(self.counts > 0)
        owner = np.concatenate([with_rows, *(owner for owner, _ in self.more)])
        values = np.concatenate([self.first[with_rows], *(values for _, values in self.more)])
        values = values[np.argsort(owner, kind="stable")]
        begin = np.cumsum(self.counts) - self.counts
        numbers = np.array([self.number[key] for key in keys], np.int64)
        counts = self.counts[numbers]
        index = np.repeat(np.arange(len(keys)), counts)
        part = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return index, values[np.repeat(begin[numbers], counts) + part]
