"""The ten nearest of 12,000, exactly: ours against faiss's exact index and the memory's speed.

    python -m benchmarks.top_k

Vectors are drawn and of length 1 for faiss; ours takes them as a network gave them. Both use all
cores. faiss comes with the extra `bench`.
"""

from collections.abc import Callable

import numpy as np

from benchmarks import results_table, synthetic_cache
from benchmarks.results_table import Aim, Line, aim
from benchmarks.timing import in_turn, repeat
from simcore.lab.search import maps, search
from simcore.recipe import Question
from simcore.sim import metrics, rank
from simcore.types import Array, Features

IMAGES, DIM, K, BATCH = 12_000, 2_048, 10, 64
AIM = aim("top_k.milliseconds")
WIDE = "resnet50"  # only its width is used: 2,048


def drawn(count: int, dim: int, seed: int = 0) -> Features:
    """Features of `count` images."""
    values = np.random.default_rng(seed).standard_normal((count, dim), np.float32)
    return Features("drawn", np.arange(count), values, count)


def ours(queries: Features, gallery: Features) -> list[tuple[Array, Array]]:
    """What a search does for each query: all similarities, then the best of them."""
    return [rank.top_k(row, K) for row in metrics.pairwise(queries, gallery, "cosine")]


def lines(quick: bool = False) -> list[Line]:
    """One query and a batch of them."""
    gallery = drawn(1_000 if quick else IMAGES, 64 if quick else DIM)
    many = drawn(BATCH, gallery.values.shape[1], seed=1)
    results = []
    for queries in (many.take([0]), many):
        part = f"top-{K} of {gallery.count:,} x {gallery.values.shape[1]:,}, " + (
            "one query" if queries.count == 1 else f"{queries.count} queries"
        )
        bound = AIM if queries.count == 1 else None
        results.append(_line(part, queries, gallery, bound, rounds=5 if quick else 30))
    return [*results, asked(500 if quick else IMAGES)]


def asked(images: int) -> Line:
    """What `simcore search --id` and Explore ask, from the collection's name to named hits."""
    with synthetic_cache.cache():
        name, recipe = synthetic_cache.collection(images, [WIDE]), maps.single_recipe([WIDE])
        query = search.Query(id="0000007")
        seconds = repeat(lambda: search.search(Question(name, (recipe,)), query, k=K), 1.0)
    part = f"a search among {images:,} images, named hits and the mate's rank included"
    note = "features in memory, as they are after the first question"
    return Line(part, 1e3 * seconds, "ms", aim=AIM, note=note)


def _line(part: str, queries: Features, gallery: Features, bound: Aim | None, rounds: int) -> Line:
    methods: dict[str, Callable[[], object]] = {
        "ours": lambda: ours(queries, gallery),
        "read": gallery.values.sum,
    }
    try:
        import faiss
    except ImportError:
        seconds = in_turn(methods, rounds)
        note = "faiss is not installed (pip install -e '.[bench]')"
        return Line(part, 1e3 * seconds["ours"], "ms", aim=bound, note=note)
    index = faiss.IndexFlatIP(gallery.values.shape[1])
    index.add(metrics.normalized(gallery.values))
    unit = metrics.normalized(queries.values)
    methods["faiss"] = lambda: index.search(unit, K)
    seconds = in_turn(methods, rounds)
    _, places = index.search(unit, K)
    differ = sum(
        not np.array_equal(places[n], place) for n, (place, _) in enumerate(ours(queries, gallery))
    )
    note = f"one sum over the matrix: {1e3 * seconds['read']:.2f} ms; " + (
        f"{differ} lists differ" if differ else "the same lists"
    )
    ratio = seconds["ours"] / seconds["faiss"]
    return Line(part, 1e3 * seconds["ours"], "ms", "faiss IndexFlatIP", ratio, bound, note)


if __name__ == "__main__":
    results_table.show(lines())
