"""Combinations of similarities on triplets against brute force."""

from itertools import combinations

import numpy as np
import pytest

from simcore.errors import BadDataError
from simcore.evaluate.judgements import triplet_combinations, two_afc
from tests.evaluate.judgements.conftest import random_triplets


def noisy(some, count=5, seed=4):
    random = np.random.default_rng(seed)
    made = {}
    for k in range(count):
        lean = (some.vote - 0.5) * (k + 1) / count + random.normal(0, 0.6, len(some))
        base = random.normal(size=len(some))
        made[f"m{k}"] = (base, base + lean)
    made["m0"][0][::7] = np.nan
    return made


@pytest.mark.parametrize("combine", ["sum", "zsum"])
def test_the_table_equals_brute_force(combine):
    some = random_triplets(count=120)
    sides = noisy(some)
    found = triplet_combinations.best_combinations(sides, some, combine=combine, up_to=5)
    leans = {n: triplet_combinations.signed_margin(s, combine) for n, s in sides.items()}

    def score(members, group):
        total = sum(leans[n] for n in members)
        earned = two_afc.credit(np.zeros(len(some)), total, some.vote)
        return np.mean([e for e, g in zip(earned, some.group, strict=True) if g == group])

    every = [m for k in range(1, 6) for m in combinations(sides, k)]
    for row in found.rows[:-1]:
        best = max(score(m, row.group) for m in every)
        assert row.several_score.value == pytest.approx(best)
        assert score(row.several, row.group) == pytest.approx(best)
        assert row.single_score.value == pytest.approx(max(score((n,), row.group) for n in sides))
    whole = found.rows[-1]
    best = max(np.mean([score(m, g) for g in ("a", "b")]) for m in every)
    assert whole.group == "all"
    assert whole.several_score.value == pytest.approx(best)


def test_constants_contribute_nothing_and_are_dropped():
    some = random_triplets(count=200, seed=5)
    good = (np.zeros(200), some.vote - 0.5 + np.random.default_rng(0).normal(0, 0.1, 200))
    flat = (np.ones(200), np.ones(200))
    table = triplet_combinations.best_combinations({"good": good, "flat": flat}, some)
    assert all(row.single == "good" for row in table.rows)
    assert all(row.several == ("good",) for row in table.rows)  # of equals the smaller
    only = triplet_combinations.best_combinations({"flat": flat}, some)
    assert all(row.several_score.value == 0.5 == row.held_out for row in only.rows)
    zsum = triplet_combinations.signed_margin(flat, "zsum")
    np.testing.assert_array_equal(zsum, 0)


def test_choosing_among_noise_is_seen_through():
    some = random_triplets(count=300, seed=6, groups=("a",))
    random = np.random.default_rng(7)
    noise = {f"n{k}": tuple(random.normal(size=(2, 300))) for k in range(8)}
    row = triplet_combinations.best_combinations(noise, some).rows[0]
    assert row.several_score.value > 0.52
    assert row.held_out < row.several_score.value


def test_one_with_no_evidence_has_no_say():
    left, right = np.array([np.nan, 1.0]), np.array([1.0, 2.0])
    blind = triplet_combinations.combined(
        [(left, right), (np.array([5.0, 9.0]), np.array([4.0, 0.0]))], [1, 1]
    )
    assert blind[1][0] < blind[0][0]  # only the second speaks of the first triplet
    silent = triplet_combinations.combined([(left, right)], [1.0])
    assert np.isnan(silent[0][0])


def test_more_than_the_search_can_hold_is_said():
    some = random_triplets(count=60)
    alike = {f"n{k}": (np.zeros(60), some.vote - 0.5) for k in range(17)}
    with pytest.raises(BadDataError, match="takes at most 16"):
        triplet_combinations.best_combinations(alike, some, up_to=1)


def test_without_other_triplets_nothing_is_held_out():
    """A combination that had no other triplets to be chosen on has no held-out score."""
    some = random_triplets(count=1)
    (row, mean) = triplet_combinations.best_combinations(noisy(some), some).rows
    assert (row.held_out, mean.held_out) == (None, None)
    two = random_triplets(count=120)
    rows = triplet_combinations.best_combinations(noisy(two), two).rows
    assert all(0 <= row.held_out <= 1 for row in rows)
