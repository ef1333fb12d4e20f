"""Approximate nearest neighbors in a feature table: LanceDB's index and its measured recall.

The index is part of the table, so it serves all collections that share the features, on any
storage. A small file beside the table records the search effort and the recall at that effort.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError
from simcore.types import Array, Metric, Monitor

KIND, KIND_ANY = "IVF_RQ", "IVF_SQ"  # the second for dimensions that are no multiple of 8
MIN_ROWS = 1_000  # with fewer rows an index cannot be learned well
QUERIES = 200  # to choose the effort on, and as many others to measure its recall on
NEAREST = 10  # K of the recall that is measured
TARGET_RECALL = 0.98  # the first effort that reaches it is chosen
STALE = 0.2  # share of rows not in the index from which on it is rebuilt
RowId = tuple[str, int]  # key and part of a table's row
# (partitions searched, candidates per hit whose exact distance is computed)
SEARCH_EFFORTS = ((10, 5), (20, 10), (40, 20), (80, 40), (160, 80), (320, 160))
_COLUMN = "vector"
_NAME = "vector_idx"
_BATCH_ROWS = 8192  # rows in memory at once during exact search


@dataclass(frozen=True)
class VectorIndex:
    """The index of a table.

    Attributes:
        kind, metric: LanceDB's type of index, and the distance it was built for.
        rows: rows in it when it was built.
        partitions, refine: the effort of a search.
        recall: share of the true 10 nearest that a search returns, mean over `queries` rows of
            the table that the effort was not chosen on.
        seconds: time it took to build.
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
    def summary(self) -> str:
        """One sentence for people."""
        return (
            f"Approximate: recall@{NEAREST} {self.recall:.1%}, measured on {self.queries} queries."
        )


def load(store: FeatureStore, feature_key: FeatureKey) -> VectorIndex | None:
    """The index of a table, or None if there is no usable one.

    Raises:
        BadDataError: the table or the file beside it is damaged.
    """
    document = store.read_metadata(feature_key, "index")
    if document is None:
        return None
    if _NAME not in {index.name for index in store.table(feature_key).list_indices()}:
        return None  # the table was created again since
    try:
        return VectorIndex(**document)
    except TypeError as error:
        raise BadDataError(
            f"The metadata of the index of {feature_key.backbone} is damaged ({error}). Run "
            "`simcore index` again."
        ) from error


def rows_behind(store: FeatureStore, feature_key: FeatureKey) -> tuple[int, int]:
    """Rows of the table, and how many of them are not in the index (they are still searched)."""
    table = store.table(feature_key)
    rows = table.count_rows()
    stats = table.index_stats(_NAME)
    return rows, rows if stats is None else stats.num_unindexed_rows


def build(
    store: FeatureStore,
    feature_key: FeatureKey,
    metric: Metric,
    *,
    monitor: Monitor = Monitor(),
) -> VectorIndex:
    """Build the index of a table, choose the search effort, and measure the recall.

    Args:
        metric: "cosine" or "l2", as in later searches.
        monitor: if it stops, the index is not used, because its recall is not known.

    Raises:
        BadDataError: too few rows, or the table is damaged.
        SimError: stopped, or the disk is full.
    """
    from lancedb.index import BTree, IvfRq, IvfSq

    started = time.monotonic()
    store.verify(feature_key)
    table = store.table(feature_key)
    rows = table.count_rows(f"{_COLUMN} IS NOT NULL")
    if rows < MIN_ROWS:
        raise BadDataError(
            f"{feature_key.backbone} has {rows:,} rows, but an index needs at least {MIN_ROWS:,}. "
            "Exact search is fast for so few."
        )
    store.write_metadata(feature_key, "index", None)
    _report(monitor, "index", 0)
    with store.failing(feature_key, "indexed"):
        kind = (
            KIND if feature_key.dim % 8 == 0 else KIND_ANY
        )  # RaBitQ packs eight numbers into a byte
        config = (IvfRq if kind == KIND else IvfSq)(distance_type=_check_metric(metric))
        table.create_index(_COLUMN, config=config, name=_NAME, replace=True)
        _report(monitor, "index", 40)
        table.create_index("key", config=BTree(), name="key_idx", replace=True)
        _report(monitor, "index", 50)
        effort, recall, queries = _choose_effort(table, metric, monitor)
    index = VectorIndex(
        kind,
        metric,
        rows,
        *effort,
        round(recall, 4),
        queries,
        round(time.monotonic() - started, 2),
    )
    store.write_metadata(feature_key, "index", asdict(index))
    store.compact(feature_key)
    monitor.report("recall", 100, 100)
    return index


def _choose_effort(
    table: Any, metric: Metric, monitor: Monitor
) -> tuple[tuple[int, int], float, int]:
    """The first effort that reaches TARGET_RECALL, its recall, and the queries it is measured on.

    The effort is chosen on one half of the queries, and its recall measured on the other.
    """
    ids, queries = _sample(table, 2 * QUERIES)
    nearest = _exact_nearest(table, ids, queries, metric, monitor)
    half = len(ids) // 2
    effort = SEARCH_EFFORTS[-1]
    for effort in SEARCH_EFFORTS:
        recall = _recall(table, ids[:half], queries[:half], nearest[:half], metric, effort)
        if recall >= TARGET_RECALL:
            break
        _report(monitor, "recall", 95)
    recall = _recall(table, ids[half:], queries[half:], nearest[half:], metric, effort)
    return effort, recall, len(ids) - half


