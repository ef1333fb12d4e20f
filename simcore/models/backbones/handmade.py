"""Handcrafted descriptors without weights, each for one kind of visual similarity.

All take batches of the 224 x 224 center crop as values in 0..1.
"""

from typing import Any

from simcore.models.registry import backbone
from simcore.models.spec import Embedder
from simcore.types import Preprocessing

PLAIN = Preprocessing(mean=(), std=())
GROUPS = ("offline", "demo", "handmade")
CELLS = 8  # per side, 28 px each


@backbone(
    "hog",
    dim=7 * 7 * 4 * 9,
    preprocessing=PLAIN,
    groups=GROUPS,
    license="MIT",
    paper="Dalal and Triggs 2005",
)
def hog(device: str) -> Embedder:
    """Shape: histograms of oriented gradients, 8 x 8 cells of 9 orientations in 2 x 2 blocks."""

    def embed(images: Any) -> Any:
        import torch

        dx, dy = _gradient(_luma(images))
        energy = _oriented(dx, dy, 9)
        cells = torch.nn.functional.adaptive_avg_pool2d(energy, CELLS)
        blocks = cells.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).flatten(3)
        blocks = (blocks / (blocks.norm(dim=-1, keepdim=True) + 1e-3)).clamp(max=0.2)
        blocks = blocks / (blocks.norm(dim=-1, keepdim=True) + 1e-3)
        return blocks.flatten(1)

    return embed


@backbone(
    "edges",
    dim=8 * 8 * 8,
    preprocessing=PLAIN,
    groups=GROUPS,
    license="MIT",
    paper="Oliva and Torralba 2001 (orientation energy on a grid)",
)
def edges(device: str) -> Embedder:
    """Contours: strong edges of 8 orientations on an 8 x 8 grid, independent of contrast."""

    def embed(images: Any) -> Any:
        import torch

        smooth = torch.nn.functional.avg_pool2d(_luma(images), 5, 1, 2, count_include_pad=False)
        dx, dy = _gradient(smooth)
        strength = (dx**2 + dy**2).sqrt()
        # An edge map: each pixel relative to the image's mean strength, so that contrast and
        # drawing style matter less than the position of the lines.
        mean_strength = strength.mean((2, 3), keepdim=True) + 1e-3
        mask = torch.tanh(strength / (2 * mean_strength)) ** 2
        unit = strength + 1e-6
        energy = _oriented(dx / unit * mask, dy / unit * mask, 8)
        return torch.nn.functional.adaptive_avg_pool2d(energy, 8).flatten(1).sqrt()

    return embed


@backbone(
    "layout",
    dim=16 * 16 * 3,
    preprocessing=PLAIN,
    groups=GROUPS,
    license="MIT",
    paper="Torralba, Fergus and Freeman 2008 (tiny images)",
)
def layout(device: str) -> Embedder:
    """Layout: the image at 16 x 16 px, minus its mean color."""

    def embed(images: Any) -> Any:
        import torch

        tiny = torch.nn.functional.adaptive_avg_pool2d(images, 16)
        return (tiny - tiny.mean((2, 3), keepdim=True)).flatten(1)

    return embed


@backbone(
    "color",
    dim=8 * 8 * 8 + 4 * 64,
    preprocessing=PLAIN,
    groups=GROUPS,
    license="MIT",
    paper="Swain and Ballard 1991 (color histograms), in CIE Lab",
)
def color(device: str) -> Embedder:
    """Color: Lab histograms of the image (8 bins per channel) and of its quarters (4 bins)."""

    def embed(images: Any) -> Any:
        import torch

        lab = rgb_to_lab(images)
        full = _histogram(lab, 8)
        half = lab.shape[2] // 2
        quarters = [
            _histogram(lab[:, :, y : y + half, x : x + half], 4) / 4
            for y in (0, half)
            for x in (0, half)
        ]
        # The square root makes cosine the Bhattacharyya coefficient of the histograms.
        return torch.cat([full, *quarters], 1).sqrt()

    return embed


@backbone(
    "texture",
    dim=3 * 59,
    preprocessing=PLAIN,
    groups=GROUPS,
    license="MIT",
    paper="Ojala, Pietikäinen and Mäenpää 2002",
)
def texture(device: str) -> Embedder:
    """Texture: histograms of uniform local binary patterns at three scales."""
    import torch

    classes = torch.tensor(uniform_pattern_classes(), device=device)

    def embed(images: Any) -> Any:
        gray = _luma(images)
        histograms = []
        for step in (1, 2, 4):
            smooth = torch.nn.functional.avg_pool2d(gray, step) if step > 1 else gray
            histograms.append(pattern_histogram(smooth, classes))
        return torch.cat(histograms, 1).sqrt()

    return embed


