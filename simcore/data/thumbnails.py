"""Thumbnails and larger previews by content key, which pages show instead of the files."""

import io
from pathlib import Path

from PIL import Image

from simcore.data import cache_dir, images
from simcore.types import Array

SMALL, LARGE = 256, 1024  # longest side, px


def thumb(key: str) -> Path:
    """Path of the thumbnail of a content key, whether or not it exists."""
    return cache_dir.root() / "thumbs" / key[:2] / f"{key}.webp"


def make_thumb(key: str, image: Array) -> Path:
    """Write the thumbnail of a key unless it exists: WebP, longest side 256 px.

    Args:
        image: (H, W, 3) uint8.

    Raises:
        SimError: the disk is full or not writable.
    """
    path = thumb(key)
    if not path.exists():
        cache_dir.write_atomic(path, small(image, SMALL), durable=False)
    return path


def large(key: str) -> Path:
    """Path of the large preview of a content key; small images have only a thumbnail."""
    return cache_dir.root() / "pictures" / key[:2] / f"{key}.webp"


def make_large(key: str, source: Path) -> None:
    """Write the large preview of a key, longest side 1024 px, if the image exceeds a thumbnail.

    Raises:
        BadImageError: the file is gone or has changed.
        SimError: the disk is full or not writable.
    """
    path = large(key)
    if path.exists():
        return
    picture = Image.fromarray(images.load_as(source, key))
    if max(picture.size) <= SMALL:
        return
    picture.thumbnail((LARGE, LARGE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=85, method=2)
    cache_dir.write_atomic(path, out.getvalue(), durable=False)


def small(image: Array, side: int) -> bytes:
    """An image (H, W, 3) uint8 as WebP, its longest side at most `side` px."""
    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=80, method=2)
    return out.getvalue()
