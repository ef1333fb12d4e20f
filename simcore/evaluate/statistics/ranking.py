"""Ranks of several similarities on the same items: how far they could be chance, and who is best.

Other items could have been sampled, so items are resampled, the same ones for all similarities (a
paired bootstrap). Items that share a picture are drawn together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError
from simcore.evaluate.statistics.significance import holm, mcnemar
from simcore.types import Array

DRAWS = 4000
DRAWS_PER_ROW = 100  # so that Holm's correction can still reach 5 % with many rows
FEW_KINDS = 4  # clusters per kind from which kinds are drawn instead of clusters
BLOCK = 250  # samples evaluated at a time
LEVEL = 0.05  # of the comparison with the best
TOLERANCE = 1e-9  # sums of equal scores may be rounded differently


@dataclass(frozen=True)
class Place:
    """Where one similarity stands among several.

    Attributes:
        rank: 1 is the highest score; equal scores share the better rank.
        low, high: ends of the 95 % interval of the rank.
        p: two-sided p-value of the difference to the best, after Holm's correction.
        level_with_best: whether it is not significantly worse than the best.
    """

    rank: int
    low: int
    high: int
    p: float
    level_with_best: bool


@dataclass(frozen=True, eq=False)
class Items:
    """What is known about n items, whatever similarity is scored on them.

    Attributes:
        group: (n,) kind of each item; the score is the mean of the groups' means.
        cluster: (n,) items of one cluster share pictures and are resampled together.
    """

    group: Array
    cluster: Array

    def __post_init__(self) -> None:
        if self.group.shape != self.cluster.shape or not self.group.size:
            raise ShapeError(
                f"Got {self.group.size} groups and {self.cluster.size} clusters. Pass one of each "
                "per item, and at least one item."
            )

    @classmethod
    def plain(cls, count: int) -> "Items":
        """Independent items of one kind."""
        return cls(np.zeros(count, np.int64), np.arange(count))


def places(credit: Array, items: Items, *, seed: int = 0) -> list[Place]:
    """The rank of each of M similarities, with intervals, and which are level with the best.

    Each is compared with the one that scores highest: where all credits are 0 or 1 and the items
    are independent, by McNemar's exact test, else by the paired bootstrap; p-values are corrected
    by Holm's method.

    Args:
        credit: (M, n) what each similarity earns with each item, 0 to 1.
        items: the n items.

    Raises:
        ShapeError: no similarity, or a different number of items.

    >>> better, worse = np.ones(40), np.tile([1.0, 0.0], 20)
    >>> [place.rank for place in places(np.stack([worse, better]), Items.plain(40))]
    [2, 1]
    """
    if credit.ndim != 2 or not len(credit) or credit.shape[1:] != items.group.shape:
        raise ShapeError(
            f"Got credits of the shape {credit.shape} for {items.group.size} items. Pass (M, n), "
            "at least one row."
        )
    cells = _Cells.make(credit, items)
    means = cells.means(np.ones((1, cells.clusters)))[0]
    best = int(np.argmax(means))
    draws = _resampled(cells, max(DRAWS, DRAWS_PER_ROW * len(credit)), seed)
    ranks = np.concatenate([_ranks(draws[k : k + BLOCK]) for k in range(0, len(draws), BLOCK)])
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0, method="inverted_cdf")
    p = _compare(credit, items, best, draws)
    return [
        Place(int(rank), int(min(a, rank)), int(max(b, rank)), value, value > LEVEL)
        for rank, a, b, value in zip(_ranks(means[None])[0], low, high, p, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Credits summed by cluster and group: all that a sample of clusters needs.

    Attributes:
        total: (C, M * G) summed credits. count: (C, G) number of items.
    """

    total: Array
    count: Array

    @classmethod
    def make(cls, credit: Array, items: Items) -> "_Cells":
        groups, group_of = np.unique(items.group, return_inverse=True)
        clusters, cluster_of = np.unique(items.cluster, return_inverse=True)
        cell, size = cluster_of * groups.size + group_of, clusters.size * groups.size
        total = np.stack([np.bincount(cell, row.astype(np.float64), size) for row in credit])
        by_cluster = total.reshape(len(credit), clusters.size, groups.size).transpose(1, 0, 2)
        count = np.bincount(cell, minlength=size).reshape(clusters.size, groups.size)
        return cls(by_cluster.reshape(clusters.size, -1), count.astype(np.float64))

    @property
    def clusters(self) -> int:
        return len(self.count)

    def means(self, weights: Array) -> Array:
        """(b, M) mean of the groups' means in samples of clusters, (b, C) how often each is in."""
        count = weights @ self.count
        total = (weights @ self.total).reshape(len(weights), -1, count.shape[1])
        has_items = count > 0  # a sample may contain no item of a group
        by_group = np.where(has_items[:, None], total, 0) / np.maximum(count, 1)[:, None]
        means: Array = by_group.sum(axis=2) / has_items.sum(axis=1)[:, None]
        return means


def _resampled(cells: _Cells, draws: int, seed: int) -> Array:
    """(R, M) means in R samples.

    Clusters with the same sums are exchangeable. Where there are few kinds of them, as of hits and
    misses, only how often each kind is drawn is sampled, which is multinomial.
    """
    random = np.random.default_rng(seed)
    means = []
    kinds, size_of_kind = np.unique(
        np.hstack([cells.total, cells.count]), axis=0, return_counts=True
    )
    if len(kinds) * FEW_KINDS <= cells.clusters:
        few = _Cells(*np.split(kinds, [cells.total.shape[1]], axis=1))
        weights = random.multinomial(cells.clusters, size_of_kind / cells.clusters, draws)
        return few.means(weights.astype(np.float64))
    for start in range(0, draws, BLOCK):
        size = min(BLOCK, draws - start)
        sample = random.integers(0, cells.clusters, (size, cells.clusters))
        offset = np.arange(size)[:, None] * cells.clusters
        weights = np.bincount((sample + offset).ravel(), minlength=size * cells.clusters)
        means.append(cells.means(weights.reshape(size, -1).astype(np.float64)))
    return np.concatenate(means)


def _ranks(means: Array) -> Array:
    """(b, M) rank in each row; equal means share the better rank."""
    ahead = means[:, None, :] > means[:, :, None] + TOLERANCE
    ranks: Array = 1 + ahead.sum(axis=2)
    return ranks


def _compare(credit: Array, items: Items, best: int, draws: Array) -> Sequence[float]:
    """p of the difference of each row to the best, corrected; 1 for the best itself."""
    binary = bool(np.isin(credit, (0, 1)).all())
    independent = np.unique(items.cluster).size == items.cluster.size
    exact = binary and independent and np.unique(items.group).size == 1
    rivals = [row for row in range(len(credit)) if row != best]
    values = []
    for row in rivals:
        if exact:
            values.append(mcnemar(credit[best], credit[row])[2])
            continue
        gain = draws[:, best] - draws[:, row]
        below, above = (gain <= TOLERANCE).sum(), (gain >= -TOLERANCE).sum()
        values.append(min(1.0, 2 * float(min(below, above) + 1) / (len(draws) + 1)))
    corrected = dict(zip(rivals, holm(values), strict=True)) if values else {}
    return [corrected.get(row, 1.0) for row in range(len(credit))]
