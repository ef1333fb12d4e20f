"""Forced-choice experiments against numbers in print and by hand."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import pearsonr

from simcore.evaluate.judgements import forced_choice


def test_agreement_of_counts_that_are_easy_to_count():
    counts = np.array([[4, 0, 0], [3, 1, 0], [2, 2, 0], [0, 1, 3], [1, 0, 0], [0, 0, 0]])
    told = forced_choice.agreement_by_question(counts, np.array([0, 1, 0, 2, 0, 0]))
    assert told.questions == 4
    assert told.majority == pytest.approx((1 + 0.75 + 0.5 + 0.75) / 4)
    assert (told.most, told.unanimous) == (0.75, 0.25)
    assert told.histogram == (0, 0, 0, 0, 1, 0, 0, 2, 0, 1)
    assert told.right[4] == 0.5  # a tie, one half of which is the mate
    assert told.right[7] == 0.5  # one majority is right, one is wrong
    assert told.right[0] is None
    share, right = [1, 0.75, 0.5, 0.75], [1, 0.25, 0.5, 0.75]
    assert told.correlation == pytest.approx(pearsonr(share, right).statistic)


def test_position_bias_of_the_paper():
    counts = [627, 522, 465, 395, 391]  # rosenfeld2018, 4.3
    told = forced_choice.position_bias(np.repeat(np.arange(5), counts), 5)
    assert told.counts == tuple(counts)
    assert told.statistic == pytest.approx(sum((c - 480) ** 2 / 480 for c in counts))
    assert told.p < 1e-10
    assert forced_choice.position_bias(np.array([], int), 3).p == 1


def test_a_tie_between_several_options_is_shared_by_all_of_them():
    """The mate among one, two, three and four equally frequent options."""
    counts = np.array([[9, 0, 0, 0], [3, 3, 0, 0], [2, 2, 2, 0], [1, 1, 1, 1]])
    for row, ties in enumerate(range(1, 5)):
        told = forced_choice.agreement_by_question(counts[row : row + 1], np.array([0]))
        (share,) = [value for value in told.right if value is not None]
        assert share == pytest.approx(1 / ties)
        missed = forced_choice.agreement_by_question(counts[row : row + 1], np.array([3]))
        (share,) = [value for value in missed.right if value is not None]
        assert share == (0.25 if ties == 4 else 0)


def test_questions_with_fewer_than_two_answers_do_not_count():
    counts = np.array([[1, 0], [0, 2], [1, 1], [0, 0]])
    told = forced_choice.agreement_by_question(counts, np.array([0, 1, 0, 1]))
    assert told.questions == 2
    assert told.majority == 0.75
    assert told.correlation is None, "two questions are too few"


def test_shares_fall_into_the_tenth_that_ends_with_them():
    """0.7 belongs to (0.6, 0.7], although 10 * 0.7 is more than 7 in floating point."""
    for answers in range(2, 31):
        for most in range((answers + 3) // 4, answers + 1):
            rest = answers - most
            others = [rest // 3 + (rest % 3 > n) for n in range(3)]
            if max(others) > most:
                continue
            found = forced_choice.agreement_by_question(np.array([[most, *others]]), np.array([-1]))
            expected = math.ceil(10 * Fraction(most, answers)) - 1
            assert [int(n) for n in np.flatnonzero(found.histogram)] == [expected]
            assert found.right == (None,) * 10
            assert found.most == (1.0 if 2 * most > answers else 0.0)
            assert found.unanimous == (1.0 if most == answers else 0.0)


def test_the_interval_is_drawn_from_seed_0():
    random = np.random.default_rng(0)
    values, person, question = random.random(40), np.arange(40) % 5, np.arange(40) // 5
    default = forced_choice.score("x", values, person, question)
    again = forced_choice.score("x", values, person, question, seed=0)
    other = forced_choice.score("x", values, person, question, seed=1)
    assert (default.low, default.high) == (again.low, again.high) != (other.low, other.high)


def test_no_correlation_where_all_questions_are_answered_alike():
    """Agreement varies, the share of mates does not: a correlation has no value."""
    counts = np.array([[2, 2, 0], [2, 1, 1], [2, 1, 1]])
    told = forced_choice.agreement_by_question(counts, np.array([0, 0, 0]))
    assert told.correlation is None
    counts = np.array([[2, 2, 0, 0], [1, 3, 0, 0], [2, 1, 1, 0]])
    told = forced_choice.agreement_by_question(counts, np.array([2, 2, 3]))
    assert told.correlation is None
