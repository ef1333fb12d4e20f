"""Intervals of participation, against plain loops over the same draws."""

from itertools import combinations

import numpy as np

from simcore.evaluate.combinations import participation_intervals as intervals
from simcore.evaluate.combinations import subset_statistics
from simcore.evaluate.combinations.subset_search import SubsetHits

MODELS, QUERIES = 5, 40


def random_hits():
    bits = np.random.default_rng(0).random((QUERIES, 1 << MODELS)) < 0.3
    packed = np.packbits(bits, axis=1, bitorder="little")
    return bits, SubsetHits(tuple("abcde"), packed)


def share_by_loops(counts, members):
    """Share of the first q combinations with each model; ties count with their mean."""
    order = sorted(range(len(counts)), key=lambda c: -counts[c])
    rows = []
    for c in order:
        tied = [d for d in order if counts[d] == counts[c]]
        rows.append([np.mean([m in members[d] for d in tied]) for m in range(MODELS)])
    return np.array([np.mean(rows[: q + 1], axis=0) for q in range(len(rows))])


def test_intervals_agree_with_plain_loops(monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS", 25)
    bits, hits = random_hits()
    members = list(combinations(range(MODELS), 3))
    members.sort(key=lambda m: sum(1 << k for k in m))
    columns = [sum(1 << k for k in m) for m in members]
    weights = np.random.default_rng(7).multinomial(QUERIES, np.full(QUERIES, 1 / QUERIES), 25)
    shares = [
        share_by_loops([int(w @ bits[:, column]) for column in columns], members) for w in weights
    ]
    low, high = intervals.participation_intervals(hits, 3, seed=7)
    np.testing.assert_allclose(low, np.quantile(shares, 0.025, axis=0))
    np.testing.assert_allclose(high, np.quantile(shares, 0.975, axis=0))


def test_all_combinations_together_have_no_spread():
    _, hits = random_hits()
    low, high = intervals.participation_intervals(hits, 3)
    share = subset_statistics.participation(hits, 3)
    np.testing.assert_allclose(low[-1], share[-1])
    np.testing.assert_allclose(high[-1], share[-1])
    assert (low <= high).all()
