"""Procrustes alignment against scipy, and where scipy has no answer."""

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes

from simcore.sim import alignment


def layouts(n=40, seed=0):
    random = np.random.default_rng(seed)
    target = random.normal(size=(n, 2)) * (3, 1) + (5, -2)
    angle = 2.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirror = np.diag([1, -1])
    return (target @ turn @ mirror) * 0.3 + random.normal(size=(n, 2)) * 0.05, target


def test_a_turned_mirrored_and_shrunk_layout_comes_back():
    target = layouts()[1]
    moved = alignment.align((target @ [[0, 1], [1, 0]]) * 7 + 3, target)
    np.testing.assert_allclose(moved.xy, target, atol=1e-5)
    assert moved.disparity == pytest.approx(0, abs=1e-12)


def test_turn_and_disparity_are_scipys():
    source, target = layouts()
    moved = alignment.align(source, target)
    *_, disparity = procrustes(target, source)
    assert moved.disparity == pytest.approx(disparity)
    own, other = source - source.mean(0), target - target.mean(0)
    turn, _ = orthogonal_procrustes(own, other)
    size = np.sqrt((other**2).sum() / (own**2).sum())
    np.testing.assert_allclose(moved.xy, own @ turn * size + target.mean(0), atol=1e-5)


def test_no_turn_by_brute_force_is_better():
    source, target = layouts(seed=3)
    moved = alignment.align(source, target).xy
    own, other = source - source.mean(0), target - target.mean(0)
    own = own * np.sqrt((other**2).sum() / (own**2).sum())
    errors = []
    for angle in np.linspace(0, 2 * np.pi, 3601):
        cos, sin = np.cos(angle), np.sin(angle)
        for flip in (1, -1):
            turned = own @ np.array([[cos, -sin], [sin, cos]]) @ np.diag([1, flip])
            errors.append(((turned - other) ** 2).sum())
    assert ((moved - target) ** 2).sum() <= min(errors) + 1e-6


def test_unrelated_layouts_keep_their_size():
    random = np.random.default_rng(0)
    layout = random.normal(size=(300, 2))
    for _ in range(20):  # the size of least squares would be near zero by now
        layout = alignment.align(random.normal(size=(300, 2)), layout).xy
    assert layout.std() == pytest.approx(1, rel=0.1)


def test_only_points_of_both_decide_and_the_others_move_along():
    source, target = layouts()
    alone = alignment.align(source[:30], target[:30]).xy
    source[35] = target[30:34] = np.nan
    source[34:35] = np.nan
    target[36:] = np.nan
    moved = alignment.align(source, target).xy
    np.testing.assert_allclose(moved[:30], alone, atol=1e-5)
    assert np.isnan(moved[34:36]).all()
    assert not np.isnan(moved[36:]).any()


def test_one_point_and_no_common_point():
    same = np.ones((5, 2))
    moved = alignment.align(same, layouts(5)[1])
    np.testing.assert_allclose(moved.xy, np.tile(layouts(5)[1].mean(0), (5, 1)), atol=1e-6)
    assert moved.disparity == 1
    nowhere = np.full((5, 2), np.nan)
    assert alignment.align(same, nowhere).disparity == 1
    assert np.isnan(alignment.align(nowhere, same).xy).all()
