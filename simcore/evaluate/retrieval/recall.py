"""Recall: how often the true mate is among the first k (rosenfeld2018, 3.2)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from simcore.errors import check_whole_number
from simcore.evaluate.statistics.bootstrap import interval
from simcore.recipe import Recipe
from simcore.sim import rank, recipe_blocks
from simcore.sim.rank import MateOutcomes
from simcore.sim.recipe_blocks import RecipeBlock
from simcore.types import Array, Features, Monitor, Pairs, Score

Keep = Callable[[Sequence[MateOutcomes]], object]
KEEP_EVERY = 10_000  # queries


def ranks_of(
    pairs: Pairs,
    recipe: Recipe,
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
) -> Array:
    """Rank of each query's mate under a recipe; every tie is ahead of the mate.

    Args:
        recipe: a resolved one.
        queries, gallery: backbone -> features of both sides.

    Returns:
        (Q,) int64 from 1; G + 1 without evidence about the mate.
    """
    (ranks,) = ranks_of_each(pairs, [recipe], queries, gallery)
    return ranks


def ranks_of_each(
    pairs: Pairs,
    recipes: Sequence[Recipe],
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
) -> list[Array]:
    """As `ranks_of` for several recipes, faster than one after the other."""
    return [outcomes.ranks for outcomes in outcomes_of_each(pairs, recipes, queries, gallery)]


def outcomes_of_each(
    pairs: Pairs,
    recipes: Sequence[Recipe],
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
    *,
    before: Sequence[MateOutcomes] = (),
    keep: Keep | None = None,
    monitor: Monitor = Monitor(),
) -> list[MateOutcomes]:
    """Ranks and similarities of the mates under several recipes, in one pass over the matrices.

    Args:
        before: one per recipe, of the first queries, which an earlier run has finished.
        keep: called now and then with the outcomes of all queries that are finished.
        monitor: gets the number of finished queries.

    Raises:
        Stopped: the monitor asked to stop.
    """
    outcomes = [
        MateOutcomes(np.empty(len(pairs), np.int64), *np.empty((2, len(pairs)))) for _ in recipes
    ]
    first = len(before[0].ranks) if before else 0
    for target, part in zip(outcomes, before, strict=False):
        for name, values in vars(part).items():
            getattr(target, name)[:first] = values
    kept = first
    for start, blocks in recipe_blocks.blocks_of_each(recipes, queries, gallery, first=first):
        rows = slice(start, start + len(blocks[0].parts[0]))
        for whole, block in zip(outcomes, blocks, strict=True):
            part = _block_outcomes(block, pairs.target[rows])
            whole.ranks[rows], whole.mates[rows] = part.ranks, part.mates
            whole.rivals[rows] = part.rivals
        monitor.report("ranks of mates", rows.stop, len(pairs))
        if keep is not None and (rows.stop - kept >= KEEP_EVERY or monitor.stopped):
            keep([_first_outcomes(each, rows.stop) for each in outcomes])
            kept = rows.stop
        monitor.check()
    return outcomes


def _first_outcomes(outcomes: MateOutcomes, count: int) -> MateOutcomes:
    return MateOutcomes(*(values[:count] for values in vars(outcomes).values()))


def _block_outcomes(block: RecipeBlock, target: Array) -> MateOutcomes:
    if block.recipe.combine == "none":
        return rank.mate_outcomes(block.parts[0], target)
    if not block.is_plain_sum:
        return rank.mate_outcomes(block.similarity(), target)
    from simcore.sim import sum_kernel  # numba takes long to import

    weights = [part.weight for part in block.recipe.parts]
    return sum_kernel.mate_outcomes(block.summands(), weights, block.terms, target)


def recall_at(ranks: Array, k: int) -> Score:
    """Share of queries whose mate is among the first k.

    Args:
        ranks: (Q,) from 1.

    Raises:
        BadDataError: k is no whole number, or below 1.

    >>> recall_at(np.array([1, 2, 7]), 2).value
    0.6666666666666666
    """
    check_whole_number("k", k)
    hits = (ranks <= k).astype(np.float32)
    low, high = interval(hits)
    return Score(f"recall@{k}", float(np.mean(ranks <= k)), low, high, hits)


def curve(ranks: Array, gallery: int) -> Array:
    """(G,) recall at every k from 1 to G, the size of the gallery.

    Mates without evidence have rank G + 1 and are in no recall, so a curve may end below 1.

    >>> curve(np.array([1, 2, 1, 4]), 3).tolist()
    [0.5, 0.75, 0.75]
    """
    counts = np.bincount(ranks, minlength=gallery + 1)[1 : gallery + 1]
    share: Array = np.cumsum(counts) / max(ranks.size, 1)
    return share
