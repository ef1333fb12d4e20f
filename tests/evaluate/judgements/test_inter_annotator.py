"""Agreement against numbers in print and computed here differently."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

from simcore.evaluate.judgements import inter_annotator

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


def tally(people, names):
    """(N, V) counts of what people said, with `inter_annotator.tally`."""
    answers = [(unit, names.index(value)) for one in people for unit, value in one.items()]
    units, values = np.array(answers).T
    return inter_annotator.tally(units, values, shape=(units.max() + 1, len(names)))


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
    counts = tally(people, "12345")
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
        counts = tally(people, "0123")
        assert inter_annotator.krippendorff_alpha(counts) == pytest.approx(
            float(by_hand(people)), abs=1e-9
        )


def test_alpha_equals_the_package():
    krippendorff = pytest.importorskip("krippendorff")
    counts = np.random.default_rng(4).multinomial(5, [0.5, 0.3, 0.2], size=30)
    counts[:5] = 0, 1, 0  # units with a single value
    assert inter_annotator.krippendorff_alpha(counts) == pytest.approx(
        krippendorff.alpha(
            value_counts=counts[counts.sum(axis=1) > 1], level_of_measurement="nominal"
        )
    )


def test_alpha_says_nothing_where_there_is_nothing_to_agree_on():
    assert inter_annotator.krippendorff_alpha(np.array([[1, 0], [0, 1]])) is None
    assert inter_annotator.krippendorff_alpha(np.array([[3, 0], [2, 0]])) is None
    assert inter_annotator.krippendorff_alpha(np.zeros((0, 2), int)) is None
    assert inter_annotator.krippendorff_alpha(np.array([[3, 0], [0, 2]])) == 1


def test_how_one_answer_fits_the_others():
    units = np.array([0, 0, 0, 1, 1, 2])
    values = np.array([0, 0, 1, 0, 1, 2])
    counts = inter_annotator.tally(units, values, shape=(3, 3))
    found = inter_annotator.agreement_with_others(counts, units, values)
    # Of {0, 1} without one 0 both lead; without the 1 only 0 leads; alone there are no others.
    np.testing.assert_array_equal(found, [0.5, 0.5, 0, 0, 0, np.nan])


def test_alpha_counts_units_with_two_answers_and_needs_two_values():
    """A unit with exactly two answers counts, one with a single answer does not."""
    people = [{0: "0", 1: "0", 2: "1"}, {0: "0", 1: "1", 2: "1"}, {3: "1"}]
    counts = np.array([[2, 0], [1, 1], [0, 2], [0, 1]])
    expected = float(by_hand(people))
    assert inter_annotator.krippendorff_alpha(counts) == pytest.approx(expected)
    assert inter_annotator.krippendorff_alpha(counts[:3]) == pytest.approx(expected)
    # Two different values are enough, even where the second occurs once.
    assert inter_annotator.krippendorff_alpha(np.array([[1, 1]])) == pytest.approx(0.0)
    assert inter_annotator.krippendorff_alpha(np.array([[2, 0], [0, 1]])) is None


def test_the_majority_of_every_unit_that_has_answers():
    counts = np.array([[1, 0, 0], [0, 0, 0], [2, 1, 2], [0, 7, 1]])
    np.testing.assert_array_equal(inter_annotator.majority(counts), [1.0, np.nan, 0.4, 0.875])
