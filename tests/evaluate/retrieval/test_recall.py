"""Recall against counting, and the law that a constant earns chance at most."""

from pathlib import Path

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.retrieval import recall
from simcore.recipe import Part, Recipe
from simcore.types import Features, ImageSet, Pairs


def pairs(count):
    names = tuple(f"{i}" for i in range(count))
    side = ImageSet(names, tuple(Path(n) for n in names), names)
    return Pairs(side, side, np.arange(count))


def features(values):
    return {"x": Features("x", np.arange(len(values)), values, len(values))}


def test_against_sorting_everything():
    random = np.random.default_rng(0)
    left = random.normal(size=(60, 9))
    right = left + random.normal(size=(60, 9))
    found = recall.ranks_of(
        pairs(60), Recipe((Part("x", "cosine"),)), features(left), features(right)
    )
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (left, right)]
    order = np.argsort(-(unit[0] @ unit[1].T), axis=1)
    expected = [int(np.flatnonzero(order[i] == i)[0]) + 1 for i in range(60)]
    assert found.tolist() == expected
    for k in (1, 5, 10):
        score = recall.recall_at(found, k)
        assert score.value == np.mean(np.array(expected) <= k)
        assert score.low <= score.value <= score.high
    curve = recall.curve(found, 60)
    assert curve[4] == recall.recall_at(found, 5).value
    assert curve[-1] == 1


@pytest.mark.parametrize("value", [1.0, -1.0, 0.0])
def test_a_constant_earns_nothing(value):
    same = features(np.full((8, 3), value))
    found = recall.ranks_of(pairs(8), Recipe((Part("x", "cosine"),)), same, same)
    assert recall.recall_at(found, 1).value == 0
    assert recall.recall_at(found, 7).value == 0


def test_negative_scores_are_as_good_as_others():
    left = np.array([[1.0, 0], [0, 1.0]])
    found = recall.ranks_of(
        pairs(2), Recipe((Part("x", "l2"),)), features(left), features(left * 3)
    )
    assert recall.recall_at(found, 1).value == 1


def test_a_cut_off_below_one():
    with pytest.raises(BadDataError, match="k must be at least 1, got 0"):
        recall.recall_at(np.array([1, 2]), 0)


@pytest.mark.parametrize("k", [1.5, 1.0, True, "3", np.float64(2)])
def test_a_cut_off_is_a_whole_number(k):
    with pytest.raises(BadDataError, match="k must be a whole number, got"):
        recall.recall_at(np.array([1, 2]), k)
    assert recall.recall_at(np.array([1, 2]), np.int64(1)).value == 0.5


def test_curves_count_each_rank_once():
    ranks = np.array([3, 3, 1, 6, 2])  # a gallery of five: rank 6 is a mate without evidence
    expected = [np.mean([rank <= k for rank in ranks.tolist()]) for k in range(1, 6)]
    assert recall.curve(ranks, 5).tolist() == expected
    assert recall.curve(np.array([1, 1]), 4).tolist() == [1.0] * 4
    assert recall.curve(np.array([2]), 4).tolist() == [0.0, 1.0, 1.0, 1.0]
    assert recall.curve(np.array([], int), 3).tolist() == [0.0] * 3
