"""The paired difference: its value, and an interval that knows of clusters."""

import numpy as np
import pytest

from simcore.errors import ShapeError
from simcore.evaluate.judgements import two_afc
from simcore.evaluate.statistics import bootstrap


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


def test_trials_that_hang_together_widen_the_interval():
    """Ten clusters of ten equal trials are worth ten trials."""
    more = np.repeat(np.arange(10) % 2, 10).astype(float)
    group = np.array(["a"] * 100)
    alone = bootstrap.difference(0 * more, more, group, np.arange(100))
    held = bootstrap.difference(0 * more, more, group, np.repeat(np.arange(10), 10))
    assert held.high - held.low > 2.5 * (alone.high - alone.low)
    few = bootstrap.difference(np.zeros(10), more[::10], group[:10], np.arange(10))
    assert (held.low, held.high) == (few.low, few.high)


def test_a_draw_without_a_group_does_no_harm():
    found = bootstrap.difference(
        np.zeros(4), np.array([1.0, 0, 1, 1]), np.array(["a", "a", "a", "b"]), np.arange(4)
    )
    assert np.isfinite([found.low, found.high]).all()


def test_bad_shapes_are_one_sentence():
    with pytest.raises(ShapeError, match="at least one"):
        bootstrap.difference(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))
    with pytest.raises(ShapeError):
        bootstrap.difference(np.zeros(3), np.zeros(2), np.zeros(3), np.zeros(3))
