"""Recall: how often the true mate is among the first k (rosenfeld2018, 3.2)."""

from collections.abc import Mapping, Sequence

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.statistics.bootstrap import interval
from simcore.recipe import Recipe
from simcore.sim import combine, rank
from simcore.types import Array, Features, Pairs, Score


def ranks_of(
    pairs: Pairs,
    recipe: Recipe,
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
) -> Array:
    """(Q,) int64, 1-based rank of each query's mate; every tie is ahead of it."""
    (found,) = ranks_of_each(pairs, [recipe], queries, gallery)
    return found


def ranks_of_each(
    pairs: Pairs,
    recipes: Sequence[Recipe],
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
) -> list[Array]:
    """As `ranks_of` for several recipes, in less time than one after the other."""
    found = [np.empty(len(pairs), np.int64) for _ in recipes]
    for start, blocks in combine.blocks_of_each(recipes, queries, gallery):
        for ranks, values in zip(found, blocks, strict=True):
            rows = slice(start, start + len(values))
            ranks[rows] = rank.mate_ranks(values, pairs.target[rows])
    return found


def recall_at(ranks: Array, k: int) -> Score:
    """Share of queries whose mate is among the first k.

    >>> recall_at(np.array([1, 2, 7]), 2).value
    0.6666666666666666
    """
    if k < 1:
        raise BadDataError(f"found k = {k}; expected 1 or more")
    hit = (ranks <= k).astype(np.float32)
    low, high = interval(hit)
    return Score(f"recall@{k}", float(np.mean(ranks <= k)), low, high, hit)


def curve(ranks: Array, gallery: int) -> Array:
    """(G,) recall at every k from 1 to G."""
    counts = np.bincount(ranks, minlength=gallery + 1)[1:]
    share: Array = np.cumsum(counts) / max(ranks.size, 1)
    return share
