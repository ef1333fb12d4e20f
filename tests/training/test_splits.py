"""Test data are never training data: impossible by construction, and these tests try."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import BadDataError
from simcore.training import splits

UNGROUPED = np.arange(40)
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
        splits.Split(*(np.array(p, np.int64) for p in (train, validation, test)), UNGROUPED)


def test_near_duplicates_in_two_parts_are_refused():
    groups = UNGROUPED.copy()
    groups[7] = groups[3]
    with pytest.raises(BadDataError, match="Near-duplicate"):
        splits.Split(np.array([1, 3]), NONE, np.array([7, 8]), groups)
    splits.Split(np.array([1, 3, 7]), NONE, np.array([8, 9]), groups)  # in one part they may be


def test_parts_cannot_be_changed():
    split = splits.random_split(UNGROUPED, 0)
    with pytest.raises(ValueError, match="read-only"):
        split.train[0] = split.test[0]
    with pytest.raises(AttributeError):
        split.train = split.test


@given(st.lists(st.integers(0, 30), min_size=12, max_size=80), st.integers(0, 1000))
def test_groups_stay_together_and_every_pair_is_used_once(groups, seed):
    groups = np.array(groups)
    try:
        split = splits.random_split(groups, seed)
    except BadDataError:
        return  # one group holds nearly everything: nothing is left to test on
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    for number, part in enumerate(parts):
        for other in parts[number + 1 :]:
            assert not set(groups[part]) & set(groups[other])


def test_sizes_and_seeds():
    first, again, other = (splits.random_split(np.arange(1000), seed) for seed in (0, 0, 1))
    assert [len(p) for p in (first.train, first.validation, first.test)] == [638, 112, 250]
    np.testing.assert_array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_too_few_pairs_are_refused():
    with pytest.raises(BadDataError, match="at least 2"):
        splits.random_split(np.arange(3), 0)


def test_folds_keep_groups_together():
    groups = np.repeat(np.arange(20), 2)
    rows = np.arange(4, 40)
    parts = splits.folds(rows, groups, 4, 0)
    assert sorted(np.concatenate(parts)) == list(rows)
    for part in parts:
        assert len(part) == 2 * len(np.unique(groups[part]))
    with pytest.raises(BadDataError, match="at least 40"):
        splits.folds(rows, groups, 40, 0)


def families(count, size=4, seed=0):
    """`count` references, each with `size` trials over images of their own."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [
            [[10 * f, *(10 * f + 1 + rng.permutation(8)[:2])] for _ in range(size)]
            for f in range(count)
        ]
    )


def birds(count=600, images=40, seed=0):
    """Trials over few images, which connect all of them."""
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(images)[:3] for _ in range(count)])


def used(images, rows):
    return set(images[rows].ravel().tolist())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("images", [families(30), birds()], ids=["families", "birds"])
def test_no_image_is_in_two_parts(images, seed):
    split = splits.split_trials(images, seed)
    train, validation, test = (
        used(images, rows) for rows in (split.train, split.validation, split.test)
    )
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_unconnected_families_are_all_used():
    images = families(40)
    split = splits.split_trials(images, 0)
    assert split.across == 0
    assert (len(split.train), len(split.validation), len(split.test)) == (104, 16, 40)
    again, other = splits.split_trials(images, 0), splits.split_trials(images, 1)
    np.testing.assert_array_equal(split.test, again.test)
    assert split.test.tolist() != other.test.tolist()


def test_of_connected_trials_those_across_parts_are_left_out():
    images = birds()
    assert np.unique(splits.connected_groups(images)).size == 1
    split = splits.split_trials(images, 0)
    assert split.across == 600 - len(split.train) - len(split.validation) - len(split.test)
    assert len(split.train) > 40
    assert len(split.test) > 8


def test_of_trials_with_common_candidates_few_are_left_out():
    """As in experiments: every query once, distractors drawn from the same gallery."""
    rng = np.random.default_rng(0)
    images = np.array([[q, 1000 + q, 1000 + rng.integers(200)] for q in range(200)])
    assert np.bincount(splits.connected_groups(images)).max() > 150
    split = splits.split_trials(images, 0)
    assert split.across < 120  # of 200; assigning all images at random would lose 168
    assert len(split.train) > 45
    assert len(split.test) > 15


@pytest.mark.parametrize("leak", [(0, 8), (0, 4), (4, 8)])
def test_a_leak_is_refused(leak):
    """An image of one part shown in another, in any role."""
    images = np.arange(36).reshape(12, 3)
    parts = [np.arange(0, 4), np.arange(4, 8), np.arange(8, 12)]
    splits.TrialSplit(*parts, images)
    source, target = leak
    images[target, 2] = images[source, 0]
    with pytest.raises(BadDataError, match="in two parts"):
        splits.TrialSplit(*parts, images)


def test_too_few_images_are_refused():
    with pytest.raises(BadDataError, match="at least 2 of each"):
        splits.split_trials(np.array([[0, 1, 2]] * 50), 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_split_by_references_keeps_most_trials_of_a_dense_set(seed):
    """1,000 trials over 208 birds, checked by loops over the trials."""
    images = birds(1000, 208)
    split = splits.split_trials(images, seed, "references")
    references = {images[row, 0] for row in split.test}
    for row in (*split.train, *split.validation):
        assert not references & set(images[row].tolist())
    assert not set(split.train) & set(split.validation)
    seen = used(images, np.concatenate([split.train, split.validation]))
    assert split.shared == sum(bool(seen & set(images[row].tolist())) for row in split.test)
    sizes = [len(part) for part in (split.train, split.validation, split.test)]
    assert sizes[0] > 300
    assert sizes[1] > 30
    assert sizes[2] > 200
    assert split.across == 1000 - sum(sizes)
    strict = splits.split_trials(images, seed)
    assert len(strict.train) + len(strict.test) < 250 < sizes[0] + sizes[2]
    assert strict.shared == 0


def test_a_test_reference_in_training_is_refused():
    images = np.arange(36).reshape(12, 3)
    images[0, 1] = images[8, 1]  # candidates may be shared
    parts = [np.arange(0, 4), np.arange(4, 8), np.arange(8, 12)]
    assert splits.TrialSplit(*parts, images, "references").shared == 1
    images[4, 2] = images[8, 0]
    with pytest.raises(BadDataError, match="reference of a test"):
        splits.TrialSplit(*parts, images, "references")


def test_the_papers_protocol_trains_on_every_trial():
    split = splits.split_trials(birds(50), 0, "all")
    assert len(split.train) == len(split.test) == split.shared == 50
    assert len(split.validation) == split.across == 0


def test_connected_test_trials_are_resampled_by_reference():
    """One cluster of connected trials would have no spread."""
    split = splits.split_trials(birds(), 0, "references")
    clusters = splits.resampling_clusters(split)
    np.testing.assert_array_equal(clusters, split.images[split.test, 0])
    apart = splits.split_trials(families(60), 0)
    assert len(np.unique(splits.resampling_clusters(apart))) == 15
