"""95 % intervals of the participation in leading combinations (rosenfeld2019, Fig. 4)."""

import numpy as np

from simcore.evaluate.combinations.subset_search import SubsetHits
from simcore.types import Array

DRAWS = 200  # each ranks all combinations again


def participation_intervals(hits: SubsetHits, size: int, *, seed: int = 0) -> tuple[Array, Array]:
    """Percentile bootstrap over queries of `subset_statistics.participation`.

    Args:
        hits: of all subsets.
        size: 1 to M members.
        seed: of the draws.

    Returns:
        low, high: (C, M) float64; row q - 1 is over the first q of the C combinations.
    """
    n_models, n_queries = len(hits.models), len(hits.packed)
    masks = np.arange(1 << n_models)
    is_member = (masks[:, None] >> np.arange(n_models) & 1).astype(np.float64)
    chosen = np.flatnonzero(is_member.sum(axis=1) == size)
    is_member = is_member[chosen]
    hit_table = np.stack([hits.hits_of(int(mask)) for mask in chosen]).astype(np.float32)
    random = np.random.default_rng(seed)
    weights = random.multinomial(n_queries, np.full(n_queries, 1 / n_queries), DRAWS)
    counts = np.rint(hit_table @ weights.T.astype(np.float32)).astype(np.int64)
    shares = np.stack([_shares(column, is_member) for column in counts.T])
    low, high = np.quantile(shares, [0.025, 0.975], axis=0)
    return low, high


def _shares(counts: Array, is_member: Array) -> Array:
    """(C, M) share of the first q combinations; those with equal hits share their ranks."""
    group = np.unique(-counts, return_inverse=True)[1]
    sizes = np.bincount(group)
    totals = np.zeros((sizes.size, is_member.shape[1]))
    np.add.at(totals, group, is_member)
    means = np.repeat(totals / sizes[:, None], sizes, axis=0)
    share: Array = np.cumsum(means, axis=0) / np.arange(1, len(counts) + 1)[:, None]
    return share
