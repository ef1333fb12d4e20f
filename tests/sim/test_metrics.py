"""Similarities against scipy, and what several or no rows of an image mean."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from simcore.errors import ShapeError, UnknownNameError
from simcore.sim import distance_kernel, metrics
from simcore.types import METRICS, Features

NAMES = {"cosine": "cosine", "l2": "euclidean", "l1": "cityblock"}


def features(values, index=None, count=None):
    values = np.asarray(values, np.float32)
    index = np.arange(len(values)) if index is None else index
    return Features("test", index, values, len(values) if count is None else count)


@pytest.mark.parametrize("metric", METRICS)
def test_against_scipy(metric):
    random = np.random.default_rng(1)
    left, right = random.normal(size=(37, 19)), random.normal(size=(53, 19))
    found = metrics.pairwise(features(left), features(right), metric)
    expected = -cdist(left, right, NAMES[metric]) + (metric == "cosine")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("metric", ["l2", "l1"])
def test_many_cores_change_nothing(metric, monkeypatch):
    random = np.random.default_rng(2)
    left, right = features(random.normal(size=(40, 8))), features(random.normal(size=(71, 8)))
    whole = metrics.pairwise(left, right, metric)
    monkeypatch.setattr(distance_kernel, "MIN_PARALLEL", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    np.testing.assert_array_equal(metrics.pairwise(left, right, metric), whole)


@pytest.mark.parametrize("metric", ["l2", "l1"])
def test_distances_are_right_to_the_last_digit(metric):
    random = np.random.default_rng(4)
    left, right = (random.normal(size=(n, 1001)).astype(np.float32) + 3 for n in (21, 45))
    found = metrics.pairwise(features(left), features(right), metric)
    expected = -cdist(left, right, NAMES[metric])
    np.testing.assert_array_max_ulp(found, expected.astype(np.float32), maxulp=1)


def test_nearly_equal_rows_keep_their_distance():
    base = np.random.default_rng(3).normal(size=512) * 100
    near = base.copy()
    near[0] += 1e-3
    found = metrics.pairwise(features([base]), features([near]), "l2")
    expected = -abs(np.float32(near[0]) - np.float32(base[0]))
    np.testing.assert_allclose(found, [[expected]], rtol=1e-2)


def test_the_best_pair_of_faces_counts_and_no_face_is_no_evidence():
    left = features([[0, 0], [5, 5], [1, 0]], index=[0, 0, 2], count=4)
    right = features([[5, 6], [0, 1]], index=[1, 1], count=3)
    found = metrics.pairwise(left, right, "l2")
    assert np.isnan(found[[1, 3]]).all()
    assert np.isnan(found[:, [0, 2]]).all()
    np.testing.assert_allclose(found[0, 1], -1)  # (5,5) to (5,6), or (0,0) to (0,1)
    np.testing.assert_allclose(found[2, 1], -np.sqrt(2), rtol=1e-6)


def test_the_cosine_of_a_zero_vector_is_zero():
    found = metrics.pairwise(features([[0, 0]]), features([[1, 2], [0, 0]]), "cosine")
    assert found.tolist() == [[0, 0]]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("count", [140, 1403])
def test_the_same_image_twice_is_a_tie_at_any_position(metric, count):
    """A matrix product rounds columns at its edges differently; equal rows must not show it."""
    random = np.random.default_rng(count)
    values = np.abs(random.normal(size=(count, 131)))
    values[count // 2 :] = values[: count - count // 2]
    order = random.permutation(count)
    found = metrics.pairwise(features(values[:50]), features(values[order]), metric)
    found = found[:, np.argsort(order)]
    half = count // 2
    np.testing.assert_array_equal(found[:, half : 2 * half], found[:, :half])


@pytest.mark.parametrize("metric", METRICS)
def test_a_constant_backbone_gives_equal_similarities(metric):
    row = np.abs(np.random.default_rng(0).normal(size=576))
    found = metrics.pairwise(features([row] * 20), features([row] * 1403), metric)
    assert (found == found[:, :1]).all()


def test_rows_with_equal_sums_are_not_taken_for_repeats():
    later, earlier = features([[1, 2], [2, 1], [1, 2], [0, 0], [2, 1], [1, 2]]).repeats
    assert later.tolist() == [2, 4, 5]
    assert earlier.tolist() == [0, 1, 0]


def test_the_digest_depends_on_values_and_owners_only():
    same = features([[1, 2], [3, 4]])
    assert features([[1, 2], [3, 4]]).digest == same.digest
    others = [
        features([[1, 2], [3, 5]]),
        features([[1, 2, 3, 4]]),
        features([[1], [2], [3], [4]]),
        features([[1, 2], [3, 4]], index=[0, 0], count=2),
        features([[1, 2], [3, 4]], index=[0, 1], count=3),
    ]
    assert len({same.digest, *(other.digest for other in others)}) == 6


def test_bad_input():
    with pytest.raises(ShapeError, match="have 3 and the gallery 2 dimensions"):
        metrics.pairwise(features([[1, 2, 3]]), features([[1, 2]]), "cosine")
    with pytest.raises(UnknownNameError, match="No metric named 'cos'"):
        metrics.pairwise(features([[1, 2]]), features([[1, 2]]), "cos")


VECTORS = arrays(np.float32, (5, 3), elements=st.floats(-100, 100, width=32))


@given(VECTORS, VECTORS, st.sampled_from(METRICS))
def test_laws(left, right, metric):
    one = metrics.pairwise(features(left), features(right), metric)
    other = metrics.pairwise(features(right), features(left), metric)
    np.testing.assert_allclose(one, other.T, atol=1e-4)
    itself = np.diag(metrics.pairwise(features(left), features(left), metric))
    assert (one <= (1 + 1e-5 if metric == "cosine" else 1e-6)).all()
    assert (itself >= one.max(axis=1) - 1e-3).all() or metric == "cosine"


@pytest.mark.parametrize("metric", ["l2", "l1"])
def test_few_queries_have_the_distances_of_many(metric):
    random = np.random.default_rng(5)
    values = random.standard_normal((1_300, 70)).astype(np.float32)
    everything = Features("x", np.arange(1_300), values, 1_300)
    many = metrics.pairwise(everything.take(range(9)), everything, metric)
    few = metrics.pairwise(everything.take(range(3)), everything, metric)
    np.testing.assert_array_equal(few, many[:3])


@pytest.mark.parametrize(("gallery", "dim"), [(600, 512), (40, 640), (3, 7)])
def test_a_query_alone_has_the_row_of_the_matrix(gallery, dim):
    """Bit by bit: else a search and an evaluation could order two nearly equal images otherwise."""
    random = np.random.default_rng(5)
    left, right = (
        features(random.standard_normal((count, dim))) for count in (gallery + 1, gallery)
    )
    whole = metrics.matrix_rows(left, right, "cosine")
    np.testing.assert_allclose(whole, metrics.pairwise(left, right, "cosine"), atol=1e-6)
    for rows in ([0], [gallery], [1, 2], range(1, gallery)):
        part = metrics.matrix_rows(left.take(list(rows)), right, "cosine")
        np.testing.assert_array_equal(part, whole[list(rows)])
