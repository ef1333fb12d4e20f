"""What the subset search says about sizes, members and the best (rosenfeld2019, section 4.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.combinations.subset_search import SubsetHits
from simcore.types import Array


@dataclass(frozen=True)
class SubsetResult:
    """A subset and how many queries it finds first."""

    mask: int
    models: tuple[str, ...]
    hits: int


def sizes(count: int) -> Array:
    """(2^count,) how many members each mask has."""
    return np.bitwise_count(np.arange(1 << count)).astype(np.int64)


def best(hits: SubsetHits, *, size: int | None = None, without: str | None = None) -> SubsetResult:
    """The subset with the most hits; of equals the smallest, then the first by mask.

    Args:
        size: only subsets of this many members.
        without: only subsets that do not hold this one.

    Raises:
        BadDataError: there is no such subset.
    """
    many = sizes(len(hits.models))
    allowed = many > 0 if size is None else many == size
    if without is not None:
        allowed &= (np.arange(many.size) >> hits.models.index(without) & 1) == 0
    masks = np.flatnonzero(allowed)
    if not masks.size:
        raise BadDataError(
            f"found no combination of {size} out of {len(hits.models)} backbones"
            + (f" without {without}" if without else "")
            + "; expected a smaller size"
        )
    counts = hits.counts
    first = masks[np.lexsort((masks, many[masks], -counts[masks]))[0]]
    return _chosen(hits, int(first), counts)


def best_by_size(hits: SubsetHits) -> list[SubsetResult]:
    """The best subset of each size from 1 to M (Fig. 3b)."""
    return [best(hits, size=size) for size in range(1, len(hits.models) + 1)]


def ranking(hits: SubsetHits) -> list[SubsetResult]:
    """All subsets, most hits first; of equals the smaller first."""
    counts, many = hits.counts, sizes(len(hits.models))
    masks = np.arange(1, counts.size)
    order = masks[np.lexsort((masks, many[1:], -counts[1:]))]
    return [_chosen(hits, int(mask), counts) for mask in order]


def participation(hits: SubsetHits, size: int) -> Array:
    """Share of the q leading combinations of a size that hold each backbone (Fig. 4).

    Returns:
        (C, M) float64; row q - 1 is over the first q of the C combinations. Combinations with
        equal hits share their places: each counts with the mean of its group.
    """
    counts, many = hits.counts, sizes(len(hits.models))
    masks = np.flatnonzero(many == size)
    if not masks.size:
        raise BadDataError(f"found no combination of {size} backbones; expected 1 to M")
    masks = masks[np.lexsort((masks, -counts[masks]))]
    member = (masks[:, None] >> np.arange(len(hits.models)) & 1).astype(np.float64)
    group = np.unique(-counts[masks], return_inverse=True)[1]
    shared = np.array([member[group == g].mean(axis=0) for g in range(group.max() + 1)])[group]
    total: Array = np.cumsum(shared, axis=0) / np.arange(1, masks.size + 1)[:, None]
    return total


def ablation(hits: SubsetHits) -> list[tuple[str, SubsetResult, int]]:
    """What each member of the best subset is worth (Table 1).

    Returns:
        (removed, the best subset of the same size without it, hits lost) a member, dearest first.
        Another backbone may take the free place; where none is left the subset is one smaller.
    """
    top = best(hits)
    rows = []
    for name in top.models:
        size = len(top.models) if len(top.models) < len(hits.models) else len(top.models) - 1
        if size == 0:
            continue
        other = best(hits, size=size, without=name)
        rows.append((name, other, top.hits - other.hits))
    return sorted(rows, key=lambda row: -row[2])


def folds(count: int, parts: int, seed: int) -> list[Array]:
    """`count` queries dealt into parts at random: a list of arrays of rows."""
    order = np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, parts)]


def held_out(
    hits: SubsetHits, *, parts: int = 5, seed: int = 0, sizes_allowed: Sequence[int] = ()
) -> tuple[Array, list[SubsetResult]]:
    """ "Choose the best subset", judged on queries that had no say in the choice.

    The gallery is everybody's in both steps; only the queries are split.

    Returns:
        (Q,) bool, whether each query is found by the subset chosen on the other folds, and the
        subset chosen for each fold.
    """
    total = len(hits.packed)
    many = sizes(len(hits.models))
    allowed = np.isin(many, list(sizes_allowed)) if sizes_allowed else many > 0
    found = np.zeros(total, bool)
    chosen = []
    for part in folds(total, parts, seed):
        others = np.setdiff1d(np.arange(total), part)
        counts = np.where(allowed, hits.count(others), -1)
        masks = np.arange(counts.size)
        mask = int(masks[np.lexsort((masks, many, -counts))[0]])
        found[part] = hits.of(mask)[part]
        chosen.append(SubsetResult(mask, hits.names(mask), int(counts[mask])))
    return found, chosen


def _chosen(hits: SubsetHits, mask: int, counts: Array) -> SubsetResult:
    return SubsetResult(mask, hits.names(mask), int(counts[mask]))
