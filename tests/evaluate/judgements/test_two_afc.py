"""Agreement with votes: chance for a constant, the ceiling for the votes, no side preferred."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.judgements import human_ceiling, two_afc

shares = st.integers(0, 5).map(lambda k: k / 5)
votes = hnp.arrays(np.float64, st.integers(1, 40), elements=shares)


@st.composite
def judged(draw):
    vote = draw(votes)
    values = st.sampled_from([-3.0, -1.0, 0.0, 2.0, np.nan])
    sides = [draw(hnp.arrays(np.float64, vote.shape, elements=values)) for _ in range(2)]
    return (*sides, vote)


@settings(deadline=None)
@given(votes, st.sampled_from([-5.0, 0.0, 7.0, np.nan]), st.sampled_from(["share", "majority"]))
def test_a_constant_is_exactly_chance(vote, constant, counting):
    same = np.full(vote.shape, constant)
    assert two_afc.score(same, same, vote, counting=counting).value == 0.5


@settings(deadline=None)
@given(votes)
def test_the_votes_themselves_reach_the_ceiling(vote):
    earned = two_afc.credit(1 - vote, vote, vote)
    np.testing.assert_array_equal(earned, np.maximum(vote, 1 - vote))
    assert two_afc.mean(earned, "").value == human_ceiling.ceiling(vote).value


@settings(deadline=None)
@given(judged(), st.sampled_from(["share", "majority"]))
def test_no_side_is_preferred_and_nothing_beats_the_ceiling(case, counting):
    left, right, vote = case
    one = two_afc.credit(left, right, vote, counting=counting)
    other = two_afc.credit(right, left, 1 - vote, counting=counting)
    np.testing.assert_allclose(one, other, atol=1e-12)
    missing = np.isnan(left) | np.isnan(right)
    assert (one[missing] == 0.5).all()
    if counting == "share":
        assert (one <= np.maximum(vote, 1 - vote) + 1e-12).all()


def test_by_hand_and_as_the_official_script():
    d0, d1 = np.array([0.1, 0.5, 0.2, 0.3]), np.array([0.4, 0.2, 0.2, 0.9])
    vote = np.array([0.2, 0.8, 1.0, 0.6])
    official = (d0 < d1) * (1 - vote) + (d1 < d0) * vote + (d1 == d0) * 0.5
    earned = two_afc.credit(-d0, -d1, vote)
    np.testing.assert_array_equal(earned, official)
    np.testing.assert_allclose(earned, [0.8, 0.8, 0.5, 0.4])
    np.testing.assert_array_equal(
        two_afc.credit(-d0, -d1, vote, counting="majority"), [1, 1, 0.5, 0]
    )


def test_groups_count_alike_in_all():
    earned = np.array([1.0, 1.0, 1.0, 0.0])
    found = two_afc.by_group(earned, ["a", "a", "a", "b"])
    assert {name: s.value for name, s in found.items()} == {"a": 1.0, "b": 0.0}
    whole = two_afc.over_groups(earned, ["a", "a", "a", "b"])
    assert whole.value == 0.5
    assert whole.low <= 0.5 <= whole.high


def test_the_interval_over_groups_is_about_right():
    random = np.random.default_rng(3)
    earned = (random.random(400) < 0.7).astype(float)
    whole = two_afc.over_groups(earned, ["a"] * 200 + ["b"] * 200)
    assert whole.high - whole.low == pytest.approx(2 * 1.96 * np.sqrt(0.21 / 400), rel=0.15)


def test_what_does_not_fit_is_said():
    with pytest.raises(ShapeError):
        two_afc.credit(np.zeros(2), np.zeros(3), np.zeros(3))
    with pytest.raises(BadDataError, match="outside 0 to 1"):
        two_afc.credit(np.zeros(1), np.zeros(1), np.array([1.2]))
    with pytest.raises(ShapeError):
        two_afc.by_group(np.zeros(2), ["a"])


@pytest.mark.parametrize("sizes", [(24, 24), (3, 9), (2, 40), (1, 1)])
def test_groups_without_spread_have_the_exact_bound(sizes):
    """The lowest mean of shares under which all hits have a probability of 2.5 %, on a grid."""
    first = np.linspace(1e-4, 1, 20_001)
    power = 0.025 / first ** sizes[0]
    second = np.where(power <= 1, power, np.nan) ** (1 / sizes[1])
    lowest = np.nanmin((first + second) / 2)
    names = ["a"] * sizes[0] + ["b"] * sizes[1]
    hits = two_afc.over_groups(np.ones(len(names)), names)
    assert (hits.value, hits.high) == (1, 1)
    assert hits.low == pytest.approx(lowest, abs=2e-4)
    misses = two_afc.over_groups(np.zeros(len(names)), names)
    assert (misses.low, misses.value) == (0, 0)
    assert misses.high == pytest.approx(1 - lowest, abs=2e-4)


def test_one_group_without_spread_is_clopper_and_pearsons():
    whole = two_afc.over_groups(np.ones(24), ["a"] * 24)
    assert whole.low == pytest.approx(scipy.stats.beta.ppf(0.025, 24, 1))
    assert whole.low == pytest.approx(two_afc.mean(np.ones(24), "a").low)


@pytest.mark.parametrize("sizes", [(24, 24), (3, 9), (1, 1)])
def test_a_group_of_hits_beside_one_of_misses_has_an_interval(sizes):
    """As above; the misses can only become hits, and the hits misses."""
    hits, misses = sizes
    earned = np.repeat([1.0, 0.0], sizes)
    whole = two_afc.over_groups(earned, ["a"] * hits + ["b"] * misses)
    assert whole.value == 0.5
    assert whole.low == pytest.approx(scipy.stats.beta.ppf(0.025, hits, 1) / 2)
    assert whole.high == pytest.approx(0.5 + scipy.stats.beta.ppf(0.975, 1, misses) / 2)


def test_equal_shares_have_an_interval():
    """Four of five people agreed each time; other trials may earn anything."""
    alone = two_afc.mean(np.full(6, 0.8), "a")
    grouped = two_afc.over_groups(np.full(6, 0.8), ["a"] * 6)
    free = scipy.stats.beta.ppf(0.975, 1, 6)
    for score in (alone, grouped):
        assert (score.low, score.high) == pytest.approx((0.8 * (1 - free), 0.8 + 0.2 * free))


def test_single_trials_of_unequal_shares_have_an_interval_within_0_and_1():
    whole = two_afc.over_groups(np.array([0.8, 0.8, 0.8, 0.2]), list("abcd"))
    assert 0 <= whole.low < whole.value < whole.high <= 1
