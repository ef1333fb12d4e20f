"""Estimates of what a page's visitor would wait for, beside the CPU seconds that it takes.

    python -m benchmarks.estimates [--pairs 3000]

Pages decide by these estimates (simcore/lab/work_estimates.py) whether work is a job. Features are
drawn; nothing is stored before. The first call of each kind, which loads or compiles the code, is
not measured.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

from benchmarks import results_table, synthetic_cache
from benchmarks.results_table import Line
from simcore import memory
from simcore.lab import recipes, work_estimates
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import collections, duplicates, similarity
from simcore.recipe import Part, Question

MODELS = ("resnet18", "mobilenetv2", "alexnet-conv5", "edges")
PAIRS, WARM = 3_000, 300


def works(name: str) -> dict[str, tuple[float, Callable[[], object]]]:
    """Part -> estimated seconds, and the work, on one collection."""
    pairs = len(collections.open_(name).left)
    by_kind = {
        "ranks of one backbone": recipes.parse(MODELS[:1]),
        "ranks of four and their z-sum": recipes.parse(MODELS, "zsum"),
        "ranks of four and their rank fusion": recipes.parse(MODELS, "rrf"),
        "ranks of one after CSLS": recipes.parse(MODELS[1:2], post="csls"),
        "ranks of one, L2": recipes.parse(MODELS[:1], metric="l2"),
        "ranks of one, L1": recipes.parse(MODELS[:1], metric="l1"),
    }
    parts: dict[str, tuple[float, Callable[[], object]]] = {}
    for part, chosen in by_kind.items():
        question = Question(name, tuple(chosen))
        parts[part] = (
            work_estimates.ranks(chosen, pairs),
            partial(recall.outcomes_of_each, question),
        )
    collection = collections.open_(name)
    sums = recipes.parse(MODELS, "zsum", metric="l2")
    parts["scales of four, L2"] = (
        work_estimates.moments([(model, "l2") for model in MODELS], pairs),
        lambda: similarity.read_moments(collection, list(map(recipes.resolve, sums)), "lr"),
    )
    searched = Question(name, tuple(recipes.parse(MODELS)))
    parts["all subsets of four"] = (
        work_estimates.subset_search([Part(model) for model in MODELS], pairs),
        lambda: combinations.search(searched),
    )
    parts["near-duplicates"] = (
        duplicates.seconds(collection, MODELS[1], 0.1, 0.1),
        lambda: duplicates.find_near_duplicates(collection, MODELS[1], 0.1, 0.1),
    )
    return parts


def lines(quick: bool = False) -> list[Line]:
    """CPU seconds of each kind of work; the ratio is to the estimate.

    Args:
        quick: as few pairs as are drawn for warming up.
    """
    return measured(WARM if quick else PAIRS)


def measured(pairs: int) -> list[Line]:
    """The same for so many pairs."""
    results = []
    with synthetic_cache.cache():
        for _, warm in works(synthetic_cache.collection(WARM, MODELS, name="warm")).values():
            warm()
        name = synthetic_cache.collection(pairs, MODELS, name="measured")
        for part, (estimate, work) in works(name).items():
            memory.clear()
            began = time.process_time()
            work()
            seconds = time.process_time() - began
            against = f"estimate: {estimate:.2g} s"
            results.append(Line(part, seconds, "CPU s", against, seconds / max(estimate, 1e-9)))
    return results


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    print(results_table.markdown(measured(parser.parse_args().pairs)))


if __name__ == "__main__":
    main()
