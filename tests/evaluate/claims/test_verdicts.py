"""Verdicts: the rules, families, and how often a report with many claims is wrong."""

import numpy as np
import pytest

from simcore.evaluate.claims import resampling, statistics, verdicts
from simcore.evaluate.claims.resampling import Resampled
from simcore.evaluate.claims.verdicts import Evidence, Rule


def spread(center, width=0.001, draws=2000):
    """A statistic with a narrow distribution around its value."""
    offsets = np.linspace(-width, width, draws)[:, None]
    values = np.atleast_1d(np.asarray(center, float))
    return Resampled(values, values + offsets)


def verdict(center, rule, width=0.001):
    return verdicts.outcome(verdicts.weigh(spread(center, width), rule))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("more", 0.02, "holds"),
        ("more", 0.005, "holds"),  # certain, if smaller than the margin
        ("more", 0.0, "fails"),  # no gain as large as the margin
        ("more", -0.02, "fails"),
        ("no less", 0.02, "holds"),
        ("no less", -0.005, "holds"),
        ("no less", -0.02, "fails"),
        ("near", 0.0, "holds"),
        ("near", 0.02, "fails"),
        ("near", -0.02, "fails"),
    ],
)
def test_rules(kind, value, expected):
    assert verdict(value, Rule(kind, margin=0.01)) == expected
    assert verdict(value + 0.3, Rule(kind, threshold=0.3, margin=0.01)) == expected


def test_a_wide_interval_decides_nothing():
    for kind in ("more", "no less", "near"):
        assert verdict(0.0, Rule(kind, margin=0.01), width=0.5) == "undecided"


def test_a_statistic_without_a_value_decides_nothing():
    empty = Resampled(np.array([np.nan]), np.full((100, 1), np.nan))
    assert verdicts.outcome(verdicts.weigh(empty, Rule("more"))) == "undecided"


def test_a_family_holds_only_if_all_do_and_names_the_worst():
    rule = Rule("more", margin=0.01)
    assert verdict([0.02, 0.03], rule) == "holds"
    evidence = verdicts.weigh(spread([0.05, -0.04, 0.03]), rule)
    assert verdicts.outcome(evidence) == "fails"
    assert (evidence.member, evidence.value) == (1, pytest.approx(-0.04))
    assert verdict([0.05, 0.005], Rule("more", threshold=0.01, margin=0.0), width=0.1) == (
        "undecided"
    )


def test_holm_makes_verdicts_stricter():
    weak = Evidence(0.1, 0.01, 0.2, 0.02, 1.0)
    assert verdicts.decide([weak]) == ["holds"]
    assert verdicts.decide([weak] * 10) == ["undecided"] * 10


def test_a_report_of_true_nulls_is_rarely_wrong():
    """Twenty claims "a gain" about nothing: any of them is called "holds" in at most 5 % or so."""
    random = np.random.default_rng(0)
    rule = Rule("more", margin=10.0)  # so that the only mistake is "holds"
    wrong = 0
    for trial in range(60):
        values = random.normal(size=(20, 60))
        weights = resampling.sample_weights(np.arange(60), 1000, seed=trial)
        resampled = resampling.resample(statistics.mean(values), weights)
        evidence = [
            verdicts.weigh(Resampled(resampled.values[[k]], resampled.draws[:, [k]]), rule)
            for k in range(20)
        ]
        holds = [each.p_holds for each in evidence]
        wrong += min(holds) * 40 <= verdicts.LEVEL
    assert wrong <= 8  # 60 x 5 % = 3, two standard deviations above


def test_a_family_of_true_members_is_rarely_said_to_fail():
    """Thirty correlated members, all with d = 0: one of them looks bad, and must not count."""
    random = np.random.default_rng(1)
    rule, wrong, naive = Rule("no less", margin=1.0), 0, 0
    for trial in range(60):
        shared = random.normal(size=200)
        values = 0.5 * shared + random.normal(size=(30, 200))
        weights = resampling.sample_weights(np.arange(200), 500, seed=trial)
        resampled = resampling.resample(statistics.mean(values), weights)
        wrong += verdicts.weigh(resampled, rule).p_fails <= 0.025
        naive += ((resampled.draws >= 0).mean(axis=0) <= 0.025).any()
    assert wrong <= 5
    assert naive > 10


def test_pairs_needed_shrinks_with_the_distance():
    far = Evidence(0.03, -0.01, 0.07, 0.1, 0.8)
    near = Evidence(0.006, -0.034, 0.046, 0.4, 0.4)
    rule = Rule("more", margin=0.01)
    numbers = [verdicts.pairs_needed(each, rule, 1000) for each in (far, near)]
    assert 0 < numbers[0] < numbers[1]
    assert verdicts.pairs_needed(Evidence(np.nan, np.nan, np.nan, 1, 1), rule, 1000) is None


def test_of_members_that_hold_the_least_is_named():
    """For "more" the lowest, for "near" the one that is farthest away, on either side."""
    more = verdicts.weigh(spread([0.5, 0.02, 0.3]), Rule("more", margin=0.01))
    assert (more.member, more.value) == (1, 0.02)
    near = verdicts.weigh(spread([0.001, -0.005, 0.004]), Rule("near", margin=0.01))
    assert (near.member, near.value) == (1, -0.005)


@pytest.mark.parametrize(
    ("rule", "value", "distance"),
    [
        (Rule("more", margin=0.01), 0.03, 0.03),
        (Rule("more", margin=0.01), -0.03, 0.04),
        (Rule("no less", margin=0.01), 0.03, 0.04),
        (Rule("no less", margin=0.01), -0.03, 0.03),
        (Rule("near", margin=0.01), 0.03, 0.02),
        (Rule("near", margin=0.01), -0.03, 0.02),
        (Rule("near", margin=0.04), 0.03, 0.01),
    ],
)
def test_pairs_needed_by_hand(rule, value, distance):
    """Standard errors fall with the root of the number of pairs."""
    deviation = 0.05
    evidence = Evidence(value, value - 1.96 * deviation, value + 1.96 * deviation, 1.0, 1.0)
    expected = 1000 * (verdicts.NEEDED_ERRORS * deviation / distance) ** 2
    assert verdicts.pairs_needed(evidence, rule, 1000) == pytest.approx(expected, abs=1)


def test_no_number_of_pairs_decides_a_value_on_the_border():
    evidence = Evidence(0.25, 0.2, 0.3, 1.0, 1.0)
    assert verdicts.pairs_needed(evidence, Rule("near", margin=0.25), 1000) is None
    certain = Evidence(0.5, 0.5, 0.5, 1.0, 1.0)
    assert verdicts.pairs_needed(certain, Rule("near", margin=0.25), 1000) is None
