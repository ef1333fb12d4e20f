"""Ranks of similarities on the same items, by hand and by scipy's binomial test."""

import numpy as np
import pytest
from scipy.stats import binomtest

from simcore.errors import ShapeError
from simcore.evaluate.statistics import ranking
from simcore.evaluate.statistics.ranking import Items


def test_equal_scores_share_the_better_rank():
    credit = np.array([[0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]])
    places = ranking.places(credit, Items.plain(4))
    assert [place.rank for place in places] == [2, 1, 2, 4]
    assert all(place.low <= place.rank <= place.high for place in places)


def test_the_score_is_the_mean_over_groups():
    """Three of four items are of the first group, so that the plain mean says the opposite."""
    credit = np.array([[1, 1, 1, 0], [0, 0, 1, 1]], float)
    items = Items(np.array([0, 0, 0, 1]), np.arange(4))
    assert [place.rank for place in ranking.places(credit, Items.plain(4))] == [1, 2]
    assert [place.rank for place in ranking.places(credit, items)] == [2, 1]


def test_single_hits_are_compared_by_the_exact_test_and_corrected():
    credit = np.zeros((3, 40))
    credit[0, :30], credit[1, 5:25], credit[2, 20:32] = 1, 1, 1
    places = ranking.places(credit, Items.plain(40))
    first = binomtest(0, 10).pvalue  # 30 against 20 of the same
    second = binomtest(2, 22).pvalue
    assert places[0].p == 1
    assert places[0].level_with_best
    corrected = [max(2 * min(first, second), first, second), 2 * min(first, second)]
    if first < second:
        corrected.reverse()
    assert [places[1].p, places[2].p] == pytest.approx(corrected)
    assert not places[1].level_with_best


def test_shares_are_compared_by_the_bootstrap():
    """Whoever is better on every item is better in every sample."""
    credit = np.stack([np.linspace(0.2, 0.4, 30), np.linspace(0.5, 0.7, 30)])
    worse, better = ranking.places(credit, Items.plain(30))
    assert (worse.rank, worse.low, worse.high) == (2, 2, 2)
    assert (better.rank, better.low, better.high) == (1, 1, 1)
    assert worse.p == pytest.approx(2 / (ranking.DRAWS + 1))


def test_items_that_share_a_picture_are_one_observation():
    """A single cluster is the same in every sample; its items are not."""
    credit = np.array([[1.0] * 6 + [0.0] * 4, [0.5] * 10])
    together = ranking.places(credit, Items(np.zeros(10), np.zeros(10)))
    assert (together[1].low, together[1].high) == (2, 2)
    apart = ranking.places(credit, Items.plain(10))
    assert (apart[1].low, apart[1].high) == (1, 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="at least one item"):
        Items(np.zeros(3), np.zeros(2))
    with pytest.raises(ShapeError, match="for 3 items"):
        ranking.places(np.zeros((2, 4)), Items.plain(3))


@pytest.mark.parametrize("few_kinds", [1, 10**9])
def test_samples_of_kinds_and_of_single_items_spread_alike(monkeypatch, few_kinds):
    """Whether eight kinds of items are drawn or 400 items; against the binomial's deviation."""
    monkeypatch.setattr(ranking, "FEW_KINDS", few_kinds)
    random = np.random.default_rng(8)
    # Two that differ by half a deviation of their difference: each leads in many samples.
    first = random.random(400) < 0.5
    second = first.copy()
    second[np.flatnonzero(first)[:10]] = False
    second[np.flatnonzero(~first)[:8]] = True
    third = random.random(400) < 0.2
    result = ranking.places(np.stack([first, second, third]).astype(float), Items.plain(400))
    assert [(place.rank, place.low, place.high) for place in result] == [
        (1, 1, 2),
        (2, 1, 2),
        (3, 3, 3),
    ]
