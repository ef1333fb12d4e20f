"""Judgements as training examples: the majority decides which image is nearer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import BadDataError
from simcore.training import splits
from simcore.training.finetune import judgement_examples
from simcore.types import ImageSet
from tests.training.test_splits import birds, families, used


def make_set(images, votes=None, *, keys=None, others=None):
    """A judgement set over as many images as occur; each has content of its own by default."""
    images = np.asarray(images)
    count = int(max(images.max(), -1 if others is None else np.max(others))) + 1
    names = tuple(f"{n:04}" for n in range(count))
    files = ImageSet(names, tuple(Path(n) for n in names), tuple(keys or names))
    votes = np.zeros(len(images)) if votes is None else np.asarray(votes, float)
    groups, counts = ("a",) * len(images), np.zeros(len(images), int)
    triplets = Triplets(files, *images.T, votes, groups, counts)
    return JudgementSet("mine", "triplets", "", triplets, alternatives=others)


def split_set(judgements):
    return splits.split_trials(splits.trial_images(judgements.triplets), 0)


def test_equal_content_under_two_names_is_one_image():
    keys = [f"k{n}" for n in range(9)]
    keys[7] = "k0-t20"  # the first image with its caption cut off
    images = splits.trial_images(make_set(np.arange(9).reshape(3, 3), keys=keys).triplets)
    assert images[2, 1] == images[0, 0]
    assert splits.connected_groups(images).tolist() == [0, 1, 0]


def test_the_majority_decides_and_ties_are_left_out():
    images = families(20)
    votes = np.tile([0.2, 0.9, 0.5, 1.0], 20)
    judgements = make_set(images, votes)
    split = split_set(judgements)
    examples = judgement_examples.examples(judgements, split, "train")
    rows = split.train[votes[split.train] != 0.5]
    assert len(examples.query) == len(rows) < len(split.train)
    np.testing.assert_array_equal(examples.query, images[rows, 0])
    nearer = np.where(votes[rows] > 0.5, images[rows, 2], images[rows, 1])
    farther = np.where(votes[rows] > 0.5, images[rows, 1], images[rows, 2])
    np.testing.assert_array_equal(examples.positive, nearer)
    np.testing.assert_array_equal(examples.negatives[:, 0], farther)
    assert set(examples.singles.tolist()) == used(images, split.train)


def test_only_ties_are_refused():
    judgements = make_set(families(20), np.full(80, 0.5))
    with pytest.raises(BadDataError, match="Too few judgements with a majority"):
        judgement_examples.examples(judgements, split_set(judgements), "train")


def test_an_image_against_itself_has_no_majority():
    triplets = make_set([[0, 1, 1], [0, 1, 2]]).triplets
    decided = judgement_examples.has_majority(triplets, splits.trial_images(triplets))
    assert decided.tolist() == [False, True]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_second_negative_is_of_another_query_and_of_no_other_part(part):
    judgements = make_set(families(30))
    split = split_set(judgements)
    examples = judgement_examples.examples(judgements, split, part, fourth=True)
    assert examples.negatives.shape == (len(examples.query), 2)
    assert not (examples.negatives[:, 1] // 10 == examples.query // 10).any()
    second = set(examples.negatives[:, 1].tolist())
    assert second <= used(split.images, getattr(split, part))


def test_a_second_negative_is_of_the_same_trial_if_no_other_part_shows_it():
    """Of three other images of each trial one is a test image, one unused, one padding."""
    images = families(30)
    split = splits.split_trials(images, 0)
    unused = images.max() + 1 + np.arange(len(images))
    tested = np.full(len(images), images[split.test[0], 0])
    others = np.stack([tested, unused, np.full(len(images), -1)], axis=1)
    judgements = make_set(images, others=others)
    examples = judgement_examples.examples(judgements, split_set(judgements), "train", fourth=True)
    np.testing.assert_array_equal(examples.negatives[:, 1], unused[split.train])
    # Images of no trial belong to training, so validation takes those of another trial.
    held_out = judgement_examples.examples(judgements, split, "validation", fourth=True)
    assert set(held_out.negatives[:, 1].tolist()) <= used(images, split.validation)


def test_a_single_query_has_no_second_negative():
    images = np.concatenate([[[0, 1 + n, 2 + n] for n in range(0, 20, 2)], families(4) + 30])
    split = splits.TrialSplit(np.arange(10), np.arange(10, 18), np.arange(18, 26), images)
    with pytest.raises(BadDataError, match="Choose another paradigm"):
        judgement_examples.examples(make_set(images), split, "train", fourth=True)


def test_8rank2_trials_without_their_further_images_have_no_quadruplets():
    """As `judgements sample` says it; other trials take an image of another trial."""
    judgements = make_set(families(30))
    triplets = judgements.triplets
    groups = tuple("8rank2 similar" if n % 2 else "2rank1 dissimilar" for n in range(120))
    judgements = replace(judgements, trials=replace(triplets, group=groups))
    for others in (None, np.full((120, 6), -1)):
        without = replace(judgements, alternatives=others)
        split = split_set(without)
        with pytest.raises(BadDataError, match="--keep-alternatives") as finetune:
            judgement_examples.examples(without, split, "train", fourth=True)
        with pytest.raises(BadDataError, match="--keep-alternatives") as sample:
            triplet_sets.quadruplets(without)
        assert str(finetune.value).split(" of ")[1] == str(sample.value).split(" of ")[1]
        judgement_examples.examples(without, split, "train")  # triplets need none


def both_kinds(two):
    """Thirty families of trials, those of `two` with two images to choose from, others of eight."""
    images = families(30)
    of_two = np.isin(images[:, 0] // 10, two)
    groups = tuple("2rank1 dissimilar" if row else "8rank2 similar" for row in of_two)
    further = np.where(of_two, -1, images.max() + 1 + np.arange(len(images)))[:, None]
    judgements = make_set(images, others=further)
    return replace(judgements, trials=replace(judgements.triplets, group=groups)), of_two


@pytest.mark.parametrize("seed", range(3))
def test_a_second_negative_of_a_2rank1_trial_is_of_another_2rank1_trial(seed):
    """Of a set with both kinds of trials, as Birds-16; 8rank2 trials take a further image."""
    judgements, of_two = both_kinds(np.arange(0, 30, 2))
    images = splits.trial_images(judgements.triplets)
    split = splits.TrialSplit(*np.split(np.arange(120), [72, 96]), images)
    for part in ("train", "validation"):
        examples = judgement_examples.examples(judgements, split, part, fourth=True, seed=seed)
        rows = getattr(split, part)
        two = of_two[rows]
        assert len(set(images[rows[two], 0])) > 1
        second = examples.negatives[two, 1]
        assert set(second.tolist()) <= used(images, rows[two])
        assert not (second // 10 == examples.query[two] // 10).any()
        further = judgements.alternatives[rows[~two], 0]
        if part == "train":  # images of no trial belong to training
            np.testing.assert_array_equal(examples.negatives[~two, 1], further)
    drawn = triplet_sets.quadruplets(judgements, seed=seed)
    assert set(drawn[of_two, 3].tolist()) <= used(images, of_two)


def test_a_single_2rank1_query_has_no_quadruplets():
    """`judgements sample` and `finetune` refuse it in the same words."""
    judgements, of_two = both_kinds([3])
    split = splits.TrialSplit(*np.split(np.arange(120), [80, 100]), split_set(judgements).images)
    with pytest.raises(BadDataError, match="the only query with two images") as finetune:
        judgement_examples.examples(judgements, split, "train", fourth=True)
    with pytest.raises(BadDataError) as sample:
        triplet_sets.quadruplets(judgements)
    assert str(finetune.value) == str(sample.value)
    judgement_examples.examples(judgements, split, "train")  # triplets need none
    # A sample of quadruplets holds the second negative of each trial.
    kept = replace(judgements, alternatives=np.where(of_two[:, None], 299, judgements.alternatives))
    examples = judgement_examples.examples(kept, split, "train", fourth=True)
    np.testing.assert_array_equal(np.flatnonzero(examples.query == 30), np.flatnonzero(of_two))


@pytest.mark.parametrize("seed", range(3))
def test_a_second_negative_is_no_image_of_its_own_triplet(seed):
    """In a dense set other trials show the same images."""
    images = birds(200, 9, seed)
    keys = [f"k{n}" for n in range(9)]
    keys[8] = "k0-t20"  # the first image with its caption cut off
    judgements = make_set(images, keys=keys)
    split = splits.split_trials(splits.trial_images(judgements.triplets), seed, "all")
    examples = judgement_examples.examples(judgements, split, "train", fourth=True, seed=seed)
    second = examples.negatives[:, 1] % 8
    columns = np.c_[examples.query, examples.positive, examples.negatives[:, 0]] % 8
    assert not (second[:, None] == columns).any()
    assert len(set(second.tolist())) == 8
    drawn = triplet_sets.quadruplets(judgements, seed=seed)
    assert all(len(set(row)) == 4 for row in drawn.tolist())
    with pytest.raises(BadDataError, match="all trials show the same images"):
        triplet_sets.quadruplets(make_set([[0, 1, 2], [1, 0, 2]]))
    same = make_set([[0, 1, 2], [1, 0, 2], [2, 0, 1]])
    split = splits.split_trials(splits.trial_images(same.triplets), 0, "all")
    with pytest.raises(BadDataError, match="all trials show the same images"):
        judgement_examples.examples(same, split, "train", fourth=True)
