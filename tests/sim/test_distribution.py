"""Distributions against counting."""

import numpy as np
import pytest

from simcore.sim import distribution


@pytest.mark.parametrize("shift", [-500.0, 0.0, 500.0])
def test_shares_below_a_value_wherever_the_values_are(shift):
    """Later arrays go beyond the first one on both sides, far enough to merge bins."""
    random = np.random.default_rng(0)
    blocks = [shift + random.random(200), shift + random.normal(0, 9, 500), np.array([np.nan])]
    values = np.concatenate(blocks[:2])
    found = distribution.similarity_distribution(blocks)
    for value in np.quantile(values, [0.01, 0.2, 0.5, 0.8, 0.99]) + 1e-3:
        assert found.cdf(value) == pytest.approx((values < value).mean(), abs=0.004)
    assert found.cdf(values.min() - 1) == 0
    assert found.cdf(values.max() + 1) == 1


def test_neighboring_values_are_told_apart_in_the_first_range():
    values = 100 + np.arange(1001) / 1000
    found = distribution.similarity_distribution([values])
    assert found.cdf(100.5005) == pytest.approx(501 / 1001, abs=1e-4)


def test_no_value_at_all_is_below_nothing():
    for blocks in ([], [np.array([np.nan])]):
        found = distribution.similarity_distribution(blocks)
        assert found.edges.shape == found.counts.shape == (2,)
        assert found.cdf(0.5) == 0
