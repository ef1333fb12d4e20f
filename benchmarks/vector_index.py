"""A million vectors: written, indexed and queried, and what approximate search misses.

    python -m benchmarks.vector_index [--rows 1000000] [--dim 256] [--queries 200]
                                 [--kinds IVF_RQ,IVF_SQ] [--folder FOLDER]

The vectors are drawn, and clustered as pictures' features are: 5,000 centers, normal in 64
dimensions, around each a normal cloud half as wide, laid by one random matrix into `dim` dimensions
with a tenth of noise on top, so that neighbors are real and most of the space is empty. (Isotropic
noise has no neighbors worth finding.) Queries are drawn the same way and are not in the table.
Exact search is the reference for recall@10, in the same run. Tables go to a temporary folder.
"""

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.results_table import Line, aim
from simcore.data.store import vector_index
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.sim import metrics, rank
from simcore.types import Features, Preprocessing

CHUNK = 20_000
CENTERS, INNER = 5_000, 64
KINDS = ("IVF_RQ", "IVF_SQ")
RECALL = aim("vector_index.recall")
QUICK_ROWS, QUICK_DIM = 200_000, 256


def drawn(rows: int, dim: int, seed: int) -> np.ndarray:
    """(rows, dim) float32, around the same centers whatever the seed."""
    same, random = np.random.default_rng(1), np.random.default_rng([2, seed])
    centers = same.standard_normal((CENTERS, INNER), np.float32)
    into = same.standard_normal((INNER, dim), np.float32) / np.sqrt(np.float32(INNER))
    inner = centers[random.integers(0, CENTERS, rows)]
    inner = inner + 0.5 * random.standard_normal((rows, INNER), np.float32)
    return inner @ into + np.float32(0.1) * random.standard_normal((rows, dim), np.float32)


def chunks(rows: int, dim: int) -> Iterator[tuple[int, np.ndarray]]:
    """The table's vectors, piece by piece: (first row, (n, dim))."""
    for start in range(0, rows, CHUNK):
        yield start, drawn(min(CHUNK, rows - start), dim, start + 1)


