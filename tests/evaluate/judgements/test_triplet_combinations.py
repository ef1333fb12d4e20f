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


@pytest.mark.parametrize("combine", ["sum", "zsum"])
def test_a_missing_side_is_neutral(combine):
    """A triplet with a gap on either side is decided by the other similarities alone."""
    random = np.random.default_rng(8)
    left, right = random.normal(-5, 1, (2, 30))  # far below 0: a gap that counted as 0 would win
    other = tuple(random.normal(size=(2, 30)))
    gaps = {"left": slice(0, 8), "right": slice(8, 16), "both": slice(16, 24)}
    left[gaps["left"]] = right[gaps["right"]] = np.nan
    left[gaps["both"]] = right[gaps["both"]] = np.nan
    known = slice(24, None)
    margin = triplet_combinations.signed_margin((left, right), combine)
    every = np.concatenate([left, right])
    scale = np.nanstd(every) if combine == "zsum" else 1.0
    np.testing.assert_allclose(margin[known], (right - left)[known] / scale, atol=1e-11)
    assert (margin[:24] == 0).all()
    assert not np.signbit(margin[:24]).any()
    low, high = triplet_combinations.combined([(left, right), other], [1, 0.5], combine=combine)
    alone = triplet_combinations.signed_margin(other, combine)
    np.testing.assert_array_equal((high - low)[:24], 0.5 * alone[:24])
    # Alone, a similarity with a gap is no evidence: chance, whatever people answered.
    assert np.isnan(triplet_combinations.combined([(left, right)], [1.0])[0][:24]).all()
    credit = two_afc.credit(np.zeros(24), margin[:24], random.random(24))
    np.testing.assert_array_equal(credit, 0.5)


def test_no_combination_gains_from_gaps():
    """With ever more gaps, a good similarity alone falls to chance and never rises above itself."""
    some = random_triplets(count=90, seed=9)
    right = some.vote - 0.5
    credits = []
    for missing in (0, 30, 60, 90):
        sides = (np.zeros(90), np.where(np.arange(90) < missing, np.nan, right))
        margin = triplet_combinations.signed_margin(sides, "sum")
        credits.append(two_afc.credit(np.zeros(90), margin, some.vote).mean())
    assert credits == sorted(credits, reverse=True)
    assert credits[-1] == 0.5


def test_what_contributes_equals_brute_force():
    """A member of a best combination of some size up to the limit, for a group or for the mean."""
    some = random_triplets(count=60, seed=11)
    random = np.random.default_rng(12)
    for lean in (0.0, 0.4, 1.0):
        margins = np.stack(
            [lean * k * (some.vote - 0.5) + random.normal(size=60) for k in range(5)]
        )
        margins = np.rint(margins * 2) / 2  # coarse, so that combinations tie
        folds = triplet_combinations.GroupFolds(some, 5, 0)
        group = np.array(some.group)
        for up_to in (1, 2, 3):
            expected = set()
            for size in range(1, up_to + 1):
                every = list(combinations(range(5), size))
                scores = []
                for members in every:
                    total = margins[list(members)].sum(axis=0)
                    credit = 0.5 + np.sign(total) * (some.vote - 0.5)
                    means = [credit[group == name].mean() for name in ("a", "b")]
                    scores.append([*means, np.mean(means)])
                for column in np.array(scores).T:
                    best = column.max()
                    for members, score in zip(every, column, strict=True):
                        if score > best - 1e-9:
                            expected |= set(members)
            found = triplet_combinations.contributing(margins, folds, up_to)
            assert found == sorted(expected)


def test_the_held_out_score_equals_choosing_on_the_other_folds():
    """Fold by fold in plain NumPy, with the same folds."""
    some = random_triplets(count=50, seed=13)
    random = np.random.default_rng(14)
    margins = np.stack([k * (some.vote - 0.5) / 3 + random.normal(size=50) for k in range(4)])
    folds = triplet_combinations.GroupFolds(some, 5, 3)
    cells = folds.gain != 0
    row = np.where(cells.any(axis=1), cells.argmax(axis=1), -1)
    assert (row >= 0).all()  # no vote of exactly one half
    masks = triplet_combinations.all_subsets(4)
    assert masks.tolist() == [1, 2, 4, 8, 3, 5, 6, 9, 10, 12, 7, 11, 13, 14, 15]
    earned = folds.credits(margins, masks)
    credit = np.stack(
        [
            0.5 + np.sign(sum(margins[k] for k in range(4) if m >> k & 1)) * (some.vote - 0.5)
            for m in masks.tolist()
        ]
    )
    for column, cell_groups in ((0, [0]), (1, [1]), (2, [0, 1])):
        sums, counts = np.zeros(2), np.zeros(2)
        for fold in range(5):
            means = [
                credit[:, (row // 5 == g) & (row % 5 != fold)].mean(axis=1) for g in cell_groups
            ]
            train = np.mean(means, axis=0)
            best = int(np.flatnonzero(train > train.max() - 1e-9)[0])
            for g in (0, 1):
                inside = (row // 5 == g) & (row % 5 == fold)
                sums[g] += credit[best, inside].sum()
                counts[g] += inside.sum()
        expected = (sums / counts)[cell_groups].mean()
        assert folds.held_out(earned, column) == pytest.approx(expected)
