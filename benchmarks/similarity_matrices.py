"""Similarity matrices and recall at the size of the papers, against plain torch.

    python -m benchmarks.similarity_matrices

Times are of the processor, all threads together. torch holds the whole matrix, ours a block of it.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import synthetic_cache
from benchmarks.results_table import Line, number, show
from benchmarks.timing import in_turn
from simcore.evaluate.retrieval import recall
from simcore.recipe import Part, Recipe
from simcore.sim import combine
from simcore.types import Array, Features, ImageSet, Pairs

PAIRS, DIM = 6_016, 2_048
ROUNDS = 3


def sides(pairs: int, dim: int, seed: int = 0) -> tuple[Features, Features]:
    """Features of the two sides."""
    values = synthetic_cache.drawn_features(np.arange(2 * pairs), pairs, dim, seed)
    place = np.arange(pairs)
    return (
        Features("drawn", place, values[:pairs], pairs),
        Features("drawn", place, values[pairs:], pairs),
    )


def mates(pairs: int) -> Pairs:
    """Row i of one side belongs to row i of the other."""
    names = tuple(str(n) for n in range(pairs))
    images = ImageSet(names, (Path("drawn"),) * pairs, names)
    return Pairs(images, images, np.arange(pairs))


def alone(pairs: Pairs, left: Features, right: Features) -> Array:
    """Ranks under one backbone."""
    recipe = Recipe((Part("drawn", "cosine"),), "none")
    return recall.ranks_of(pairs, recipe, {"drawn": left}, {"drawn": right})


def summed(pairs: Pairs, left: Features, right: Features) -> Array:
    """Ranks under the z-sum of two, which here are the same."""
    parts = (Part("a", "cosine"), Part("b", "cosine"))
    both = [{"a": side, "b": side} for side in (left, right)]
    return recall.ranks_of(pairs, Recipe(parts, "zsum"), both[0], both[1])


def torch_ways(left: Array, right: Array) -> dict[str, Callable[[], Array]]:
    """The same as a script has them."""
    import torch

    tensors = [torch.from_numpy(side.copy()) for side in (left, right)]

    def cosines() -> torch.Tensor:
        a, b = (torch.nn.functional.normalize(side) for side in tensors)
        return a @ b.T

    def ranks(values: torch.Tensor) -> Array:
        return (values >= values.diagonal()[:, None]).sum(1).numpy()

    def zsum() -> Array:
        total = torch.zeros(len(left), len(right))
        for _ in range(2):
            values = cosines()
            total += (values - values.mean()) / values.std()
        return ranks(total)

    return {"matrix": lambda: cosines().numpy(), "alone": lambda: ranks(cosines()), "zsum": zsum}


def measure(pairs: int, dim: int) -> list[Line]:
    """The matrix, recall by one backbone, recall by a z-sum."""
    left, right = sides(pairs, dim)
    theirs, mate_pairs = torch_ways(left.values, right.values), mates(pairs)

    def matrix() -> Array:
        blocks = [values for _, values in combine.matrices(left, right, "cosine")]
        return blocks[-1]

    ours: dict[str, Callable[[], Array]] = {
        "matrix": matrix,
        "alone": lambda: alone(mate_pairs, left, right),
        "zsum": lambda: summed(mate_pairs, left, right),
    }
    size = f"{pairs:,} x {pairs:,} of {dim:,} dimensions"
    parts = {
        "matrix": f"cosine matrix, {size}",
        "alone": f"recall by one backbone, {size}",
        "zsum": f"recall by a z-sum of two, {size}",
    }
    results = []
    for kind, part in parts.items():
        took = in_turn({"ours": ours[kind], "torch": theirs[kind]}, ROUNDS, clock=time.process_time)
        note = "a block at a time"
        if kind != "matrix":
            a, b = ours[kind](), theirs[kind]()
            note = f"{(a != b).sum():,} of {pairs:,} ranks differ"
        against = f"torch: {number(took['torch'])} s"
        ratio = took["ours"] / took["torch"]
        results.append(Line(part, took["ours"], "s CPU", against, ratio, note=note))
    return results


def lines(quick: bool = False) -> list[Line]:
    """At the size of the papers."""
    return measure(300, 32) if quick else measure(PAIRS, DIM)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--dim", type=int, default=DIM)
    args = parser.parse_args()
    show(measure(args.pairs, args.dim))


if __name__ == "__main__":
    main()
