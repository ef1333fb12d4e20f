"""Intervals of ratios and differences, against a bootstrap that resamples the queries."""

import numpy as np
import pytest

from simcore.errors import ShapeError
from simcore.evaluate.statistics import ratio


@pytest.fixture
def hits():
    random = np.random.default_rng(3)
    second = random.random(400) < 0.2
    return second ^ (random.random(400) < 0.15), second


def resampled(first, second, statistic):
    random = np.random.default_rng(11)
    values = []
    for _ in range(4000):
        rows = random.integers(0, len(first), len(first))
        values.append(statistic(first[rows].sum(), second[rows].sum()))
    return np.quantile(values, [0.025, 0.975])


def test_a_ratio(hits):
    expected = resampled(*hits, lambda a, b: a / b)
    assert ratio.ratio_interval(*hits) == pytest.approx(expected, abs=0.06)


def test_a_difference(hits):
    expected = resampled(*hits, lambda a, b: (a - b) / 400)
    assert ratio.difference_interval(*hits) == pytest.approx(expected, abs=0.006)


def test_the_same_hits_have_no_spread(hits):
    assert ratio.ratio_interval(hits[0], hits[0]) == (1.0, 1.0)
    assert ratio.difference_interval(hits[0], hits[0]) == (0.0, 0.0)


def test_edges():
    nothing = np.zeros(4, bool)
    assert np.isnan(ratio.ratio_interval(~nothing, nothing)).all()
    with pytest.raises(ShapeError, match="same queries"):
        ratio.ratio_interval(nothing, np.zeros(5, bool))
    with pytest.raises(ShapeError):
        ratio.difference_interval(np.zeros(0, bool), np.zeros(0, bool))
