"""Borders: bars, frames and margins are found where they were added, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.data import borders
from simcore.data.borders import Content


@pytest.fixture
def image():
    """80 x 60 px of colored tiles."""
    tiles = np.random.default_rng(3).integers(30, 220, (6, 8, 3), dtype=np.uint8)
    return np.kron(tiles, np.ones((10, 10, 1), np.uint8))


@pytest.mark.parametrize(
    ("bars", "color"),
    [
        (((15, 15), (0, 0)), 0),
        (((0, 0), (20, 20)), 255),
        (((15, 15), (20, 20)), 128),
        (((9, 0), (0, 0)), 0),
        (((0, 6), (0, 12)), 255),
    ],
)
def test_bars_are_cut_off_whatever_their_color_and_side(image, bars, color):
    boxed = np.pad(image, (*bars, (0, 0)), constant_values=color)
    assert np.array_equal(borders.removed(boxed), image)
    assert borders.content(boxed) == Content(
        bars[0][0], bars[1][0], bars[0][0] + 60, bars[1][0] + 80
    )


def test_bars_survive_jpeg(image):
    import simplejpeg

    boxed = np.pad(image, ((16, 16), (0, 0), (0, 0)))
    decoded = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(boxed, 75, colorspace="RGB"))
    inner = borders.content(decoded)
    assert abs(inner.top - 16) <= 2
    assert abs(inner.bottom - 76) <= 2
    assert (inner.left, inner.right) == (0, 80)


def test_a_picture_without_borders_stays_and_so_does_one_of_a_single_color(image):
    assert np.array_equal(borders.removed(image), image)
    plain = np.full((30, 40, 3), 77, np.uint8)
    assert np.array_equal(borders.removed(plain), plain)
    for shape in ((1, 1, 3), (1, 50, 3), (2, 1, 3)):
        assert borders.removed(np.zeros(shape, np.uint8)).shape == shape


def test_a_speck_on_an_empty_page_is_not_a_picture_in_a_frame():
    page = np.full((100, 100, 3), 255, np.uint8)
    page[48:52, 48:52] = 0
    assert borders.removed(page).shape == page.shape


def test_a_margin_around_an_object_and_a_sky_are_no_borders():
    y, x = np.mgrid[:100, :100]
    page = np.full((100, 100, 3), 255, np.uint8)
    page[np.hypot(y - 50, x - 50) < 35] = (200, 30, 30)
    assert borders.removed(page).shape == page.shape
    sky = np.repeat(np.linspace(200, 40, 100).astype(np.uint8), 100).reshape(100, 100, 1)
    assert borders.removed(np.repeat(sky, 3, axis=2)).shape == page.shape


def test_a_thin_line_is_no_bar(image):
    large = np.kron(image, np.ones((5, 5, 1), np.uint8))
    lined = large.copy()
    lined[0] = 0
    assert borders.content(lined) == Content(0, 0, *large.shape[:2])


@given(st.integers(0, 10_000), st.integers(0, 12), st.integers(0, 12), st.integers(0, 255))
def test_removing_borders_twice_removes_no_more(seed, rows, columns, color):
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (random.integers(4, 30), random.integers(4, 30), 3))
    picture[: seed % 4] = 9  # a border of its own
    boxed = np.pad(
        picture.astype(np.uint8), ((rows, 0), (columns, columns), (0, 0)), constant_values=color
    )
    once = borders.removed(boxed)
    assert np.array_equal(borders.removed(once), once)
    assert once.size
