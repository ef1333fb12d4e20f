"""Sizes, participation, ablation and held-out choice, against enumeration by hand."""

import itertools

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.combinations import subset_search, subset_statistics
from simcore.evaluate.combinations.subset_statistics import SubsetResult

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


def test_ablation_replaces_the_removed_backbone_by_the_next_best():
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
    with pytest.raises(
        BadDataError, match=r"no combination of 5 backbones\. Choose a size from 1 to 4"
    ):
        subset_statistics.participation(even, 5)


def test_the_held_out_score_is_not_biased():
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


@pytest.mark.parametrize(
    ("count", "parts", "expected"), [(5, 1, 1), (1, 5, 1), (5, 2, 2), (3, 9, 3)]
)
def test_no_fold_is_empty(count, parts, expected):
    folds = subset_statistics.folds(count, parts, 0)
    assert len(folds) == expected
    assert all(fold.size for fold in folds)
    assert sorted(np.concatenate(folds).tolist()) == list(range(count))


def test_ablation_of_all_backbones_leaves_one_fewer():
    hits = made({"abcd": 9, "abc": 5, "abd": 7, "acd": 4, "bcd": 8, "ab": 8, "a": 6})
    rows = subset_statistics.ablation(hits)
    assert [(removed, subset.models, lost) for removed, subset, lost in rows] == [
        ("b", ("a", "c", "d"), 5),
        ("d", ("a", "b", "c"), 4),
        ("c", ("a", "b", "d"), 2),
        ("a", ("b", "c", "d"), 1),
    ]


def test_two_pairs_are_enough_to_hold_one_out_and_one_is_not():
    two = made({"a": 2, "b": 1}, queries=2)
    found, chosen = subset_statistics.held_out(two)
    assert found.all()
    assert [subset.models for subset in chosen] == [("a",), ("a",)]
    with pytest.raises(BadDataError, match="at least 2 pairs, got 1"):
        subset_statistics.held_out(made({"a": 1}, queries=1))


def test_five_folds_are_the_default():
    assert len(subset_statistics.held_out(HITS)[1]) == 5
