"""Intervals: of one mean, of answers that share people and questions, of paired differences."""

import numpy as np
import pytest
from scipy.stats import binom

from simcore.errors import ShapeError
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.statistics import bootstrap


def test_intervals_of_counts_are_binomial_quantiles():
    hits = np.r_[np.ones(30), np.zeros(70)]
    low, high = bootstrap.interval(hits)
    assert (low * 100, high * 100) == tuple(binom.ppf([0.025, 0.975], 100, 0.3))


def test_all_and_none_are_not_certain():
    low, high = bootstrap.interval(np.zeros(50))
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 50))
    low, high = bootstrap.interval(np.ones(50))
    assert low == pytest.approx(0.025 ** (1 / 50))
    assert high == 1


def test_intervals_of_shares_agree_with_the_normal_law():
    values = np.random.default_rng(1).random(4000).astype(np.float32)
    low, high = bootstrap.interval(values, seed=3)
    half = 1.96 * values.std() / np.sqrt(4000)
    assert low == pytest.approx(values.mean() - half, abs=half / 8)
    assert high == pytest.approx(values.mean() + half, abs=half / 8)
    assert (low, high) == bootstrap.interval(values, seed=3)


def test_the_interval_without_items_is_zero_to_one():
    assert bootstrap.interval(np.array([])) == (0.0, 1.0)


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


def test_the_difference_is_that_of_the_means_over_groups():
    random = np.random.default_rng(0)
    before, after = random.integers(0, 2, (2, 90)).astype(float)
    group = np.repeat(["a", "b", "c"], [60, 20, 10])
    found = bootstrap.difference(before, after, group, np.arange(90))
    expected = (
        two_afc.over_groups(after, group.tolist()).value
        - two_afc.over_groups(before, group.tolist()).value
    )
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high


def test_clusters_widen_the_interval():
    """Ten clusters of ten equal trials are worth ten trials."""
    more = np.repeat(np.arange(10) % 2, 10).astype(float)
    group = np.array(["a"] * 100)
    alone = bootstrap.difference(0 * more, more, group, np.arange(100))
    held = bootstrap.difference(0 * more, more, group, np.repeat(np.arange(10), 10))
    assert held.high - held.low > 2.5 * (alone.high - alone.low)
    few = bootstrap.difference(np.zeros(10), more[::10], group[:10], np.arange(10))
    assert (held.low, held.high) == (few.low, few.high)


def test_draws_without_a_group_are_handled():
    found = bootstrap.difference(
        np.zeros(4), np.array([1.0, 0, 1, 1]), np.array(["a", "a", "a", "b"]), np.arange(4)
    )
    assert np.isfinite([found.low, found.high]).all()


def test_groups_that_each_gain_the_same_have_an_interval():
    """All of one kind are gained and none of the other: drawing them again changes nothing."""
    group = np.repeat([0, 1], 10)
    gain = bootstrap.difference(np.zeros(20), 1.0 - group, group, np.arange(20))
    free = 1 - 0.025 ** (1 / 20)
    assert gain.value == 0.5
    assert (gain.low, gain.high) == pytest.approx((0.5 - 2 * free, 0.5 + free))
    same = bootstrap.difference(np.ones(20), np.ones(20), group, np.arange(20))
    assert (same.low, same.high) == (0, 0)


def test_bad_shapes_are_one_sentence():
    with pytest.raises(ShapeError, match="at least one"):
        bootstrap.difference(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))
    with pytest.raises(ShapeError):
        bootstrap.difference(np.zeros(3), np.zeros(2), np.zeros(3), np.zeros(3))


