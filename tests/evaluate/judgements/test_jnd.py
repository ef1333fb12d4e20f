"""Average precision: the official script where nothing ties, the base rate for a constant."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simcore.errors import BadDataError, ShapeError
from simcore.evaluate.judgements import jnd
from simcore.types import Score

shares = hnp.arrays(np.float64, st.integers(1, 30), elements=st.sampled_from([0, 1 / 3, 2 / 3, 1]))


def official(distance, same):
    """The released JND score, restated: VOC average precision of soft counts."""
    told = same[np.argsort(distance)]
    hits, misses = np.cumsum(told), np.cumsum(1 - told)
    precision, recall = hits / (hits + misses), hits / told.sum()
    recall, precision = np.r_[0, recall, 1], np.r_[0, precision, 0]
    for i in range(precision.size - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    i = np.flatnonzero(recall[1:] != recall[:-1])
    return float(((recall[i + 1] - recall[i]) * precision[i + 1]).sum())


@settings(deadline=None)
@given(shares, st.integers(0, 99))
def test_equals_the_official_score_without_ties(same, seed):
    if same.sum() == 0:
        return
    distance = np.random.default_rng(seed).permutation(same.size).astype(float)
    found = jnd.average_precision(-distance, same)
    assert found.value == pytest.approx(official(distance, same))
    assert found.per_item.mean() == pytest.approx(found.value, rel=1e-5)
    assert found.low <= found.value <= found.high


@settings(deadline=None)
@given(shares, st.sampled_from([-2.0, 0.0, 1.0, np.nan]), st.integers(0, 9))
def test_a_constant_earns_the_base_rate_in_any_order(same, constant, seed):
    if same.sum() == 0:
        return
    same = np.random.default_rng(seed).permutation(same)
    found = jnd.average_precision(np.full(same.size, constant), same)
    assert found.value == pytest.approx(same.mean())


def test_missing_evidence_ranks_last():
    same = np.array([1.0, 0.0, 0.0])
    assert jnd.average_precision(np.array([np.nan, -1.0, -2.0]), same).value == pytest.approx(1 / 3)
    assert jnd.average_precision(np.array([0.0, -np.inf, np.nan]), same).value == 1


def test_the_interval_holds_the_truth_and_shrinks():
    random = np.random.default_rng(1)
    widths = []
    for size in (200, 3200):
        same = (random.random(size) < 0.4).astype(float)
        found = jnd.average_precision(same + random.normal(0, 1, size), same)
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2.5


def test_what_cannot_be_scored_is_said():
    with pytest.raises(BadDataError):
        jnd.average_precision(np.empty(0), np.empty(0))
    with pytest.raises(ShapeError):
        jnd.average_precision(np.zeros(2), np.zeros(1))
    assert np.isnan(jnd.average_precision(np.zeros(2), np.zeros(2)).value)


def test_the_mean_of_groups_combines_their_intervals_by_hand():
    first = Score("jnd", 0.5, 0.2, 0.9, np.array([0.4, 0.6]))
    second = Score("jnd", 0.7, 0.3, 1.0, np.array([0.7]))
    mean = jnd.over_groups([first, second])
    assert mean.value == pytest.approx(0.6)
    assert mean.low == pytest.approx(0.6 - np.hypot(0.3, 0.4) / 2)
    assert mean.high == pytest.approx(0.6 + np.hypot(0.4, 0.3) / 2)
    assert mean.per_item == pytest.approx(np.array([0.4, 0.6, 0.7]))
    sure = jnd.over_groups([Score("jnd", 0.9, 0.1, 1.0, np.array([0.9]))])
    assert (sure.low, sure.high) == (pytest.approx(0.1), 1.0)
