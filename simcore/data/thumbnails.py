"""Small pictures and larger ones, by content: what pages show instead of the files themselves."""

import io
from pathlib import Path

from PIL import Image

from simcore.data import cache_dir, images
from simcore.types import Array

SMALL, LARGE = 256, 1024  # longest side, px


def thumb(key: str) -> Path:
    """Where the small picture of a content key is, or would be."""
    return cache_dir.root() / "thumbs" / key[:2] / f"{key}.webp"


def make_thumb(key: str, image: Array) -> Path:
    """Writes the small picture of a key: WebP, longest side 256 px; one that is there is kept.

    Args:
        image: (H, W, 3) uint8.

    Raises:
        SimError: the disk is full or closed.
    """
    path = thumb(key)
    if not path.exists():
        cache_dir.write_atomic(path, small(image, SMALL))
    return path


def large(key: str) -> Path:
    """Where the large picture of a content key is, or would be; there may be a thumbnail only."""
    return cache_dir.root() / "pictures" / key[:2] / f"{key}.webp"


def make_large(key: str, source: Path, *, trim: int = 0) -> None:
    """Writes the large picture of a key, longest side 1024 px, where the thumbnail shows less.

    Raises:
        BadImageError: the file is gone or no longer an image.
        SimError: the disk is full or closed.
    """
    path = large(key)
    if path.exists():
        return
    picture = Image.fromarray(images.load(source, trim=trim))
    if max(picture.size) <= SMALL:
        return
    picture.thumbnail((LARGE, LARGE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=85, method=2)
    cache_dir.write_atomic(path, out.getvalue())


def small(image: Array, side: int) -> bytes:
    """A WebP file of an image (H, W, 3) uint8, its longest side at most `side` px."""
    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=80, method=2)
    return out.getvalue()
