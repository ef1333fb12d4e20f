"""Ways to spoil a patch by a known amount: after BAPPS' traditional and resampling operations."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from simcore.types import Array

# An operation takes (h, w, 3) float64 in 0..1, a strength from 0 (nothing) to 1, and a generator.
Operation = Callable[[Array, float, np.random.Generator], Array]


def noise(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """White noise, deviation up to 0.2."""
    return patch + random.normal(0, 0.2 * strength, patch.shape)


def blur(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Gaussian blur, deviation up to 4 px."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(patch, (4 * strength, 4 * strength, 0)))


def contrast(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Towards the mean colour, by up to 80 %."""
    middle = patch.mean(axis=(0, 1))
    return np.asarray(middle + (patch - middle) * (1 - 0.8 * strength))


def saturation(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Towards grey of the same luma, by up to all of it."""
    grey = patch @ np.array([0.299, 0.587, 0.114])
    return np.asarray(patch + (grey[..., None] - patch) * strength)


def brightness(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Lighter, by up to 0.35."""
    return patch + 0.35 * strength


def jpeg(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """JPEG of quality 60 down to 3."""
    out = io.BytesIO()
    quality = round(60 * (3 / 60) ** strength)
    Image.fromarray(_bytes(patch)).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"), np.float64) / 255


def shift(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Moved by up to 12 px in a random direction, the border repeated."""
    from scipy.ndimage import shift as moved

    angle = random.uniform(0, 2 * np.pi)
    step = 12 * strength * np.array([np.sin(angle), np.cos(angle), 0])
    return np.asarray(moved(patch, step, order=1, mode="nearest"))


def warp(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """A smooth random field of displacements of 5 px at most in the mean square."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    height, width = patch.shape[:2]
    field = np.stack([gaussian_filter(random.normal(size=(height, width)), 6) for _ in range(2)])
    field *= 5 * strength / max(float(np.sqrt((field**2).mean())), 1e-12)
    grid = np.mgrid[:height, :width] + field
    return np.stack(
        [map_coordinates(patch[..., c], grid, order=1, mode="nearest") for c in range(3)], axis=2
    )


def _resampled(patch: Array, strength: float, how: Image.Resampling) -> Array:
    """Down by a factor of up to 6 and up again."""
    height, width = patch.shape[:2]
    factor = 1 + 5 * strength
    small = (max(2, round(width / factor)), max(2, round(height / factor)))
    down = Image.fromarray(_bytes(patch)).resize(small, Image.Resampling.BOX)
    return np.asarray(down.resize((width, height), how), np.float64) / 255


def pixelate(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Down and up again by nearest neighbour."""
    return _resampled(patch, strength, Image.Resampling.NEAREST)


def bilinear(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Down and up again, linearly."""
    return _resampled(patch, strength, Image.Resampling.BILINEAR)


def bicubic(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Down and up again by cubic splines."""
    return _resampled(patch, strength, Image.Resampling.BICUBIC)


def lanczos(patch: Array, strength: float, random: np.random.Generator) -> Array:
    """Down and up again by a windowed sinc."""
    return _resampled(patch, strength, Image.Resampling.LANCZOS)


OPERATIONS: dict[str, Operation] = {
    "traditional/noise": noise,
    "traditional/blur": blur,
    "traditional/contrast": contrast,
    "traditional/saturation": saturation,
    "traditional/brightness": brightness,
    "traditional/jpeg": jpeg,
    "traditional/shift": shift,
    "traditional/warp": warp,
    "resampling/pixelate": pixelate,
    "resampling/bilinear": bilinear,
    "resampling/bicubic": bicubic,
    "resampling/lanczos": lanczos,
}


def spoil(name: str, patch: Array, strength: float, random: np.random.Generator) -> Array:
    """(h, w, 3) uint8 after one operation on an (h, w, 3) uint8 patch."""
    return _bytes(OPERATIONS[name](patch.astype(np.float64) / 255, strength, random))


def _bytes(values: Array) -> Array:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
