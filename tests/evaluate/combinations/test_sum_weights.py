"""Learned weights of a z-sum: what they find, and on new queries."""

import numpy as np
import pytest

from simcore.evaluate.combinations import sum_weights
from simcore.sim.combine import Moments, Term


def matrices(seed, queries=150, good=0.8):
    random = np.random.default_rng(seed)
    useful = random.normal(size=(queries, queries)) + 6 * np.eye(queries) * (
        random.random(queries) < good
    )
    noise = random.normal(size=(2, queries, queries))
    return [useful, *noise]


UNIT = Term()


def streamed(found, rows=32):
    """As the matrices come: a block of rows at a time."""
    return [
        (start, [m[start : start + rows] for m in found]) for start in range(0, len(found[0]), rows)
    ]


def worth(found, shares):
    mates = np.arange(len(found[0]))
    return sum_weights.weighted_hits(streamed(found), mates, [UNIT] * len(found), shares)


def test_weights_find_what_is_useful_and_hold_on_new_queries():
    found = matrices(0)
    rivals = sum_weights.near_rivals(streamed(found), np.arange(150), [UNIT] * 3)
    learned = sum_weights.fit(rivals, np.arange(150))
    assert learned.sum() == pytest.approx(1)
    assert (learned >= 0).all()
    assert learned[0] > 0.7
    fair = sum_weights.held_out(rivals)
    assert fair.shape == (150, 3)
    assert 1 < len(np.unique(fair, axis=0)) <= 5, "one set of weights a fold"
    kept, even = worth(found, [fair, np.full((150, 3), 1 / 3)])
    assert kept.sum() > even.sum() + 10


def test_weights_agree_with_ranking_everything():
    found = [m.astype(np.float32) for m in matrices(1, queries=60)]
    found[1][np.random.default_rng(0).random((60, 60)) < 0.3] = np.nan
    share = np.array([0.5, 0.3, 0.2])
    total = sum(w * np.nan_to_num(m) for w, m in zip(share, found, strict=True))
    mate = np.diag(total)
    others = np.where(np.eye(60, dtype=bool), -np.inf, total).max(axis=1)
    (hit,) = worth(found, [np.tile(share, (60, 1))])
    np.testing.assert_array_equal(hit, others < mate)


def test_a_rival_far_from_the_front_in_every_backbone_still_counts():
    """Hits are counted against all images, not only those that the search uses."""
    random = np.random.default_rng(5)
    one, other = random.random((2, 1, 200)).astype(np.float32)
    one[0, 100], other[0, 100] = 0.5, 0.5
    one[0, :90] += 1
    other[0, 90:99] += 1
    one[0, 0], other[0, 0] = 0.55, 0.55  # beats the mate, yet is no backbone's favorite
    mates = np.array([100])
    (hit,) = sum_weights.weighted_hits(
        [(0, [one, other])], mates, [UNIT] * 2, [np.full((1, 2), 0.5)]
    )
    assert not hit[0]


def test_a_constant_gets_no_hit_from_weights():
    flat = [np.zeros((20, 20), np.float32)] * 2
    still = Term.standardized(Moments(0.0, 0.0))
    rivals = sum_weights.near_rivals(streamed(flat), np.arange(20), [still] * 2)
    share = np.tile(sum_weights.fit(rivals, np.arange(20)), (20, 1))
    (hit,) = sum_weights.weighted_hits(streamed(flat), np.arange(20), [still] * 2, [share])
    assert not hit.any()


def test_evidence_of_a_backbone_without_weight_does_not_count():
    """The mate is known to the second backbone only, whose weight is 0; its rival to both."""
    one, other = np.array([[np.nan, -1.0]]), np.array([[0.0, 5.0]])
    terms, mates = [UNIT, UNIT], np.array([0])
    weights = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]])]
    hits = sum_weights.weighted_hits([(0, [one, other])], mates, terms, weights)
    assert [hit.tolist() for hit in hits] == [[False]] * 3


def test_weights_are_those_of_the_plain_likelihood():
    """By a general optimizer without gradients, on rivals far enough ahead to overflow exp."""
    random = np.random.default_rng(4)
    ahead = 30 * random.normal(size=(40, 6, 2)).astype(np.float32) - np.float32([4, 2])
    rivals = sum_weights.Rivals(ahead, np.ones(40, bool))

    def loss(weights):
        scores = np.concatenate([np.zeros((40, 1)), ahead @ weights], axis=1)
        return np.logaddexp.reduce(scores, axis=1).mean() + sum_weights.DECAY * weights @ weights

    grid = np.linspace(0, 0.2, 201)
    best = min(((a, b) for a in grid for b in grid), key=lambda w: loss(np.array(w)))
    fitted = sum_weights.fit(rivals, np.arange(40))
    assert fitted == pytest.approx(np.array(best) / sum(best), abs=0.02)
