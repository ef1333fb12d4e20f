"""Similarities of two images computed from their pixels: pixel L2, SSIM, MS-SSIM.

All take two batches (B, 3, H, W) of RGB in 0..1 and return (B,), higher = more alike.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from simcore.errors import ShapeError

_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003

PairSimilarity = Callable[[Any, Any], Any]


def pixel_l2(a: Any, b: Any) -> Any:
    """Root mean squared difference of RGB values, negated: 0 for equal images.

    Raises:
        ShapeError: shapes differ.
    """
    check_shapes(a, b)
    return -(a - b).double().pow(2).mean((1, 2, 3)).sqrt()


def ssim(a: Any, b: Any) -> Any:
    """Structural similarity (Wang et al. 2004), 1 for equal images.

    Gaussian window of 11 px and sigma 1.5, mean over channels and all positions where the window
    fits, as scikit-image with gaussian_weights=True, use_sample_covariance=False.

    Raises:
        ShapeError: shapes differ, or a side is below 11 px.
    """
    check_shapes(a, b, _WINDOW)
    return _structure(a.double(), b.double())[0].mean(1)


def ms_ssim(a: Any, b: Any) -> Any:
    """SSIM at five scales (Wang et al. 2003), 1 for equal images; negative factors count as 0.

    Images with a side below 176 px have fewer scales: as many as leave 11 px, with weights scaled
    to sum to 1 (64 px: three). Such values are comparable to each other, not to those of five
    scales.

    Raises:
        ShapeError: shapes differ, or a side is below 11 px.
    """
    import torch
    from torch.nn.functional import avg_pool2d

    check_shapes(a, b, _WINDOW)
    scales = min(len(MS_WEIGHTS), 1 + int(np.log2(min(a.shape[-2:]) / _WINDOW)))
    exponents = torch.tensor(MS_WEIGHTS[:scales], dtype=torch.float64, device=a.device)
    exponents = exponents / exponents.sum()
    a, b = a.double(), b.double()
    product = torch.ones(a.shape[:2], dtype=torch.float64, device=a.device)
    for k in range(scales):
        full, contrast = _structure(a, b)
        last = k == scales - 1
        product = product * (full if last else contrast).clamp_min(0) ** exponents[k]
        if not last:
            a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
    return product.mean(1)


def _structure(a: Any, b: Any) -> tuple[Any, Any]:
    """(B, 3) means of SSIM and of its contrast-structure part."""
    vertical, horizontal = (_window(side, a) for side in a.shape[-2:])

    def smooth(x: Any) -> Any:
        return vertical @ x @ horizontal.T

    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    covariance = smooth(a * b) - mean_a * mean_b
    contrast = (2 * covariance + _K2**2) / (var_a + var_b + _K2**2)
    luminance = (2 * mean_a * mean_b + _K1**2) / (mean_a**2 + mean_b**2 + _K1**2)
    return (luminance * contrast).mean((2, 3)), contrast.mean((2, 3))


def _window(side: int, like: Any) -> Any:
    """(side - 10, side) matrix whose rows are the Gaussian window at every position it fits."""
    import torch

    offsets = torch.arange(_WINDOW, dtype=like.dtype, device=like.device) - _WINDOW // 2
    gaussian = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    matrix = like.new_zeros(side - _WINDOW + 1, side)
    for k, value in enumerate(gaussian / gaussian.sum()):
        matrix.diagonal(k).fill_(value)
    return matrix


def check_shapes(a: Any, b: Any, min_side: int = 1) -> None:
    """Check that two batches of images have the same shape (B, 3, H, W).

    Raises:
        ShapeError: they have not, or a side is below `min_side` px.
    """
    if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 3 or min(a.shape[-2:]) < min_side:
        raise ShapeError(
            f"Images of shapes {tuple(a.shape)} and {tuple(b.shape)} cannot be compared. Both "
            f"need the same shape (B, 3, H, W), with sides of {min_side} px or more."
        )
