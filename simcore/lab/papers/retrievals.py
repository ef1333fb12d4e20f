"""Pictures of retrievals: queries with their mates and the images that rank first."""

from collections.abc import Sequence

import numpy as np

from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import features, subsets
from simcore.lab.papers.sections import Pictures
from simcore.recipe import Question, Recipe
from simcore.sim import rank, recipe_blocks
from simcore.types import Array, Collection

SEED = 0  # of all examples that are drawn at random


def draw(rows: Array, count: int) -> list[int]:
    """At most `count` of some rows, drawn at random with `SEED`."""
    order = np.random.default_rng(SEED).permutation(np.asarray(rows, np.int64))
    return [int(row) for row in order[:count]]


def failures(question: Question, recipe: Recipe, *, count: int, k: int) -> tuple[Pictures, ...]:
    """Queries whose mate is not among the first k, with the images that are, and the mate.

    Args:
        question: its pairs and direction.
        recipe: ranks the gallery.
        count: number of queries, drawn at random.
        k: number of retrieved images.
    """
    single = question.with_recipes(recipe)
    (ranks,) = recall.ranks_of_each(single)
    pairs = subsets.open_subset(question.collection, question.subset).pairs(question.direction)
    rows = draw(np.flatnonzero(ranks > k), count)
    nearest = first_columns(single, rows, k)
    pictures = []
    for row, columns in zip(rows, nearest, strict=True):
        mate = int(pairs.target[row])
        gallery = pairs.gallery
        keys = (pairs.queries.keys[row], *(gallery.keys[i] for i in columns), gallery.keys[mate])
        labels = ("query", *(f"rank {n}" for n in range(1, len(columns) + 1)), "mate")
        caption = f"{pairs.queries.ids[row]}: its mate is at rank {int(ranks[row]):,}"
        pictures.append(Pictures(caption, keys, labels, len(keys) - 1))
    return tuple(pictures)


def beside_mate(
    collection: Collection, similarity: Array, row: int, stage: str, *, count: int
) -> Pictures:
    """A pair and the right images that rank first for its left one.

    Args:
        collection: N pairs; row i of both sides is a pair.
        similarity: (N, N) of left and right images. row: of the query.
        stage: before the caption. count: of retrieved images.
    """
    columns = rank.top_k(similarity[row], min(count, len(similarity)))[0]
    gallery = collection.pairs().gallery
    place = int((similarity[row] > similarity[row, row]).sum()) + 1
    return Pictures(
        f"{stage}: {collection.left.ids[row]}, its mate is at rank {place:,}",
        (collection.left.keys[row], gallery.keys[row], *(gallery.keys[int(i)] for i in columns)),
        ("query", "mate", *(f"rank {n}" for n in range(1, len(columns) + 1))),
        1,
    )


def first_columns(question: Question, rows: Sequence[int], k: int) -> list[list[int]]:
    """The gallery columns that rank first for some queries, most similar first.

    Args:
        question: with one recipe.
        rows: of the queries.
        k: columns per query; fewer where the others have no evidence.
    """
    collection = subsets.open_subset(question.collection, question.subset)
    pairs = collection.pairs(question.direction)
    (recipe,) = question.recipes
    queries, gallery = (
        {name: features.for_side(collection, side, name) for name in recipe.backbones}
        for side in (pairs.queries, pairs.gallery)
    )
    columns: dict[int, list[int]] = {}
    for start, values in recipe_blocks.blocks(recipes.resolve(recipe), queries, gallery):
        for row in rows:
            if start <= row < start + len(values):
                similarity = values[row - start]
                order = np.argsort(-similarity, kind="stable")
                columns[row] = order[~np.isnan(similarity[order])][:k].tolist()
    return [columns[row] for row in rows]
