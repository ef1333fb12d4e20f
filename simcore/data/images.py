"""Files and bytes into pixels: safely opened, upright, 8-bit RGB, cut and scaled for a network."""

import hashlib
import io
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from simcore.data import storage
from simcore.errors import BadDataError, BadImageError
from simcore.types import Array, Preprocessing

MAX_BYTES = 50_000_000
MAX_PIXELS = 50_000_000
MAX_SIDE = 20_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")

# Pillow's own guard against bombs, at our limit and as an error: it also covers later frames.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

_SCALING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

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
warnings.simplefilter("error", Image.DecompressionBombWarning)


def read(source: Path) -> bytes:
    """The bytes of an image file, on disk or in S3, after a look at its size.

    Raises:
        BadImageError: absent, not a plain file, unreadable, empty or larger than MAX_BYTES.
    """
    try:
        if storage.is_remote(source):
            size, data = storage.read_bytes(source, MAX_BYTES)
        elif not source.is_file():
            raise BadImageError(f"found no file {source}; expected an image; check the path")
        else:
            size = source.stat().st_size
            data = b"" if size > MAX_BYTES else source.read_bytes()
    except OSError as error:
        raise BadImageError(
            f"{source} cannot be read ({error.strerror or error}); expected an image; "
            "check its rights and its disk"
        ) from error
    _check_bytes(size, source.name)
    return data


def _check_bytes(size: int, name: str) -> None:
    if size == 0:
        raise BadImageError(
            f"{name} is empty (0 bytes); expected an image; copy or save the file again"
        )
    if size > MAX_BYTES:
        raise BadImageError(
            f"{name} has {size:,} bytes; expected at most {MAX_BYTES:,}; save a smaller copy"
        )


def content_key(data: bytes, trim: int = 0) -> str:
    """Content key: the same bytes with the same trim have the same key, whatever the file's name.

    Args:
        data: the file's bytes, undecoded.
        trim: rows cut from the bottom, px.

    >>> key(b"abc")
    'ba7816bf8f01cfea414140de5dae2223'
    >>> key(b"abc", 26)
    'ba7816bf8f01cfea414140de5dae2223-t26'
    """
    return hashlib.sha256(data).hexdigest()[:32] + (f"-t{trim}" if trim else "")


def picture(key: str) -> str:
    """A content key without its trim: a picture is the same one with its caption cut off.

    >>> picture("0f3a-t20"), picture("0f3a")
    ('0f3a', '0f3a')
    """
    return re.sub(r"-t[0-9]+$", "", key)


def load(source: Path | bytes, *, trim: int = 0, name: str = "the image") -> Array:
    """An image as people see it: upright, first frame, over white, 8 bits a channel.

    Args:
        source: a file, or a file's bytes.
        trim: rows cut from the bottom, px.
        name: what to call bytes in an error; a file is called by its own name.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        BadImageError: not one of FORMATS, empty, cut short, damaged, too many bytes or pixels, or
            no row is left after trimming. Limits are checked before anything is decoded.
    """
    if isinstance(source, Path):
        data, name = read(source), source.name
    else:
        data = source
        _check_bytes(len(data), name)
    image = _open(data, name)
    try:
        rows = apply_orientation(image, data)
    except Exception as error:  # whatever a decoder trips over, the file is what is wrong
        if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
            raise BadImageError(_too_large(name, "more pixels inside than it tells")) from error
        raise BadImageError(
            f"{name} is damaged or cut short ({_short(error)}); expected a whole image; "
            "copy or save the file again"
        ) from error
    if trim:
        if not 0 < trim < len(rows):
            raise BadImageError(
                f"{name} has {len(rows)} rows; expected more than the {trim} to be cut off; "
                "use a smaller trim"
            )
        rows = rows[: len(rows) - trim]
    return np.ascontiguousarray(rows)


def _open(data: bytes, name: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImageError(_too_large(name, "more pixels")) from error
    except Exception as error:
        raise BadImageError(
            f"{name} is not an image this reads; expected {', '.join(FORMATS)}; "
            "save it as one of these"
        ) from error
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise BadImageError(_too_large(name, f"{width:,} x {height:,} pixels"))
    return image


def _too_large(name: str, found: str) -> str:
    return (
        f"{name} has {found}; expected at most {MAX_SIDE:,} a side and "
        f"{MAX_PIXELS // 1_000_000} million in all; save a smaller copy"
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80].rstrip(".;: ") or error.__class__.__name__


def prepare(image: Array, how: Preprocessing) -> Array:
    """Resize and centre crop, as torchvision's Resize and CenterCrop do on PIL images.

    Args:
        image: (H, W, 3) uint8.
        how: `resize` (short side, or height and width) and `crop` (height, width) in px; an image
            smaller than the crop is padded with black, as torchvision pads.

    Returns:
        (h, w, 3) uint8. Scaling to 0..1 and normalising is left to the device.

    Raises:
        BadImageError: so narrow that scaling its short side makes more than MAX_PIXELS, uncropped.
        BadDataError: an interpolation nobody knows.
    """
    if how.interpolation not in _SCALING:
        raise BadDataError(
            f"found the interpolation {how.interpolation!r}; expected one of {', '.join(_SCALING)}"
        )
    picture = Image.fromarray(image)
    width, height = _target(picture.size, how.resize)
    if width * height > MAX_PIXELS and how.crop is not None:
        picture = _middle(picture, (width, height), how.crop, _SCALING[how.interpolation])
    elif width * height > MAX_PIXELS:
        raise BadImageError(
            f"found an image of {picture.width:,} x {picture.height:,} pixels that would grow to "
            f"{width:,} x {height:,}; expected a wider one; crop it first"
        )
    elif (width, height) != picture.size:
        picture = picture.resize((width, height), _SCALING[how.interpolation])
    if how.crop is not None:
        picture = _centre(picture, *how.crop)
    return np.array(picture)


def visible_region(
    height: int, width: int, how: Preprocessing
) -> tuple[float, float, float, float]:
    """The part of an image that reaches the network.

    Returns:
        (top, left, bottom, right) as shares of its height and width; beyond 0 to 1 where it is
        padded.

    >>> seen(400, 200, Prepare(resize=200, crop=(200, 100)))
    (0.25, 0.25, 0.75, 0.75)
    """
    across, down = _target((width, height), how.resize)
    if how.crop is None:
        return 0.0, 0.0, 1.0, 1.0
    high, wide = how.crop
    top, left = (1 - high / down) / 2, (1 - wide / across) / 2
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


def _middle(
    picture: Image.Image, size: tuple[int, int], crop: tuple[int, int], how: Image.Resampling
) -> Image.Image:
    """The part of a very long picture that the crop would keep, scaled without the rest."""
    width, height = min(crop[1], size[0]), min(crop[0], size[1])
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    across, down = picture.width / size[0], picture.height / size[1]
    box = (left * across, top * down, (left + width) * across, (top + height) * down)
    return picture.resize((width, height), how, box=box)


def _centre(picture: Image.Image, height: int, width: int) -> Image.Image:
    if picture.width < width or picture.height < height:
        wide, high = max(width, picture.width), max(height, picture.height)
        padded = Image.new("RGB", (wide, high))
        padded.paste(picture, ((wide - picture.width) // 2, (high - picture.height) // 2))
        picture = padded
    left = round((picture.width - width) / 2)
    top = round((picture.height - height) / 2)
    return picture.crop((left, top, left + width, top + height))


def apply_orientation(image: Image.Image, data: bytes) -> Array:
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