def peak() -> float:
    """GB of memory that the process has held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def size(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def per_query(do: Callable[[np.ndarray], object], queries: np.ndarray) -> float:
    """Median milliseconds."""
    times = []
    for query in queries:
        began = time.perf_counter()
        do(query)
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))


class Bench:
    """One table of drawn vectors, and what was measured on it."""

    def __init__(self, folder: Path, rows: int, dim: int, queries: int) -> None:
        self.store, self.rows, self.dim = FeatureStore(folder), rows, dim
        self.slot = FeatureKey("drawn", 1, Preprocessing(), "", "fp32", dim)
        self.queries = drawn(queries, dim, 0)
        self.place = folder / f"{self.slot.table}.lance"

    def write(self) -> tuple[float, int]:
        """Seconds to write all rows in commits of CHUNK (drawing left out), and bytes."""
        spent = 0.0
        for start, values in chunks(self.rows, self.dim):
            keys = [f"{row:032x}" for row in range(start, start + len(values))]
            began = time.perf_counter()
            self.store.append(self.slot, keys, list(values[:, None]))
            spent += time.perf_counter() - began
        return spent, size(self.place / "data")

    def exact(self) -> tuple[list[set[str]], dict[str, float]]:
        """True nearest 10 of each query; milliseconds of reading everything, and of searches."""
        import torch

        began = time.perf_counter()
        index, values = self.store.read(self.slot, [f"{row:032x}" for row in range(self.rows)])
        gallery = Features("drawn", index, values, self.rows)
        loaded = 1000 * (time.perf_counter() - began)

        def ours(query: np.ndarray) -> np.ndarray:
            asked = Features("drawn", np.zeros(1, np.int64), query[None], 1)
            return rank.top_k(metrics.pairwise(asked, gallery, "cosine")[0], 10)[0]

        ours(self.queries[0])  # lengths and doubles are worked out once
        unit = torch.nn.functional.normalize(torch.from_numpy(self.queries))
        tensor = torch.from_numpy(values)
        length = tensor.norm(dim=1)

        def plain(query: np.ndarray) -> object:
            return torch.topk((tensor @ torch.from_numpy(query)) / length, 10)

        table = self.store.table(self.slot)

        def lance(query: np.ndarray) -> object:
            request = table.search(query, vector_column_name="vector").distance_type("cosine")
            return request.bypass_vector_index().limit(10).select(["key"]).to_arrow()

        methods = {
            "reading all": loaded,
            "numpy, in memory": per_query(ours, self.queries[:20]),
            "torch, in memory": per_query(plain, self.queries[:20]),
            "lance, from disk": per_query(lance, self.queries[:5]),
        }
        near = [torch.topk((tensor @ query) / length, 10).indices.tolist() for query in unit]
        return [{f"{row:032x}" for row in rows} for rows in near], methods

    def tried(self, truth: list[set[str]], partitions: int, refine: int) -> tuple[float, float]:
        """recall@10 and milliseconds a query at one effort."""
        index = vector_index.VectorIndex("", "cosine", self.rows, partitions, refine, 0, 0, 0)
        shares: list[float] = []

        def ask(query: np.ndarray) -> None:
            keys, _ = vector_index.search(self.store, self.slot, index, query, 10)
            shares.append(len(truth[len(shares)] & set(keys)) / 10)

        took = per_query(ask, self.queries)
        return float(np.mean(shares)), took

    def indexed(self, kind: str) -> int:
        """Makes one kind of index anew, in place of the one there is; its bytes."""
        import lancedb.index

        makers = {"IVF_RQ": "IvfRq", "IVF_SQ": "IvfSq", "IVF_PQ": "IvfPq"}
        config = getattr(lancedb.index, makers[kind])(distance_type="cosine")
        before = {path.name for path in (self.place / "_indices").glob("*")}
        self.store.table(self.slot).create_index("vector", config=config, name="vector_idx")
        folders = [p for p in (self.place / "_indices").glob("*") if p.name not in before]
        return sum(size(path) for path in folders)


def lines(quick: bool = True) -> list[Line]:
    """What `python -m benchmarks` shows of it; a million rows where there is time."""
    rows = QUICK_ROWS if quick else 1_000_000
    with tempfile.TemporaryDirectory(prefix="million-") as folder:
        bench = Bench(Path(folder), rows, QUICK_DIM, 100)
        wrote, _ = bench.write()
        index = vector_index.build(bench.store, bench.slot, "cosine")
        truth, exact = bench.exact()
        recall, took = bench.tried(truth, index.partitions, index.refine)
    named = f"{rows:,} x {QUICK_DIM} drawn, clustered vectors"
    exact.pop("reading all")
    best = min(exact, key=exact.__getitem__)
    return [
        Line(f"write {named}", wrote, "s"),
        Line("index them and measure its recall", index.seconds, "s"),
        Line(
            "nearest 10 through the index",
            took,
            "ms",
            f"exact search ({best})",
            exact[best] / took,
        ),
        Line(
            "recall@10 of the index",
            recall,
            "",
            "exact search",
            recall,
            RECALL,
            note=f"told when it was made: {index.recall:.3f}",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument(
        "--folder", default=None, help="with enough free space; default: a temporary one"
    )
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="million-", dir=args.folder))
    try:
        _print(Bench(folder, args.rows, args.dim, args.queries), args.kinds.split(","))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _print(bench: Bench, kinds: list[str]) -> None:
    print(f"{bench.rows:,} drawn vectors of {bench.dim} float32, clustered", flush=True)
    seconds, used = bench.write()
    each = used / bench.rows
    print(f"write                 {seconds:8.1f} s   {used / 1e9:6.2f} GB, {each:,.0f} bytes a row")
    print(f"  peak memory so far  {peak():8.1f} GB", flush=True)
    index = vector_index.build(bench.store, bench.slot, "cosine")
    print(
        f"simcore index         {index.seconds:8.1f} s   {index.kind}, effort "
        f"({index.partitions}, {index.refine}), recall@10 {index.recall:.3f} as measured by it"
    )
    print(f"  peak memory so far  {peak():8.1f} GB", flush=True)
    truth, exact = bench.exact()
    for method, took in exact.items():
        once = "once" if method == "reading all" else "a query"
        print(f"exact, {method:<16} {took:7.1f} ms {once}", flush=True)
    print(f"  peak memory so far  {peak():8.1f} GB (all vectors in memory)", flush=True)
    for kind in kinds:
        began = time.perf_counter()
        used = bench.indexed(kind)
        each = used / bench.rows
        took = time.perf_counter() - began
        print(f"{kind:<21} {took:8.1f} s   {used / 1e6:6.0f} MB, {each:,.1f} bytes a row")
        for effort in (*vector_index.SEARCH_EFFORTS[:5], (20, 1)):
            recall, took = bench.tried(truth, *effort)
            print(
                f"  {effort[0]:>4} partitions, refine {effort[1]:>3}: recall@10 {recall:.3f}, "
                f"{took:6.1f} ms a query",
                flush=True,
            )


if __name__ == "__main__":
    main()
