"""How the parts grow with N: seconds at several sizes, and the power of N that they grow with.

    python -m benchmarks.growth

The power is the slope of a line through log(seconds) over log(N), by least squares; 1 is as fast as
anything can be that looks at every image, 2 at every pair. Small sizes are mostly overhead, so the
power is that of the upper half of the sizes.
"""

import time
from collections.abc import Callable, Sequence

from benchmarks import similarity_matrices, synthetic_cache, top_k
from benchmarks.growth_chart import GROWTH, power
from benchmarks.results_table import Line, number, show
from benchmarks.subset_search import drawn, search
from benchmarks.timing import repeat
from simcore.data.store.feature_store import FeatureStore
from simcore.lab.evaluate import recall as evaluate_recall
from simcore.lab.library import collections
from simcore.lab.search import maps
from simcore.models import registry
from simcore.models.extract import extraction
from simcore.recipe import Question
from simcore.sim import combine
from simcore.sim.projection import ProjectionSettings

BACKBONE = "resnet18"  # only its width is used: 512
DIM = 512
# Sizes a part is taken at, and how long it may take before larger ones are left out.
SIZES = (500, 1_000, 2_000, 4_000, 8_000, 16_000)
PATIENCE = 8.0
Measure = Callable[[int], float]


def top(count: int) -> float:
    """One query's ten nearest."""
    gallery, query = top_k.drawn(count, DIM), top_k.drawn(1, DIM, seed=1)
    return repeat(lambda: top_k.ours(query, gallery), 0.2)


def matrix(pairs: int) -> float:
    """All cosines, a block at a time."""
    left, right = similarity_matrices.sides(pairs, DIM)
    return repeat(lambda: sum(len(v) for _, v in combine.matrices(left, right, "cosine")), 0.2, 1)


def recall(pairs: int) -> float:
    """Ranks of all mates under one backbone."""
    left, right = similarity_matrices.sides(pairs, DIM)
    pairs_drawn = similarity_matrices.mates(pairs)
    return repeat(lambda: similarity_matrices.alone(pairs_drawn, left, right), 0.2, 1)


def all_subsets(pairs: int) -> float:
    """127 z-sums of seven matrices."""
    features = drawn(pairs, 7, 0.12)
    scale = [
        combine.Moments(float(m.mean(dtype=float)), float(m.std(dtype=float))) for m in features
    ]
    search(features, scale)  # as the others: the first is left out
    return search(features, scale)[0]


def store(images: int) -> float:
    """Reading the features of all images."""
    with synthetic_cache.cache():
        name = synthetic_cache.collection(images // 2, [BACKBONE])
        keys = collections.open_(name).left.keys + collections.open_(name).pairs().gallery.keys
        slot = extraction.feature_key(registry.get(BACKBONE), "fp32")
        return repeat(lambda: FeatureStore().read(slot, keys), 0.2)


def evaluate(pairs: int) -> float:
    """Recall of a z-sum of two, from the store to the numbers."""
    with synthetic_cache.cache():
        name = synthetic_cache.collection(pairs, [BACKBONE, "layout"])
        recipe = maps.single_recipe([BACKBONE, "layout"], "zsum")
        return once(lambda: evaluate_recall.ranks(name, recipe))


def umap(images: int) -> float:
    """A map of all images, neighbors included."""
    with synthetic_cache.cache():
        name = synthetic_cache.collection(images // 2, [BACKBONE])
        recipe = maps.single_recipe([BACKBONE])
        return once(lambda: maps.make(Question(name, (recipe,)), ProjectionSettings("umap")))


PARTS: dict[str, tuple[Measure, int]] = {
    "top-10, one query": (top, 16_000),
    "similarity matrix": (matrix, 16_000),
    "recall, one backbone": (recall, 16_000),
    "all 127 subsets of 7": (all_subsets, 8_000),
    "features from the store": (store, 16_000),
    "recall, z-sum of two": (evaluate, 8_000),
    "UMAP": (umap, 4_000),
}


def once(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def grown(part: str, measure: Measure, sizes: Sequence[int], patience: float) -> Line:
    """One part at several sizes, until it takes too long."""
    measure(sizes[0])  # compiles, loads
    points: list[tuple[float, float]] = []
    for size in sizes:
        points.append((size, measure(size)))
        if points[-1][1] > patience:
            break
    measured = ", ".join(f"{number(seconds)} s at {size:,.0f}" for size, seconds in points)
    count, last = points[-1]
    return Line(
        f"{GROWTH}{part}",
        last,
        "s",
        f"N = {count:,.0f}",
        note=f"grows with N^{power(points):.2f}: {measured}",
        points=tuple(points),
    )


def lines(quick: bool = False) -> list[Line]:
    """Every part; one that fails for a size raises."""
    results = []
    for part, (measure, most) in PARTS.items():
        sizes = (100, 200) if quick else [size for size in SIZES if size <= most]
        results.append(grown(part, measure, sizes, PATIENCE))
    return results


if __name__ == "__main__":
    show(lines())
