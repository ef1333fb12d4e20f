"""Correlation of votes and similarity against scipy."""

import numpy as np
import pytest
from scipy import stats

from simcore.errors import ShapeError
from simcore.evaluate.statistics import bootstrap, correlation


def test_votes_against_scipy():
    random = np.random.default_rng(0)
    count = random.integers(0, 500, 300)
    alike = count / 500 + random.normal(size=300)
    alike[:20] = np.nan
    pearson, spearman = correlation.correlations(count, alike)
    reference = stats.pearsonr(count[20:], alike[20:])
    assert pearson.value == pytest.approx(reference.statistic, abs=1e-12)
    assert pearson.p == pytest.approx(reference.pvalue, abs=1e-12)
    assert spearman.value == pytest.approx(stats.spearmanr(count[20:], alike[20:]).statistic)
    low, high = reference.confidence_interval()
    assert pearson.low == pytest.approx(low, abs=0.04)
    assert pearson.high == pytest.approx(high, abs=0.04)
    assert spearman.low < spearman.value < spearman.high


@pytest.mark.parametrize("effect", [0.0, 0.001, 0.01, 1.0])
def test_value_and_p_equal_the_formulas(effect):
    random = np.random.default_rng(1)
    count = random.integers(0, 30, 80)  # with ties
    alike = effect * count + random.normal(size=80)
    ranks = stats.rankdata(count), stats.rankdata(alike)
    for row, (x, y) in zip(
        correlation.correlations(count, alike), [(count, alike), ranks], strict=True
    ):
        r = np.cov(x, y)[0, 1] / np.sqrt(np.var(x, ddof=1) * np.var(y, ddof=1))
        t = r * np.sqrt(78 / (1 - r * r))
        assert row.value == pytest.approx(r, abs=1e-12)
        assert row.p == pytest.approx(2 * stats.t.sf(abs(t), 78), abs=1e-12)


def test_intervals_are_those_of_drawing_pairs():
    random = np.random.default_rng(2)
    count, alike = random.integers(0, 30, 40), random.normal(size=40)
    draws = np.random.default_rng(5).integers(0, 40, (bootstrap.DRAWS, 40))
    ranks = stats.rankdata(count), stats.rankdata(alike)
    for row, (x, y) in zip(
        correlation.correlations(count, alike, seed=5), [(count, alike), ranks], strict=True
    ):
        values = [np.corrcoef(x[rows], y[rows])[0, 1] for rows in draws]
        assert (row.low, row.high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=1e-12)


def test_votes_for_a_constant_say_nothing():
    pearson, spearman = correlation.correlations(np.arange(30), np.ones(30))
    for row in (pearson, spearman):
        assert np.isnan([row.value, row.p, row.low, row.high]).all()
    with pytest.raises(ShapeError, match="at least 3 pairs with features, got 2"):
        correlation.correlations(np.arange(4), np.array([1.0, np.nan, np.nan, 2]))
