"""Changes of a picture that a representation may be invariant to, each with a strength.

They are applied to the decoded picture, before a network's own preprocessing. A change depends on
the picture, its strength and a seed only. Empty areas get the mean color of the picture. A network
makes the line drawing; all others are fixed computations.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from simcore.errors import BadDataError, check_whole_number, unknown_name
from simcore.types import Array

# (H, W, 3) uint8, strength, generator for this picture -> (h, w, 3) uint8.
Apply = Callable[[Array, float, np.random.Generator], Array]


@dataclass(frozen=True)
class Transform:
    """One kind of change.

    Attributes:
        name: what users type.
        description: what the strength means, in words.
        unit: of the strength, such as "°".
        levels: strengths from mild to strong; the middle one is the default.
        needs_weights: whether a network makes it, whose weights may be missing.
        version: raised when the same change would give another picture.
    """

    name: str
    description: str
    unit: str
    levels: tuple[float, ...]
    apply: Apply
    needs_weights: bool = False
    version: int = 1

    @property
    def default(self) -> float:
        """The middle level."""
        return self.levels[len(self.levels) // 2]


@dataclass(frozen=True)
class Setting:
    """A transform with a strength and a seed.

    Raises:
        UnknownNameError: no such transform. BadDataError: not one of its strengths.
    """

    transform: str
    strength: float
    seed: int = 0

    def __post_init__(self) -> None:
        levels = get(self.transform).levels
        if self.strength not in levels:
            listing = ", ".join(f"{level:g}" for level in levels)
            raise BadDataError(
                f"{self.transform} has no strength {self.strength:g}. Choose from {listing}."
            )
        check_whole_number("seed", self.seed, least=0)

    @property
    def key(self) -> str:
        """Names the pictures that it makes; part of every key of what is computed from them.

        >>> Setting("blur", 2).key
        'blur-2-s0-v1'
        """
        version = get(self.transform).version
        return f"{self.transform}-{self.strength:g}-s{self.seed}-v{version}"

    @property
    def label(self) -> str:
        """For tables.

        >>> Setting("rotate", 45).label, Setting("flip", 1).label
        ('rotate 45°', 'flip')
        """
        transform = get(self.transform)
        if len(transform.levels) == 1:
            return transform.name
        return f"{transform.name} {self.strength:g}{transform.unit}"

    def __call__(self, image: Array, key: str) -> Array:
        """The changed picture.

        Args:
            image: (H, W, 3) uint8.
            key: content key of the picture, so that the same one is always changed alike.
        """
        content = f"{self.seed} {self.transform} {key}".encode()
        seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "little")
        changed = get(self.transform).apply(image, self.strength, np.random.default_rng(seed))
        return np.ascontiguousarray(changed)


def get(name: str) -> Transform:
    """A transform by its name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in TRANSFORMS:
        raise unknown_name("transform", name, TRANSFORMS)
    return TRANSFORMS[name]


def _functional() -> Any:
    from torchvision.transforms.v2 import functional  # imports torch

    return functional


def _tensor(image: Array) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def _array(tensor: Any) -> Array:
    rows: Array = tensor.numpy().transpose(1, 2, 0)
    return rows


def _mean_color(image: Array) -> tuple[int, ...]:
    return tuple(int(value) for value in np.rint(image.reshape(-1, 3).mean(axis=0)))


def _stretched(image: Array, factor: float, move: tuple[int, int] = (0, 0)) -> Array:
    """Scaled around the middle and moved, in a picture of the same size.

    By Pillow, as torchvision's `affine` and `rotate` do for pictures of Pillow. Importing
    torchvision would take 3 CPU seconds.

    Args:
        factor: of the size. move: to the right and down, in pixels.
    """
    picture = Image.fromarray(np.ascontiguousarray(image))
    half = np.array(picture.size) / 2
    step = 1 / factor  # in the picture, from pixel to pixel of the result
    x, y = half - step * (half + move)  # where the left upper corner comes from
    stretched = picture.transform(
        picture.size,
        Image.Transform.AFFINE,
        (step, 0, x, 0, step, y),
        Image.Resampling.BILINEAR,
        fillcolor=_mean_color(image),
    )
    return np.asarray(stretched)


