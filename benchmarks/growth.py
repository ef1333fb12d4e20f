"""How the parts grow with N: CPU seconds and peak memory, and the power of N they grow with.

    python -m benchmarks.growth [--most 1000000]

Every part runs at every size in a process of its own, on a collection of drawn features that are
stored as an extraction stores them (256 numbers per image, clustered): from the name of the
collection to the result, as the pages, the command line and the background jobs do. Seconds are
those of the processor, all threads together, importing and opening included; memory is what the
process holds at most (resident, without what is mapped from files, which the system may drop).

The power is the slope of a line through log(seconds) over log(N), by least squares; 1 is as fast as
anything can be that looks at every image, 2 at every pair. Small sizes are mostly overhead, so the
power is that of the upper half of the sizes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import synthetic_cache
from benchmarks.growth_chart import DOCS_CHART, GROWTH, power, svg
from benchmarks.results_table import Line, number, show
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import duplicates, indexes, subsets
from simcore.lab.search import maps, search
from simcore.recipe import Question
from simcore.sim.projection import ProjectionSettings

NAME = synthetic_cache.DRAWN_NAME
BACKBONES = ("alexnet-conv5", "resnet18", "edges")  # only their widths are used: 256, 512, 512
BACKBONE = BACKBONES[0]
PAIRS = (1_000, 3_000, 10_000, 30_000, 100_000)
IMAGES = (250_000, 1_000_000)  # without mates, searched through the index
# CPU seconds after which larger sizes of a part are left out.
PATIENCE = 400.0
SEARCHES = 20
Measured = tuple[float, float]  # CPU seconds and GB


def search_one() -> float:
    """CPU seconds of one query, after the first one has read what all need."""
    question = Question(NAME, (maps.single_recipe([BACKBONE]),))

    def ask(row: int) -> None:
        search.search(question, search.Query(id=f"{row:07}"))

    ask(0)
    began = time.process_time()
    for row in range(1, SEARCHES + 1):
        ask(row)
    return (time.process_time() - began) / SEARCHES


def ranks_of_one() -> None:
    """What Evaluate shows of one backbone."""
    recall.recall(Question(NAME, (maps.single_recipe([BACKBONE]),)))


def ranks_of_a_sum() -> None:
    """What Evaluate shows of a z-sum of two."""
    recall.recall(Question(NAME, (maps.single_recipe(BACKBONES[:2], "zsum"),)))


def all_subsets() -> None:
    """What Combine shows of three backbones."""
    combinations.search(Question(NAME, (maps.single_recipe(BACKBONES, "zsum"),)))


def near_duplicates() -> None:
    """What Duplicates opens with, thresholds included."""
    opening = duplicates.opening_thresholds(NAME, BACKBONE)
    subsets.find_duplicates(NAME, by=BACKBONE, within=opening.within, across=opening.across)


def umap() -> None:
    """The map of all images."""
    question = Question(NAME, (maps.single_recipe([BACKBONE]),))
    maps.make(question, ProjectionSettings("umap"))


def build_index() -> None:
    """The index, and its recall."""
    indexes.build(NAME, [BACKBONE])


# What is measured -> the operation, the sizes, and whether the images have mates.
PARTS: dict[str, tuple[Callable[[], float | None], Sequence[int], bool]] = {
    "one query, exact": (search_one, PAIRS, True),
    "ranks, one backbone": (ranks_of_one, PAIRS, True),
    "ranks, z-sum of two": (ranks_of_a_sum, PAIRS[:4], True),
    "all subsets of three": (all_subsets, PAIRS[:4], True),
    "near-duplicates of pairs": (near_duplicates, PAIRS, True),
    "UMAP of pairs": (umap, PAIRS, True),
    "index of images": (build_index, IMAGES, False),
    "one query, index": (search_one, IMAGES, False),
    "near-duplicates of images": (near_duplicates, IMAGES, False),
    "UMAP of images": (umap, IMAGES, False),
}


def operate(part: str) -> Measured:
    """Run one part in this process, on the collection of the present cache."""
    highest = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            highest[0] = max(highest[0], private_gigabytes())

    threading.Thread(target=watch, daemon=True).start()
    seconds = PARTS[part][0]()
    ended.set()
    return time.process_time() if seconds is None else seconds, highest[0]


def private_gigabytes() -> float:
    """Memory of this process that no file backs."""
    fields = Path("/proc/self/statm").read_text("ascii").split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE") / 1e9


def apart(part: str) -> Measured:
    """Run one part in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", "--part", part],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(run.stderr.strip()[-300:])
    seconds, gigabytes = json.loads(run.stdout.splitlines()[-1])
    return seconds, gigabytes


def measure(sizes: Sequence[int], paired: bool, patience: float) -> dict[str, list[list[float]]]:
    """[N, CPU seconds, GB] of each part at some sizes, until it takes too long."""
    points: dict[str, list[list[float]]] = {}
    for size in sizes:
        with synthetic_cache.cache():
            needed = BACKBONES if size <= PAIRS[3] else BACKBONES[:1]
            synthetic_cache.collection(size, needed, paired=paired)
            for part, (_, own_sizes, is_paired) in PARTS.items():
                rows = points.setdefault(part, []) if is_paired == paired else []
                if is_paired != paired or size > max(own_sizes):
                    continue
                if rows and rows[-1][1] > patience:
                    continue
                rows.append([size, *apart(part)])
                text = f"{part}: {number(rows[-1][1])} s, {number(rows[-1][2])} GB at {size:,}"
                sys.stderr.write(f"{text}\n")
                sys.stderr.flush()
    return points


def grown(part: str, points: Sequence[Sequence[float]]) -> Line:
    """The line of one part at several sizes."""
    seconds = tuple((row[0], row[1]) for row in points)
    memory = tuple((row[0], row[2]) for row in points)
    measured = ", ".join(
        f"{number(cpu)} s and {number(held)} GB at {size:,.0f}" for size, cpu, held in points
    )
    count, last, _ = points[-1]
    growth = f"grows with N^{power(seconds):.2f}: " if len(points) > 1 else ""
    return Line(
        f"{GROWTH}{part}",
        last,
        "s CPU",
        f"N = {count:,.0f}",
        note=growth + measured,
        points=seconds,
        memory=memory,
    )


def lines(quick: bool = False) -> list[Line]:
    """Every part, up to 10,000 pairs; two small sizes, to see that everything runs."""
    return measured_lines(PAIRS[2], quick)


def measured_lines(most: int, quick: bool) -> list[Line]:
    """Every part; one that fails raises.

    Args:
        most: the largest N; half an hour on two quiet cores for a million.
        quick: two small sizes of pairs instead.
    """
    pairs = (100, 200) if quick else [size for size in PAIRS if size <= most]
    images = [] if quick else [size for size in IMAGES if size <= most]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder  # of all processes: compiling is no growth
        if not quick:
            measure((100,), True, PATIENCE)
        points = measure(pairs, True, PATIENCE) | measure(images, False, PATIENCE)
    return [grown(part, rows) for part, rows in points.items() if rows]


def main() -> None:
    """Print the table and draw the chart of the docs, or run one part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=IMAGES[-1], help="the largest N")
    parser.add_argument("--part", default="", help="only this, on the collection of the cache")
    args = parser.parse_args()
    if args.part:
        sys.stdout.write(f"{json.dumps(operate(args.part))}\n")
        return
    results = measured_lines(args.most, quick=False)
    show(results)
    DOCS_CHART.write_text(svg(results), "utf-8")


if __name__ == "__main__":
    main()
