"""Pairs and judgements are cut apart together: no test picture is seen in training by either."""

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.training import picture_folds
from simcore.training.picture_folds import Pictures

FOLDS = 4


def pictures_of(pairs, groups, trials):
    size = int(trials.max()) + 1
    return Pictures(np.arange(size), trials, pairs, groups)


def sparse():
    """40 pairs, 10 of them in groups of two, and 30 clusters of two trials with one reference."""
    trials = np.array(
        [[5 * k, 5 * k + 1 + 2 * j, 5 * k + 2 + 2 * j] for k in range(30) for j in (0, 1)]
    )
    pairs = 150 + np.arange(80).reshape(40, 2)
    groups = np.r_[np.repeat(np.arange(5), 2), 5 + np.arange(30)]
    return pictures_of(pairs, groups, trials)


def dense():
    """Trials over the pictures of the pairs themselves, so that all are connected."""
    rng = np.random.default_rng(0)
    pairs = np.arange(120).reshape(60, 2)
    query = rng.integers(0, 60, 500)
    other = (query + rng.integers(1, 60, 500)) % 60
    trials = np.c_[pairs[query, 0], pairs[query, 1], pairs[other, 1]]
    return pictures_of(pairs, np.arange(60), trials)


@pytest.mark.parametrize("pictures", [sparse(), dense()], ids=["sparse", "dense"])
def test_no_picture_of_a_test_is_seen_in_training(pictures):
    folds = picture_folds.deal(pictures, FOLDS, seed=0)
    tested = []
    for fold in range(FOLDS):
        for validation in set(range(FOLDS)) - {fold}:
            pairs, trials = folds.pair_split(fold, validation), folds.trial_split(fold, validation)
            shown = {
                part: {
                    *pictures.pairs[getattr(pairs, part)].ravel(),
                    *pictures.trials[getattr(trials, part)].ravel(),
                }
                for part in ("train", "validation", "test")
            }
            assert not shown["test"] & (shown["train"] | shown["validation"])
            assert not shown["train"] & shown["validation"]
        tested.append(folds.test_pairs(fold))
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(len(pictures.pairs)))
    sizes = [len(rows) for rows in tested]
    assert max(sizes) - min(sizes) <= 2
    assert len({*sizes}) <= 3


def test_every_trial_is_tested_once_unless_pictures_connect_most():
    folds = picture_folds.deal(sparse(), FOLDS, seed=1)
    assert folds.across == 0
    assert sum(len(folds.test_trials(fold)) for fold in range(FOLDS)) == 60
    assert [len(folds.test_trials(fold)) for fold in range(FOLDS)] == [16, 16, 14, 14]
    folds = picture_folds.deal(dense(), FOLDS, seed=1)
    tested = sum(len(folds.test_trials(fold)) for fold in range(FOLDS))
    assert tested + folds.across == 500
    assert 50 < tested < 250


def test_the_seed_decides():
    first, again, other = (picture_folds.deal(sparse(), FOLDS, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.fold, again.fold)
    assert (first.fold != other.fold).any()


def test_too_little_data_and_too_few_folds_are_named():
    with pytest.raises(BadDataError, match="folds must be at least 3, got 2"):
        picture_folds.deal(sparse(), 2, 0)
    with pytest.raises(BadDataError, match="40 pairs and 60 judgements are too few for 25 folds"):
        picture_folds.deal(sparse(), 25, 0)
