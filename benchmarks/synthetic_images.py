"""Photograph-like JPEG files of the size of TLL's (200 x 245), so that benchmarks need no data."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from simcore.data import images
from simcore.types import ImageSet


def draw(folder: Path, count: int) -> ImageSet:
    """`count` different pictures: smooth random fields with edges and some noise."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        coarse = random.integers(0, 256, (12, 10, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((200, 245), Image.Resampling.BICUBIC))
        noisy = np.clip(smooth + random.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)
        path = folder / f"{seed:05}.jpg"
        Image.fromarray(noisy).save(path, quality=90)
        paths.append(path)
    keys = tuple(images.content_key(path.read_bytes()) for path in paths)
    return ImageSet(tuple(path.stem for path in paths), tuple(paths), keys)


def photograph(seed: int, scale: float = 1.0) -> bytes:
    """A JPEG of 4000 x 3000 pixels times `scale` a side, drawn like the others."""
    random = np.random.default_rng(seed)
    size = (int(4000 * scale), int(3000 * scale))
    coarse = random.integers(0, 256, (75, 100, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    noisy = smooth + random.normal(0, 6, smooth.shape).astype(np.float32)
    out = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=90)
    return out.getvalue()