def _luma(images: Any) -> Any:
    """(B, 3, H, W) RGB -> (B, 1, H, W), ITU-R 601 weights."""
    weight = images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weight).sum(1, keepdim=True)


def _gradient(gray: Any) -> tuple[Any, Any]:
    """Horizontal and vertical central differences, same size; the border is replicated."""
    import torch

    padded = torch.nn.functional.pad(gray, (1, 1, 1, 1), mode="replicate")
    dx = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    dy = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    return dx, dy


def _oriented(dx: Any, dy: Any, bins: int) -> Any:
    """(B, bins, H, W): gradient strength, split between the two nearest orientations in 0..pi."""
    import math

    import torch

    strength = (dx**2 + dy**2).sqrt()
    position = torch.atan2(dy, dx).remainder(math.pi) * (bins / math.pi) - 0.5
    centers = torch.arange(bins, device=dx.device, dtype=dx.dtype).view(1, bins, 1, 1)
    distance = (position - centers).remainder(bins)
    share = (1 - torch.minimum(distance, bins - distance)).clamp(min=0)
    return strength * share


def rgb_to_lab(images: Any) -> Any:
    """(B, 3, H, W) sRGB in 0..1 -> CIE Lab (D65), each channel scaled to about 0..1."""
    import torch

    linear = torch.where(images <= 0.04045, images / 12.92, ((images + 0.055) / 1.055) ** 2.4)
    matrix = images.new_tensor(
        [
            [0.412453, 0.357580, 0.180423],
            [0.212671, 0.715160, 0.072169],
            [0.019334, 0.119193, 0.950227],
        ]
    )
    white = images.new_tensor([0.95047, 1.0, 1.08883]).view(1, 3, 1, 1)
    xyz = torch.einsum("ij,bjhw->bihw", matrix, linear) / white
    f = torch.where(xyz > 0.008856, xyz.clamp(min=1e-8) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(1)
    light, a, b = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    return torch.stack([light / 100, (a + 100) / 200, (b + 100) / 200], 1)


def _histogram(lab: Any, bins: int) -> Any:
    """(B, bins^3) shares of pixels; a and b are stretched, because most colors are near gray."""
    import torch

    stretched = torch.stack([lab[:, 0], *((lab[:, c] - 0.5) * 2 + 0.5 for c in (1, 2))], 1)
    level = (stretched * bins).long().clamp(0, bins - 1)
    code = (level[:, 0] * bins + level[:, 1]) * bins + level[:, 2]
    return _shares(code.flatten(1), bins**3, lab.dtype)


def _shares(code: Any, size: int, dtype: Any) -> Any:
    """(B, n) codes -> (B, size) shares, counted in integers so that no rounding can differ."""
    import torch

    counts = torch.zeros(code.shape[0], size, dtype=torch.int64, device=code.device)
    counts.scatter_add_(1, code, torch.ones_like(code))
    return counts.to(dtype) / code.shape[1]


def pattern_histogram(gray: Any, classes: Any) -> Any:
    """(B, 59) shares of uniform local binary patterns of the 8 neighbors (Ojala et al. 2002).

    Args:
        gray: (B, 1, H, W) in 0..1; differences up to 2/255 count as noise.
        classes: (256,) `uniform_pattern_classes`.
    """
    import torch

    height, width = gray.shape[2:]
    center = gray[:, 0, 1:-1, 1:-1]
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    code = torch.zeros_like(center, dtype=torch.int64)
    for bit, (y, x) in enumerate(ring):
        neighbor = gray[:, 0, y : y + height - 2, x : x + width - 2]
        code |= (neighbor - center > 2 / 255).long() << bit
    return _shares(classes[code].flatten(1), 59, gray.dtype)


def uniform_pattern_classes() -> list[int]:
    """The class of each of 256 patterns: 58 have at most two changes around the ring.

    All others are class 58.

    >>> len(set(uniform_pattern_classes())), uniform_pattern_classes()[0b01010101]
    (59, 58)
    """
    classes: list[int] = []
    uniform = 0
    for code in range(256):
        rotated = (code >> 1) | ((code & 1) << 7)
        if (code ^ rotated).bit_count() <= 2:
            classes.append(uniform)
            uniform += 1
        else:
            classes.append(58)
    return classes
