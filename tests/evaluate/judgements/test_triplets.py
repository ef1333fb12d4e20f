"""Similarities of the asked pairs against the whole matrix; the odd one out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simcore.errors import ShapeError, UnknownNameError
from simcore.evaluate.judgements import triplets
from simcore.sim.metrics import pairwise
from simcore.types import METRICS, Features
from tests.evaluate.judgements.conftest import random_triplets


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("faces", [False, True])
def test_gathered_pairs_equal_the_matrix(metric, faces, monkeypatch):
    monkeypatch.setattr(triplets, "BLOCK_SCALARS", 50)  # several blocks
    random = np.random.default_rng(1)
    many = random.integers(0, 4, 9) if faces else np.ones(9, int)
    index = np.repeat(np.arange(9), many)
    features = Features("x", index, random.normal(size=(index.size, 7)), 9)
    some = random_triplets()
    left, right = (
        triplets.pair_similarity(features, some.ref, side, metric)
        for side in (some.left, some.right)
    )
    matrix = pairwise(features, features, metric)
    np.testing.assert_allclose(left, matrix[some.ref, some.left], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(right, matrix[some.ref, some.right], rtol=1e-4, atol=1e-3)
    if faces:
        assert np.isnan(left).any()


@pytest.mark.parametrize("metric", METRICS)
def test_equal_pictures_tie_wherever_they_stand(metric):
    random = np.random.default_rng(2)
    values = random.normal(0, 30, size=(600, 129)).astype(np.float32)
    values[300:] = values[:300]
    features = Features("x", np.arange(600), values, 600)
    ref, second = random.permutation(300), np.arange(300)
    one = triplets.pair_similarity(features, ref, second, metric)
    two = triplets.pair_similarity(features, ref, second + 300, metric)
    np.testing.assert_array_equal(one, two)


def test_features_of_other_images_are_refused():
    features = Features("x", np.arange(3), np.zeros((3, 2)), 3)
    some = random_triplets()
    for side in (some.left, some.right):
        with pytest.raises(ShapeError, match="features are of 3 images"):
            triplets.pair_similarity(features, some.ref, side, "cosine")
    with pytest.raises(UnknownNameError, match="cosine"):
        triplets.pair_similarity(features, np.zeros(1, int), np.zeros(1, int), "cosin")


@settings(deadline=None)
@given(hnp.arrays(np.float64, (3, 8), elements=st.sampled_from([-1.0, 0.0, 2.0, np.nan])))
def test_odd_one_out_shares_ties(values):
    found = triplets.odd_one_out(*values)
    for k, (a, b, c) in enumerate(values.T):
        known = [v for v in (a, b, c) if not np.isnan(v)]
        top = max(known, default=None)
        winners = [np.isnan(v) if top is None else v == top for v in (a, b, c)]
        expected = 1 / sum(winners) if winners[0] else 0
        assert found.per_item[k] == pytest.approx(expected)
    constant = triplets.odd_one_out(*np.full((3, 30), -4.0))
    assert constant.value == pytest.approx(1 / 3)


def test_a_row_of_zeros_is_like_nothing():
    rows = Features("x", np.arange(3), np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]), 3)
    similarity = triplets.pair_similarity(rows, np.array([0, 1]), np.array([1, 2]), "cosine")
    assert similarity.tolist() == [0.0, pytest.approx(1.0)]
