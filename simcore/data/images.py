"""Decode image files safely to upright 8-bit RGB."""

import hashlib
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from simcore.data import color_profiles, decode_limits, storage
from simcore.data.decode_limits import DecodeTimeError
from simcore.errors import BadImageError
from simcore.types import Array

try:
    import simplejpeg
except ImportError:  # not installed where only `benchmarks.gpu` runs; Pillow gives equal pixels
    simplejpeg = None

MAX_BYTES = 50_000_000
MAX_PIXELS = 50_000_000
MAX_SIDE = 20_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
# Endings of image files; their content decides what they are.
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".png", ".apng", ".webp"),
    *(".gif", ".bmp", ".dib", ".tif", ".tiff"),
)
# Formats that are reported instead of ignored, because they cannot be read here. Raw photographs
# are TIFF files, but the picture that a TIFF decoder finds in them is a thumbnail.
UNSUPPORTED_SUFFIXES = (
    *(".heic", ".heif", ".avif", ".svg", ".jp2", ".jxl", ".ico", ".ppm", ".psd", ".dng", ".nef"),
    *(".cr2", ".cr3", ".arw", ".orf", ".rw2", ".pef", ".raf"),
)
HEAD_BYTES = 32  # that `content_format` needs

# Pillow's own guard against decompression bombs, at our limit and as an error; it also covers
# later frames of an animation.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

# EXIF orientation -> the function that turns stored pixels upright.
_ORIENTATIONS: dict[int, Callable[[Array], Array]] = {
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
    """The bytes of an image file, on disk or in S3; its size is checked first.

    Raises:
        BadImageError: absent, not a regular file, unreadable, empty or larger than MAX_BYTES.
    """
    try:
        if storage.is_remote(source):
            size, data = storage.read_bytes(source, MAX_BYTES)
        elif not source.is_file():
            raise BadImageError(f"There is no file {source}. Check the path.")
        else:
            size = source.stat().st_size
            data = b"" if size > MAX_BYTES else source.read_bytes()
    except OSError as error:
        raise BadImageError(
            f"{source} cannot be read ({error.strerror or error}). Check its permissions and its "
            "disk."
        ) from error
    _check_bytes(size, source.name)
    return data


def _check_bytes(size: int, name: str) -> None:
    if size == 0:
        raise BadImageError(f"{name} is empty (0 bytes). Copy or save the file again.")
    if size > MAX_BYTES:
        raise BadImageError(
            f"{name} has {size:,} bytes; the limit is {MAX_BYTES:,}. Save a smaller copy."
        )


def content_format(head: bytes) -> str:
    r"""The image format of a file by its first HEAD_BYTES bytes, whatever its name; "" for none.

    Formats beside FORMATS cannot be read here.

    >>> content_format(b"\xff\xd8\xff\xe0"), content_format(b"left,right")
    ('JPEG', '')
    """
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "raw"}.get(
            brand, "HEIC" if brand[:2] in {b"he", b"mi", b"ms"} else ""
        )
    if head[:4] == b"RIFF":
        return "WEBP" if head[8:12] == b"WEBP" else ""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _DIB_SIZES:
        return "BMP"
    # A DIB begins with the size of its header; it has one plane.
    if int.from_bytes(head[:4], "little") in _DIB_SIZES and head[12:14] == b"\1\0":
        return "BMP"
    return next((name for start, name in _STARTS.items() if head.startswith(start)), "")


_DIB_SIZES = (40, 52, 56, 64, 108, 124)
_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"8BPS": "PSD",
}


def read_head(source: Path) -> bytes:
    """The first HEAD_BYTES bytes of a regular file, on disk or in S3; none if it is unreadable."""
    try:
        if storage.is_remote(source):
            system, _ = storage.filesystem(Path(*source.parts[:2]))
            with system.open_input_stream("/".join(source.parts[1:])) as stream:
                return bytes(stream.read(HEAD_BYTES))
        if source.is_file():
            with source.open("rb") as file:
                return file.read(HEAD_BYTES)
    except OSError:  # whoever needs the file gets the reason from `read`
        pass
    return b""


