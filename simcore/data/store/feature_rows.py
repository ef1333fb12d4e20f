"""Feature rows as arrow columns: made for a commit, and gathered again in the order asked for."""

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
    """An arrow table of (key, part, parts, vector) from N keys and N arrays (n_i, D).

    Raises:
        ShapeError: lengths or D do not fit. BadDataError: a value is not finite.
    """
    import pyarrow as pa

    if len(keys) != len(values):
        raise ShapeError(f"found {len(values)} features for {len(keys)} keys; expected as many")
    rows = [np.asarray(v, np.float32) for v in values]
    odd = next((v.shape for v in rows if v.ndim != 2 or v.shape[1] != dim), None)
    if odd is not None:
        raise ShapeError(f"found {backbone} features of shape {odd}; expected (n, {dim}) an image")
    counts = np.array([len(v) for v in rows])
    takes = np.maximum(counts, 1)
    flat = np.concatenate([v if len(v) else np.zeros((1, dim), np.float32) for v in rows])
    if not np.isfinite(flat).all():
        raise BadDataError(
            f"found {backbone} features that are not finite; expected numbers; try --device cpu"
        )
    none = np.repeat(counts == 0, takes)
    part = np.arange(len(flat)) - np.repeat(np.cumsum(takes) - takes, takes)
    vector = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), dim, mask=pa.array(none))
    named = np.repeat(np.asarray(keys, dtype=object), takes)
    numbers = [part.astype(np.int16), np.repeat(counts, takes).astype(np.int16)]
    columns = [pa.array(named, pa.string()), *(pa.array(n) for n in numbers), vector]
    return pa.table(columns, schema(dim))


class Wanted:
    """Rows of some keys, gathered batch by batch; the first complete set of a key counts.

    Attributes:
        number: key -> row of `first`.
        counts: rows the image has, -1 until seen. seen: rows gathered so far.
        first: (K, D) each image's first row. more: (owner (n,), values (n, D)) of the others.
    """

    def __init__(self, keys: Sequence[str], dim: int) -> None:
        self.number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        self.counts = np.full(len(self.number), -1, np.int64)
        self.seen = np.zeros(len(self.number), np.int64)
        self.first = np.empty((len(self.number), dim), np.float32)
        self.more: list[tuple[Array, Array]] = []

    def take(self, batch: Any) -> None:
        """Gathers from one batch. An image's rows lie together, but may run over its end."""
        names = batch.column("key").to_pylist()
        owner = np.fromiter((self.number.get(k, -1) for k in names), np.int64, len(names))
        part = batch.column("part").to_numpy().astype(np.int64)
        parts = batch.column("parts").to_numpy().astype(np.int64)
        known = self.counts[owner]
        rows = np.flatnonzero((owner >= 0) & ((known < 0) | (part >= self.seen[owner])))
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
        head = part[rows] == 0
        self.first[owner[rows[head]]] = vectors[rows[head]]
        if not head.all():
            self.more.append((owner[rows[~head]], vectors[rows[~head]]))

    def in_order(self, keys: Sequence[str]) -> tuple[Array, Array]:
        """index (n,) into `keys` and values (n, D)."""
        if len(keys) == len(self.number) and (self.counts == 1).all():
            return np.arange(len(keys)), self.first
        there = np.flatnonzero(self.counts > 0)
        owner = np.concatenate([there, *(owner for owner, _ in self.more)])
        values = np.concatenate([self.first[there], *(values for _, values in self.more)])
        values = values[np.argsort(owner, kind="stable")]
        begin = np.cumsum(self.counts) - self.counts
        place = np.array([self.number[key] for key in keys], np.int64)
        take = self.counts[place]
        index = np.repeat(np.arange(len(keys)), take)
        within = np.arange(take.sum()) - np.repeat(np.cumsum(take) - take, take)
        return index, values[np.repeat(begin[place], take) + within]
