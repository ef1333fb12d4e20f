"""Which of two is nearer: how often a similarity agrees with people (Zhang et al. 2018, 2AFC)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.statistics.bootstrap import DRAWS, interval, unanimous_bound
from simcore.types import Array, Score

_MAX_DISTINCT = 64  # values up to which counts are drawn instead of items
Counting = Literal["share", "majority"]
GroupScores = dict[str, Score]  # group -> its score, in the order of first appearance


def credit(left: Array, right: Array, vote: Array, *, counting: Counting = "share") -> Array:
    """What each triplet scores.

    Args:
        left, right: (T,) similarity of the reference to either side, higher = more alike.
        vote: (T,) share of people who chose right as the nearer one.
        counting: "share": the share of people who chose as the similarity does (BAPPS);
            "majority": 1 where most did, else 0 (margaritescu2024, 5.2); 0.5 where people tie.

    Returns:
        (T,) float64; a tie and missing evidence (NaN) on either side score 0.5, never more.

    Raises:
        ShapeError: lengths differ.
        BadDataError: a vote outside 0..1.

    >>> credit(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, np.nan]), np.array([0.2, 1.0, 1.0]))
    array([0.8, 0.5, 0.5])
    """
    if not left.shape == right.shape == vote.shape or vote.ndim != 1:
        raise ShapeError(
            f"Similarities of shapes {left.shape} and {right.shape} do not fit votes of shape "
            f"{vote.shape}. Pass (T,) each."
        )
    if vote.size and not (vote.min() >= 0 and vote.max() <= 1):
        raise BadDataError("A vote is outside 0 to 1. It is the share of people who chose right.")
    if counting == "majority":
        vote = (np.sign(vote - 0.5) + 1) / 2
    earned = np.where(left > right, 1 - vote, 0.5)
    out: Array = np.where(right > left, vote, earned)
    return out


def score(
    left: Array, right: Array, vote: Array, *, name: str = "2afc", counting: Counting = "share"
) -> Score:
    """Mean credit with its interval; a constant similarity scores exactly 0.5.

    Args:
        left, right, vote: (T,) as for `credit`.
    """
    return mean(credit(left, right, vote, counting=counting), name)


def mean(earned: Array, name: str) -> Score:
    """The mean of (n,) credits as a Score; without items it is NaN with the interval (0, 1)."""
    low, high = _interval(earned)
    value = float(earned.mean()) if earned.size else float("nan")
    return Score(name, value, min(low, value), max(high, value), earned)


def _interval(earned: Array) -> tuple[float, float]:
    """As `interval`; for few distinct values the number of draws of each is multinomial."""
    values, counts = np.unique(earned, return_counts=True)
    if values.size == 1:
        return _interval_without_spread([earned])
    if values.size > _MAX_DISTINCT or np.isin(values, (0, 1)).all():
        return interval(earned)
    drawn = np.random.default_rng(0).multinomial(earned.size, counts / earned.size, size=DRAWS)
    low, high = np.quantile(drawn @ values / earned.size, [0.025, 0.975])
    return float(low), float(high)


def _interval_without_spread(parts: Sequence[Array]) -> tuple[float, float]:
    """An interval of the mean of groups' means where all credits of a group are equal.

    A bootstrap draws the same mean each time. By the exact bound a share of other items is free,
    which may earn anything from 0 to 1; a group that earns 0 cannot earn less.

    Args:
        parts: credits of each group, at least one.
    """
    values = np.array([part[0] for part in parts])
    sizes = np.array([part.size for part in parts])

    def reach(distance: Array) -> float:
        can_move = distance > 0
        if not can_move.any():
            return 0.0
        free_share = (1 - unanimous_bound(sizes[can_move])) * can_move.mean()
        return float(min(free_share * distance.max(), distance.mean()))

    value = float(values.mean())
    return value - reach(values), value + reach(1 - values)


def by_group(earned: Array, group: Sequence[str]) -> GroupScores:
    """Mean credit of each group, in the order in which they first appear.

    Args:
        earned: (T,) credits.
        group: T names.

    Raises:
        ShapeError: not one group per item.

    >>> scores = by_group(np.array([1.0, 0.0, 1.0]), ["cnn", "cnn", "color"])
    >>> {name: score.value for name, score in scores.items()}
    {'cnn': 0.5, 'color': 1.0}
    """
    names, number = _group_numbers(earned, group)
    return {name: mean(earned[number == k], name) for k, name in enumerate(names)}


def over_groups(earned: Array, group: Sequence[str], *, name: str = "all", seed: int = 0) -> Score:
    """Mean of the groups' means, each group with the same weight, as BAPPS reports "all".

    The bootstrap resamples triplets within each group. Where all credits of each group are equal it
    has no spread, and the exact bound is used (`bootstrap.unanimous_bound`).

    Args:
        earned: (T,) credits.
        group: T names.

    >>> over_groups(np.array([1.0, 1.0, 1.0, 0.0]), ["a", "a", "a", "b"]).value
    0.5
    """
    names, number = _group_numbers(earned, group)
    if not names:
        return mean(earned, name)
    parts = [earned[number == k] for k in range(len(names))]
    value = float(np.mean([part.mean() for part in parts]))
    if all(np.ptp(part) == 0 for part in parts):
        return Score(name, value, *_interval_without_spread(parts), earned)
    random = np.random.default_rng(seed)
    # A group has few distinct values, so the number of draws of each is multinomial.
    means = np.zeros(DRAWS)
    for part in parts:
        values, counts = np.unique(part, return_counts=True)
        drawn = random.multinomial(part.size, counts / part.size, size=DRAWS)
        means += drawn @ values / part.size / len(parts)
    low, high = np.quantile(means, [0.025, 0.975])
    return Score(name, value, min(float(low), value), max(float(high), value), earned)


def _group_numbers(earned: Array, group: Sequence[str]) -> tuple[list[str], Array]:
    """Names of the groups, and the number of the group of each item."""
    if len(group) != earned.size:
        raise ShapeError(f"Got {len(group)} groups for {earned.size} items. Pass one per item.")
    names = list(dict.fromkeys(group))
    number = {name: k for k, name in enumerate(names)}
    return names, np.fromiter((number[name] for name in group), np.int64, len(group))
