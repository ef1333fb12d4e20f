"""Order with ties and missing evidence, against the plainest possible code."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.sim import rank

VALUES = st.lists(
    st.one_of(st.sampled_from([-2.0, -1.0, 0.0, 1.0]), st.just(math.nan)), min_size=1, max_size=12
)


@given(VALUES, st.integers(1, 15))
def test_topk_against_sorting(values, k):
    row = np.array(values, np.float32)
    index, found = rank.top_k(row, k)
    worth = [
        (-v if not math.isnan(v) else math.inf, math.isnan(v), i) for i, v in enumerate(values)
    ]
    assert index.tolist() == [i for *_, i in sorted(worth)][:k]
    np.testing.assert_array_equal(found, row[index])


@given(VALUES, st.data())
def test_ranks_against_counting(values, data):
    target = data.draw(st.integers(0, len(values) - 1))
    mate = values[target]
    if math.isnan(mate):
        expected = len(values) + 1
    else:
        others = values[:target] + values[target + 1 :]
        expected = 1 + sum(other >= mate for other in others)
    row = np.array([values], np.float32)
    assert rank.mate_ranks(row, np.array([target])).tolist() == [expected]


def test_a_tie_is_never_a_hit():
    assert rank.mate_ranks(np.zeros((3, 5), np.float32), np.array([0, 2, 4])).tolist() == [5, 5, 5]


@pytest.mark.parametrize("k", [1, 3, 7, 100])
def test_large_rows(k):
    row = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    index, values = rank.top_k(row, k)
    assert values.tolist() == sorted(row.tolist(), reverse=True)[:k]
    np.testing.assert_array_equal(row[index], values)


@pytest.mark.parametrize("size", [18, 100, 1000])
def test_ties_at_the_cut_off_are_in_gallery_order(size):
    """Rows that are longer than what a partial sort happens to sort whole."""
    random = np.random.default_rng(size)
    for k in (1, 2, size // 3, size - 1):
        row = random.integers(0, max(3, size // 8), size).astype(np.float32)
        row[random.random(size) < 0.1] = np.nan
        index, _ = rank.top_k(row, k)
        values = row.tolist()
        order = sorted(
            range(size),
            key=lambda i: (math.isnan(values[i]), -values[i] if values[i] == values[i] else 0, i),
        )
        assert index.tolist() == order[:k]
