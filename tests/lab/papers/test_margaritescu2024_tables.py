"""The panels of margaritescu2024: means over their sets."""

import numpy as np

from simcore.data.judgements import triplet_sets
from simcore.lab.papers import margaritescu2024_tables


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
