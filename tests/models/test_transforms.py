"""Changes of pictures: what each one does, by plain NumPy; deterministic, stronger is further."""

import numpy as np
import pytest
from PIL import Image

from simcore.errors import BadDataError, UnknownNameError
from simcore.models import transforms
from simcore.models.transforms import TRANSFORMS, Setting

SETTINGS = [
    Setting(t.name, level) for t in TRANSFORMS.values() for level in t.levels if not t.needs_weights
]


@pytest.fixture
def image(draw):
    return np.asarray(draw(3, 61, 81))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.label)
def test_every_level_gives_a_picture_and_always_the_same(image, setting):
    before = image.copy()
    changed = setting(image, "a")
    assert changed.dtype == np.uint8
    assert changed.ndim == 3
    assert changed.shape[2] == 3
    assert (setting(image, "a") == changed).all()
    assert (image == before).all()  # not changed in place
    assert changed.shape != image.shape or (changed != image).any()


def apply(image, name, strength, seed=0, key="a"):
    return Setting(name, strength, seed)(image, key).astype(int)


def test_exact_changes(image):
    x = image.astype(int)
    assert (apply(image, "flip", 1) == x[:, ::-1]).all()
    assert (apply(image, "flip-vertical", 1) == x[::-1]).all()
    assert (apply(image, "invert", 1) == 255 - x).all()
    assert (apply(image, "rotate", 180) == x[::-1, ::-1]).all()
    square = image[:61]
    assert (apply(square, "rotate", 90) == np.rot90(square, -1)).all()  # clockwise
    cropped = apply(image, "crop", 0.5)
    assert cropped.shape[:2] == (40, 30)  # of 81 x 61
    assert any(
        (cropped == x[top : top + 40, left : left + 30]).all()
        for top in (20, 21)
        for left in (15, 16)
    )
    boxed = apply(image, "letterbox", 0.5)
    assert (boxed[40:121] == x).all()
    assert boxed.shape[0] == 161
    assert not boxed[:40].any()
    assert not boxed[121:].any()


def test_colors(image):
    x = image.astype(float)
    assert np.abs(apply(image, "brightness", 0.5) - x * 0.5).max() <= 1
    gray = x @ [0.2989, 0.587, 0.114]
    assert np.abs(apply(image, "grayscale", 1) - gray[..., None]).max() <= 1
    assert np.abs(apply(image, "saturation", 0) - gray[..., None]).max() <= 1
    assert np.abs(apply(image, "contrast", 0.5) - (x + np.floor(gray).mean()) / 2).max() <= 1.5
    red = np.full((8, 8, 3), [200, 0, 0], np.uint8)
    assert np.abs(apply(red, "hue", 180) - [0, 200, 200]).max() <= 2


def test_blur_is_a_gaussian(image):
    from scipy.ndimage import gaussian_filter

    sigma = 0.04 * 61
    expected = gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="mirror", truncate=3)
    assert np.abs(apply(image, "blur", 4) - expected).max() <= 1.5


def test_noise_and_occlusion(image):
    flat = np.full((100, 100, 3), 128, np.uint8)
    assert np.isclose(apply(flat, "noise", 0.05).std(), 0.05 * 255, rtol=0.05)
    covered = apply(image, "occlude", 0.2)
    area = (covered == np.rint(image.reshape(-1, 3).mean(axis=0))).all(axis=2)
    assert np.isclose(area.mean(), 0.2, atol=0.02)


def test_moved_and_scaled_pictures_keep_their_content():
    """A white square on black: its center and size."""
    image = np.zeros((101, 101, 3), np.uint8)
    image[40:61, 40:61] = 255
    smaller = apply(image, "scale", 0.5)[..., 0] > 128
    assert abs(smaller.sum() - 21 * 21 / 4) < 25
    moved = apply(image, "translate", 0.2)[..., 0] > 128
    shift = np.argwhere(moved).mean(axis=0) - 50
    assert (np.abs(shift) == 20).all()
    bent = apply(image, "perspective", 0.4)[..., 0] > 128
    assert 0.3 < bent.sum() / (21 * 21) < 1.1


@pytest.mark.parametrize(
    "name", ["blur", "noise", "jpeg", "brightness", "contrast", "saturation", "occlude"]
)
def test_stronger_levels_are_further_from_the_picture(image, name):
    distances = [
        np.abs(apply(image, name, level) - image.astype(int)).mean()
        for level in TRANSFORMS[name].levels
    ]
    assert distances == sorted(distances)


def test_random_changes_depend_on_picture_and_seed(image):
    for name in ("noise", "occlude", "perspective"):
        level = TRANSFORMS[name].default
        first = apply(image, name, level)
        assert (apply(image, name, level, seed=1) != first).any()
        assert (apply(image, name, level, key="b") != first).any()


def test_tiny_pictures(draw):
    for setting in SETTINGS:
        assert setting(np.asarray(draw(0, 2, 3)), "a").dtype == np.uint8


def test_keys_differ_and_names_are_checked():
    assert len({setting.key for setting in SETTINGS}) == len(SETTINGS)
    assert Setting("rotate", 45, 1).key != Setting("rotate", 45).key
    with pytest.raises(UnknownNameError, match="Did you mean rotate"):
        Setting("rotat", 45)
    with pytest.raises(BadDataError, match="Choose from 5, 15"):
        Setting("rotate", 44)
    with pytest.raises(BadDataError, match="seed"):
        Setting("rotate", 45, -1)
    assert len(transforms.TRANSFORMS) == 19
    assert [t.name for t in TRANSFORMS.values() if t.needs_weights] == ["line-drawing"]


@pytest.mark.parametrize("shape", [(40, 31, 3), (1, 7, 3), (2, 2, 3)])
def test_turned_scaled_and_moved_as_torchvision_does(shape):
    """Bit for bit as with pictures of Pillow."""
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    image = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
    height, width = shape[:2]
    seeded = np.random.default_rng(4)
    signs = np.random.default_rng(4).choice([-1, 1], 2)
    turned = [
        ("rotate", angle, functional.rotate, {"angle": -angle}) for angle in (5, 15, 45, 90, 180)
    ]
    still = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    scaled = [
        ("scale", removed, functional.affine, still | {"scale": 1 - removed})
        for removed in (0.1, 0.2, 0.3, 0.5, 0.7)
    ]
    to = [int(signs[0] * 0.2 * width), int(signs[1] * 0.2 * height)]
    moved = ("translate", 0.2, functional.affine, still | {"translate": to})
    for name, strength, function, changes in [*turned, *scaled, moved]:
        expected = function(
            Image.fromarray(image),
            **changes,
            interpolation=functional.InterpolationMode.BILINEAR,
            fill=np.rint(image.reshape(-1, 3).mean(axis=0)).astype(int).tolist(),
        )
        np.testing.assert_array_equal(TRANSFORMS[name].apply(image, strength, seeded), expected)
