"""Pairs that judge were not learned from: impossible by construction, and these tests try."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import BadDataError
from simcore.learn import splits

ALONE = np.arange(40)
NONE = np.empty(0, np.int64)


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ([0, 1, 2], [], [2, 3]),
        ([0, 1], [1, 4], [2, 3]),
        ([0, 1], [2], [2, 3]),
        ([0, 0], [], [2, 3]),
    ],
)
def test_a_pair_in_two_parts_is_refused(train, validation, test):
    with pytest.raises(BadDataError, match="two parts"):
        splits.Split(*(np.array(p, np.int64) for p in (train, validation, test)), ALONE)


def test_twins_on_two_sides_are_refused():
    groups = ALONE.copy()
    groups[7] = groups[3]
    with pytest.raises(BadDataError, match="near-duplicate"):
        splits.Split(np.array([1, 3]), NONE, np.array([7, 8]), groups)
    splits.Split(np.array([1, 3, 7]), NONE, np.array([8, 9]), groups)  # on one side they may be


def test_parts_cannot_be_changed_afterwards():
    split = splits.random_split(ALONE, 0)
    with pytest.raises(ValueError, match="read-only"):
        split.train[0] = split.test[0]
    with pytest.raises(AttributeError):
        split.train = split.test


@given(st.lists(st.integers(0, 30), min_size=12, max_size=80), st.integers(0, 1000))
def test_whole_groups_and_every_pair_once(groups, seed):
    given_groups = np.array(groups)
    try:
        split = splits.random_split(given_groups, seed)
    except BadDataError:
        return  # one group holds nearly everything: nothing is left to judge on
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    for one, part in enumerate(parts):
        for other in parts[one + 1 :]:
            assert not set(given_groups[part]) & set(given_groups[other])


def test_sizes_and_seeds():
    one, again, other = (splits.random_split(np.arange(1000), seed) for seed in (0, 0, 1))
    assert [len(p) for p in (one.train, one.validation, one.test)] == [638, 112, 250]
    np.testing.assert_array_equal(one.test, again.test)
    assert not np.array_equal(one.test, other.test)


def test_too_few_pairs_are_refused():
    with pytest.raises(BadDataError, match="at least 2"):
        splits.random_split(np.arange(3), 0)
