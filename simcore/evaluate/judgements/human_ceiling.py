"""Ceilings from people's votes, agreement between people, and their disagreement with a model."""

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.judgements.two_afc import mean
from simcore.evaluate.statistics.correlation import average_ranks
from simcore.types import Array, Score


def ceiling(vote: Array) -> Score:
    """The score of the votes themselves: mean of max(v, 1 - v).

    No similarity can score higher on these votes. The side that won is known from the very votes it
    is scored on, so with few votes per triplet this is more than any new judge could reach.

    Args:
        vote: (T,) share of people who chose right as the nearer one.

    >>> ceiling(np.array([0.2, 1.0])).value
    0.9
    """
    return mean(np.maximum(vote, 1 - vote).astype(np.float64), "ceiling")


def leave_one_out(vote: Array, votes_n: Array) -> Score | None:
    """How often one person agrees with the majority of the other people; a tie is 0.5.

    Unbiased, since no vote is compared with itself. Triplets with fewer than two votes are left
    out; None where nothing is left.

    Args:
        vote: (T,) share of people who chose right as the nearer one.
        votes_n: (T,) number of votes, 0 = unknown.

    >>> round(leave_one_out(np.array([2 / 3]), np.array([3])).value, 3)
    0.333
    """
    counts = _vote_counts(vote, votes_n)
    if counts is None:
        return None
    right, n = counts
    agree = np.zeros(n.shape)
    for is_right, people in ((1, right), (0, n - right)):
        right_of_rest = right - is_right  # votes of the other people for right
        margin = np.sign(2 * right_of_rest - (n - 1))
        agree += people * (0.5 + 0.5 * margin * (1 if is_right else -1))
    return mean(agree / n, "crowd")


def pairwise(vote: Array, votes_n: Array) -> Score | None:
    """How often two different people agree: the unbiased form of v^2 + (1 - v)^2.

    That is the score of one more person on these triplets (the "human" row of Zhang et al. 2018).

    Args:
        vote: (T,) share of people who chose right as the nearer one.
        votes_n: (T,) number of votes, 0 = unknown.

    Returns:
        None where no triplet has two votes.
    """
    counts = _vote_counts(vote, votes_n)
    if counts is None:
        return None
    right, n = counts
    left = n - right
    return mean((right * (right - 1) + left * (left - 1)) / (n * (n - 1)), "person")


def _vote_counts(vote: Array, votes_n: Array) -> tuple[Array, Array] | None:
    """Votes for right and all votes of the triplets with at least two; None without any."""
    if vote.shape != votes_n.shape:
        raise ShapeError(f"Got {votes_n.size} vote counts for {vote.size} votes.")
    enough = votes_n >= 2
    if not enough.any():
        return None
    n = votes_n[enough].astype(np.float64)
    right = np.rint(vote[enough] * n)
    if np.abs(right - vote[enough] * n).max() > 0.01:
        raise BadDataError(
            "A share of votes is not possible with its number of votes. Check the votes column."
        )
    return right, n


def probability_right(left: Array, right: Array) -> Array:
    """How firmly a similarity chooses right: 0.5 for a tie or missing evidence.

    Similarities have no common scale, so firmness is the share of the set's triplets with a
    smaller difference between the sides (equal differences count half).

    Args:
        left, right: (T,) similarity of the reference to either side.

    Returns:
        (T,) float64 in 0..1.

    >>> probability_right(np.array([1.0, 2.0]), np.array([3.0, 1.0]))
    array([0.875, 0.375])
    """
    if left.shape != right.shape:
        raise ShapeError(f"Got {left.size} left and {right.size} right similarities.")
    difference = np.nan_to_num(right - left, nan=0.0)
    size = np.abs(difference)
    firmness = (average_ranks(size) - 0.5) / max(size.size, 1)
    probability: Array = 0.5 + 0.5 * np.sign(difference) * firmness
    return probability


def disagreement(left: Array, right: Array, vote: Array) -> Array:
    """How much a similarity and people disagree; for sorting a gallery of triplets.

    Args:
        left, right: (T,) similarity of the reference to either side.
        vote: (T,) share of people who chose right as the nearer one.

    Returns:
        (T,) float64 in 0..1. Near 1: all people chose one side and the similarity chose the other,
        more firmly than on any other triplet.
    """
    difference: Array = np.abs(probability_right(left, right) - vote)
    return difference
