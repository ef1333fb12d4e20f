"""Names in the leaderboard's chart stand clear of intervals, of each other and of its edges."""

import itertools

import numpy as np
import pytest

from simcore.ui.leaderboard import name_places
from simcore.ui.leaderboard.name_places import Interval

LINE = 1.0


def test_a_name_stands_directly_above_its_interval():
    first, last = name_places.place(
        ["layout", "hog"], [Interval(0, 2, 5), Interval(1, 7, 9)], [], 1
    )
    assert (first.left, first.bottom) == (0, 5)
    assert (last.right, last.bottom) == (1, 9)


def test_two_close_points_have_two_lines():
    points = [Interval(0.34, 10.5, 14.6), Interval(0.38, 10.6, 14.7)]
    first, second = name_places.place(["efficientnet-lite2-grid"] * 2, points, [], LINE)
    assert first.bottom == 14.7, "the line of the second interval is not struck through"
    assert second.bottom == 15.7


@pytest.mark.parametrize("seed", range(20))
def test_names_cover_nothing(seed):
    random = np.random.default_rng(seed)
    points = [
        Interval(x, low, low + height)
        for x, low, height in zip(
            random.random(12), random.random(12) * 10, random.random(12) * 5, strict=True
        )
    ]
    named = sorted(points[:5], key=lambda point: point.x)
    texts = ["x" * int(count) for count in random.integers(3, 24, 5)]
    names = name_places.place(texts, named, points[5:], LINE)
    for one, two in itertools.combinations(names, 2):
        apart = one.right < two.left or two.right < one.left
        assert apart or abs(one.bottom - two.bottom) >= LINE - 1e-9
    for name, point in itertools.product(names, points):
        beside = not name.left <= point.x <= name.right
        assert beside or point.high <= name.bottom or point.low >= name.bottom + LINE
    assert all(0 <= name.left < name.right <= 1 for name in names)