def content_key(data: bytes, trim: int = 0, *, ignore_profile: bool = False) -> str:
    """Key of an image by content: equal pixels from equal bytes, under any file name.

    Args:
        data: the file's bytes, undecoded.
        trim: rows cut from the bottom, px.
        ignore_profile: whether an embedded color profile is ignored. Files without one, or in
            sRGB, have the same key either way.

    >>> content_key(b"abc")
    'ba7816bf8f01cfea414140de5dae2223'
    >>> content_key(b"abc", 26)
    'ba7816bf8f01cfea414140de5dae2223-t26'
    """
    converted = not ignore_profile and has_profile(data)
    trimmed = f"-t{trim}" if trim else ""
    return _sha(data) + trimmed + ("-icc" if converted else "")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


# The parts of a content key behind the digest; a key that does not end so has none of them.
_KEY_END = re.compile(r"(?:-t([0-9]+))?(-icc)?$")
_KEY = re.compile(r"[0-9a-f]{32}(?:-t[0-9]{1,5})?(?:-icc)?")


def picture(key: str) -> str:
    """A content key without trim and color profile: with or without them, the same picture.

    >>> picture("0f3a-t20"), picture("0f3a-t20-icc"), picture("0f3a")
    ('0f3a', '0f3a', '0f3a')
    """
    return _KEY_END.sub("", key, count=1)


def is_content_key(text: str) -> bool:
    """Whether a text has the form of a content key, so that it is safe in the name of a file.

    >>> is_content_key(content_key(b"abc", 26) + "-icc"), is_content_key("../abc")
    (True, False)
    """
    return _KEY.fullmatch(text) is not None


def has_profile(data: bytes) -> bool:
    """Whether an image file has an embedded color profile that changes what it looks like."""
    if not color_profiles.may_have_profile(data):
        return False
    with suppress(BadImageError):
        return color_profiles.profile_of(_open(data, "")) is not None
    return False


def load_as(source: Path | bytes, key: str, *, name: str = "the image") -> Array:
    """The image that a content key stands for: with its trim, and its color profile if it says so.

    A key that was made before color profiles were converted stands for the unconverted image.

    Raises:
        BadImageError: as `load`, or the file has changed since its key was computed.
    """
    data, name = (read(source), source.name) if isinstance(source, Path) else (source, name)
    if _sha(data) != picture(key):
        raise BadImageError(f"{name} has changed since it was added. Add the collection again.")
    end = _KEY_END.search(key)
    assert end is not None  # both of its groups are optional
    trim, converted = end.groups()
    return load(data, trim=int(trim or 0), ignore_profile=not converted, name=name)


def load(
    source: Path | bytes,
    *,
    trim: int = 0,
    ignore_profile: bool = False,
    name: str = "the image",
) -> Array:
    """An image as people see it: upright, first frame, on white, sRGB, 8 bits per channel.

    Args:
        source: a file, or the bytes of one.
        trim: rows cut from the bottom, px.
        ignore_profile: leave the colors as they are stored, as the papers did.
        name: name for bytes in error messages; a file has its own.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        BadImageError: not one of FORMATS, empty, truncated, damaged, too many bytes or pixels,
            too slow to decode, or no rows left after trimming. Limits are checked before anything
            is decoded.
    """
    if isinstance(source, Path):
        data, name = read(source), source.name
    else:
        data = source
        _check_bytes(len(data), name)
    image = _open(data, name)
    try:
        rows = apply_orientation(image, data, ignore_profile=ignore_profile)
    except DecodeTimeError as error:
        raise BadImageError(_too_slow(name)) from error
    except Exception as error:  # decoders raise errors of every kind for a damaged file
        if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
            raise BadImageError(_too_large(name, "more pixels than its header says")) from error
        raise BadImageError(
            f"{name} is damaged or truncated ({_short(error)}). Copy or save the file again."
        ) from error
    if trim:
        if not 0 < trim < len(rows):
            raise BadImageError(
                f"{name} has {len(rows)} rows, so {trim} cannot be cut off. Use a smaller trim."
            )
        rows = rows[: len(rows) - trim]
    return np.ascontiguousarray(rows)