def _check_metric(metric: Metric) -> Literal["cosine", "l2"]:
    if metric == "l1":
        raise BadDataError("An index supports the metrics cosine and l2, not l1.")
    return metric


def search(
    store: FeatureStore, feature_key: FeatureKey, index: VectorIndex, query: Array, k: int
) -> tuple[list[str], bool]:
    """Keys of the images with the k nearest rows, including rows added since the index was built.

    Args:
        query: (D,) one row.

    Returns:
        At most k keys, nearest first, each once; and whether these are all.

    Raises:
        BadDataError: the table is damaged.
    """
    with store.failing(feature_key, "searched"):
        store.verify(feature_key, few=True)
        effort = (index.partitions, index.refine)
        rows = _nearest(store.table(feature_key), query, k, index.metric, effort)
    return list(dict.fromkeys(key for key, _ in rows)), len(rows) < k


def _nearest(
    table: Any, query: Array, k: int, metric: Metric, effort: tuple[int, int]
) -> list[RowId]:
    """The k nearest rows."""
    search = table.search(query, vector_column_name=_COLUMN).distance_type(metric)
    # More partitions are searched if these contain fewer than k rows.
    search = search.nprobes(effort[0]).maximum_nprobes(0).refine_factor(effort[1]).limit(k)
    hits = search.select(["key", "part", "_distance"]).to_arrow()
    return list(zip(hits["key"].to_pylist(), hits["part"].to_pylist(), strict=True))


def _sample(table: Any, count: int) -> tuple[list[RowId], Array]:
    """Rows drawn without replacement, and their vectors (n, D); without rows that have none."""
    total = table.count_rows()
    offsets = np.random.default_rng(0).choice(total, min(count, total), replace=False)
    rows = table.take_offsets(offsets.tolist()).select(["key", "part", _COLUMN]).to_arrow()
    rows = rows.filter(rows[_COLUMN].is_valid()).combine_chunks()
    ids = list(zip(rows["key"].to_pylist(), rows["part"].to_pylist(), strict=True))
    column = rows[_COLUMN].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return ids, flat.reshape(len(ids), -1).astype(np.float32)


def _recall(
    table: Any,
    ids: list[RowId],
    queries: Array,
    nearest: list[set[RowId]],
    metric: Metric,
    effort: tuple[int, int],
) -> float:
    """Mean share of the true nearest rows that a search returns, the query itself left out."""
    shares = []
    for query_id, query, relevant in zip(ids, queries, nearest, strict=True):
        hits = [
            hit for hit in _nearest(table, query, NEAREST + 1, metric, effort) if hit != query_id
        ]
        shares.append(len(relevant.intersection(hits[:NEAREST])) / len(relevant))
    return float(np.mean(shares))


def _exact_nearest(
    table: Any,
    ids: list[RowId],
    queries: Array,
    metric: Metric,
    monitor: Monitor,
) -> list[set[RowId]]:
    """The true nearest rows of each query, itself left out, in one pass over all vectors."""
    total, done, keep = table.count_rows(), 0, NEAREST + 1
    best = np.full((len(ids), keep), np.inf, np.float32)
    best_ids = np.empty((len(ids), keep), object)
    lengths = np.linalg.norm(queries, axis=1)
    for unfiltered in table.search().select(["key", "part", _COLUMN]).to_batches(_BATCH_ROWS):
        done += len(unfiltered)
        batch = unfiltered.filter(unfiltered.column(_COLUMN).is_valid())
        if not len(batch):
            continue
        values = batch.column(_COLUMN).flatten().to_numpy(zero_copy_only=False)
        values = values.reshape(len(batch), -1)
        distances = _distances(queries, lengths, values, metric)
        closest = np.argpartition(distances, min(keep, len(batch)) - 1, axis=1)[:, :keep]
        keys, parts = batch.column("key"), batch.column("part")
        improved = np.take_along_axis(distances, closest, 1).min(1) < best.max(1)
        for row in np.flatnonzero(improved):
            batch_ids = [(keys[i].as_py(), parts[i].as_py()) for i in closest[row].tolist()]
            candidates = [
                *zip(best[row], best_ids[row], strict=True),
                *zip(distances[row, closest[row]], batch_ids, strict=True),
            ]
            candidates.sort(key=lambda candidate: candidate[0])
            best[row] = [distance for distance, _ in candidates[:keep]]
            for rank, (_, row_id) in enumerate(candidates[:keep]):
                best_ids[row, rank] = row_id
        _report(monitor, "recall", 50 + 45 * done // max(total, 1))
    return [
        set([hit for hit in hits if hit is not None and hit != query_id][:NEAREST])
        for query_id, hits in zip(ids, best_ids.tolist(), strict=True)
    ]


def _distances(queries: Array, lengths: Array, values: Array, metric: Metric) -> Array:
    """(Q, n) distances, up to a term that is the same for all rows of a query."""
    products = queries @ values.T
    squares = np.einsum("nd,nd->n", values, values)
    if metric == "cosine":
        norms = np.sqrt(squares)
        return 1 - products / (lengths[:, None] * np.where(norms > 0, norms, 1))
    return squares - 2 * products


def _report(monitor: Monitor, stage: str, done: int) -> None:
    monitor.report(stage, done, 100)
    monitor.check("Stopped. The index is not used, because its recall was not measured.")
