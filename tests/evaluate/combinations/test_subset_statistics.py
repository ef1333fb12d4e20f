"""Sizes, participation, ablation and honest choice, against enumeration by hand."""

import itertools

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.combinations import exclusive, subset_search, subset_statistics, sum_weights
from simcore.evaluate.combinations.subset_statistics import SubsetResult
from simcore.sim.combine import Moments

NAMES = ("a", "b", "c", "d")


def made(counts_by_name, queries=40):
    """SubsetHits with given counts: subset S finds the first counts[S] queries."""
    table = np.zeros((queries, 16), bool)
    for names, hits in counts_by_name.items():
        table[:hits, sum(1 << NAMES.index(n) for n in names)] = True
    return subset_search.SubsetHits(NAMES, np.packbits(table, axis=1, bitorder="little"))


HITS = made(
    {
        "a": 5,
        "b": 4,
        "c": 1,
        "d": 1,
        "ab": 9,
        "ac": 9,
        "bd": 6,
        "abc": 12,
        "abd": 10,
        "acd": 11,
        "bcd": 7,
        "abcd": 12,
    }
)


def test_best_by_size_prefers_more_hits_then_fewer_members():
    assert [c.models for c in subset_statistics.best_by_size(HITS)] == [
        ("a",),
        ("a", "b"),
        ("a", "b", "c"),
        ("a", "b", "c", "d"),
    ]
    assert subset_statistics.best(HITS) == SubsetResult(0b0111, ("a", "b", "c"), 12)


def test_the_whole_ranking():
    ranked = subset_statistics.ranking(HITS)
    assert len(ranked) == 15
    assert [c.hits for c in ranked] == sorted((c.hits for c in ranked), reverse=True)
    assert ranked[0].models == ("a", "b", "c")


def test_ablation_fills_the_free_place_with_the_next_best():
    rows = subset_statistics.ablation(HITS)
    assert [(name, other.models, lost) for name, other, lost in rows] == [
        ("a", ("b", "c", "d"), 5),
        ("c", ("a", "b", "d"), 2),
        ("b", ("a", "c", "d"), 1),
    ]


def test_participation_by_hand():
    share = subset_statistics.participation(HITS, 3)  # abc 12, acd 11, abd 10, bcd 7
    np.testing.assert_allclose(share[0], [1, 1, 1, 0])
    np.testing.assert_allclose(share[1], [1, 0.5, 1, 0.5])
    np.testing.assert_allclose(share[3], [0.75] * 4)


def test_participation_shares_places_between_equals():
    even = made({"".join(n): 3 for n in itertools.combinations("abcd", 2)})
    np.testing.assert_allclose(subset_statistics.participation(even, 2), 0.5)
    with pytest.raises(BadDataError, match="found no combination of 5"):
        subset_statistics.participation(even, 5)


def test_the_choice_on_held_out_queries_is_not_flattered():
    """Pure noise: the best of many looks good on its own data and earns chance elsewhere."""
    random = np.random.default_rng(0)
    table = random.random((400, 16)) < 0.1
    table[:, 0] = False
    noise = subset_search.SubsetHits(NAMES, np.packbits(table, axis=1, bitorder="little"))
    found, chosen = subset_statistics.held_out(noise, parts=5, seed=1)
    assert len(chosen) == 5
    assert found.sum() < subset_statistics.best(noise).hits
    assert found.mean() == pytest.approx(0.1, abs=0.035)
    again, _ = subset_statistics.held_out(noise, parts=5, seed=1)
    np.testing.assert_array_equal(found, again)


def test_folds_deal_every_query_once():
    parts = subset_statistics.folds(23, 4, seed=3)
    assert sorted(np.concatenate(parts).tolist()) == list(range(23))


FOUND = {
    "a": np.array([1, 1, 0, 0, 1, 0], bool),
    "b": np.array([1, 0, 1, 0, 0, 0], bool),
    "c": np.array([1, 0, 0, 0, 0, 0], bool),
}


def test_oracle_and_exclusive_by_hand():
    assert exclusive.oracle(FOUND).sum() == 4
    alone = exclusive.exclusive(FOUND)
    assert {n: r.tolist() for n, r in alone.items()} == {"a": [1, 4], "b": [2], "c": []}
    assert exclusive.found_and_missed(FOUND, by=["a"], missed=["b"]).tolist() == [1, 4]
    assert exclusive.found_and_missed(FOUND, missed=["a", "b", "c"]).tolist() == [3, 5]
    assert exclusive.intersections(FOUND) == [
        ((), 2),
        (("a",), 2),
        (("a", "b", "c"), 1),
        (("b",), 1),
    ]
    assert exclusive.agreement(FOUND)[0].tolist() == [1, 0.25, 1 / 3]
    assert exclusive.gain(FOUND)[1].tolist() == [0.5, 0, 0]


def test_nothing_found_by_anyone():
    empty = {n: np.zeros(4, bool) for n in "ab"}
    assert exclusive.oracle(empty).sum() == 0
    assert exclusive.agreement(empty).tolist() == [[0, 0], [0, 0]]
    assert exclusive.intersections(empty) == [((), 4)]


def matrices(seed, queries=150, good=0.8):
    random = np.random.default_rng(seed)
    useful = random.normal(size=(queries, queries)) + 6 * np.eye(queries) * (
        random.random(queries) < good
    )
    noise = random.normal(size=(2, queries, queries))
    return [useful, *noise]


UNIT = Moments(0.0, 1.0)


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
    """Sums are judged against all images, not only against those the climb looked at."""
    random = np.random.default_rng(5)
    one, other = random.random((2, 1, 200)).astype(np.float32)
    one[0, 100], other[0, 100] = 0.5, 0.5
    one[0, :90] += 1
    other[0, 90:99] += 1
    one[0, 0], other[0, 0] = 0.55, 0.55  # the mate is beaten by nobody's favourite
    mates = np.array([100])
    (hit,) = sum_weights.weighted_hits(
        [(0, [one, other])], mates, [UNIT] * 2, [np.full((1, 2), 0.5)]
    )
    assert not hit[0]


def test_a_constant_gets_no_hit_from_weights():
    flat = [np.zeros((20, 20), np.float32)] * 2
    still = Moments(0.0, 0.0)
    rivals = sum_weights.near_rivals(streamed(flat), np.arange(20), [still] * 2)
    share = np.tile(sum_weights.fit(rivals, np.arange(20)), (20, 1))
    (hit,) = sum_weights.weighted_hits(streamed(flat), np.arange(20), [still] * 2, [share])
    assert not hit.any()
