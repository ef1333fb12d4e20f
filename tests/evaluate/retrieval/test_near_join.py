"""Near-duplicates by neighborhoods, against all distances in plain NumPy."""

import tracemalloc

import numpy as np
import pytest

from simcore.errors import BadDataError, Stopped
from simcore.evaluate.retrieval import near_duplicates, near_join
from simcore.types import Features, Monitor


def clustered(images, copies, seed=0, dim=24):
    """Clustered rows, the last `copies` of which are nearly the first ones."""
    random = np.random.default_rng(seed)
    centers = random.standard_normal((40, dim))
    rows = centers[random.integers(0, 40, images)] + 0.6 * random.standard_normal((images, dim))
    rows[images - copies :] = rows[:copies] + 0.02 * random.standard_normal((copies, dim))
    return rows.astype(np.float32)


def features(rows, index=None, count=None):
    index = np.arange(len(rows)) if index is None else index
    return Features("x", index, rows, len(rows) if count is None else count)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_joins_find_what_all_distances_have(monkeypatch, metric):
    monkeypatch.setattr(near_join, "CELL_ROWS", 25)  # 120 centers
    monkeypatch.setattr(near_join, "CHECKED", 200)
    left, right = clustered(1500, 60), clustered(1500, 30, seed=1)
    right[700:740] = left[100:140] * 1.001
    within, across = (0.01, 0.02) if metric == "cosine" else (0.15, 0.3)
    join = near_join.find(
        features(left), features(right), within=within, across=across, metric=metric
    )

    def distances(a, b):
        a, b = a.astype(float), b.astype(float)
        if metric == "l2":
            return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
        unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (a, b)]
        return 1 - unit[0] @ unit[1].T

    expected = set()
    for side, rows in (("left", left), ("right", right)):
        near = np.argwhere(np.triu(distances(rows, rows) <= within, 1))
        expected |= {(side, int(i), side, int(j)) for i, j in near}
    near = np.argwhere(distances(left, right) <= across)
    expected |= {("left", int(i), "right", int(j)) for i, j in near if i != j}
    assert {near_duplicates.identity(each) for each in join.duplicates} == expected
    assert len(expected) >= 130
    assert [each.distance for each in join.duplicates] == sorted(
        each.distance for each in join.duplicates
    )
    assert join.checked == 400
    assert 0 < join.found == join.known < len(expected)


def test_what_is_missing_is_measured(monkeypatch):
    """Neighborhoods that share no center: nothing is found, and the numbers say so."""
    monkeypatch.setattr(near_join, "CELLS", 1)
    rows = clustered(400, 40)
    monkeypatch.setattr(
        near_join,
        "_nearest_centers",
        lambda values, *_: (np.arange(len(values)) % 16)[:, None],
    )
    join = near_join.find(features(rows), features(rows[:0]), within=0.01, across=0.0)
    exact = near_duplicates.find(features(rows), features(rows[:0]), within=0.01, across=0.0)
    assert join.known == len(exact) == 40
    assert join.found == len(join.duplicates) < 40


def test_very_many_equal_images_are_an_error_before_they_fill_the_memory(monkeypatch):
    """All are one group: two million near rows, of which a few at a time are looked at."""
    monkeypatch.setattr(near_duplicates, "MAX_DUPLICATES", 100)
    monkeypatch.setattr(near_join, "AT_ONCE", 60)
    monkeypatch.setattr(near_join.metrics, "BLOCK", 1 << 14)
    counts = []

    def check(count, images):
        counts.append(count)
        near_duplicates.check_count(count, images)

    monkeypatch.setattr(near_join, "check_count", check)
    equal, none = features(np.ones((2_000, 4), np.float32)), features(np.ones((0, 4), np.float32))
    tracemalloc.start()
    with pytest.raises(BadDataError, match="more than 100 near-duplicates"):
        near_join.find(equal, none, within=0.1, across=0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counts == [60, 120]
    assert peak < 4_000_000, "all distances take 16 MB"


def test_several_rows_of_an_image_count_once_and_mates_are_not_compared():
    face = np.eye(4, dtype=np.float32)
    left = features(face[[0, 1, 0, 2]], np.array([0, 0, 1, 2]), 3)
    right = features(face[[0, 2]], np.array([0, 2]), 3)
    options = {"within": 0.5, "across": 0.5, "metric": "l2"}
    join = near_join.find(left, right, **options)
    assert set(join.duplicates) == set(near_duplicates.find(left, right, **options))
    assert {near_duplicates.identity(each) for each in join.duplicates} == {
        ("left", 0, "left", 1),
        ("left", 1, "right", 0),
    }


def test_joins_stop():
    rows = features(clustered(300, 10))
    with pytest.raises(Stopped):
        near_join.find(rows, rows, within=0.1, across=0.1, monitor=Monitor(stop=lambda: True))
