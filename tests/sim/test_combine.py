"""Sums and z-sums by hand, and blocks against whole matrices."""

import numpy as np
import pytest

from simcore.errors import BadDataError, ShapeError
from simcore.recipe import Part, Recipe
from simcore.sim import combine, metrics, recipe_blocks
from simcore.sim.combine import PLAIN, Moments, Term
from simcore.types import METRICS, Features

NAN = np.nan


def features(seed, count, dim=6):
    values = np.random.default_rng(seed).normal(size=(count, dim)) + 0.5
    return Features("test", np.arange(count), values, count)


def test_plain_sum_by_hand():
    one, two = np.array([[1.0, 2.0]], np.float32), np.array([[10.0, NAN]], np.float32)
    total = combine.weighted_sum([one, two], [1, 0.5], [PLAIN, Term(fill=4.0)])
    assert total.tolist() == [[6.0, 4.0]]


def test_z_sum_by_hand():
    one, two = np.array([[1.0, 3.0]], np.float32), np.array([[10.0, NAN]], np.float32)
    terms = [Term.standardized(Moments(2.0, 1.0)), Term.standardized(Moments(0.0, 5.0))]
    assert combine.weighted_sum([one, two], [1, 1], terms).tolist() == [[1.0, 1.0]]


def test_without_any_evidence_there_is_none():
    blank, number = np.full((1, 2), NAN, np.float32), np.ones((1, 2), np.float32)
    assert np.isnan(combine.weighted_sum([blank, blank], [1, 1], [PLAIN] * 2)).all()
    assert np.isnan(combine.weighted_sum([blank, number], [1, 0], [PLAIN] * 2)).all()


def test_a_constant_matrix_says_nothing_in_a_z_sum():
    flat, other = np.ones((1, 3), np.float32), np.array([[1.0, 2.0, 3.0]], np.float32)
    terms = [Term.standardized(Moments(1.0, 0.0)), Term.standardized(Moments(2.0, 1.0))]
    assert combine.weighted_sum([flat, other], [1, 1], terms).tolist() == [[-1.0, 0.0, 1.0]]


@pytest.mark.parametrize("metric", METRICS)
def test_moments_are_those_of_the_whole_matrix(metric):
    left, right = features(0, 33), features(1, 21)
    whole = metrics.pairwise(left, right, metric)
    found = combine.moments(left, right, metric, block=4)
    assert found.mean == pytest.approx(whole.mean(), abs=1e-6)
    assert found.std == pytest.approx(whole.std(), rel=1e-5)


@pytest.mark.parametrize("shift", [0.0, 0.5, 4.0])
def test_moments_from_features_are_those_of_the_matrix(shift):
    random = np.random.default_rng(0)
    left, right = random.normal(size=(300, 12)) + shift, random.normal(size=(200, 12)) * 3 + shift
    left[:5] = 0
    quick = combine.cosine_moments(left.astype(np.float32), right.astype(np.float32))
    sides = (Features("x", np.arange(len(v)), v, len(v)) for v in (left, right))
    whole = metrics.pairwise(*sides, "cosine").astype(np.float64)
    assert quick.mean == pytest.approx(whole.mean(), abs=1e-7)
    assert quick.std == pytest.approx(whole.std(), rel=1e-5)


def test_moments_of_a_constant_have_no_spread():
    row = np.abs(np.random.default_rng(0).normal(size=(1, 7)))
    same = Features("x", np.arange(500), np.repeat(row, 500, 0), 500)
    assert combine.moments(same, same, "cosine").std == pytest.approx(0, abs=1e-12)


def test_moments_leave_out_what_is_missing():
    left = Features("face", [0, 0, 2], np.eye(3, 4), 3)
    right = features(1, 5, 4)
    whole = metrics.pairwise(left, right, "l2")
    found = combine.moments(left, right, "l2")
    assert found.mean == pytest.approx(np.nanmean(whole), abs=1e-6)
    assert found.std == pytest.approx(np.nanstd(whole), rel=1e-5)
    no_faces = Features("face", [], np.empty((0, 4)), 3)
    assert combine.moments(no_faces, right, "l2") == Moments(0.0, 0.0)


