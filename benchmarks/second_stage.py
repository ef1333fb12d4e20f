"""One click with a second stage: what comparing the maps of the first 50 images costs.

    python -m benchmarks.second_stage

Features are drawn: three networks pooled on a 3 x 3 grid, and HOG, of 6,016 images. Both recipes
compare one query with all images; the second stage compares maps beyond that.
"""

from functools import partial

import numpy as np

from benchmarks import results_table
from benchmarks.results_table import Aim, Line
from benchmarks.timing import in_turn
from simcore.lab import recipes
from simcore.models import registry
from simcore.recipe import Recipe
from simcore.sim import combine, rank, recipe_blocks, reranking
from simcore.types import Array, Features

IMAGES, K = 6_016, 10
MODELS = ("mobilenetv2-grid", "efficientnet-lite0-grid", "efficientnet-lite2-grid", "hog")
AIM = Aim("at most", 150.0)


def drawn(name: str, count: int, seed: int) -> Features:
    """Features of `count` images under a backbone of that width."""
    values = np.random.default_rng(seed).random((count, registry.get(name).dim), np.float32)
    return Features(name, np.arange(count), values, count)


def click(
    recipe: Recipe, sides: list[combine.PreparedSides], query: dict[str, Features]
) -> tuple[Array, Array]:
    """The first images of one query under a resolved recipe; moments are known, as in the app."""
    parts = [
        side.rows(query[part.backbone]) for side, part in zip(sides, recipe.parts, strict=True)
    ]
    block = recipe_blocks.recipe_block(recipe, parts, sides, query)
    return rank.top_k(block.similarity()[0], K)


def lines(quick: bool = False) -> list[Line]:
    """One click under a z-sum, and under each pair function of a second stage."""
    images = 200 if quick else IMAGES
    sides = [
        combine.prepare_sides(drawn(name, 64, 1), drawn(name, images, 2), "cosine", "none")
        for name in MODELS
    ]
    query = {name: drawn(name, 1, 3) for name in MODELS}
    plain = recipes.resolve(recipes.parse(MODELS, "zsum")[-1])
    results = []
    for function in reranking.PAIR_FUNCTIONS:
        again = recipes.resolve(recipes.parse(MODELS, "rerank", pair_function=function)[-1])
        seconds = in_turn(
            {
                "one": partial(click, plain, sides, query),
                "both": partial(click, again, sides, query),
            },
            3 if quick else 15,
        )
        part = f"a click among {images:,} images, four maps, second stage by {function}"
        ratio = seconds["both"] / seconds["one"]
        results.append(Line(part, 1e3 * seconds["both"], "ms", "the z-sum alone", ratio, AIM))
    return results


if __name__ == "__main__":
    results_table.show(lines())
