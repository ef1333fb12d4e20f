"""What kind of picture it is, for gates: weights of a sum that depend on the query."""

from typing import Any

import numpy as np

from simcore.data import borders
from simcore.models.registry import backbone
from simcore.models.spec import Embedder
from simcore.types import RAW, Array

FREQUENT = 16  # colors that make up a drawing
SHADES = 16  # per channel, of which a color is one
FULL_BARS = 0.2  # share of the area at which the cue for bars is 1
RING = 0.04  # of a side: where the background is looked for


@backbone("cues", dim=3, preprocessing=RAW, metric="l2", groups=("cues",), license="MIT")
def cues(device: str) -> Embedder:
    """Kind of picture: drawing or photograph, uniform background, bars; each 0 to 1."""

    def embed(image: Array) -> Any:
        inside = borders.removed(image)
        values = (_drawing(inside), _background(inside), _bars(image, inside))
        return np.array([values], np.float32)

    return embed


def _drawing(image: Array) -> float:
    """The share of pixels with one of the most frequent colors; photographs have many."""
    shades = (image // (256 // SHADES)).astype(np.int64)
    codes = (shades[..., 0] * SHADES + shades[..., 1]) * SHADES + shades[..., 2]
    counts = np.sort(np.bincount(codes.ravel(), minlength=SHADES**3))
    return float(counts[-FREQUENT:].sum() / codes.size)


def _background(image: Array) -> float:
    """The share of pixels near the edge of the picture that have the color of the edge."""
    height, width = image.shape[:2]
    y, x = max(1, round(RING * height)), max(1, round(RING * width))
    strips = (image[:y], image[-y:], image[:, :x], image[:, -x:])
    ring = np.concatenate([strip.reshape(-1, 3) for strip in strips])
    near = np.abs(ring - np.median(ring, axis=0)) <= borders.TOLERANCE
    return float(near.all(axis=1).mean())


def _bars(image: Array, inside: Array) -> float:
    """How much of the area is border, 1 from `FULL_BARS` on."""
    share = 1 - (inside.shape[0] * inside.shape[1]) / (image.shape[0] * image.shape[1])
    return min(1.0, share / FULL_BARS)
