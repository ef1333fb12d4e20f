"""The panels of margaritescu2024: means over their sets."""

import numpy as np

from simcore.data.judgements import triplet_sets
from simcore.lab.papers import margaritescu2024_tables
from simcore.types import Score


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


def test_metrics_that_tie_share_the_place():
    """Two models on one panel: all three metrics tie for one, L1 is best alone for the other."""
    metrics = ("cosine", "l2", "l1")
    values = np.array([[0.5, 0.5, 0.5], [0.6, 0.6, 0.7]])
    bars = [
        margaritescu2024_tables.Bar("panel", metric, model, Score("", value, 0, 1, values[0]), {})
        for model, row in zip(("flat", "model"), values, strict=True)
        for metric, value in zip(metrics, row, strict=True)
    ]
    bars.append(margaritescu2024_tables.Bar("panel", "own", "lpips", bars[0].score, {}))
    best = values == values.max(1, keepdims=True)
    alone = best & (best.sum(1, keepdims=True) == 1)
    share = 100 * (best / best.sum(1, keepdims=True)).mean(0)
    expected = zip(
        ("COS", "L2", "L1"), alone.sum(0), (best & ~alone).sum(0), share.round(1), strict=True
    )
    rows = margaritescu2024_tables.section_5_2_3(bars).table.rows
    assert rows == tuple((*row, 2) for row in expected)
    assert [row[3] for row in rows] == [16.7, 16.7, 66.7]
