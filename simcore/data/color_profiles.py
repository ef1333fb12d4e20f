"""Embedded color profiles (ICC): the colors of an image as sRGB, as every viewer shows them.

An image keeps its numbers where converting would not change them visibly: without a profile, under
one of the many spellings of sRGB, or under one that cannot be used. Rendering is relative
colorimetric with black point compensation. PNG's gAMA and cHRM chunks are ignored.
"""

import io
from contextlib import suppress
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

MAX_BYTES = 8_000_000  # profiles of printing presses have up to 3 MB
SRGB_LEVELS = 2  # variants of sRGB differ from each other by no more

_STEPS = 9  # of each channel in the colors that a profile is judged by
# Mode of an image -> color space of its profile, and the mode that is converted. A profile of
# another space was left behind by a program that changed the mode.
_RGB, _GRAY = ("RGB ", "RGB"), ("GRAY", "L")
_SPACES = {
    **dict.fromkeys(("RGB", "RGBA", "RGBX", "P", "PA"), _RGB),
    **dict.fromkeys(("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L"), _GRAY),
    "CMYK": ("CMYK", "CMYK"),
}
# What a file with a profile contains; TIFF stores it under a number.
_MARKS = (b"ICC_PROFILE\0", b"iCCP", b"ICCP", b"ICCRGBG1")
_TIFF = (b"II", b"MM")


def may_have_profile(data: bytes) -> bool:
    """Whether the bytes of an image file may contain a profile; False is certain."""
    return data[:2] in _TIFF or any(mark in data for mark in _MARKS)


def profile_of(image: Image.Image) -> bytes | None:
    """The profile of an opened image, if it changes what the image looks like; else None."""
    profile = image.info.get("icc_profile")
    space, mode = _SPACES.get(image.mode, ("", ""))
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= MAX_BYTES:
        return None
    if profile[36:40] != b"acsp" or profile[16:20] != space.encode():
        return None
    return profile if _changes_colors(profile, mode) else None


def is_gray(image: Image.Image) -> bool:
    """Whether an image has one channel of brightness, beside transparency."""
    return _SPACES.get(image.mode) == _GRAY


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The colors of an RGB, L or CMYK image with a profile, as an RGB image in sRGB.

    Raises:
        ImageCms.PyCMSError: the profile does not fit the image.
    """
    converted = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # it is None only where the image is changed in place
    return converted


@lru_cache(maxsize=256)  # the images of a collection share a few profiles
def _changes_colors(profile: bytes, mode: str) -> bool:
    """Whether a usable profile moves any of some colors, which cover all channels evenly."""
    levels = np.linspace(0, 255, _STEPS).astype(np.uint8)
    channels = len(Image.new(mode, (1, 1)).getbands())
    colors = np.stack(np.meshgrid(*[levels] * channels), -1).reshape(1, -1, channels)
    gray = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], channels, 2)
    colors = np.concatenate([colors, gray], 1)
    image = Image.frombytes(mode, (colors.shape[1], 1), colors.tobytes())
    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        moved = np.asarray(to_srgb(image, profile), int) - np.asarray(image.convert("RGB"), int)
        return bool(np.abs(moved).max() > SRGB_LEVELS)
    return False