def rotate(image: Array, degrees: float, _random: np.random.Generator) -> Array:
    """Clockwise around the middle."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    turned = picture.rotate(-degrees, Image.Resampling.BILINEAR, fillcolor=_mean_color(image))
    return np.asarray(turned)


def flip(image: Array, _strength: float, _random: np.random.Generator) -> Array:
    """Left and right exchanged."""
    return image[:, ::-1]


def flip_vertical(image: Array, _strength: float, _random: np.random.Generator) -> Array:
    """Top and bottom exchanged."""
    return image[::-1]


def crop(image: Array, removed: float, _random: np.random.Generator) -> Array:
    """The middle, without a share of width and of height."""
    kept = [max(1, round(side * (1 - removed))) for side in image.shape[:2]]
    top, left = (
        round((side - length) / 2) for side, length in zip(image.shape, kept, strict=False)
    )
    return image[top : top + kept[0], left : left + kept[1]]


def scale(image: Array, removed: float, _random: np.random.Generator) -> Array:
    """Smaller by a share, in the middle of a picture of the same size."""
    return _stretched(image, 1 - removed)


def translate(image: Array, share: float, random: np.random.Generator) -> Array:
    """Moved by a share of width and height, in one of the four diagonal directions."""
    signs = random.choice([-1, 1], 2)
    height, width = image.shape[:2]
    return _stretched(image, 1.0, (int(signs[0] * share * width), int(signs[1] * share * height)))


def perspective(image: Array, distortion: float, random: np.random.Generator) -> Array:
    """Each corner moved inwards by up to half of a share of width and height."""
    functional = _functional()
    reach = np.array([image.shape[1] - 1, image.shape[0] - 1])
    if not reach.all():  # a single row or column has no corners to move
        return image
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    moved = (corners + inwards * random.uniform(0, distortion / 2, (4, 2))) * reach
    return _array(
        functional.perspective(
            _tensor(image),
            (corners * reach).tolist(),
            moved.tolist(),
            interpolation=functional.InterpolationMode.BILINEAR,
            fill=_mean_color(image),
        )
    )


def blur(image: Array, percent: float, _random: np.random.Generator) -> Array:
    """Gaussian blur; the standard deviation is a percentage of the short side."""
    short = min(image.shape[:2])
    sigma = max(percent / 100 * short, 0.1)
    # torchvision mirrors the picture at its border, which must be wider than half a kernel.
    radius = min(int(np.ceil(3 * sigma)), short - 1)
    if radius < 1:
        return image
    size, blurred = 2 * radius + 1, _tensor(image).float()
    for kernel in ([size, 1], [1, size]):  # one direction after the other costs far less
        blurred = _functional().gaussian_blur(blurred, kernel, [sigma, sigma])
    return np.rint(_array(blurred)).astype(np.uint8)


def noise(image: Array, deviation: float, random: np.random.Generator) -> Array:
    """Gaussian noise; its standard deviation is a share of the range of values."""
    noisy = image + random.normal(0, 255 * deviation, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def jpeg(image: Array, quality: float, _random: np.random.Generator) -> Array:
    """Compressed as JPEG, colors at half the resolution, and decoded again."""
    data = simplejpeg.encode_jpeg(  # torchvision's encoder is deprecated
        np.ascontiguousarray(image), int(quality), colorspace="RGB", colorsubsampling="420"
    )
    decoded: Array = simplejpeg.decode_jpeg(data)
    return decoded


def brightness(image: Array, factor: float, _random: np.random.Generator) -> Array:
    """Every value multiplied by a factor."""
    return _array(_functional().adjust_brightness(_tensor(image), factor))


def contrast(image: Array, factor: float, _random: np.random.Generator) -> Array:
    """Differences to the mean gray multiplied by a factor."""
    return _array(_functional().adjust_contrast(_tensor(image), factor))


def saturation(image: Array, factor: float, _random: np.random.Generator) -> Array:
    """Differences to the gray picture multiplied by a factor."""
    return _array(_functional().adjust_saturation(_tensor(image), factor))


def hue(image: Array, degrees: float, _random: np.random.Generator) -> Array:
    """Colors moved around the color circle."""
    return _array(_functional().adjust_hue(_tensor(image), degrees / 360))


def grayscale(image: Array, _strength: float, _random: np.random.Generator) -> Array:
    """Without color."""
    return _array(_functional().rgb_to_grayscale(_tensor(image), num_output_channels=3))


def invert(image: Array, _strength: float, _random: np.random.Generator) -> Array:
    """The negative."""
    return 255 - image


def occlude(image: Array, share: float, random: np.random.Generator) -> Array:
    """A rectangle of the picture's shape that covers a share of its area, anywhere."""
    height, width = image.shape[:2]
    rows, columns = (max(1, round(side * np.sqrt(share))) for side in (height, width))
    top, left = (int(random.integers(0, n + 1)) for n in (height - rows, width - columns))
    fill = np.array(_mean_color(image), np.uint8)
    covered = image.copy()
    covered[top : top + rows, left : left + columns] = fill
    return covered


