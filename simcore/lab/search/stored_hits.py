"""The first hits of every image of a collection, stored for the recipes that pages open with.

They are computed after an extraction, a block of queries at a time, so that a search for an image
of the collection reads neither features nor matrices. As all results they are named by everything
that they depend on: a search with other features, settings or images reads none of them.
"""

from collections.abc import Sequence

import numpy as np

from simcore import memory
from simcore.data import result_cache
from simcore.lab import recipes
from simcore.lab.library import features, similarity
from simcore.recipe import Recipe
from simcore.sim import rank, recipe_blocks
from simcore.sim.rank import Hits
from simcore.sim.recipe_blocks import RecipeBlock
from simcore.types import Collection, Direction, Monitor

KIND = "hits"  # of result on disk
LENGTH = 50  # hits per query, as many as Explore shows at most
STAGE = "hits"


def find(
    collection: Collection, recipe: Recipe, direction: Direction, row: int, k: int
) -> Hits | None:
    """The first k hits of one query, as one row; None where they are not stored.

    Args:
        row: of the query on its side.

    Raises:
        BadDataError: features are missing.
    """
    stored = _read(_key(collection, recipe, direction))
    gallery = collection.sides(direction)[1]
    if stored is None or min(k, len(gallery)) > stored.columns.shape[1]:
        return None
    query = slice(row, row + 1)
    return Hits(
        stored.columns[query, :k],
        stored.scores[query, :k],
        stored.unknown[query],
        stored.mate_ranks[query],
        stored.mate_scores[query],
    )


def are_stored(collection: Collection, recipe: Recipe, direction: Direction) -> bool:
    """Whether `find` has an answer; reads nothing.

    Raises:
        BadDataError: features are missing.
    """
    return result_cache.contains(KIND, _key(collection, recipe, direction))


def make(
    collection: Collection,
    chosen: Sequence[Recipe],
    direction: Direction = "lr",
    *,
    monitor: Monitor = Monitor(),
) -> None:
    """Compute and store the hits of every query under some recipes, in one pass over the matrices.

    Raises:
        BadDataError: features are missing. Stopped: the monitor asked to stop.
    """
    keys = {recipe: _key(collection, recipe, direction) for recipe in chosen}
    absent = [recipe for recipe, key in keys.items() if not result_cache.contains(KIND, key)]
    if not absent:
        return
    resolved = [recipes.resolve(recipe) for recipe in absent]
    similarity.read_moments(collection, resolved, direction)
    backbones = dict.fromkeys(name for recipe in absent for name in recipe.backbones)
    queries, gallery = (
        {name: features.for_side(collection, side, name) for name in backbones}
        for side in collection.sides(direction)
    )
    has_mates, count = collection.right is not None, len(collection.left)
    parts: list[list[Hits]] = [[] for _ in absent]
    for start, blocks in recipe_blocks.blocks_of_each(resolved, queries, gallery):
        for hits, block in zip(parts, blocks, strict=True):
            hits.append(_block_hits(block, start, has_mates))
        monitor.report(STAGE, start + len(blocks[0].parts[0]), count)
        monitor.check()
    for recipe, hits in zip(absent, parts, strict=True):
        result_cache.write(KIND, keys[recipe], vars(rank.joined_hits(hits)))


def _block_hits(block: RecipeBlock, start: int, has_mates: bool) -> Hits:
    """The hits of the queries from `start` on."""
    rows = np.arange(start, start + len(block.parts[0]))
    mates, own = (rows, None) if has_mates else (None, rows)
    if block.recipe.combine != "none" and not block.is_plain_sum:
        return rank.first_hits(block.similarity(), LENGTH, mates=mates, own=own)
    from simcore.sim import sum_kernel  # numba takes long to import

    weights = [part.weight for part in block.recipe.parts]
    parts = block.summands()
    return sum_kernel.first_hits(parts, weights, block.terms, LENGTH, mates=mates, own=own)


def _read(key: tuple[object, ...]) -> Hits | None:
    place = KIND, key
    if memory.contains(place):
        return memory.get(place, lambda: None)
    arrays = result_cache.read(*place)
    if arrays is None:
        return None
    hits = Hits(**arrays)
    memory.put(place, hits)
    return hits


def _key(collection: Collection, recipe: Recipe, direction: Direction) -> tuple[object, ...]:
    queries, gallery = collection.sides(direction)
    return (
        LENGTH,
        collection.right is not None,
        queries.digest,
        gallery.digest,
        tuple(features.identity(collection, name) for name in recipe.backbones),
        recipes.resolve(recipe).canonical,
    )
