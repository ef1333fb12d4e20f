"""What people's votes allow: ceilings, how far people agree, and where a model parts from them."""

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.judgements.two_afc import mean
from simcore.types import Array, Score


def ceiling(vote: Array) -> Score:
    """The score of the votes themselves: mean of max(v, 1 - v).

    No similarity can score higher on these votes. It is told which side won by the very votes it is
    judged by, so with few votes a triplet it lies above what any new judge could reach.

    Args:
        vote: (T,) share that found right nearer.
    """
    return mean(np.maximum(vote, 1 - vote).astype(np.float64), "ceiling")


def leave_one_out(vote: Array, votes_n: Array) -> Score | None:
    """Leave-one-out: how often the majority of the others says what one person says; a tie is 0.5.

    Unbiased, since no vote judges itself. Triplets with fewer than two votes are left out; None
    where nothing is left.

    Args:
        vote: (T,) share that found right nearer. votes_n: (T,) single votes behind it, 0 = unknown.
    """
    counted = _counts(vote, votes_n)
    if counted is None:
        return None
    right, n = counted
    agree = np.zeros(n.shape)
    for mine, holders in ((1, right), (0, n - right)):
        for_right = right - mine  # votes of the others
        margin = np.sign(2 * for_right - (n - 1))
        agree += holders * (0.5 + 0.5 * margin * (1 if mine else -1))
    return mean(agree / n, "crowd")


def pairwise(vote: Array, votes_n: Array) -> Score | None:
    """How often two different people agree: the unbiased form of v^2 + (1 - v)^2.

    That is the score of one more person on these triplets (the "human" row of Zhang et al. 2018).
    None where no triplet has two votes.
    """
    counted = _counts(vote, votes_n)
    if counted is None:
        return None
    right, n = counted
    left = n - right
    return mean((right * (right - 1) + left * (left - 1)) / (n * (n - 1)), "person")


def _counts(vote: Array, votes_n: Array) -> tuple[Array, Array] | None:
    """Votes for right and all votes of the triplets with at least two; None without any."""
    if vote.shape != votes_n.shape:
        raise ShapeError(f"found {votes_n.size} vote counts for {vote.size} votes")
    many = votes_n >= 2
    if not many.any():
        return None
    n = votes_n[many].astype(np.float64)
    right = np.rint(vote[many] * n)
    if np.abs(right - vote[many] * n).max() > 0.01:
        raise BadDataError(
            "found a share that its number of votes cannot make; expected whole votes; "
            "check the votes column"
        )
    return right, n


def probability_right(left: Array, right: Array) -> Array:
    """(T,) in 0..1, how firmly a similarity says "right": 0.5 for a tie or missing evidence.

    Similarities have no common scale, so firmness is the share of the set's triplets with a
    smaller difference between the sides (equal differences count half).
    """
    if left.shape != right.shape:
        raise ShapeError(f"found {left.size} left and {right.size} right similarities")
    from scipy.stats import rankdata

    difference = np.nan_to_num(right - left, nan=0.0)
    size = np.abs(difference)
    firm = (rankdata(size) - 0.5) / max(size.size, 1)
    said: Array = 0.5 + 0.5 * np.sign(difference) * firm
    return said


def disagreement(left: Array, right: Array, vote: Array) -> Array:
    """(T,) in 0..1, how far a similarity and people are apart; for sorting a gallery of triplets.

    1: everybody chose one side and the similarity chose the other as firmly as nowhere else.
    """
    apart: Array = np.abs(probability_right(left, right) - vote)
    return apart
