"""How far changed pictures move, recomputed in plain NumPy."""

from pathlib import Path

import numpy as np
import pytest

from simcore.evaluate.retrieval import invariance
from simcore.recipe import Part, Recipe
from simcore.types import Features, ImageSet, Pairs

COUNT = 12
ONE = Recipe((Part("a", "cosine"),))
BOTH = Recipe((Part("a", "cosine"), Part("b", "cosine", weight=0.5)), "zsum")


def sides():
    names = tuple(f"{n}" for n in range(COUNT))
    side = ImageSet(names, tuple(Path(name) for name in names), names)
    return Pairs(side, side, np.arange(COUNT))


def drawn(seed):
    """Two backbones, the second without evidence about image 3."""
    random = np.random.default_rng(seed)
    some = np.delete(np.arange(COUNT), 3)
    return {
        "a": Features("a", np.arange(COUNT), random.normal(size=(COUNT, 6)) + 0.5, COUNT),
        "b": Features("b", some, random.normal(size=(COUNT - 1, 4)), COUNT),
    }


def cosine(first, second):
    unit = [
        side.values.astype(float) / np.linalg.norm(side.values.astype(float), axis=1)[:, None]
        for side in (first, second)
    ]
    matrix = np.full((COUNT, COUNT), np.nan)
    matrix[np.ix_(first.index, second.index)] = unit[0] @ unit[1].T
    return matrix


def test_mates_and_unrelated_pairs():
    left, right = drawn(0), drawn(1)
    matrix = cosine(left["a"], right["a"])
    floor = invariance.floor(sides(), ONE, left, right)
    assert floor.mates == pytest.approx(np.diag(matrix), abs=1e-6)
    unrelated = matrix[~np.eye(COUNT, dtype=bool)]
    values = np.array([-2.0, np.median(unrelated) + 1e-4, 2.0, np.nan])
    shares = [(unrelated < value).mean() for value in values[:3]]
    assert floor.percentiles(values)[:3] == pytest.approx(shares, abs=1e-3)
    assert np.isnan(floor.percentiles(values)[3])


def test_a_change_is_scaled_as_the_collection_is():
    left, right, changed = drawn(0), drawn(1), drawn(2)
    expected = np.zeros(COUNT)
    for name, weight in (("a", 1.0), ("b", 0.5)):
        whole, moved = cosine(left[name], right[name]), cosine(left[name], changed[name])
        score = (np.diag(moved) - np.nanmean(whole)) / np.nanstd(whole)
        expected += weight * np.where(np.isnan(score), 0, score)
    similarity = invariance.self_similarity(BOTH, left, right, changed)
    assert similarity == pytest.approx(expected, abs=1e-5)
    rows = np.array([5, 2])
    few = {name: each.take(rows) for name, each in changed.items()}
    assert invariance.self_similarity(BOTH, left, right, few, rows=rows) == pytest.approx(
        expected[rows], abs=1e-5
    )


def test_ranks_are_those_of_the_changed_queries():
    left, right, changed = drawn(0), drawn(1), drawn(2)
    matrix = cosine(changed["a"], right["a"])
    result = invariance.compare(sides(), ONE, left, right, changed)
    assert result.ranks.tolist() == [(row >= row[n]).sum() for n, row in enumerate(matrix)]
    unchanged = invariance.compare(sides(), ONE, left, right, left)
    assert unchanged.similarity == pytest.approx(np.ones(COUNT), abs=1e-6)


@pytest.mark.parametrize(
    ("post", "expected"),
    [("csls", "none"), ("center+csls", "center"), ("center", "center"), ("none", "none")],
)
def test_hubness_is_left_out(post, expected):
    assert invariance.of_two_images(Recipe(ONE.parts, post=post)).post == expected
