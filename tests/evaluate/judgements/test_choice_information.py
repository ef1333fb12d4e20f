"""What an answer says about which backbone is right, by definition and in plain NumPy."""

import numpy as np
import pytest

from simcore.evaluate.judgements import choice_information


def test_probabilities_of_answers_are_those_of_their_definition():
    values = np.random.default_rng(0).normal(size=(2, 3, 4))
    weights = np.exp(values)
    ranked = choice_information.ranked_pair(values)
    assert ranked.sum(axis=-1) == pytest.approx(np.ones((2, 3)))
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    for n, (i, j) in enumerate(pairs):
        total = weights.sum(axis=-1)
        expected = weights[..., i] / total * weights[..., j] / (total - weights[..., i])
        assert ranked[..., n] == pytest.approx(expected)
    odd = choice_information.odd_one_out(values[..., :3])
    assert odd.argmax(axis=-1).tolist() == (2 - values[..., :3].argmax(axis=-1)).tolist()
    same = choice_information.same_or_different(values[..., :1])
    assert same[..., 0] == pytest.approx(1 / (1 + np.exp(-values[..., 0])))
    assert same.sum(axis=-1) == pytest.approx(np.ones((2, 3)))
    agreed = np.repeat(choice_information.choice(values[:1]), 2, axis=0)
    assert choice_information.information(agreed) == pytest.approx(np.zeros(3))


def test_information_is_the_mutual_information_of_backbone_and_answer():
    random = np.random.default_rng(1)
    probabilities = random.dirichlet(np.ones(4), size=(3, 6))
    for trial, bits in enumerate(choice_information.information(probabilities)):
        joint = probabilities[:, trial] / 3  # backbones are equally likely
        independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
        assert bits == pytest.approx((joint * np.log2(joint / independent)).sum())
    apart = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert choice_information.information(apart) == pytest.approx([1.0])
