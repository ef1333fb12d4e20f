"""Several similarities judged as one, and the best of all combinations (rosenfeld2019, Table 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from simcore.data.judgements.trials import Triplets
from simcore.errors import BadDataError, ShapeError, unknown_name
from simcore.evaluate.judgements import two_afc
from simcore.types import Array, Score

Sides = tuple[Array, Array]  # left, right: (T,) similarity of the reference to either side
MOST = 16  # similarities of the full search; 2^16 subsets
_GRID = 2.0**40
_CELLS = 4_000_000


def signed_margin(sides: Sides, combine: str) -> Array:
    """(T,) how far a similarity leans to the right: what it adds to a combination.

    Args:
        combine: "sum": right - left; "zsum": that over the deviation of all left and right values
            of the set (their mean cancels out).

    Returns:
        float64 on a grid of 2^-40, so that sums are exact in any order. 0 where a side has no
        evidence: such a similarity has no say on that triplet. A similarity without spread is 0.
    """
    if combine not in {"sum", "zsum"}:
        raise unknown_name("combination", combine, ("sum", "zsum"))
    left, right = (np.asarray(side, np.float64) for side in sides)
    if left.shape != right.shape:
        raise ShapeError(f"found {left.size} left and {right.size} right similarities")
    gain = 1.0
    if combine == "zsum":
        both = np.concatenate([left, right])
        both = both[~np.isnan(both)]
        spread = float(both.std()) if both.size else 0.0
        gain = 1 / spread if spread > 0 else 0.0
    difference = np.nan_to_num((right - left) * gain, nan=0.0)
    out: Array = np.rint(difference * _GRID) / _GRID
    return out


def combined(parts: Sequence[Sides], weights: Sequence[float], *, combine: str = "zsum") -> Sides:
    """A weighted sum of similarities, for scoring: (0, lean) of each triplet.

    NaN where no part of any weight has evidence on both sides.
    """
    if len(parts) != len(weights) or not parts:
        raise ShapeError(f"found {len(weights)} weights for {len(parts)} similarities")
    total = np.zeros(parts[0][0].shape)
    known = np.zeros(total.shape, bool)
    for part, weight in zip(parts, weights, strict=True):
        total += weight * signed_margin(part, combine)
        known |= (weight > 0) & ~np.isnan(part[0]) & ~np.isnan(part[1])
    return np.where(known, 0.0, np.nan), np.where(known, total, np.nan)


@dataclass(frozen=True)
class BestCombination:
    """A row of Table 3.

    Attributes:
        group: the distortion, or "all" for the mean over the groups.
        single, single_score: the best similarity alone.
        several, several_score: the best combination of any size; ties go to the smaller.
        held_out: score of combinations that were chosen on the other folds; the honest number,
            since `several` was chosen on the triplets that it is judged by.
    """

    group: str
    single: str
    single_score: Score
    several: tuple[str, ...]
    several_score: Score
    held_out: float


@dataclass(frozen=True)
class Table:
    """Table 3 and what the search left out.

    Attributes:
        rows: one a group, "all" last. kept: names that the full search used.
        dropped: names in no best combination of 1 to `up_to`.
    """

    rows: tuple[BestCombination, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]


def best_combinations(
    sides: Mapping[str, Sides],
    triplets: Triplets,
    *,
    combine: str = "zsum",
    up_to: int = 4,
    parts: int = 5,
    seed: int = 0,
) -> Table:
    """The best combination for each group (rosenfeld2019, section 4.5.1 and Table 3).

    As there: all combinations up to size 4 first; what never contributes is put away; then all
    combinations of what is left. "Contributes" is read as: a member of a best combination of some
    size up to 4, for some group or for all together.

    Args:
        sides: name -> (left, right) of every similarity.
        combine: "sum" or "zsum".
        up_to: size of the first search. parts, seed: folds of the held-out score.

    Raises:
        BadDataError: nothing to combine, or more than 16 are left for the full search.
    """
    names = tuple(sides)
    if not names or not len(triplets):
        raise BadDataError("found nothing to combine; expected similarities and triplets")
    leans = np.stack([signed_margin(sides[name], combine) for name in names])
    cells = _Cells(triplets, parts, seed)
    few = [
        sum(1 << k for k in members)
        for size in range(1, min(up_to, len(names)) + 1)
        for members in combinations(range(len(names)), size)
    ]
    first = cells.means(cells.earned(leans, np.array(few, np.int64)))
    sizes = np.bitwise_count(np.array(few))
    used = 0
    for size in np.unique(sizes):
        of_size = np.flatnonzero(sizes == size)
        top = first[of_size].max(axis=0)
        for row, values in zip(of_size, first[of_size], strict=True):
            if (values >= top - 1e-12).any():
                used |= few[row]
    kept = [k for k in range(len(names)) if used >> k & 1]
    if len(kept) > MOST:
        raise BadDataError(
            f"found {len(kept)} similarities that contribute; expected at most {MOST} for the "
            "search over all combinations; ask with fewer"
        )
    masks = np.arange(1, 1 << len(kept))
    masks = masks[np.lexsort((masks, np.bitwise_count(masks)))]  # of equals the smaller comes first
    earned = cells.earned(leans[kept], masks)
    scores = cells.means(earned)
    chosen = [names[k] for k in kept]
    rows = []
    for column, group in enumerate([*cells.groups, "all"]):
        single = int(scores[: len(kept), column].argmax())
        best = int(_first_best(scores[:, column]))
        rows.append(
            BestCombination(
                group,
                _members(chosen, masks[single])[0],
                _score(leans[kept], int(masks[single]), triplets, group),
                _members(chosen, masks[best]),
                _score(leans[kept], int(masks[best]), triplets, group),
                cells.held_out(earned, column),
            )
        )
    return Table(tuple(rows), tuple(chosen), tuple(n for n in names if n not in chosen))


def _first_best(values: Array) -> int:
    return int(np.flatnonzero(values >= values.max() - 1e-12)[0])


def _members(names: Sequence[str], mask: int) -> tuple[str, ...]:
    return tuple(name for k, name in enumerate(names) if int(mask) >> k & 1)


def _score(leans: Array, mask: int, triplets: Triplets, group: str) -> Score:
    total = leans[[k for k in range(len(leans)) if mask >> k & 1]].sum(axis=0)
    earned = two_afc.credit(np.zeros(total.size), total, triplets.vote)
    if group == "all":
        return two_afc.over_groups(earned, triplets.group)
    return two_afc.mean(earned[[g == group for g in triplets.group]], group)


class _Cells:
    """Triplets dealt into groups times folds; the credit of a cell is a sum over its triplets."""

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
        # The credit of a triplet is 0.5 + sign(lean) * (vote - 0.5).
        self.gain = np.zeros((len(triplets), self.count.size))
        self.gain[np.arange(len(triplets)), cell] = triplets.vote - 0.5

    def earned(self, leans: Array, masks: Array) -> Array:
        """(C, groups x folds) credit of each combination in each cell."""
        member = (masks[:, None] >> np.arange(len(leans)) & 1).astype(np.float64)
        out = np.tile(self.count / 2, (len(masks), 1))
        for some in np.array_split(np.arange(len(masks)), 1 + len(masks) // 4096):
            step = max(1, _CELLS // max(len(some), 1))
            for start in range(0, leans.shape[1], step):
                part = slice(start, start + step)
                out[some] += np.sign(member[some] @ leans[:, part]) @ self.gain[part]
        return out

    def means(self, earned: Array) -> Array:
        """(C, groups + 1) mean credit a group, and the mean of these last."""
        by_group = earned.reshape(len(earned), len(self.groups), self.parts).sum(axis=2)
        share = by_group / self.count.reshape(-1, self.parts).sum(axis=1)
        return np.c_[share, share.mean(axis=1)]

    def held_out(self, earned: Array, column: int) -> float:
        """Mean credit on each fold of what is best on the others."""
        shape = (len(earned), len(self.groups), self.parts)
        by, count = earned.reshape(shape), self.count.reshape(shape[1:])
        some = slice(None) if column == len(self.groups) else slice(column, column + 1)
        total = np.zeros((len(self.groups), 2))
        for fold in range(self.parts):
            others = np.arange(self.parts) != fold
            seen = np.maximum(count[:, others].sum(axis=1), 1)
            train = (by[:, :, others].sum(axis=2) / seen)[:, some].mean(axis=1)
            best = _first_best(train)
            total[:, 0] += by[best, :, fold]
            total[:, 1] += count[:, fold]
        return float((total[some, 0] / total[some, 1]).mean())
