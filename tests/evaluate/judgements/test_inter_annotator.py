"""Agreement against numbers in print and computed here in another way."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import binom, pearsonr

from simcore.evaluate.judgements import forced_choice, inter_annotator
from simcore.evaluate.statistics import bootstrap

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", part C: four observers, twelve
# units, missing values; nominal alpha 0.743 in print.
KRIPPENDORFF = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def said(lines):
    return [
        {unit: value for unit, value in enumerate(line.split()) if value != "."} for line in lines
    ]


def by_hand(people):
    """Alpha by the coincidence matrix, in fractions: 1 - observed / expected disagreement."""
    units = {unit for one in people for unit in one}
    coincidences, totals = {}, {}
    for unit in units:
        values = [one[unit] for one in people if unit in one]
        for a, b in permutations(values, 2):
            coincidences[a, b] = coincidences.get((a, b), 0) + Fraction(1, len(values) - 1)
    for (a, _), count in coincidences.items():
        totals[a] = totals.get(a, 0) + count
    n = sum(totals.values())
    observed = sum(c for (a, b), c in coincidences.items() if a != b) / n
    expected = sum(x * y for a, x in totals.items() for b, y in totals.items() if a != b)
    return 1 - observed / (expected / (n * (n - 1)))


def test_alpha_of_the_published_example():
    people = said(KRIPPENDORFF)
    counts, names = inter_annotator.labels(people)
    assert names == list("12345")
    assert counts.sum() == 41  # in print: 41 values, 40 of them pairable
    assert inter_annotator.krippendorff_alpha(counts) == pytest.approx(
        float(by_hand(people)), abs=1e-12
    )
    assert round(inter_annotator.krippendorff_alpha(counts), 3) == 0.743


def test_alpha_of_random_answers_equals_the_independent_computation():
    random = np.random.default_rng(3)
    for _ in range(20):
        people = [
            {
                u: str(random.choice(4, p=[0.6, 0.2, 0.1, 0.1]))
                for u in range(15)
                if random.random() < 0.7
            }
            for _ in range(5)
        ]
        counts, _ = inter_annotator.labels(people)
        assert inter_annotator.krippendorff_alpha(counts) == pytest.approx(
            float(by_hand(people)), abs=1e-9
        )


def test_alpha_says_nothing_where_there_is_nothing_to_agree_on():
    assert inter_annotator.krippendorff_alpha(np.array([[1, 0], [0, 1]])) is None
    assert inter_annotator.krippendorff_alpha(np.array([[3, 0], [2, 0]])) is None
    assert inter_annotator.krippendorff_alpha(np.zeros((0, 2), int)) is None
    assert inter_annotator.krippendorff_alpha(np.array([[3, 0], [0, 2]])) == 1


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


def test_how_one_answer_fits_the_others():
    units = np.array([0, 0, 0, 1, 1, 2])
    values = np.array([0, 0, 1, 0, 1, 2])
    counts = inter_annotator.tally(units, values, shape=(3, 3))
    found = inter_annotator.agreement_with_others(counts, units, values)
    # Of {0, 1} without one 0 both lead; without the 1 only 0 leads; alone there are no others.
    np.testing.assert_array_equal(found, [0.5, 0.5, 0, 0, 0, np.nan])


def test_shared_intervals_are_wider_than_those_that_take_answers_for_independent():
    random = np.random.default_rng(0)
    person, question = np.repeat(np.arange(20), 30), np.tile(np.arange(30), 20)
    hard = random.random(30)
    values = (random.random(600) < hard[question]).astype(float)
    low, high = bootstrap.shared_interval(values, person, question)
    naive = binom.ppf([0.025, 0.975], 600, values.mean()) / 600
    assert low < values.mean() < high
    assert high - low > 2 * (naive[1] - naive[0])


def test_shared_intervals_hold_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(1)
    person, question = np.repeat(np.arange(12), 25), np.tile(np.arange(25), 12)
    inside = 0
    for seed in range(100):
        able, hard = random.normal(0, 0.1, 12), random.normal(0, 0.2, 25)
        values = (random.random(300) < np.clip(0.6 + able[person] + hard[question], 0, 1)) * 1.0
        low, high = bootstrap.shared_interval(values, person, question, seed=seed)
        inside += low <= 0.6 <= high
    assert inside >= 93


def test_a_single_participant_and_equal_answers_have_an_interval_too():
    question = np.arange(10)
    low, high = bootstrap.shared_interval(np.ones(10), np.zeros(10, int), question)
    assert 0.6 < low < 1
    assert high == 1
    low, high = bootstrap.shared_interval(np.tile([0.0, 1], 5), np.zeros(10, int), question)
    assert 0 < low < 0.5 < high < 1


def test_position_bias_of_the_paper():
    counts = [627, 522, 465, 395, 391]  # rosenfeld2018, 4.3
    told = forced_choice.places(np.repeat(np.arange(5), counts), 5)
    assert told.counts == tuple(counts)
    assert told.statistic == pytest.approx(sum((c - 480) ** 2 / 480 for c in counts))
    assert told.p < 1e-10
    assert forced_choice.places(np.array([], int), 3).p == 1
