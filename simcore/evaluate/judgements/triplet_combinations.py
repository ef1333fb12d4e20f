"""Sums of several similarities on triplets, and the best combination (rosenfeld2019, Table 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from simcore.data.judgements.trials import Triplets
from simcore.errors import BadDataError, ShapeError, unknown_name
from simcore.evaluate.judgements import two_afc
from simcore.sim.combine import GRID
from simcore.types import Array, Score

Sides = tuple[Array, Array]  # left, right: (T,) similarity of the reference to either side
MAX_SIMILARITIES = 16  # in the full search; 2^16 subsets
ALL = "all"  # the mean over the groups
_BLOCK_SCALARS = 4_000_000  # of the largest temporary array
_TIE = 1e-12  # scores that differ by less are equal


def signed_margin(sides: Sides, combine: str) -> Array:
    """How much a similarity prefers the right side: what it adds to a combination.

    Args:
        sides: (T,) similarities of the reference to left and right.
        combine: "sum": right - left; "zsum": that over the standard deviation of all left and right
            values of the set (their mean cancels out).

    Returns:
        (T,) float64 on a grid of 2^-40, so that sums are exact in any order. 0 where a side has no
        evidence: such a similarity does not count on that triplet. A constant similarity is 0.

    Raises:
        ShapeError: the sides have different lengths.
        UnknownNameError: no such combination.

    >>> signed_margin((np.array([0.5, 0.5]), np.array([0.75, np.nan])), "sum")
    array([0.25, 0.  ])
    """
    if combine not in {"sum", "zsum"}:
        raise unknown_name("combination", combine, ("sum", "zsum"))
    left, right = (np.asarray(side, np.float64) for side in sides)
    if left.shape != right.shape:
        raise ShapeError(f"Got {left.size} left and {right.size} right similarities.")
    gain = 1.0
    if combine == "zsum":
        values = np.concatenate([left, right])
        values = values[~np.isnan(values)]
        deviation = float(values.std()) if values.size else 0.0
        gain = 1 / deviation if deviation > 0 else 0.0
    difference = np.nan_to_num((right - left) * gain, nan=0.0)
    margin: Array = np.rint(difference * GRID) / GRID
    return margin


def combined(parts: Sequence[Sides], weights: Sequence[float], *, combine: str = "zsum") -> Sides:
    """A weighted sum of similarities, for scoring: (0, margin) of each triplet.

    Returns:
        left, right: (T,) float64; NaN where no part of positive weight has evidence on both sides.

    Raises:
        ShapeError: not as many weights as parts, or none.
    """
    if len(parts) != len(weights) or not parts:
        raise ShapeError(
            f"Got {len(weights)} weights for {len(parts)} similarities. Pass one per similarity."
        )
    total = np.zeros(parts[0][0].shape)
    evidence = np.zeros(total.shape, bool)
    for part, weight in zip(parts, weights, strict=True):
        total += weight * signed_margin(part, combine)
        evidence |= (weight > 0) & ~np.isnan(part[0]) & ~np.isnan(part[1])
    return np.where(evidence, 0.0, np.nan), np.where(evidence, total, np.nan)


@dataclass(frozen=True)
class BestCombination:
    """One row of Table 3.

    Attributes:
        group: the distortion, or "all" for the mean over the groups.
        single, single_score: the best similarity alone.
        several, several_score: the best combination of any size; of equals the smaller.
        held_out: cross-validated score: the combination is chosen on the other folds; None where
            there are no other triplets. The score of `several` is optimistically biased, since it
            is chosen on the triplets it is scored on.
    """

    group: str
    single: str
    single_score: Score
    several: tuple[str, ...]
    several_score: Score
    held_out: float | None


@dataclass(frozen=True)
class CombinationTable:
    """Table 3 and which similarities took part.

    Attributes:
        rows: one per group, "all" last.
        contributing: names that the full search used.
        dropped: names in no best combination of 1 to `up_to`.
    """

    rows: tuple[BestCombination, ...]
    contributing: tuple[str, ...]
    dropped: tuple[str, ...]


def best_combinations(
    sides: Mapping[str, Sides],
    triplets: Triplets,
    *,
    combine: str = "zsum",
    up_to: int = 4,
    parts: int = 5,
    seed: int = 0,
) -> CombinationTable:
    """The best combination for each group (rosenfeld2019, section 4.5.1 and Table 3).

    As in the paper: all combinations up to size 4 first; similarities that never contribute are
    dropped; then all combinations of the others. "Contributes" is read as: a member of a best
    combination of some size up to 4, for some group or for the mean over all.

    Args:
        sides: name -> (left, right) of every similarity.
        combine: "sum" or "zsum".
        up_to: size of the first search.
        parts, seed: number and seed of the folds of the held-out score.

    Raises:
        BadDataError: nothing to combine, or more than 16 are left for the full search.
    """
    names = tuple(sides)
    if not names or not len(triplets):
        raise BadDataError("There is nothing to combine. Pass similarities and triplets.")
    margins = np.stack([signed_margin(sides[name], combine) for name in names])
    folds = GroupFolds(triplets, parts, seed)
    members = contributing(margins, folds, up_to)
    if len(members) > MAX_SIMILARITIES:
        raise BadDataError(
            f"{len(members)} similarities contribute, but the search over all combinations takes "
            f"at most {MAX_SIMILARITIES}. Choose fewer."
        )
    chosen = tuple(names[k] for k in members)
    return CombinationTable(
        best_per_group(chosen, margins[members], triplets, folds),
        chosen,
        tuple(name for name in names if name not in chosen),
    )


class GroupFolds:
    """Triplets split into groups times folds.

    The credit of such a cell is a sum over its triplets, so many combinations are scored at once.
    """

    def __init__(self, triplets: Triplets, parts: int, seed: int) -> None:
        self.groups = list(dict.fromkeys(triplets.group))
        self.parts = min(parts, len(triplets))
        number = {name: k for k, name in enumerate(self.groups)}
        group = np.array([number[name] for name in triplets.group], np.int64)
        fold = np.empty(len(triplets), np.int64)
        random = np.random.default_rng(seed)
        for k in range(len(self.groups)):
            rows = np.flatnonzero(group == k)
            fold[random.permutation(rows)] = np.arange(rows.size) % self.parts
        cell = group * self.parts + fold
        self.count = np.bincount(cell, minlength=len(self.groups) * self.parts).astype(np.float64)
        # The credit of a triplet is 0.5 + sign(margin) * (vote - 0.5).
        self.gain = np.zeros((len(triplets), self.count.size))
        self.gain[np.arange(len(triplets)), cell] = triplets.vote - 0.5

    def credits(self, margins: Array, masks: Array) -> Array:
        """(C, groups x folds) credit of each combination in each cell, from (M, T) margins."""
        member = (masks[:, None] >> np.arange(len(margins)) & 1).astype(np.float64)
        out = np.tile(self.count / 2, (len(masks), 1))
        for rows in np.array_split(np.arange(len(masks)), 1 + len(masks) // 4096):
            step = max(1, _BLOCK_SCALARS // max(len(rows), 1))
            for start in range(0, margins.shape[1], step):
                block = slice(start, start + step)
                out[rows] += np.sign(member[rows] @ margins[:, block]) @ self.gain[block]
        return out

    def means(self, earned: Array) -> Array:
        """(C, groups + 1) mean credit per group, and last the mean of these."""
        by_group = earned.reshape(len(earned), len(self.groups), self.parts).sum(axis=2)
        share = by_group / self.count.reshape(-1, self.parts).sum(axis=1)
        return np.c_[share, share.mean(axis=1)]

    def held_out(self, earned: Array, column: int) -> float | None:
        """Mean credit on each fold of the combination that is best on the others.

        None where a fold has all triplets, so that nothing is left to choose on.
        """
        shape = (len(earned), len(self.groups), self.parts)
        by_cell, count = earned.reshape(shape), self.count.reshape(shape[1:])
        groups = slice(None) if column == len(self.groups) else slice(column, column + 1)
        total = np.zeros((len(self.groups), 2))  # credit and number of triplets
        for fold in range(self.parts):
            training = np.arange(self.parts) != fold
            if not count[groups, fold].any():
                continue
            if not count[groups][:, training].any():
                return None
            train_count = np.maximum(count[:, training].sum(axis=1), 1)
            train_means = by_cell[:, :, training].sum(axis=2) / train_count
            best = _first_best(train_means[:, groups].mean(axis=1))
            total[:, 0] += by_cell[best, :, fold]
            total[:, 1] += count[:, fold]
        return float((total[groups, 0] / total[groups, 1]).mean())


def contributing(margins: Array, folds: GroupFolds, up_to: int) -> list[int]:
    """Similarities in a best combination of some size up to `up_to`, for some group or for all.

    Args:
        margins: (M, T) from `signed_margin`.
    """
    masks = small_subsets(len(margins), up_to)
    scores = folds.means(folds.credits(margins, masks))
    members = np.bitwise_count(masks)
    used = 0
    for size in np.unique(members):
        of_size = np.flatnonzero(members == size)
        top = scores[of_size].max(axis=0)
        is_best = (scores[of_size] >= top - _TIE).any(axis=1)
        used |= int(np.bitwise_or.reduce(masks[of_size[is_best]]))
    return [k for k in range(len(margins)) if used >> k & 1]


def small_subsets(count: int, up_to: int) -> Array:
    """(C,) int64 masks of all subsets of 1 to `up_to` members, the smaller first.

    >>> small_subsets(3, 2).tolist()
    [1, 2, 4, 3, 5, 6]
    """
    masks = [
        sum(1 << k for k in members)
        for size in range(1, min(up_to, count) + 1)
        for members in combinations(range(count), size)
    ]
    return np.array(masks, np.int64)


def all_subsets(count: int) -> Array:
    """(2^count - 1,) int64 masks of all non-empty subsets, the smaller first.

    >>> all_subsets(3).tolist()
    [1, 2, 4, 3, 5, 6, 7]
    """
    masks = np.arange(1, 1 << count)
    return masks[np.lexsort((masks, np.bitwise_count(masks)))]


def best_per_group(
    names: Sequence[str], margins: Array, triplets: Triplets, folds: GroupFolds
) -> tuple[BestCombination, ...]:
    """The best similarity and the best of all combinations, for each group and for their mean.

    Args:
        names: M similarities.
        margins: (M, T) from `signed_margin`.
    """
    masks = all_subsets(len(names))
    earned = folds.credits(margins, masks)
    scores = folds.means(earned)
    rows = []
    for column, group in enumerate([*folds.groups, ALL]):
        single = int(masks[scores[: len(names), column].argmax()])  # subsets of one come first
        several = int(masks[_first_best(scores[:, column])])
        rows.append(
            BestCombination(
                group,
                _members(names, single)[0],
                _score(margins, single, triplets, group),
                _members(names, several),
                _score(margins, several, triplets, group),
                folds.held_out(earned, column),
            )
        )
    return tuple(rows)


def _first_best(values: Array) -> int:
    return int(np.flatnonzero(values >= values.max() - _TIE)[0])


def _members(names: Sequence[str], mask: int) -> tuple[str, ...]:
    return tuple(name for k, name in enumerate(names) if mask >> k & 1)


def _score(margins: Array, mask: int, triplets: Triplets, group: str) -> Score:
    total = margins[[k for k in range(len(margins)) if mask >> k & 1]].sum(axis=0)
    earned = two_afc.credit(np.zeros(total.size), total, triplets.vote)
    if group == ALL:
        return two_afc.over_groups(earned, triplets.group)
    return two_afc.mean(earned[[name == group for name in triplets.group]], group)