def letterbox(image: Array, share: float, _random: np.random.Generator) -> Array:
    """Black bars above and below that make up a share of the new height."""
    bar = round(len(image) * share / (1 - share) / 2)
    return np.pad(image, ((bar, bar), (0, 0), (0, 0)))


def line_drawing(image: Array, _strength: float, _random: np.random.Generator) -> Array:
    """Black lines on white, where the network of the backbone `contours` sees contours.

    Raises:
        MissingWeightsError: its weights are missing.
    """
    from simcore.models.backbones import contours

    ink = contours.draw(image)
    gray = np.rint(255 * (1 - ink)).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
_FACTORS = (0.75, 0.5, 0.35, 0.25, 0.15)
_SCALES = (0.1, 0.2, 0.3, 0.5, 0.7)
_MOVES = (0.05, 0.1, 0.2, 0.3, 0.4)
TRANSFORMS = {
    transform.name: transform
    for transform in (
        Transform("rotate", "degrees clockwise", "°", (5, 15, 45, 90, 180), rotate, version=2),
        Transform("flip", "left and right exchanged", "", (1,), flip),
        Transform("flip-vertical", "top and bottom exchanged", "", (1,), flip_vertical),
        Transform("crop", "share of each side cut off", "", _SHARES, crop),
        Transform("scale", "share by which it is smaller", "", _SCALES, scale, version=2),
        Transform("translate", "share of each side", "", _MOVES, translate, version=2),
        Transform("perspective", "share of each side", "", (0.1, 0.2, 0.4, 0.6, 0.8), perspective),
        Transform("blur", "deviation, % of the short side", " %", (0.5, 1, 2, 4, 8), blur),
        Transform("noise", "deviation, share of the range", "", (0.02, 0.05, 0.1, 0.2, 0.4), noise),
        Transform("jpeg", "quality", "", (90, 50, 20, 10, 5), jpeg),
        Transform("brightness", "factor", "", _FACTORS, brightness),
        Transform("contrast", "factor", "", _FACTORS, contrast),
        Transform("saturation", "factor", "", (0.75, 0.5, 0.25, 0.1, 0), saturation),
        Transform("hue", "degrees of the color circle", "°", (18, 45, 90, 135, 180), hue),
        Transform("grayscale", "without color", "", (1,), grayscale),
        Transform("invert", "the negative", "", (1,), invert),
        Transform("occlude", "share of the area", "", (0.05, 0.1, 0.2, 0.35, 0.5), occlude),
        Transform("letterbox", "share of the height", "", _SHARES, letterbox),
        Transform("line-drawing", "contours that a network draws", "", (1,), line_drawing, True),
    )
}