@pytest.mark.parametrize("post", ["none", "center+csls"])
def test_moments_of_equal_features_are_computed_once(post, monkeypatch):
    left, right = features(0, 33), features(1, 21)
    moments = combine.prepare_sides(left, right, "cosine", post).moments()
    monkeypatch.setattr(combine, "moments", None)
    read_again = combine.prepare_sides(features(0, 33), features(1, 21), "cosine", post)
    assert read_again.moments() == moments


def test_everything_that_changes_moments_is_in_their_key():
    left, right, more = features(0, 33), features(1, 21), features(1, 22)
    variants = [
        combine.prepare_sides(left, right, "cosine", "none"),
        combine.prepare_sides(left, right, "l2", "none"),
        combine.prepare_sides(left, right, "cosine", "csls"),
        combine.prepare_sides(left, right, "cosine", "center"),
        combine.prepare_sides(left, more, "cosine", "none"),
        combine.prepare_sides(right, left, "l1", "none"),
    ]
    assert len({sides.moments() for sides in variants}) == len(variants)


def test_moments_computed_before_are_taken_over():
    sides = combine.prepare_sides(features(0, 5), features(1, 5), "l1", "csls")
    sides.remember(Moments(2.0, 3.0))
    assert sides.moments() == Moments(2.0, 3.0)


@pytest.mark.parametrize("how", ["sum", "zsum"])
def test_blocks_give_the_rows_of_the_whole(how):
    names, used = ("a", "b"), {"a": "cosine", "b": "l2"}
    left = {name: features(seed, 23) for seed, name in enumerate(names)}
    right = {name: features(seed + 9, 17) for seed, name in enumerate(names)}
    recipe = Recipe((Part("a", "cosine"), Part("b", "l2", weight=0.3)), how)
    rows = list(recipe_blocks.blocks(recipe, left, right, rows=5))
    assert [start for start, _ in rows] == [0, 5, 10, 15, 20]
    matrices = [metrics.pairwise(left[n], right[n], used[n]) for n in names]
    if how == "zsum":
        matrices = [(m - m.mean()) / m.std() for m in matrices]
    expected = matrices[0] + 0.3 * matrices[1]
    np.testing.assert_allclose(np.concatenate([v for _, v in rows]), expected, atol=1e-5)


def test_as_many_weights_as_parts():
    with pytest.raises(ShapeError, match="Got 2 weights and 1 terms for 1 similarities"):
        combine.weighted_sum([np.ones((1, 1))], [1, 1], [PLAIN])


def test_a_recipe_without_metrics_has_to_be_resolved_first():
    same = {"a": features(0, 3)}
    with pytest.raises(BadDataError, match="metric of 'a' is not set"):
        next(recipe_blocks.blocks(Recipe((Part("a"),)), same, same))


def test_terms_are_multiples_of_the_grid_so_that_sums_are_exact_in_any_order():
    random = np.random.default_rng(6)
    parts = [random.normal(size=(20, 20)) / 3 for _ in range(5)]
    terms = [Term(random.normal(), random.uniform(0.5, 2), 0.1) for _ in parts]
    for values, term in zip(parts, terms, strict=True):
        found = combine.on_grid(values, term)
        steps = found * 2.0**40
        np.testing.assert_array_equal(steps, np.rint(steps))
        assert np.abs(found - (values - term.shift) * term.gain).max() <= 2.0**-40
    total = combine.weighted_sum(parts, [1] * 5, terms)
    back = combine.weighted_sum(parts[::-1], [1] * 5, terms[::-1])
    np.testing.assert_array_equal(total, back)
    assert combine.on_grid(np.array([np.nan, 1 / 3]), PLAIN)[1] == round(2**40 / 3) / 2**40


def test_bounds_are_reached_and_never_exceeded():
    """Opposite and equal vectors are the extremes of every metric."""
    rows = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
    features = Features("x", np.arange(2), rows, 2)
    for metric, least in (("cosine", -1.0), ("l2", -2.0), ("l1", -2.0)):
        sides = combine.prepare_sides(features, features, metric, "none")
        low, high = sides.bounds()
        assert low == pytest.approx(least)
        assert high == (1.0 if metric == "cosine" else 0.0)
