"""Recall: how often the true mate is among the first k (rosenfeld2018, 3.2)."""

from collections.abc import Mapping

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.bootstrap import interval
from simcore.sim import combine, rank
from simcore.specs import Recipe
from simcore.types import Array, Features, Metric, Pairs, Score


def ranks_of(
    pairs: Pairs,
    recipe: Recipe,
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
    own: Mapping[str, Metric],
) -> Array:
    """(Q,) int64, 1-based rank of each query's mate; every tie is ahead of it."""
    found = np.empty(len(pairs), np.int64)
    for start, values in combine.blocks(recipe, queries, gallery, own):
        rows = slice(start, start + len(values))
        found[rows] = rank.ranks(values, pairs.target[rows])
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
