"""Images are scaled and cropped as torchvision does it, without growing beyond memory."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from simcore.data import images, network_input
from simcore.errors import BadDataError, BadImageError
from simcore.types import Preprocessing

Encode = Callable[..., bytes]

SHAPES = [(245, 200), (200, 245), (256, 256), (224, 224), (100, 90), (50, 400), (1, 1), (333, 777)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(),
        Preprocessing(interpolation="bicubic", resize=232, crop=(224, 224)),
        Preprocessing(interpolation="lanczos", resize=(64, 96), crop=None),
        Preprocessing(interpolation="nearest", resize=300, crop=(225, 301)),
        Preprocessing(resize=None, crop=(224, 160)),
        Preprocessing(resize=100, crop=(151, 224)),
    ],
)
def test_prepare_is_torchvision_pixel_for_pixel(
    shape: tuple[int, int], preprocessing: Preprocessing
) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    scaling = transforms.InterpolationMode(preprocessing.interpolation)
    expected = Image.fromarray(pixels)
    if preprocessing.resize is not None:
        size = (
            preprocessing.resize
            if isinstance(preprocessing.resize, int)
            else list(preprocessing.resize)
        )
        expected = transforms.Resize(size, scaling, antialias=True)(expected)
    if preprocessing.crop is not None:
        expected = transforms.CenterCrop(list(preprocessing.crop))(expected)
    assert np.array_equal(network_input.prepare(pixels, preprocessing), np.asarray(expected))


def test_a_very_long_image_is_prepared_without_growing(encode: Encode) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 20_000)[None, :, None], (2, 20_000, 3))
    image = images.load(encode(Image.fromarray(ramp.astype(np.uint8))))
    prepared = network_input.prepare(image, Preprocessing())
    assert prepared.shape == (224, 224, 3)
    assert abs(prepared.astype(float).mean() - 127.5) < 1
    with pytest.raises(BadImageError, match="would become 2,560,000 x 256"):
        network_input.prepare(image, Preprocessing(crop=None))


def test_an_unknown_interpolation_is_refused() -> None:
    with pytest.raises(BadDataError, match=r"interpolation must be one of .*, got 'cubic'"):
        network_input.prepare(np.zeros((4, 4, 3), np.uint8), Preprocessing(interpolation="cubic"))
