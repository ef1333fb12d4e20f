"""Beam search of many backbones, against all subsets and plain NumPy."""

import numpy as np
import pytest

from simcore.errors import Stopped
from simcore.evaluate.combinations import beam_search, subset_search
from simcore.sim.combine import Term
from simcore.types import Monitor


def drawn(seed, count, gaps=0.0):
    """`count` matrices of 24 queries whose mates stand out a little."""
    random = np.random.default_rng(seed)
    matrices = random.normal(size=(count, 24, 24)) + 1.5 * np.eye(24)
    matrices[:, random.random((24, 24)) < gaps] = np.nan
    matrices[0] = random.normal(size=(24, 24)) + np.eye(24)
    matrices[random.random(matrices.shape) < gaps / 2] = np.nan  # of one backbone
    return [values.astype(np.float32) for values in matrices]


def streamed(matrices, rows=7):
    return lambda: (
        (start, [values[start : start + rows] for values in matrices])
        for start in range(0, 24, rows)
    )


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_a_wide_beam_is_the_search_of_all_subsets(gaps):
    matrices, terms = drawn(1, 5, gaps), [Term(fill=0.1 * k) for k in range(5)]
    everything = subset_search.search([*"abcde"], streamed(matrices)(), np.arange(24), terms=terms)
    levels = beam_search.search(streamed(matrices), np.arange(24), terms, width=99)
    scored = {subset.members: subset.hits for level in levels for subset in level}
    assert len(scored) == 31
    for members, hits in scored.items():
        assert hits == everything.counts[sum(1 << k for k in members)], members


def test_hits_are_those_of_plain_numpy_and_the_best_come_first():
    matrices = drawn(2, 20)
    levels = beam_search.search(streamed(matrices), np.arange(24), [Term()] * 20, width=2)
    assert [len(level) > 0 for level in levels] == [True] * 20
    for size, level in enumerate(levels, 1):
        hits = [subset.hits for subset in level]
        assert hits == sorted(hits, reverse=True)
        for subset in level[:3]:
            assert len(set(subset.members)) == size
            total = sum(matrices[k].astype(float) for k in subset.members)
            mate = np.diag(total)
            others = np.where(np.eye(24, dtype=bool), -np.inf, total).max(axis=1)
            assert subset.hits == (others < mate).sum()
    best = max(level[0].hits for level in levels)
    assert best > levels[0][0].hits


def test_a_constant_finds_nothing_and_stopping_works():
    flat = [np.zeros((24, 24), np.float32)] * 3
    levels = beam_search.search(streamed(flat), np.arange(24), [Term()] * 3)
    assert {subset.hits for level in levels for subset in level} == {0}
    with pytest.raises(Stopped):
        beam_search.search(
            streamed(flat), np.arange(24), [Term()] * 3, monitor=Monitor(stop=lambda: True)
        )


def test_an_image_that_no_member_knows_is_no_rival_and_no_hit():
    """Filled values would say otherwise: the fill is above everything that is known."""
    values = np.array([[0.2, np.nan], [0.1, np.nan]], np.float32)
    levels = beam_search.search(
        lambda: [(0, [values, values])], np.arange(2), [Term(fill=9.0)] * 2, width=9
    )
    assert [subset.hits for level in levels for subset in level] == [1, 1, 1]
