"""Ceilings against plain enumeration of single votes."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.judgements import human_ceiling


@settings(deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=2, max_size=6), min_size=1, max_size=6))
def test_leave_one_out_is_what_enumeration_says(single):
    vote = np.array([np.mean(v) for v in single])
    count = np.array([len(v) for v in single])
    pairs, crowds = [], []
    for v in single:
        pairs.append(np.mean([a == b for a, b in permutations(v, 2)]))
        each = []
        for i, mine in enumerate(v):
            others = np.mean(v[:i] + v[i + 1 :])
            each.append(0.5 if others == 0.5 else float((others > 0.5) == mine))
        crowds.append(np.mean(each))
    assert human_ceiling.pairwise(vote, count).value == pytest.approx(np.mean(pairs))
    assert human_ceiling.leave_one_out(vote, count).value == pytest.approx(np.mean(crowds))


def test_held_out_judges_are_unbiased_and_the_ceiling_is_not():
    random = np.random.default_rng(0)
    truth = random.random(20_000)
    vote = random.binomial(5, truth) / 5
    count = np.full(vote.shape, 5)
    expected = np.mean(truth**2 + (1 - truth) ** 2)
    assert human_ceiling.pairwise(vote, count).value == pytest.approx(expected, abs=0.01)
    assert human_ceiling.ceiling(vote).value > np.mean(np.maximum(truth, 1 - truth)) + 0.01


def test_unknown_counts_say_nothing():
    assert human_ceiling.pairwise(np.array([0.5]), np.array([0])) is None
    assert human_ceiling.leave_one_out(np.array([1.0]), np.array([1])) is None
    with pytest.raises(BadDataError, match="not possible with its number of votes"):
        human_ceiling.pairwise(np.array([0.3]), np.array([2]))


def test_the_gallery_puts_the_worst_quarrel_first():
    left = np.array([9.0, 1.0, 1.0, np.nan, 2.0])
    right = np.array([0.0, 1.5, 1.0, 1.0, 9.0])
    vote = np.array([1.0, 0.0, 1.0, 1.0, 1.0])
    apart = human_ceiling.disagreement(left, right, vote)
    assert apart.argmax() == 0
    assert apart[2] == apart[3] == 0.5  # a tie and missing evidence say neither
    assert apart.argmin() == 4
    assert ((apart >= 0) & (apart <= 1)).all()
    constant = human_ceiling.probability_right(np.ones(3), np.ones(3))
    np.testing.assert_array_equal(constant, 0.5)


@pytest.mark.parametrize("counts", [2, 4])
def test_votes_and_their_counts_have_the_same_length(counts):
    with pytest.raises(ShapeError, match=f"{counts} vote counts for 3 votes"):
        human_ceiling.pairwise(np.full(3, 0.5), np.full(counts, 2))
