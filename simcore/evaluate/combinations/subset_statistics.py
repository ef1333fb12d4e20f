"""Statistics of a subset search: sizes, members, ablation (rosenfeld2019, section 4.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.combinations.subset_search import SubsetHits
from simcore.types import Array


@dataclass(frozen=True)
class SubsetResult:
    """A subset of backbones.

    Attributes:
        mask: bit k stands for backbone k of the search.
        models: names of its members.
        hits: number of queries that it finds first.
    """

    mask: int
    models: tuple[str, ...]
    hits: int


def sizes(count: int) -> Array:
    """(2^count,) int64: how many members each mask has.

    >>> sizes(2).tolist()
    [0, 1, 1, 2]
    """
    return np.bitwise_count(np.arange(1 << count)).astype(np.int64)


def best(hits: SubsetHits, *, size: int | None = None, without: str | None = None) -> SubsetResult:
    """The subset with the most hits; of equals the smallest, then the first by mask.

    Args:
        size: only subsets of this many members.
        without: only subsets that do not contain this backbone.

    Raises:
        BadDataError: there is no such subset.
    """
    members = sizes(len(hits.models))
    allowed = members > 0 if size is None else members == size
    if without is not None:
        allowed &= (np.arange(members.size) >> hits.models.index(without) & 1) == 0
    masks = np.flatnonzero(allowed)
    if not masks.size:
        raise BadDataError(
            f"There is no combination of {size} out of {len(hits.models)} backbones"
            + (f" without {without}" if without else "")
            + ". Choose a smaller size."
        )
    counts = hits.counts
    first = masks[np.lexsort((masks, members[masks], -counts[masks]))[0]]
    return _result(hits, int(first), counts)


def best_by_size(hits: SubsetHits) -> list[SubsetResult]:
    """The best subset of each size from 1 to M (rosenfeld2019, Fig. 3b)."""
    return [best(hits, size=size) for size in range(1, len(hits.models) + 1)]


def ranking(hits: SubsetHits) -> list[SubsetResult]:
    """All subsets, most hits first; of equals the smaller first."""
    counts, members = hits.counts, sizes(len(hits.models))
    masks = np.arange(1, counts.size)
    order = masks[np.lexsort((masks, members[1:], -counts[1:]))]
    return [_result(hits, int(mask), counts) for mask in order]


def participation(hits: SubsetHits, size: int) -> Array:
    """Share of the q best combinations of a size that contain each backbone (Fig. 4).

    Combinations with equal hits share their ranks: each counts with the mean of its group.

    Args:
        size: 1 to M members.

    Returns:
        (C, M) float64; row q - 1 is over the first q of the C combinations.

    Raises:
        BadDataError: there is no combination of this size.
    """
    counts, members = hits.counts, sizes(len(hits.models))
    masks = np.flatnonzero(members == size)
    if not masks.size:
        raise BadDataError(
            f"There is no combination of {size} backbones. "
            f"Choose a size from 1 to {len(hits.models)}."
        )
    masks = masks[np.lexsort((masks, -counts[masks]))]
    is_member = (masks[:, None] >> np.arange(len(hits.models)) & 1).astype(np.float64)
    group = np.unique(-counts[masks], return_inverse=True)[1]
    means = np.array([is_member[group == g].mean(axis=0) for g in range(group.max() + 1)])[group]
    share: Array = np.cumsum(means, axis=0) / np.arange(1, masks.size + 1)[:, None]
    return share


def ablation(hits: SubsetHits) -> list[tuple[str, SubsetResult, int]]:
    """What each member of the best subset contributes (rosenfeld2019, Table 1).

    Returns:
        (removed backbone, the best subset of the same size without it, hits lost) per member, the
        largest loss first. Another backbone may replace the removed one; where none is left the
        subset is one smaller.
    """
    top = best(hits)
    rows = []
    for name in top.models:
        size = len(top.models) if len(top.models) < len(hits.models) else len(top.models) - 1
        if size == 0:
            continue
        replacement = best(hits, size=size, without=name)
        rows.append((name, replacement, top.hits - replacement.hits))
    return sorted(rows, key=lambda row: -row[2])


def folds(count: int, parts: int, seed: int) -> list[Array]:
    """`count` queries split into folds at random: the sorted rows of each, none of them empty."""
    order = np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, max(1, min(parts, count)))]


def held_out(
    hits: SubsetHits, *, parts: int = 5, seed: int = 0, sizes_allowed: Sequence[int] = ()
) -> tuple[Array, list[SubsetResult]]:
    """Cross-validated choice of the best subset: chosen on some folds, scored on the held-out one.

    The gallery is the same in both steps; only the queries are split.

    Args:
        parts: number of folds; of fewer queries, each is a fold.
        sizes_allowed: only subsets of these sizes; empty allows all.

    Returns:
        (Q,) bool, whether each query is found by the subset chosen on the other folds, and the
        subset chosen for each fold.

    Raises:
        BadDataError: fewer than two queries, so that there are no others to choose on.
    """
    total = len(hits.packed)
    if total < 2:
        raise BadDataError(f"Cross-validation needs at least 2 pairs, got {total}.")
    members = sizes(len(hits.models))
    allowed = np.isin(members, list(sizes_allowed)) if sizes_allowed else members > 0
    held_out_hits = np.zeros(total, bool)
    chosen = []
    for fold in folds(total, parts, seed):
        counts = np.where(allowed, hits.counts - hits.count(fold), -1)  # on all other folds
        masks = np.arange(counts.size)
        mask = int(masks[np.lexsort((masks, members, -counts))[0]])
        held_out_hits[fold] = hits.hits_of(mask)[fold]
        chosen.append(_result(hits, mask, counts))
    return held_out_hits, chosen


def _result(hits: SubsetHits, mask: int, counts: Array) -> SubsetResult:
    return SubsetResult(mask, hits.names(mask), int(counts[mask]))
