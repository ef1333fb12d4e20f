"""Forced choices of backbones and of their sums."""

from itertools import combinations

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.types import Array

MAX_BACKBONES = 12  # 4,083 sums of two or more


def choices(values: Array, mate: Array) -> Array:
    """The most similar option of each question; a tie with the mate is never a hit.

    Args:
        values: (N, V) similarities of the query to the options; NaN = no evidence.
        mate: (N,) the right option, -1 where it is unknown.

    Returns:
        (N,) int64 index of the option; -1 without any evidence.

    >>> choices(np.array([[0.2, 0.9], [0.5, 0.5], [np.nan, np.nan]]), np.array([1, 0, 0])).tolist()
    [1, 1, -1]
    """
    known = ~np.isnan(values)
    filled = np.where(known, values, -np.inf)
    best = known & (filled == filled.max(axis=1, keepdims=True))
    tied_mate = np.flatnonzero((best.sum(axis=1) > 1) & (mate >= 0))
    best[tied_mate, mate[tied_mate]] = False
    chosen: Array = np.where(best.any(axis=1), best.argmax(axis=1), -1)
    return chosen


def add(summands: Array, known: Array) -> Array:
    """(N, V) sum of some backbones; NaN where none of them has evidence.

    Args:
        summands: (M, N, V), from `simcore.sim.combine.on_grid`; never NaN.
        known: (M, N, V) bool, whether each backbone has evidence.
    """
    return np.where(known.any(axis=0), summands.sum(axis=0), np.nan)


def best_sum(summands: Array, known: Array, mate: Array) -> tuple[int, ...]:
    """The sum of two or more backbones that answers most questions right.

    Among equal ones, the one with fewest backbones, then with those that come first.

    Args:
        summands: (M, N, V), as for `add`. known: (M, N, V) bool. mate: (N,) the right option.

    Returns:
        Numbers of its backbones, from 0, ascending.

    Raises:
        ShapeError: shapes do not fit, or fewer than two backbones.
        BadDataError: more than 12 backbones.
    """
    if summands.shape != known.shape or summands.ndim != 3 or len(summands) < 2:
        raise ShapeError(
            f"Got summands of shape {summands.shape} and evidence of shape {known.shape}. "
            "Pass (M, N, V) both, of two or more backbones."
        )
    if len(summands) > MAX_BACKBONES:
        raise BadDataError(
            f"The best sum takes up to {MAX_BACKBONES} backbones, not {len(summands)}. "
            "Each one doubles the work."
        )
    best: tuple[int, ...] = ()
    most_hits = -1
    for size in range(2, len(summands) + 1):
        for members in combinations(range(len(summands)), size):
            chosen = choices(add(summands[list(members)], known[list(members)]), mate)
            hits = int((chosen == mate).sum())
            if hits > most_hits:
                best, most_hits = members, hits
    return best