def test_draws_in_which_nobody_answered_are_left_out():
    """Each of three people answered one question of their own, so most draws share no answer."""
    values, number = np.array([0.0, 0.5, 1.0]), np.arange(3)
    low, high = bootstrap.shared_interval(values, number, number)
    random = np.random.default_rng(0)
    people, questions = (
        random.multinomial(3, np.full(3, 1 / 3), bootstrap.DRAWS) for _ in range(2)
    )
    means = []
    for drawn in people * questions:
        if drawn.sum():
            means.append((drawn * values).sum() / drawn.sum())
    assert 0 < len(means) < bootstrap.DRAWS
    assert (low, high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))


def test_a_draw_without_trials_of_a_group_is_the_mean_of_the_other_groups():
    before, after = np.zeros(5), np.array([1.0, 0.0, 1.0, 0.0, 4.0])
    group, cluster = np.array([0, 0, 0, 0, 1]), np.array([0, 1, 2, 3, 3])
    found = bootstrap.difference(before, after, group, cluster)
    draws = np.random.default_rng(0).multinomial(4, np.full(4, 1 / 4), size=bootstrap.DRAWS)
    scores, missing = [], 0
    for drawn in draws:
        means = []
        for number in (0, 1):
            gains = [
                gain
                for gain, g, c in zip(after, group, cluster, strict=True)
                for _ in range(drawn[c])
                if g == number
            ]
            means += [np.mean(gains)] if gains else []
            missing += not gains
        scores.append(np.mean(means))
    assert missing > 0
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_the_level_is_the_share_between_the_ends(level):
    tails = [(1 - level) / 2, (1 + level) / 2]
    random = np.random.default_rng(5)
    values = random.random(12)
    draws = np.random.default_rng(0)
    means = [values[draws.integers(0, 12, 12)].mean() for _ in range(bootstrap.DRAWS)]
    found = bootstrap.interval(values, level=level)
    assert found == pytest.approx(tuple(np.quantile(means, tails)))

    person, question = np.repeat(np.arange(3), 4), np.tile(np.arange(4), 3)
    draws = np.random.default_rng(0)
    people = draws.multinomial(3, np.full(3, 1 / 3), bootstrap.DRAWS)
    questions = draws.multinomial(4, np.full(4, 1 / 4), bootstrap.DRAWS)
    means = []
    for p, q in zip(people, questions, strict=True):
        weights = [p[a] * q[b] for a, b in zip(person, question, strict=True)]
        means.append(np.average(values, weights=weights))
    found = bootstrap.shared_interval(values, person, question, level=level)
    assert found == pytest.approx(tuple(np.quantile(means, tails)))


def test_equal_answers_other_than_none_and_all_have_no_spread():
    number = np.arange(4)
    for value in (0.5, 2.0, -1.0):
        found = bootstrap.shared_interval(np.full(4, value), 0 * number, number)
        assert found == pytest.approx((value, value))
    low, high = bootstrap.shared_interval(np.zeros(4), 0 * number, number)
    assert (low, high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 4)))
    assert bootstrap.shared_interval(np.array([]), number[:0], number[:0]) == (0.0, 1.0)


def test_one_answer_has_the_exact_bound():
    number = np.zeros(1, int)
    assert bootstrap.shared_interval(np.ones(1), number, number) == pytest.approx((0.025, 1.0))


@pytest.mark.parametrize("gain", [-1.0, 1.0, 0.5, 0.0])
def test_equal_gains_have_the_exact_bound_of_the_other_clusters(gain):
    """No gain varies, so the bound is that of the share of clusters that could differ."""
    before, after = np.zeros(40) - min(gain, 0), np.zeros(40) + max(gain, 0)
    inputs = before, after, np.zeros(40), np.arange(40)
    score = bootstrap.difference(*inputs, zero_is_exact=False)
    free = 1 - 0.025 ** (1 / 40)
    assert score.value == gain
    assert score.low == pytest.approx(gain + free * (-1 - gain))
    assert score.high == pytest.approx(gain + free * (1 - gain))
    same = bootstrap.difference(*inputs)
    assert (same.low, same.high) == ((score.low, score.high) if gain else (0, 0))
