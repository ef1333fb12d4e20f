"""Centering and CSLS against their formulas, whole and in blocks."""

import numpy as np
import pytest

from simcore.recipe import Part, Recipe
from simcore.sim import combine, metrics, postprocessing, recipe_blocks
from simcore.types import Features


def features(seed, count=31, dim=7, shift=3.0):
    values = np.random.default_rng(seed).normal(size=(count, dim)) + shift
    return Features("x", np.arange(count), values, count)


def by_formula(values, near=10):
    """2 s - r(query) - r(image), each r the mean over the nearest `near` of the other side."""
    top = min(near, values.shape[1])
    row = np.sort(values, axis=1)[:, -top:].mean(axis=1)
    column = np.sort(values, axis=0)[-min(near, values.shape[0]) :].mean(axis=0)
    return 2 * values - row[:, None] - column[None, :]


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_csls_against_its_formula(metric, monkeypatch):
    monkeypatch.setattr(metrics, "ROWS", 4)
    left, right = features(0), features(1, 45)
    values = metrics.pairwise(left, right, metric)
    near = postprocessing.hubness(left, right, metric)
    np.testing.assert_allclose(postprocessing.csls(values, near), by_formula(values), atol=1e-5)


def test_fewer_images_than_neighbors():
    left, right = features(0, 4), features(1, 3)
    values = metrics.pairwise(left, right, "cosine")
    near = postprocessing.hubness(left, right, "cosine")
    np.testing.assert_allclose(postprocessing.csls(values, near), by_formula(values), atol=1e-6)


def test_missing_evidence_stays_missing_and_is_no_neighbor():
    left = Features("face", [0, 2, 2], np.eye(3, 4) + 1, 4)
    right = features(3, 20, 4)
    values = metrics.pairwise(left, right, "l2")
    near = postprocessing.hubness(left, right, "l2")
    found = postprocessing.csls(values, near)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    np.testing.assert_allclose(near, values[[0, 2]].mean(axis=0), atol=1e-6)


def test_csls_demotes_a_hub():
    """One image is near to all queries; with CSLS most mates rank first again."""
    random = np.random.default_rng(0)
    values = random.normal(scale=0.01, size=(30, 31)).astype(np.float32) + np.c_[
        0.3 * np.eye(30), np.full(30, 0.5)
    ].astype(np.float32)
    near = np.sort(values, axis=0)[-10:].mean(axis=0)
    assert (values.argmax(1) == 30).all()
    assert (postprocessing.csls(values, near).argmax(1) == np.arange(30)).mean() > 0.9


def test_centering_removes_what_all_images_share():
    left, right = features(0, shift=50.0), features(1, shift=50.0)
    middle = postprocessing.mean(left, right)
    both = np.concatenate([left.values, right.values])
    np.testing.assert_allclose(middle, both.mean(axis=0), rtol=1e-6)
    plain = metrics.pairwise(left, right, "cosine")
    centered = combine.prepare_sides(left, right, "cosine", "center")
    assert plain.std() < 0.01
    assert np.concatenate([v for _, v in centered.stream()]).std() > 0.3


@pytest.mark.parametrize("post", ["none", "center", "csls", "center+csls"])
@pytest.mark.parametrize("how", ["sum", "zsum"])
def test_recipes_with_post_processing(post, how):
    left = {n: features(s) for n, s in (("a", 0), ("b", 1))}
    right = {n: features(s, 31) for n, s in (("a", 5), ("b", 6))}
    recipe = Recipe((Part("a", "cosine"), Part("b", "cosine")), how, post)
    found = np.concatenate([v for _, v in recipe_blocks.blocks(recipe, left, right, rows=6)])
    total = 0
    for name in "ab":
        q, g = left[name].values, right[name].values
        if "center" in post:
            middle = np.concatenate([q, g]).mean(axis=0)
            q, g = q - middle, g - middle
        q, g = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (q, g))
        values = q @ g.T
        if "csls" in post:
            values = by_formula(values)
        total = total + ((values - values.mean()) / values.std() if how == "zsum" else values)
    np.testing.assert_allclose(found, total, atol=2e-4)
    some = combine.prepare_sides(left["a"], right["a"], "cosine", post)
    whole = np.concatenate([v for _, v in some.stream()])
    np.testing.assert_allclose(some.rows(left["a"].take([7])), whole[[7]], atol=1e-5)


def test_one_known_neighbor_is_the_mean_of_its_neighbors():
    """An image whose only known neighbor has similarity s has hubness s, not a share of it."""
    left, right = features(0, 3), features(1, 1)
    near = postprocessing.hubness(left, right, "cosine")
    values = metrics.pairwise(left, right, "cosine")
    np.testing.assert_allclose(
        postprocessing.csls(values, near), 2 * values - values - values.mean(), atol=1e-6
    )