def _open(data: bytes, name: str) -> Image.Image:
    if excess := decode_limits.excess(data):
        raise BadImageError(
            f"{name} has {excess}, which would take too long to decode. Save it again."
        )
    try:
        # DIB is BMP without its file header.
        image = Image.open(decode_limits.TimedBytes(data), formats=(*FORMATS, "DIB"))
    except DecodeTimeError as error:
        raise BadImageError(_too_slow(name)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImageError(_too_large(name, "more pixels")) from error
    except Exception as error:
        raise BadImageError(
            f"{name} is not an image in a supported format. Save it as {' or '.join(FORMATS)}."
        ) from error
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise BadImageError(_too_large(name, f"{width:,} x {height:,} pixels"))
    return image


def _too_large(name: str, size: str) -> str:
    return (
        f"{name} has {size}; the limit is {MAX_SIDE:,} per side and "
        f"{MAX_PIXELS // 1_000_000} million in total. Save a smaller copy."
    )


def _too_slow(name: str) -> str:
    return (
        f"Decoding {name} takes more than {decode_limits.CPU_SECONDS:.0f} seconds. Save it again."
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80].rstrip(".;: ") or error.__class__.__name__


def apply_orientation(image: Image.Image, data: bytes, *, ignore_profile: bool = False) -> Array:
    """(H, W, 3) uint8 RGB of an opened image, upright; its size must have been checked.

    Args:
        data: the bytes that it was opened from.
        ignore_profile: leave the colors as they are stored.
    """
    profile = None if ignore_profile else color_profiles.profile_of(image)
    rows = decode_jpeg(image, data)
    if rows is None:
        image.load()
        rows = np.array(_to_rgb(image, profile))
    elif profile is not None:
        rows = np.array(color_profiles.to_srgb(Image.fromarray(rows), profile))
    try:
        turn = _ORIENTATIONS.get(image.getexif().get(0x0112, 1))
    except Exception:  # a broken EXIF block does not spoil the pixels
        turn = None
    return rows if turn is None else turn(rows)


def decode_jpeg(image: Image.Image, data: bytes) -> Array | None:
    """The pixels of a color JPEG, by libjpeg-turbo directly: twice as fast as Pillow, same values.

    None for files with anything unusual; Pillow decodes these, or reports what is wrong.
    """
    if simplejpeg is None or image.format not in {"JPEG", "MPO"} or image.mode != "RGB":
        return None
    with suppress(ValueError):
        if simplejpeg.decode_jpeg_header(data)[:2] == (image.height, image.width):
            rows: Array = simplejpeg.decode_jpeg(data)
            return rows
    return None


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _in_srgb(Image.fromarray(_to_8_bits(image)), profile)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        if profile is not None:
            gray = color_profiles.is_gray(image)
            opaque = _in_srgb(rgba.getchannel("R") if gray else rgba.convert("RGB"), profile)
            opaque.putalpha(rgba.getchannel("A"))
            rgba = opaque
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgba).convert("RGB")
    if profile is not None and image.mode not in {"L", "CMYK"}:
        image = image.convert("L" if color_profiles.is_gray(image) else "RGB")
    return _in_srgb(image, profile)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile is not None:
        return color_profiles.to_srgb(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bits(image: Image.Image) -> Array:
    """(H, W) uint8 from one channel of 16-bit, 32-bit or float values: scaled, not clipped."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = min(float(values.min()), 0.0), float(values.max())
    tops = [1.0, 255.0, 65_535.0] if image.mode == "F" else [65_535.0]
    top = next((top for top in tops if high <= top), high)
    scaled: Array = np.rint((values - low) * (255.0 / max(top - low, 1e-12))).astype(np.uint8)
    return scaled
