"""Approximate nearest images in a feature table: LanceDB's index, and how much it finds, measured.

The index lies in the table itself, so it serves every collection that shares the features, on any
storage. Beside it, in a small file, stands how hard a search has to try and what it then finds.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, SimError
from simcore.types import Array, Metric, Monitor

KIND, KIND_ANY = "IVF_RQ", "IVF_SQ"  # the second for dimensions that are no multiple of 8
NEEDED = 1_000  # rows under which an index cannot be learned well
ASKED = 200  # queries that the effort is chosen on, and as many others that it is measured on
NEAREST = 10
TARGET_RECALL = 0.98  # recall that an effort has to reach to be chosen
STALE = 0.2  # share of rows behind the index from which it is made anew
# (partitions looked into, candidates a hit whose distance is worked out from the vectors)
SEARCH_EFFORTS = ((10, 5), (20, 10), (40, 20), (80, 40), (160, 80), (320, 160))
_COLUMN = "vector"
_NAME = "vector_idx"
_ROWS = 8192  # rows that exact search holds at once


@dataclass(frozen=True)
class VectorIndex:
    """What is known of a table's index.

    Attributes:
        kind, metric: LanceDB's type of index, and the distance it was made for.
        rows: rows in it when it was made.
        partitions, refine: the effort of a search.
        recall: share of the true 10 nearest that are found, mean over `queries` rows of the table
            that the effort was not chosen on.
        seconds: what making it took.
    """

    kind: str
    metric: Metric
    rows: int
    partitions: int
    refine: int
    recall: float
    queries: int
    seconds: float

    @property
    def told(self) -> str:
        """One sentence for people."""
        return (
            f"Approximate: recall@{NEAREST} {self.recall:.1%}, measured on {self.queries} queries."
        )


def load(store: FeatureStore, slot: FeatureKey) -> VectorIndex | None:
    """The index of a table, or None where there is none that can be used.

    Raises:
        BadDataError: the table or the note beside it is damaged.
    """
    note = store.read_metadata(slot, "index")
    if note is None:
        return None
    if _NAME not in {index.name for index in store.table(slot).list_indices()}:
        return None  # the table was made anew since
    try:
        return VectorIndex(**note)
    except TypeError as error:
        raise BadDataError(
            f"the note on the index of {slot.backbone} is damaged ({error}); expected recall and "
            "effort; run `simcore index` again"
        ) from error


def rows_behind(store: FeatureStore, slot: FeatureKey) -> tuple[int, int]:
    """Rows of the table, and how many of them the index does not hold (they are still searched)."""
    table = store.table(slot)
    rows = table.count_rows()
    stats = table.index_stats(_NAME)
    return rows, rows if stats is None else stats.num_unindexed_rows


def build(
    store: FeatureStore,
    slot: FeatureKey,
    metric: Metric,
    *,
    monitor: Monitor = Monitor(),
) -> VectorIndex:
    """Makes the index of a table anew, chooses the effort of a search, and measures what it finds.

    Args:
        metric: "cosine" or "l2", the one that searches will use.
        stop: asked between steps; an index whose recall is not known yet is not used.

    Raises:
        BadDataError: too few rows, or the table is damaged.
        SimError: stopped, or the disk is full.
    """
    from lancedb.index import BTree, IvfRq, IvfSq

    began = time.monotonic()
    table = store.table(slot)
    rows = table.count_rows(f"{_COLUMN} IS NOT NULL")
    if rows < NEEDED:
        raise BadDataError(
            f"found {rows:,} rows of {slot.backbone}; expected at least {NEEDED:,} to learn an "
            "index from; so few are searched exactly in no time"
        )
    store.write_metadata(slot, "index", None)
    _tell(monitor, "index", 0)
    with store.failing(slot, "indexed"):
        kind = KIND if slot.dim % 8 == 0 else KIND_ANY  # RaBitQ packs eight numbers a byte
        config = (IvfRq if kind == KIND else IvfSq)(distance_type=_indexed(metric))
        table.create_index(_COLUMN, config=config, name=_NAME, replace=True)
        _tell(monitor, "index", 40)
        table.create_index("key", config=BTree(), name="key_idx", replace=True)
        _tell(monitor, "index", 50)
        named, asked = _sample(table, 2 * ASKED)
        truth = _exact(table, named, asked, metric, monitor)
        half = len(named) // 2
        effort, recall = SEARCH_EFFORTS[-1], 0.0
        for effort in SEARCH_EFFORTS:
            if (
                _recall(table, named[:half], asked[:half], truth[:half], metric, effort)
                >= TARGET_RECALL
            ):
                break
            _tell(monitor, "recall", 95)
        recall = _recall(table, named[half:], asked[half:], truth[half:], metric, effort)
    made = VectorIndex(
        kind,
        metric,
        rows,
        *effort,
        round(recall, 4),
        len(named) - half,
        round(time.monotonic() - began, 2),
    )
    store.write_metadata(slot, "index", asdict(made))
    store.compact(slot)
    monitor.report("recall", 100, 100)
    return made


def _indexed(metric: Metric) -> Literal["cosine", "l2"]:
    if metric == "l1":
        raise BadDataError("found the metric l1; expected cosine or l2, which an index can hold")
    return metric


def search(
    store: FeatureStore, slot: FeatureKey, index: VectorIndex, query: Array, k: int
) -> tuple[list[str], bool]:
    """Keys of the images with the k nearest rows; rows that came after the index are looked at too.

    Args:
        query: (D,) one row.

    Returns:
        At most k keys, nearest first, each once; and whether there are no more than these.

    Raises:
        BadDataError: the table is damaged.
    """
    with store.failing(slot, "searched"):
        effort = (index.partitions, index.refine)
        found = _nearest(store.table(slot), query, k, index.metric, effort)
    return list(dict.fromkeys(key for key, _ in found)), len(found) < k


def _nearest(
    table: Any, query: Array, k: int, metric: Metric, effort: tuple[int, int]
) -> list[tuple[str, int]]:
    """(key, part) of the k nearest rows."""
    asked = table.search(query, vector_column_name=_COLUMN).distance_type(metric)
    # More partitions are looked into where these hold fewer than k rows.
    asked = asked.nprobes(effort[0]).maximum_nprobes(0).refine_factor(effort[1]).limit(k)
    found = asked.select(["key", "part", "_distance"]).to_arrow()
    return list(zip(found["key"].to_pylist(), found["part"].to_pylist(), strict=True))


def _sample(table: Any, count: int) -> tuple[list[tuple[str, int]], Array]:
    """Some rows drawn without repetition: (key, part), and (n, D); rows without evidence drop."""
    rows = table.count_rows()
    drawn = np.random.default_rng(0).choice(rows, min(count, rows), replace=False)
    found = table.take_offsets(drawn.tolist()).select(["key", "part", _COLUMN]).to_arrow()
    found = found.filter(found[_COLUMN].is_valid()).combine_chunks()
    named = list(zip(found["key"].to_pylist(), found["part"].to_pylist(), strict=True))
    column = found[_COLUMN].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return named, flat.reshape(len(named), -1).astype(np.float32)


def _recall(
    table: Any,
    named: list[tuple[str, int]],
    asked: Array,
    truth: list[set[tuple[str, int]]],
    metric: Metric,
    effort: tuple[int, int],
) -> float:
    shares = []
    for own, query, true in zip(named, asked, truth, strict=True):
        near = [row for row in _nearest(table, query, NEAREST + 1, metric, effort) if row != own]
        shares.append(len(true.intersection(near[:NEAREST])) / len(true))
    return float(np.mean(shares))


def _exact(
    table: Any,
    named: list[tuple[str, int]],
    asked: Array,
    metric: Metric,
    monitor: Monitor,
) -> list[set[tuple[str, int]]]:
    """The true nearest rows of each query, itself left out, in one pass over all vectors."""
    total, done, keep = table.count_rows(), 0, NEAREST + 1
    best = np.full((len(named), keep), np.inf, np.float32)
    names = np.empty((len(named), keep), object)
    lengths = np.linalg.norm(asked, axis=1)
    for whole in table.search().select(["key", "part", _COLUMN]).to_batches(_ROWS):
        done += len(whole)
        batch = whole.filter(whole.column(_COLUMN).is_valid())
        if not len(batch):
            continue
        values = batch.column(_COLUMN).flatten().to_numpy(zero_copy_only=False)
        values = values.reshape(len(batch), -1)
        apart = _apart(asked, lengths, values, metric)
        near = np.argpartition(apart, min(keep, len(batch)) - 1, axis=1)[:, :keep]
        keys, parts = batch.column("key"), batch.column("part")
        for row in np.flatnonzero(np.take_along_axis(apart, near, 1).min(1) < best.max(1)):
            mine = [(keys[i].as_py(), parts[i].as_py()) for i in near[row].tolist()]
            pool = [
                *zip(best[row], names[row], strict=True),
                *zip(apart[row, near[row]], mine, strict=True),
            ]
            pool.sort(key=lambda one: one[0])
            best[row] = [distance for distance, _ in pool[:keep]]
            for place, (_, name) in enumerate(pool[:keep]):
                names[row, place] = name
        _tell(monitor, "recall", 50 + 45 * done // max(total, 1))
    return [
        set([name for name in found if name is not None and name != own][:NEAREST])
        for own, found in zip(named, names.tolist(), strict=True)
    ]


def _apart(asked: Array, lengths: Array, values: Array, metric: Metric) -> Array:
    """(Q, n) distances up to what is the same for all rows of a query."""
    inner = asked @ values.T
    squares = np.einsum("nd,nd->n", values, values)
    if metric == "cosine":
        length = np.sqrt(squares)
        return 1 - inner / (lengths[:, None] * np.where(length > 0, length, 1))
    return squares - 2 * inner


def _tell(monitor: Monitor, stage: str, done: int) -> None:
    monitor.report(stage, done, 100)
    if monitor.stopped:
        raise SimError("stopped; the index is not used before its recall is measured")
