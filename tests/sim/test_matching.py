"""Feature maps against each other: shares add up, mutual neighbors are mutual, windows tile."""

import numpy as np
import pytest

from simcore.errors import ShapeError
from simcore.sim import matching
from simcore.sim.distribution import similarity_distribution


def maps(seed, *shape):
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def test_shares_add_up_to_the_cosine_of_the_pooled_vectors():
    left, right = maps(0, 7, 5, 32), maps(1, 4, 6, 32) ** 3
    found = matching.match(left, right)
    a, b = left.mean((0, 1)), right.mean((0, 1))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert found.total == pytest.approx(cosine, abs=1e-6)
    assert found.right.sum() == pytest.approx(cosine, abs=1e-6)
    assert (found.left.shape, found.right.shape) == ((7, 5), (4, 6))
    # A share is what is lost when that cell is left out of the sum.
    without = left.copy()
    without[2, 3] = 0
    lost = cosine - without.mean((0, 1)) @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert found.left[2, 3] == pytest.approx(lost, abs=1e-6)


def test_mutual_neighbors_by_brute_force():
    left, right = maps(2, 5, 5, 8) - 0.5, maps(3, 6, 3, 8) - 0.5
    found = matching.match(left, right)
    wanted = {
        (i, j)
        for i in range(25)
        for j in range(18)
        if found.cosine[i].argmax() == j and found.cosine[:, j].argmax() == i
    }
    assert {tuple(row) for row in found.mutual.tolist()} == wanted
    values = [found.cosine[i, j] for i, j in found.mutual]
    assert values == sorted(values, reverse=True)


def test_a_moved_pattern_is_found_again():
    left = np.zeros((6, 6, 12), np.float32)
    left[..., 0] = 1
    random = np.random.default_rng(0)
    pattern = random.normal(size=(2, 2, 12)).astype(np.float32)
    right = left.copy()
    left[1:3, 1:3], right[3:5, 2:4] = pattern, pattern
    found = {tuple(row) for row in matching.match(left, right).mutual.tolist()}
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert ((1 + y) * 6 + 1 + x, (3 + y) * 6 + 2 + x) in found


def test_empty_features_add_nothing():
    found = matching.match(np.zeros((2, 2, 3), np.float32), maps(0, 2, 2, 3))
    assert found.total == 0
    with pytest.raises(ShapeError, match=r"\(2, 2, 3\) and \(2, 2, 4\)"):
        matching.match(maps(0, 2, 2, 3), maps(0, 2, 2, 4))


@pytest.mark.parametrize(("count", "height", "width"), [(2, 5, 7), (7, 245, 200), (10, 10, 10)])
def test_windows_tile_the_picture(count, height, width):
    seen = np.zeros((height, width), int)
    windows = matching.grid_windows(count, height, width)
    for window in windows:
        seen[window] += 1
    assert len(windows) == count**2
    assert (seen == 1).all()


def test_masking_hides_one_window_behind_the_mean_color():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    window = (slice(3, 9), slice(4, 8))
    out = matching.mask_window(image, window)
    assert (out[window] == np.rint(image.reshape(-1, 3).mean(0))).all()
    rest = np.ones(image.shape[:2], bool)
    rest[window] = False
    np.testing.assert_array_equal(out[rest], image[rest])


def test_the_cdf_is_the_share_below():
    values = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    values[3, :7] = np.nan
    found = similarity_distribution(np.split(values, 4))
    known = values[~np.isnan(values)]
    for at in (-5.0, -1.0, 0.0, 0.3, 2.0, 9.0):
        assert found.cdf(at) == pytest.approx((known < at).mean(), abs=1e-3)
    assert similarity_distribution([np.full(3, np.nan)]).cdf(0) == 0


@pytest.mark.parametrize("shapes", [((2, 4), (2, 2, 4)), ((2, 2, 4), (4,)), ((1, 1, 3), (1, 1, 4))])
def test_only_maps_of_the_same_channels_are_compared(shapes):
    with pytest.raises(ShapeError, match="cannot be compared"):
        matching.match(*(np.ones(shape) for shape in shapes))
