"""Missing evidence in what learning compares: no pair gains, by the rule of every combination."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.models.adapter import Adapter, Layer
from simcore.sim import rank
from simcore.training.adapt.inputs import Inputs

DIMS = (3, 2)


def drawn(seed, count=8, share=0.4, lean=0.0):
    """Two backbones, both without evidence in a share of the images; the first pair has none."""
    random = np.random.default_rng(seed)
    sides = []
    for _ in range(2):
        blocks = []
        for dim in DIMS:
            rows = random.normal(size=(count, dim)) + lean
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            rows[random.random(count) < share] = np.nan
            rows[0] = np.nan
            blocks.append(rows)
        sides.append(np.concatenate(blocks, axis=1).astype(np.float32))
    return Inputs(*sides, ("a", "b"), DIMS)


def plain_sum(left, right):
    """The sum of cosines with the mean of the matrix in its gaps, entry by entry."""
    count, total = len(left), np.zeros((len(left), len(right)))
    blind = np.ones(total.shape, bool)
    for start, stop in ((0, 3), (3, 5)):
        cosine = np.full(total.shape, np.nan)
        for i in range(count):
            for j in range(count):
                cosine[i, j] = sum(
                    float(a) * float(b)
                    for a, b in zip(left[i, start:stop], right[j, start:stop], strict=True)
                )
        total += np.where(np.isnan(cosine), np.nanmean(cosine), cosine)
        blind &= np.isnan(cosine)
    total[blind] = np.nan
    return total


@pytest.mark.parametrize("lean", [0.0, 2.0, -2.0])
def test_the_features_before_learning_are_a_plain_sum_with_neutral_gaps(lean):
    inputs = drawn(1, lean=lean)
    expected = plain_sum(inputs.left, inputs.right)
    assert np.isnan(expected[0]).all()
    assert np.isnan(expected[:, 0]).all()
    np.testing.assert_allclose(inputs.similarity(), expected, atol=1e-6)
    blocks = dict(inputs.blocks(3))  # as many rows at a time, so that no square matrix is needed
    assert max(len(values) for values in blocks.values()) == 3
    np.testing.assert_allclose(np.concatenate([*blocks.values()]), expected, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 6), scale=st.sampled_from([-1.0, 1.0]))
def test_a_pair_without_evidence_is_no_hit_before_and_after(seed, count, scale):
    """Also where all cosines are negative, so that a 0 in the gap would be the largest."""
    inputs = drawn(seed, count, lean=3.0)
    inputs = Inputs(inputs.left, (scale * inputs.right).astype(np.float32), ("a", "b"), DIMS)
    identity = np.eye(5, dtype=np.float32)
    adapter = Adapter(np.zeros(5, np.float32), (Layer(0, 5, identity, identity),), ("a", "b"), DIMS)
    blind = [
        row
        for row in range(count)
        if np.isnan(inputs.left[row]).all() or np.isnan(inputs.right[row]).all()
    ]
    assert 0 in blind
    for similarity in (inputs.similarity(), inputs.mapped_similarity(adapter)):
        ranks = rank.mate_ranks(similarity, np.arange(count))
        assert (ranks[blind] == count + 1).all()


def test_an_image_without_evidence_has_no_learned_row():
    identity = np.eye(5, dtype=np.float32)
    adapter = Adapter(np.ones(5, np.float32), (Layer(0, 5, identity, identity),), ("a", "b"), DIMS)
    values = drawn(2).left
    values[1] = [np.nan, np.nan, np.nan, 0.6, 0.8]
    rows = adapter.rows(values)
    assert (rows[0].shape, rows[1].shape) == ((0, 5), (1, 5))
    np.testing.assert_array_equal(rows[1][0], adapter(values)[1])


def test_a_query_without_a_face_is_ranked_by_the_other_backbone():
    inputs = drawn(3, count=12, share=0.0)
    inputs.left[4, 3:] = np.nan
    alone = inputs.left[4, :3].astype(float) @ inputs.right[:, :3].T.astype(float)
    order = np.argsort(inputs.similarity()[4, 1:])
    np.testing.assert_array_equal(order, np.argsort(alone[1:]))
