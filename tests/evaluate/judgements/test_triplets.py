"""Gathered pairs against the whole matrix, odd ones, combinations against brute force, tables."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import Triplets
from simcore.errors import BadDataError, ShapeError, UnknownNameError
from simcore.evaluate.judgements import lpips_layers, triplet_combinations, triplets, two_afc
from simcore.lab.papers import margaritescu2024_tables
from simcore.sim.metrics import pairwise
from simcore.types import METRICS, Features, ImageSet


def asked(images=9, count=40, seed=0, groups=("a", "b")):
    random = np.random.default_rng(seed)
    names = tuple(str(i) for i in range(images))
    shown = ImageSet(names, tuple(Path(n) for n in names), names)
    ref, left, right = random.integers(0, images, (3, count))
    vote = random.integers(0, 6, count) / 5
    return Triplets(
        shown,
        ref,
        left,
        right,
        vote,
        tuple(groups[i % len(groups)] for i in range(count)),
        np.full(count, 5),
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("faces", [False, True])
def test_gathered_pairs_equal_the_matrix(metric, faces, monkeypatch):
    monkeypatch.setattr(triplets, "_CELLS", 50)  # several blocks
    random = np.random.default_rng(1)
    many = random.integers(0, 4, 9) if faces else np.ones(9, int)
    index = np.repeat(np.arange(9), many)
    features = Features("x", index, random.normal(size=(index.size, 7)), 9)
    some = asked()
    left, right = triplets.sides(features, some, metric)
    matrix = pairwise(features, features, metric)
    np.testing.assert_allclose(left, matrix[some.ref, some.left], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(right, matrix[some.ref, some.right], rtol=1e-4, atol=1e-3)
    if faces:
        assert np.isnan(left).any()


@pytest.mark.parametrize("metric", METRICS)
def test_equal_pictures_tie_wherever_they_stand(metric):
    random = np.random.default_rng(2)
    values = random.normal(0, 30, size=(600, 129)).astype(np.float32)
    values[300:] = values[:300]
    features = Features("x", np.arange(600), values, 600)
    ref, second = random.permutation(300), np.arange(300)
    one = triplets.pair_similarity(features, ref, second, metric)
    two = triplets.pair_similarity(features, ref, second + 300, metric)
    np.testing.assert_array_equal(one, two)


def test_features_of_other_images_are_refused():
    features = Features("x", np.arange(3), np.zeros((3, 2)), 3)
    with pytest.raises(ShapeError):
        triplets.sides(features, asked(), "cosine")
    with pytest.raises(UnknownNameError, match="cosine"):
        triplets.pair_similarity(features, np.zeros(1, int), np.zeros(1, int), "cosin")


@settings(deadline=None)
@given(hnp.arrays(np.float64, (3, 8), elements=st.sampled_from([-1.0, 0.0, 2.0, np.nan])))
def test_odd_one_out_shares_ties(values):
    found = triplets.odd_one_out(*values)
    for k, (a, b, c) in enumerate(values.T):
        known = [v for v in (a, b, c) if not np.isnan(v)]
        top = max(known, default=None)
        winners = [np.isnan(v) if top is None else v == top for v in (a, b, c)]
        expected = 1 / sum(winners) if winners[0] else 0
        assert found.per_item[k] == pytest.approx(expected)
    constant = triplets.odd_one_out(*np.full((3, 30), -4.0))
    assert constant.value == pytest.approx(1 / 3)


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
    some = asked(count=120)
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
    some = asked(count=200, seed=5)
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
    some = asked(count=300, seed=6, groups=("a",))
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
    some = asked(count=60)
    alike = {f"n{k}": (np.zeros(60), some.vote - 0.5) for k in range(17)}
    with pytest.raises(BadDataError, match="at most 16"):
        triplet_combinations.best_combinations(alike, some, up_to=1)


def test_layers_table_takes_the_best_layer_of_each_group():
    some = asked(count=60)
    is_a = np.array([g == "a" for g in some.group])
    truth = some.vote - 0.5
    zero = np.zeros(60)
    first = (zero, np.where(is_a, truth, -truth))
    second = (zero, np.where(is_a, -truth, truth))
    rows = lpips_layers.table({"net": [first, second]}, {"net": (zero, zero)}, {"net": first}, some)
    assert [(r.group, r.layer) for r in rows] == [("a", 0), ("b", 1)]
    for row in rows:
        assert row.calibrated.value == 0.5
        assert row.delta == pytest.approx(0.5 - row.score.value)
    with pytest.raises(BadDataError):
        lpips_layers.table({"net": []}, {}, {}, some)


def test_panels_average_their_sets_and_mark_the_best():
    votes = {name: np.array([0.0, 1.0, 1.0, 0.0]) for name in triplet_sets.SETS if "bapps" in name}
    right = {n: (1 - v, v) for n, v in votes.items()}
    half = {n: (np.zeros(4), np.zeros(4)) for n in votes}
    judged = {n: {("good", "cosine"): right[n], ("flat", "l1"): half[n]} for n in votes}
    judged["bapps color"][("good", "cosine")] = right["bapps color"][::-1]
    found = margaritescu2024_tables.bars(judged, votes)
    assert {b.panel for b in found} == set(list(triplet_sets.PANELS)[:3])
    mixed = next(b for b in found if b.panel == "BAPPS CNN and colour" and b.model == "good")
    assert mixed.score.value == 0.5
    assert {n: s.value for n, s in mixed.sets.items()} == {"bapps cnn": 1, "bapps color": 0}
    assert all(b.score.value == 0.5 for b in found if b.model == "flat")
    assert all(b.best for b in found if b.score.value == 1)
    assert len(triplet_sets.SETS) == 11
    assert sorted(n for names in triplet_sets.PANELS.values() for n in names) == sorted(
        triplet_sets.SETS
    )
