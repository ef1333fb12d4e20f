"""Which backbones find which queries, by hand."""

import numpy as np

from simcore.evaluate.combinations import exclusive

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


def test_queries_that_no_backbone_finds():
    empty = {n: np.zeros(4, bool) for n in "ab"}
    assert exclusive.oracle(empty).sum() == 0
    assert exclusive.agreement(empty).tolist() == [[0, 0], [0, 0]]
    assert exclusive.intersections(empty) == [((), 4)]


def test_backbones_disagree_only_where_at_least_two_know_the_pair():
    ranks = np.array([[1, 8, 4, 1], [16, 64, 4, 9], [2, 1, 4, 9]])
    known = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 0, 1, 0]], bool)
    expected = []
    for column in range(4):
        seen = [int(rank) for rank, k in zip(ranks[:, column], known[:, column], strict=True) if k]
        expected.append(np.log2(max(seen) / min(seen)) if len(seen) > 1 else 0.0)
    found = exclusive.rank_disagreement(ranks, known)
    assert found.tolist() == expected == [4.0, 0.0, 0.0, 0.0]
    assert exclusive.rank_disagreement(ranks[:2], known[:2])[1] == 0, "known to one backbone"
    two = np.array([[1, 1], [1, 1], [0, 0]], bool)
    assert exclusive.rank_disagreement(ranks[:, :2], two).tolist() == [4.0, 3.0]
