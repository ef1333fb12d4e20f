"""Judgements as examples: no picture in two parts, and the majority decides who is nearer."""

from pathlib import Path

import numpy as np
import pytest

from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import BadDataError
from simcore.learn import splits
from simcore.learn.finetune import judgement_examples
from simcore.types import ImageSet


def judged(items, votes=None, *, keys=None, alternatives=None, group="a"):
    """A set over as many images as are spoken of; each has content of its own unless told."""
    items = np.asarray(items)
    count = int(max(items.max(), -1 if alternatives is None else np.max(alternatives))) + 1
    names = tuple(f"{n:04}" for n in range(count))
    images = ImageSet(names, tuple(Path(n) for n in names), tuple(keys or names))
    votes = np.zeros(len(items)) if votes is None else np.asarray(votes, float)
    asked = Triplets(images, *items.T, votes, (group,) * len(items), np.zeros(len(items), int))
    return JudgementSet("mine", "triplets", "", asked, alternatives=alternatives)


def families(count, size=4, seed=0):
    """`count` references, each with `size` triplets over pictures of their own."""
    random = np.random.default_rng(seed)
    return np.concatenate(
        [
            [[10 * f, *(10 * f + 1 + random.permutation(8)[:2])] for _ in range(size)]
            for f in range(count)
        ]
    )


def birds(count=600, pictures=40, seed=0):
    """Triplets over few pictures: all hang together."""
    random = np.random.default_rng(seed)
    return np.array([random.permutation(pictures)[:3] for _ in range(count)])


def used(shown, rows):
    return set(shown[rows].ravel().tolist())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("items", [families(30), birds()], ids=["families", "birds"])
def test_no_picture_is_in_two_parts(items, seed):
    parts = splits.split_trials(items, seed)
    one, two, three = (used(items, r) for r in (parts.train, parts.validation, parts.test))
    assert not one & two
    assert not one & three
    assert not two & three


def test_families_are_kept_whole_and_nothing_is_left_out():
    items = families(40)
    parts = splits.split_trials(items, 0)
    assert parts.across == 0
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (104, 16, 40)
    again, other = splits.split_trials(items, 0), splits.split_trials(items, 1)
    np.testing.assert_array_equal(parts.test, again.test)
    assert parts.test.tolist() != other.test.tolist()


def test_where_all_hang_together_trials_across_are_left_out():
    items = birds()
    assert np.unique(splits.connected_groups(items)).size == 1
    parts = splits.split_trials(items, 0)
    assert parts.across == 600 - len(parts.train) - len(parts.validation) - len(parts.test)
    assert len(parts.train) > 40
    assert len(parts.test) > 8


def test_where_only_candidates_are_shared_few_trials_are_left_out():
    """As in experiments: every query once, distractors drawn from the same gallery."""
    random = np.random.default_rng(0)
    items = np.array([[q, 1000 + q, 1000 + random.integers(200)] for q in range(200)])
    assert np.bincount(splits.connected_groups(items)).max() > 150
    parts = splits.split_trials(items, 0)
    assert parts.across < 120  # of 200; dealing out all pictures would lose 168
    assert len(parts.train) > 45
    assert len(parts.test) > 15


@pytest.mark.parametrize("leak", [(0, 8), (0, 4), (4, 8)])
def test_a_leak_cannot_be_built(leak):
    """One picture of one part shown in another, under whatever role."""
    items = np.arange(36).reshape(12, 3)
    parts = [np.arange(0, 4), np.arange(4, 8), np.arange(8, 12)]
    splits.TrialSplit(*parts, items)
    one, other = leak
    items[other, 2] = items[one, 0]
    with pytest.raises(BadDataError, match="in two parts"):
        splits.TrialSplit(*parts, items)


def test_the_same_content_under_two_names_is_one_picture():
    items = np.arange(9).reshape(3, 3)
    keys = [f"k{n}" for n in range(9)]
    keys[7] = "k0-t20"  # the first picture with its caption cut off
    found = splits.shown_images(judged(items, keys=keys).triplets)
    assert found[2, 1] == found[0, 0]
    assert splits.connected_groups(found).tolist() == [0, 1, 0]


def test_too_few_pictures_are_one_sentence():
    with pytest.raises(BadDataError, match="expected at least 2 judgements of each"):
        splits.split_trials(np.array([[0, 1, 2]] * 50), 0)


def test_the_majority_decides_and_ties_are_left_out():
    items = families(20)
    votes = np.tile([0.2, 0.9, 0.5, 1.0], 20)
    found = judged(items, votes)
    parts = splits.split_trials(splits.shown_images(found.triplets), 0)
    told = judgement_examples.examples(found, parts, "train")
    rows = parts.train[votes[parts.train] != 0.5]
    assert len(told.query) == len(rows) < len(parts.train)
    np.testing.assert_array_equal(told.query, items[rows, 0])
    np.testing.assert_array_equal(
        told.positive, np.where(votes[rows] > 0.5, items[rows, 2], items[rows, 1])
    )
    np.testing.assert_array_equal(
        told.strangers[:, 0], np.where(votes[rows] > 0.5, items[rows, 1], items[rows, 2])
    )
    assert set(told.singles.tolist()) == used(items, parts.train)


def test_only_ties_are_one_sentence():
    found = judged(families(20), np.full(80, 0.5))
    with pytest.raises(BadDataError, match="most people agree"):
        judgement_examples.examples(
            found, splits.split_trials(splits.shown_images(found.triplets), 0), "train"
        )


def test_a_picture_against_itself_teaches_nothing():
    found = judged([[0, 1, 1], [0, 1, 2]])
    assert judgement_examples.has_majority(
        found.triplets, splits.shown_images(found.triplets)
    ).tolist() == [False, True]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_the_fourth_is_of_another_query_and_of_no_other_part(part):
    found = judged(families(30))
    shown = splits.shown_images(found.triplets)
    parts = splits.split_trials(shown, 0)
    told = judgement_examples.examples(found, parts, part, fourth=True)
    assert told.strangers.shape == (len(told.query), 2)
    assert not (told.strangers[:, 1] // 10 == told.query // 10).any()
    assert set(told.strangers[:, 1].tolist()) <= used(shown, getattr(parts, part))


def test_the_fourth_is_of_the_same_trial_where_nobody_else_is_shown_it():
    """Of three others of each trial one is a test picture, one nobody's, one fills up."""
    items = families(30)
    parts = splits.split_trials(items, 0)
    spare = items.max() + 1 + np.arange(len(items))
    taken = np.full(len(items), items[parts.test[0], 0])
    found = judged(items, alternatives=np.stack([taken, spare, np.full(len(items), -1)], axis=1))
    told = judgement_examples.examples(
        found, splits.split_trials(splits.shown_images(found.triplets), 0), "train", fourth=True
    )
    np.testing.assert_array_equal(told.strangers[:, 1], spare[parts.train])
    # What nobody's trial shows belongs to training, so validation takes another trial's.
    held = judgement_examples.examples(found, parts, "validation", fourth=True)
    assert set(held.strangers[:, 1].tolist()) <= used(items, parts.validation)


def test_one_query_has_no_second_negative():
    items = np.concatenate([[[0, 1 + n, 2 + n] for n in range(0, 20, 2)], families(4) + 30])
    found = judged(items)
    parts = splits.TrialSplit(np.arange(10), np.arange(10, 18), np.arange(18, 26), items)
    with pytest.raises(BadDataError, match="choose another paradigm"):
        judgement_examples.examples(found, parts, "train", fourth=True)
