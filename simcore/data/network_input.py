"""Scale and crop a decoded image as the preprocessing of a network says."""

import numpy as np
from PIL import Image

from simcore.data.images import MAX_PIXELS
from simcore.errors import BadDataError, BadImageError
from simcore.types import Array, Preprocessing

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def prepare(image: Array, preprocessing: Preprocessing) -> Array:
    """Resize and center crop, as torchvision's Resize and CenterCrop do on PIL images.

    Args:
        image: (H, W, 3) uint8.
        preprocessing: its `resize` and `crop` are applied; an image smaller than the crop is
            padded with black, as in torchvision.

    Returns:
        (h, w, 3) uint8. Scaling to 0..1 and normalizing happen on the device.

    Raises:
        BadImageError: so narrow that scaling its short side gives more than MAX_PIXELS, uncropped.
        BadDataError: unknown interpolation.
    """
    resampling, crop = _RESAMPLING.get(preprocessing.interpolation), preprocessing.crop
    if resampling is None:
        raise BadDataError(
            f"interpolation must be one of {', '.join(_RESAMPLING)}, "
            f"got {preprocessing.interpolation!r}."
        )
    picture = Image.fromarray(image)
    width, height = _target(picture.size, preprocessing.resize)
    if width * height > MAX_PIXELS and crop is not None:
        picture = _resize_middle(picture, (width, height), crop, resampling)
    elif width * height > MAX_PIXELS:
        raise BadImageError(
            f"An image of {picture.width:,} x {picture.height:,} pixels would become "
            f"{width:,} x {height:,}, which is too large. Crop it first."
        )
    elif (width, height) != picture.size:
        picture = picture.resize((width, height), resampling)
    if crop is not None:
        picture = _center_crop(picture, *crop)
    return np.array(picture)


def visible_region(
    height: int, width: int, preprocessing: Preprocessing
) -> tuple[float, float, float, float]:
    """The part of an image that reaches the network.

    Returns:
        (top, left, bottom, right) as shares of its height and width; outside 0 to 1 where the
        image is padded.

    >>> visible_region(400, 200, Preprocessing(resize=200, crop=(200, 100)))
    (0.25, 0.25, 0.75, 0.75)
    """
    if preprocessing.crop is None:
        return 0.0, 0.0, 1.0, 1.0
    resized_width, resized_height = _target((width, height), preprocessing.resize)
    crop_height, crop_width = preprocessing.crop
    top, left = (1 - crop_height / resized_height) / 2, (1 - crop_width / resized_width) / 2
    return top, left, 1 - top, 1 - left


def _target(size: tuple[int, int], resize: int | tuple[int, int] | None) -> tuple[int, int]:
    width, height = size
    if resize is None:
        return size
    if isinstance(resize, tuple):
        return resize[1], resize[0]
    if width <= height:
        return resize, int(resize * height / width)
    return int(resize * width / height), resize


def _resize_middle(
    picture: Image.Image,
    size: tuple[int, int],
    crop: tuple[int, int],
    resampling: Image.Resampling,
) -> Image.Image:
    """The part of a very long image that the crop keeps, resized without the rest."""
    width, height = min(crop[1], size[0]), min(crop[0], size[1])
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    x_scale, y_scale = picture.width / size[0], picture.height / size[1]
    box = (left * x_scale, top * y_scale, (left + width) * x_scale, (top + height) * y_scale)
    return picture.resize((width, height), resampling, box=box)


def _center_crop(picture: Image.Image, height: int, width: int) -> Image.Image:
    if picture.width < width or picture.height < height:
        padded_width, padded_height = max(width, picture.width), max(height, picture.height)
        padded = Image.new("RGB", (padded_width, padded_height))
        corner = (padded_width - picture.width) // 2, (padded_height - picture.height) // 2
        padded.paste(picture, corner)
        picture = padded
    left = round((picture.width - width) / 2)
    top = round((picture.height - height) / 2)
    return picture.crop((left, top, left + width, top + height))
