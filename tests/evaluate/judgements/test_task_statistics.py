"""Statistics of single tasks, against counting in plain Python and closed forms."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from simcore.evaluate.judgements import task_statistics


@pytest.fixture
def ranked():
    """(first, second, question) of 30 answers to 6 questions."""
    random = np.random.default_rng(3)
    pairs = np.array([random.choice(8, 2, replace=False) for _ in range(30)])
    return pairs[:, 0], pairs[:, 1], random.integers(0, 6, 30)


def test_rank_agreement_counts_every_pair_of_people(ranked):
    first, second, question = ranked
    shares = {"first": [], "overlap": [], "ordered": []}
    for number in sorted(set(question.tolist())):
        rows = np.flatnonzero(question == number)
        pairs = list(itertools.combinations(rows, 2))
        if not pairs:
            continue
        shares["first"].append(np.mean([first[a] == first[b] for a, b in pairs]))
        shares["overlap"].append(
            np.mean([len({first[a], second[a]} & {first[b], second[b]}) / 2 for a, b in pairs])
        )
        shares["ordered"].append(
            np.mean([(first[a], second[a]) == (first[b], second[b]) for a, b in pairs])
        )
    result = task_statistics.rank_agreement(first, second, question)
    for name, values in shares.items():
        score = getattr(result, name)
        assert score.value == pytest.approx(np.mean(values))
        assert score.low <= score.value <= score.high
    assert result.questions == len(shares["first"])


def test_rank_agreement_by_chance_is_what_the_documentation_says():
    random = np.random.default_rng(0)
    pairs = np.array([random.choice(8, 2, replace=False) for _ in range(20_000)])
    question = np.repeat(np.arange(2000), 10)
    result = task_statistics.rank_agreement(pairs[:, 0], pairs[:, 1], question)
    assert result.first.value == pytest.approx(1 / 8, abs=0.005)
    assert result.overlap.value == pytest.approx(1 / 4, abs=0.005)
    assert result.ordered.value == pytest.approx(1 / 56, abs=0.003)


def test_rank_agreement_needs_two_answers():
    one = np.array([1]), np.array([2]), np.array([0])
    assert task_statistics.rank_agreement(*one) is None


def test_separation_is_the_share_of_pairs_in_the_right_order():
    random = np.random.default_rng(1)
    similarity = random.integers(0, 5, 40).astype(float)  # with ties
    similarity[3] = np.nan
    same, different = random.integers(0, 4, 40), random.integers(0, 4, 40)
    won = total = 0.0
    ranked = np.where(np.isnan(similarity), -1, similarity)
    for i, j in itertools.product(range(40), repeat=2):
        weight = same[i] * different[j]
        won += weight * (1.0 if ranked[i] > ranked[j] else 0.5 if ranked[i] == ranked[j] else 0)
        total += weight
    score = task_statistics.separation(similarity, same, different)
    assert score.value == pytest.approx(won / total)
    assert score.low <= score.value <= score.high


def test_a_constant_separates_nothing_and_equal_answers_are_undefined():
    counts = np.array([1, 2, 3])
    assert task_statistics.separation(np.ones(3), counts, counts).value == 0.5
    assert task_statistics.separation(np.full(3, np.nan), counts, counts).value == 0.5
    assert task_statistics.separation(np.ones(3), counts, np.zeros(3, int)) is None


def test_order_effect_is_the_chi_squared_test_of_scipy():
    random = np.random.default_rng(2)
    order, same = random.integers(0, 2, 200), random.random(200) < 0.4
    table = [[((order == o) & (same == s)).sum() for s in (True, False)] for o in (0, 1)]
    expected = stats.chi2_contingency(table, correction=False)
    effect = task_statistics.order_effect(order, same)
    assert (effect.statistic, effect.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert effect.query_first == pytest.approx(same[order == 0].mean())
    nobody = task_statistics.order_effect(np.zeros(3, int), np.ones(3, bool))
    assert (nobody.query_first, nobody.query_second, nobody.p) == (1.0, None, 1.0)


def test_sensitivity_is_that_of_signal_detection():
    is_different = np.repeat([True, False], [20, 30])
    said = np.r_[np.arange(20) < 16, np.arange(30) < 6]
    result = task_statistics.sensitivity(is_different, said)
    z_hits, z_alarms = stats.norm.ppf(16.5 / 21), stats.norm.ppf(6.5 / 31)
    assert (result.hits, result.false_alarms) == (0.8, 0.2)
    assert result.d_prime == pytest.approx(z_hits - z_alarms)
    assert result.criterion == pytest.approx(-(z_hits + z_alarms) / 2)
    assert math.isfinite(task_statistics.sensitivity(is_different, is_different).d_prime)
    assert task_statistics.sensitivity(is_different[:20], said[:20]) is None
    empty = np.empty(0, bool)
    assert task_statistics.sensitivity(empty, empty) is None


def test_response_times_are_quantiles():
    seconds = np.random.default_rng(4).exponential(2, 500)
    times = task_statistics.response_times(seconds)
    expected = np.sort(seconds)[[124, 249, 374, 474]]
    assert (times.low, times.median, times.high, times.p95) == pytest.approx(expected, rel=0.05)
    assert times.fast == np.mean([second < 0.2 for second in seconds])
    assert task_statistics.response_times(np.empty(0)) is None


def test_time_and_agreement_is_spearmans_correlation():
    random = np.random.default_rng(5)
    question, seconds = random.integers(0, 9, 90), random.exponential(1, 90)
    majority = random.random(10)
    majority[9] = np.nan
    medians = [np.median(seconds[question == n]) for n in range(9)]
    expected = stats.spearmanr(medians, majority[:9]).statistic
    assert task_statistics.time_and_agreement(seconds, question, majority) == pytest.approx(
        expected
    )
    assert task_statistics.time_and_agreement(seconds, question, np.ones(10)) is None
    assert task_statistics.time_and_agreement(seconds[:1], question[:1], majority) is None


def test_exposure_counts_frames_too_many_and_too_few():
    measured = np.array([0.0, 999.0, 1000.0, 1016.0, 1034.0, 400.0])
    result = task_statistics.exposure(measured, 1000)
    assert (result.answers, result.late, result.early) == (5, 1, 1)
    assert (result.median, result.low, result.high) == (1000.0, 400.0, 1034.0)
    assert task_statistics.exposure(measured, 0) is None
    assert task_statistics.exposure(np.zeros(3), 1000) is None
