"""The pixels of an opened image: decoded, 8 bits a channel, over white, upright."""

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import simplejpeg
from PIL import Image

from simcore.types import Array

# By EXIF's number: what brings the pixels as they are stored into the order that people see.
_TURNS: dict[int, Callable[[Array], Array]] = {
    2: lambda rows: rows[:, ::-1],
    3: lambda rows: rows[::-1, ::-1],
    4: lambda rows: rows[::-1],
    5: lambda rows: rows.swapaxes(0, 1),
    6: lambda rows: np.rot90(rows, 3),
    7: lambda rows: rows[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def upright(image: Image.Image, data: bytes) -> Array:
    """(H, W, 3) uint8 RGB of an opened image, whose size was checked, as people see it.

    Args:
        data: the bytes that it was opened from.
    """
    rows = _plain_jpeg(image, data)
    if rows is None:
        image.load()
        rows = np.array(_rgb(image))
    return _turned(rows, image)


def _plain_jpeg(image: Image.Image, data: bytes) -> Array | None:
    """The pixels of a colour JPEG by libjpeg-turbo itself: Pillow's, in less than half of its time.

    Whatever is odd about a file is left to Pillow, which says what: None.
    """
    if image.format not in {"JPEG", "MPO"} or image.mode != "RGB":
        return None
    with suppress(ValueError):
        if simplejpeg.decode_jpeg_header(data)[:2] == (image.height, image.width):
            rows: Array = simplejpeg.decode_jpeg(data)
            return rows
    return None


def _turned(rows: Array, image: Image.Image) -> Array:
    try:
        turn = _TURNS.get(image.getexif().get(0x0112, 1))
    except Exception:  # a broken EXIF block does not spoil the pixels
        turn = None
    return rows if turn is None else turn(rows)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bits(image)).convert("RGB")
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colour).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Array:
    """(H, W) uint8 from one channel of 16-bit, 32-bit or float values: scaled, never clipped."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = min(float(values.min()), 0.0), float(values.max())
    tops = [1.0, 255.0, 65_535.0] if image.mode == "F" else [65_535.0]
    top = next((top for top in tops if high <= top), high)
    scaled: Array = np.rint((values - low) * (255.0 / max(top - low, 1e-12))).astype(np.uint8)
    return scaled
