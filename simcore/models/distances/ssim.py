"""Similarities of two images without features between: pixels, SSIM, MS-SSIM, and DISTS.

All take two batches (B, 3, H, W) of RGB in 0..1 and give (B,), higher = more alike.

DreamSim is left out: its package fetches fine-tuned ViTs from addresses of its own when it is
imported into use, and they are in no package that pip brings.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from simcore.errors import ShapeError

_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003

Similar = Callable[[Any, Any], Any]


def pixel_l2(a: Any, b: Any) -> Any:
    """Root mean squared difference of RGB values, negated: 0 at best."""
    check_shapes(a, b)
    return -(a - b).double().pow(2).mean((1, 2, 3)).sqrt()


def ssim(a: Any, b: Any) -> Any:
    """Structural similarity (Wang et al. 2004), 1 at best.

    Gaussian window of 11 px and deviation 1.5, mean over all places that the window fits in and
    over channels, as scikit-image with gaussian_weights=True, use_sample_covariance=False.

    Raises:
        ShapeError: shapes differ, or a side is below 11 px.
    """
    check_shapes(a, b, _WINDOW)
    return _structure(a.double(), b.double())[0].mean(1)


def ms_ssim(a: Any, b: Any) -> Any:
    """SSIM over five halvings (Wang et al. 2003), 1 at best; negative factors count as 0.

    Images below 176 px a side have fewer scales: as many as leave 11 px, weights scaled to sum to 1
    (64 px: three). Their values compare with each other, not with those of five scales.

    Raises:
        ShapeError: shapes differ, or a side is below 11 px.
    """
    import torch
    from torch.nn.functional import avg_pool2d

    check_shapes(a, b, _WINDOW)
    scales = min(len(MS_WEIGHTS), 1 + int(np.log2(min(a.shape[-2:]) / _WINDOW)))
    share = torch.tensor(MS_WEIGHTS[:scales], dtype=torch.float64, device=a.device)
    share = share / share.sum()
    a, b = a.double(), b.double()
    product = torch.ones(a.shape[:2], dtype=torch.float64, device=a.device)
    for k in range(scales):
        whole, contrast = _structure(a, b)
        last = k == scales - 1
        product = product * (whole if last else contrast).clamp_min(0) ** share[k]
        if not last:
            a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
    return product.mean(1)


def _structure(a: Any, b: Any) -> tuple[Any, Any]:
    """(B, 3) means of SSIM and of its contrast-structure part."""
    down, across = (_window(side, a) for side in a.shape[-2:])

    def smooth(x: Any) -> Any:
        return down @ x @ across.T

    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    both = smooth(a * b) - mean_a * mean_b
    contrast = (2 * both + _K2**2) / (var_a + var_b + _K2**2)
    light = (2 * mean_a * mean_b + _K1**2) / (mean_a**2 + mean_b**2 + _K1**2)
    return (light * contrast).mean((2, 3)), contrast.mean((2, 3))


def _window(side: int, like: Any) -> Any:
    """(side - 10, side) matrix whose rows are the Gaussian window at every place it fits in."""
    import torch

    places = torch.arange(_WINDOW, dtype=like.dtype, device=like.device) - _WINDOW // 2
    line = torch.exp(-(places**2) / (2 * _SIGMA**2))
    matrix = like.new_zeros(side - _WINDOW + 1, side)
    for k, value in enumerate(line / line.sum()):
        matrix.diagonal(k).fill_(value)
    return matrix


def check_shapes(a: Any, b: Any, least: int = 1) -> None:
    if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 3 or min(a.shape[-2:]) < least:
        raise ShapeError(
            f"found images of shapes {tuple(a.shape)} and {tuple(b.shape)}; expected "
            f"(B, 3, H, W) alike, with sides of {least} px or more"
        )
