"""Reciprocal rank fusion against plain loops, and the laws that every combination obeys."""

import numpy as np
import pytest

from simcore.evaluate.retrieval import recall
from simcore.recipe import Part, Recipe
from simcore.sim import combine
from simcore.sim.recipe_blocks import RecipeBlock
from simcore.types import Features, ImageSet, Pairs

A, B = Part("a", "cosine"), Part("b", "cosine")


def fused(parts, weights=None, missing="mean"):
    weights = weights or [1.0] * len(parts)
    names = [Part(str(n), "cosine", weight) for n, weight in enumerate(weights)]
    recipe = Recipe(tuple(names), "rrf", missing=missing)
    blocks = [np.array([part], np.float32) for part in parts]
    return RecipeBlock(recipe, blocks, [combine.PLAIN] * len(parts)).similarity()[0]


def by_hand(parts, weights=None):
    """Loops over images: 1 / (60 + how many are at least as similar), or the mean of these."""
    total = [0.0] * len(parts[0])
    for part, weight in zip(parts, weights or [1.0] * len(parts), strict=True):
        known = [value for value in part if value == value]
        scores = [
            1 / (60 + sum(other >= value for other in known)) if value == value else None
            for value in part
        ]
        mean = np.mean([score for score in scores if score is not None]) if known else 0.0
        total = [
            t + weight * (mean if s is None else s) for t, s in zip(total, scores, strict=True)
        ]
    return total


@pytest.mark.parametrize("seed", range(20))
def test_fusion_is_that_of_plain_loops(seed):
    random = np.random.default_rng(seed)
    parts = random.integers(0, 5, (3, 9)).astype(float).tolist()
    for part in parts[:2]:
        for column in random.choice(9, 3, replace=False):
            part[column] = np.nan
    weights = random.integers(1, 4, 3).astype(float).tolist()
    np.testing.assert_allclose(fused(parts, weights), by_hand(parts, weights), atol=1e-7)


def test_a_constant_backbone_changes_no_order():
    part = [0.1, 0.9, 0.5, 0.5]
    alone, both = fused([part, part]), fused([part, [0.3] * 4])
    assert np.argsort(alone, kind="stable").tolist() == np.argsort(both, kind="stable").tolist()
    assert both[2] == both[3]  # a tie stays a tie
    assert len(set(fused([[0.3] * 4, [0.2] * 4]))) == 1


def test_missing_evidence_is_no_advantage_and_no_evidence_at_all_is_no_score():
    nan = np.nan
    first, second = [0.9, 0.5, 0.1, nan], [0.2, nan, 0.4, nan]
    scores = fused([first, second])
    assert np.isnan(scores[3])
    best_of_second = 1 / 61
    assert scores[1] - 1 / 62 < best_of_second  # the mean of the others, not the first rank
    worst = fused([first, second], missing="worst")
    assert worst[1] < min(worst[0], worst[2])
    only_zero = fused([first, second], [1.0, 0.0])
    assert np.isnan(only_zero[3])
    assert np.argsort(-only_zero[:3]).tolist() == [0, 1, 2]


def test_the_ranks_of_mates_are_those_of_the_similarity():
    random = np.random.default_rng(0)
    n = 7
    ids = tuple(map(str, range(n)))
    images = ImageSet(ids, ids, ids)
    pairs = Pairs(images, images, np.arange(n))
    features = [
        {name: Features(name, np.arange(n), random.normal(size=(n, 4)), n) for name in "ab"}
        for _ in range(2)
    ]
    recipe = Recipe((A, B), "rrf")
    ranks = recall.ranks_of(pairs, recipe, *features)
    cosines = []
    for name in "ab":
        left, right = (side[name].values.astype(float) for side in features)
        left, right = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right))
        cosines.append(left @ right.T)
    for row in range(n):
        total = np.array(by_hand([part[row].tolist() for part in cosines]))
        assert ranks[row] == int((total >= total[row] - 1e-9).sum())
