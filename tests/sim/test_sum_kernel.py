"""The compiled z-sum and rank against the present NumPy code, and against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.sim import combine, rank, sum_kernel
from simcore.sim.combine import Term
from simcore.types import Features

# Few values, so that ties are common; others, so that rounding matters.
VALUES = st.one_of(
    st.sampled_from([-1.0, 0.0, 0.5, 1.0]), st.just(math.nan), st.floats(-1, 1, width=32)
)
TERMS = st.builds(Term, st.floats(-1, 1), st.floats(0, 20), st.floats(-100, 100))


@st.composite
def sums(draw):
    """M matrices (b, G), weights, terms and the columns of the mates."""
    m, b, g = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 7))
    row = st.lists(VALUES, min_size=g, max_size=g)
    matrix = st.lists(row, min_size=b, max_size=b)
    parts = [np.array(draw(matrix), np.float32) for _ in range(m)]
    weights = [draw(st.sampled_from([0.0, 0.3, 1.0, 2.5])) for _ in range(m)]
    target = np.array([draw(st.integers(0, g - 1)) for _ in range(b)])
    return parts, weights, [draw(TERMS) for _ in range(m)], target


def same(left, right):
    """Equal bit by bit, NaN where NaN."""
    for name in ("ranks", "mates", "rivals"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), name)


@settings(max_examples=300, deadline=None)
@given(sums())
def test_equals_the_sum_and_then_the_ranks(case):
    parts, weights, terms, target = case
    values = combine.weighted_sum(parts, weights, terms)
    same(sum_kernel.mate_outcomes(*case), rank.mate_outcomes(values, target))


@settings(max_examples=300, deadline=None)
@given(sums(), st.integers(1, 8), st.sampled_from(["mates", "own", "both"]))
def test_equals_the_sum_and_then_the_first_hits(case, k, given_columns):
    parts, weights, terms, target = case
    others = {
        "mates": {"mates": target},
        "own": {"own": target},
        "both": {"mates": target, "own": (target + 1) % parts[0].shape[1]},
    }[given_columns]
    both = [(combine.weighted_sum(parts, weights, terms), terms), (parts[0], ())]
    for values, own_terms in both:
        actual = sum_kernel.first_hits(parts, weights, own_terms, k, **others)
        expected = rank.first_hits(values, k, **others)
        for name in ("columns", "scores", "unknown", "mate_ranks", "mate_scores"):
            left, right = getattr(actual, name), getattr(expected, name)
            np.testing.assert_array_equal(left, right, name)
            assert left.dtype == right.dtype


@settings(max_examples=60, deadline=None)
@given(sums())
def test_equals_plain_loops(case):
    parts, weights, terms, target = case
    outcomes = sum_kernel.mate_outcomes(*case)
    for i, column in enumerate(target):
        totals = []
        for j in range(parts[0].shape[1]):
            total, known = 0.0, False
            for values, weight, term in zip(parts, weights, terms, strict=True):
                value = float(values[i, j])
                if weight == 0:
                    continue
                known = known or not math.isnan(value)
                raw = term.fill if math.isnan(value) else (value - term.shift) * term.gain
                total += round(raw * 2**40) / 2**40 * weight
            totals.append(total if known else None)
        mate = totals[column]
        others = [t for j, t in enumerate(totals) if j != column and t is not None]
        if mate is None:
            assert (outcomes.ranks[i], math.isnan(outcomes.mates[i])) == (len(totals) + 1, True)
        else:
            assert outcomes.ranks[i] == 1 + sum(other >= mate for other in others)
            assert outcomes.mates[i] == mate
        assert math.isnan(outcomes.rivals[i]) if not others else outcomes.rivals[i] == max(others)


@pytest.mark.parametrize("missing", ["mean", "worst"])
@pytest.mark.parametrize("kind", ["sum", "zsum"])
def test_with_missing_faces_under_both_rules(kind, missing, monkeypatch):
    random = np.random.default_rng(3)
    monkeypatch.setattr(sum_kernel, "CHUNK", 70)  # two rows at a time

    def side(kept):
        index = np.flatnonzero(kept)
        return Features("x", index, random.normal(size=(len(index), 5)), 30)

    whole, some = np.ones(30, bool), random.random(30) < 0.6
    sides = [
        combine.prepare_sides(side(kept), side(kept), metric, "none")
        for kept, metric in ((whole, "cosine"), (some, "l2"), (~some, "l1"))
    ]
    weights, target = [1.0, 0.5, 2.0], random.permutation(30)
    terms = combine.terms(sides, weights, kind, missing)
    parts = [next(each.stream())[1] for each in sides]
    assert np.isnan(parts[1]).any()
    expected = rank.mate_outcomes(combine.weighted_sum(parts, weights, terms), target)
    same(sum_kernel.mate_outcomes(parts, weights, terms, target), expected)
    assert expected.ranks.max() > expected.ranks.min()


def test_a_constant_is_no_hit():
    outcomes = sum_kernel.mate_outcomes([np.ones((3, 3))], [1.0], [combine.PLAIN], np.arange(3))
    assert outcomes.ranks.tolist() == [3, 3, 3]
