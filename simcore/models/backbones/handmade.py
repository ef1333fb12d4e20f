"""Handcrafted descriptors without weights, each for one kind of visual similarity.

All take batches of the 224 x 224 center crop as values in 0..1.
"""

from typing import Any

from simcore.models.registry import backbone
from simcore.models.spec import Embedder
from simcore.types import MapLayout, Preprocessing

PLAIN = Preprocessing(mean=(), std=())
GROUPS = ("offline", "demo", "handmade")
CELLS = 8  # per side, 28 px each
BLOCKS = MapLayout(CELLS - 1, channels_last=True)  # of `orientation_blocks`


@backbone(
    "hog",
    dim=7 * 7 * 4 * 9,
    preprocessing=PLAIN,
    groups=GROUPS,
    license="MIT",
    paper="Dalal and Triggs 2005",
    map_layout=BLOCKS,
)
def hog(device: str) -> Embedder:
    """Shape: histograms of oriented gradients, 8 x 8 cells of 9 orientations in 2 x 2 blocks."""

    return lambda images: orientation_blocks(_luma(images))


@backbone(
    "edges",
    dim=8 * 8 * 8,
    preprocessing=PLAIN,
    groups=GROUPS,
    license="MIT",
    paper="Oliva and Torralba 2001 (orientation energy on a grid)",
    map_layout=MapLayout(CELLS),
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
        return orientation_cells(dx / unit * mask, dy / unit * mask, 8).flatten(1).sqrt()

    return embed


@backbone(
    "layout",
    dim=16 * 16 * 3,
    preprocessing=PLAIN,
    groups=GROUPS,
    license="MIT",
    paper="Torralba, Fergus and Freeman 2008 (tiny images)",
    map_layout=MapLayout(16),
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
        levels = _levels(lab, 8)
        full = _histogram(levels, 8, lab.dtype)
        coarse = [level >> 1 for level in levels]  # 4 levels
        half = lab.shape[2] // 2
        quarters = [
            _histogram([c[:, y : y + half, x : x + half] for c in coarse], 4, lab.dtype) / 4
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


def orientation_blocks(gray: Any) -> Any:
    """Histograms of oriented gradients: cells in blocks of 2 x 2, each normalized twice.

    Args:
        gray: (B, 1, H, W) in 0..1.

    Returns:
        (B, 7 * 7 * 4 * 9).
    """
    cells = orientation_cells(*_gradient(gray), 9)
    blocks = cells.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).flatten(3)
    blocks = (blocks / (blocks.norm(dim=-1, keepdim=True) + 1e-3)).clamp(max=0.2)
    blocks = blocks / (blocks.norm(dim=-1, keepdim=True) + 1e-3)
    return blocks.flatten(1)


def orientation_cells(dx: Any, dy: Any, bins: int) -> Any:
    """Mean gradient strength per orientation on a grid of 8 x 8 cells.

    The strength of a pixel is split between the two nearest of `bins` orientations in 0..pi. It is
    added to their cells at once: maps of all orientations would be the costliest part of the
    descriptors.

    Args:
        dx, dy: (B, 1, H, W) gradient; H and W are multiples of 8.

    Returns:
        (B, bins, 8, 8).
    """
    import math

    import torch

    height, width = (side // CELLS for side in dx.shape[2:])
    strength = (dx * dx + dy * dy).sqrt_().flatten(1)
    position = torch.atan2(dy, dx).flatten(1).mul_(bins / math.pi).sub_(0.5)
    lower = position.floor()
    upper_share = position.sub_(lower).mul_(strength)
    lower_bin = lower.long().remainder_(bins)
    upper_bin = lower_bin + 1
    upper_bin[upper_bin == bins] = 0
    rows = torch.arange(dx.shape[2], device=dx.device) // height
    columns = torch.arange(dx.shape[3], device=dx.device) // width
    cell = ((rows[:, None] * CELLS + columns) * bins).flatten()
    total = dx.new_zeros(dx.shape[0], CELLS * CELLS * bins)  # len() is a constant when traced
    total.scatter_add_(1, lower_bin.add_(cell), strength.sub_(upper_share))
    total.scatter_add_(1, upper_bin.add_(cell), upper_share)
    return total.view(-1, CELLS, CELLS, bins).permute(0, 3, 1, 2) / (height * width)


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


def _levels(lab: Any, bins: int) -> list[Any]:
    """Three (B, H, W) uint8 levels; a and b are stretched, because most colors are near gray."""
    import torch

    channels = (lab[:, 0], *((lab[:, c] - 0.5) * 2 + 0.5 for c in (1, 2)))
    return [(channel * bins).clamp_(0, bins - 1).to(torch.uint8) for channel in channels]


def _histogram(levels: list[Any], bins: int, dtype: Any) -> Any:
    """(B, bins^3) shares of pixels from three (B, H, W) levels."""
    import torch

    first, second, third = (level.to(torch.int16) for level in levels)
    code = (first * bins + second) * bins + third
    return _counts(code, bins**3).to(dtype) / code[0].numel()


def _counts(code: Any, size: int) -> Any:
    """(B, ...) whole numbers -> (B, size) int64 counts, which no rounding can change."""
    import torch

    batch = len(code)
    offset = torch.arange(batch, device=code.device, dtype=torch.int32)[:, None] * size
    rows = code.flatten(1).to(torch.int32) + offset
    return torch.bincount(rows.flatten(), minlength=batch * size).view(batch, size)


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
    code = torch.zeros_like(center, dtype=torch.uint8)
    for bit, (y, x) in enumerate(ring):
        neighbor = gray[:, 0, y : y + height - 2, x : x + width - 2]
        code |= (neighbor - center > 2 / 255).to(torch.uint8) << bit
    by_code = _counts(code, 256)
    by_class = by_code.new_zeros(len(by_code), 59).index_add_(1, classes, by_code)
    return by_class.to(gray.dtype) / code[0].numel()


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
