"""A UMAP of the whole collection: computed, read from the cache by a new process, and asked again.

python -m benchmarks.maps [--pairs 1000]
"""

import argparse
import time

from benchmarks import synthetic_cache
from benchmarks.results_table import Line, number, show
from simcore import memory
from simcore.lab.search import maps
from simcore.recipe import Question, Recipe
from simcore.sim.projection import ProjectionSettings

BACKBONE = "mobilenetv2"  # only its width is used: 1,280
PAIRS = 1_000


def measure(pairs: int) -> list[Line]:
    """The same map three times."""
    with synthetic_cache.cache():
        name, recipe, how = (
            synthetic_cache.collection(pairs, [BACKBONE]),
            maps.single_recipe([BACKBONE]),
            ProjectionSettings("umap"),
        )
        small = synthetic_cache.collection(100, [BACKBONE], name="small")
        maps.make(Question(small, (recipe,)), how)  # compiles
        first = timed(name, recipe, how)
        memory.clear()  # a new process starts without it
        from_disk = timed(name, recipe, how)
        from_memory = timed(name, recipe, how)
    part = f"UMAP of {2 * pairs:,} images"
    against = f"computed: {number(first)} s"
    return [
        Line(f"{part}, from the cache", 1e3 * from_disk, "ms", against, from_disk / first),
        Line(f"{part}, asked again", 1e3 * from_memory, "ms", against, from_memory / first),
    ]


def timed(name: str, recipe: Recipe, how: ProjectionSettings) -> float:
    """Seconds of one map."""
    began = time.perf_counter()
    maps.make(Question(name, (recipe,)), how)
    return time.perf_counter() - began


def lines(quick: bool = False) -> list[Line]:
    """As large as the real pairs that are at hand."""
    return measure(50 if quick else PAIRS)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    show(measure(parser.parse_args().pairs))


if __name__ == "__main__":
    main()
