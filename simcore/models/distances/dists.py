"""DISTS (Ding et al. 2020): structure and texture similarity of VGG16 feature maps."""

from typing import Any

import numpy as np

from simcore.errors import BadDataError
from simcore.models import state_dicts, weights
from simcore.models.distances.lpips import NETS
from simcore.models.distances.ssim import Similar, check_shapes
from simcore.models.spec import WeightFile

DISTS_FILE = WeightFile(
    "dists-weights.pt",
    "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
    12_288,
    pip_project="DISTS-pytorch==0.1",
    pip_member="DISTS_pytorch/weights.pt",
)
_DISTS_ENDS = (4, 9, 16, 23, 30)  # VGG-16 stages, each but the first after a pooling layer
_DISTS_CHANNELS = (3, 64, 128, 256, 512, 512)


def dists(
    *, device: str = "cpu", trunk: Any = None, state: dict[str, Any] | None = None
) -> Similar:
    """DISTS (Ding et al. 2020), negated: structure and texture of VGG-16 features.

    Args:
        trunk: torchvision's vgg16 `features`, for tests. state: alpha, beta, for tests.

    Raises:
        MissingWeightsError: VGG-16 or the DISTS weights are not here.
        BadDataError: weights of another shape.
    """
    import torch
    from torch.nn.functional import conv2d

    from simcore.models.distances.lpips import _trunk

    features = (trunk if trunk is not None else _trunk(NETS["vgg"])).eval().to(device)
    found = state if state is not None else state_dicts.read(weights.path(DISTS_FILE))
    if any(found[k].numel() != sum(_DISTS_CHANNELS) for k in ("alpha", "beta") if k in found) or (
        not {"alpha", "beta"} <= set(found)
    ):
        raise BadDataError(f"{DISTS_FILE.file} holds no DISTS weights; fetch it again")
    alpha, beta = (found[k].detach().flatten().to(device) for k in ("alpha", "beta"))
    total = alpha.sum() + beta.sum()
    alphas, betas = ((w / total).split(_DISTS_CHANNELS) for w in (alpha, beta))
    mean = torch.tensor((0.485, 0.456, 0.406), device=device).view(1, 3, 1, 1)
    std = torch.tensor((0.229, 0.224, 0.225), device=device).view(1, 3, 1, 1)
    hann = torch.from_numpy(np.hanning(5)[1:-1]).to(device, torch.float32)
    kernel = torch.outer(hann, hann)[None, None]
    kernel = kernel / kernel.sum()

    def pooled(x: Any) -> Any:
        weight = kernel.expand(x.shape[1], 1, -1, -1)
        return (conv2d(x**2, weight, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()

    def stages(x: Any) -> list[Any]:
        out, start = [x], 0
        x = (x - mean) / std
        for end in _DISTS_ENDS:
            x = pooled(x) if start else x
            for module in features[start + bool(start) : end]:
                x = module(x)
            out.append(x)
            start = end
        return out

    def similar(a: Any, b: Any) -> Any:
        check_shapes(a, b)
        with torch.inference_mode():
            a, b = a.to(device, torch.float32), b.to(device, torch.float32)
            score = torch.zeros(len(a), device=device)
            for x, y, light, structure in zip(stages(a), stages(b), alphas, betas, strict=True):
                mean_x, mean_y = x.mean((2, 3)), y.mean((2, 3))
                var_x, var_y = x.var((2, 3), correction=0), y.var((2, 3), correction=0)
                both = (x * y).mean((2, 3)) - mean_x * mean_y
                s1 = (2 * mean_x * mean_y + 1e-6) / (mean_x**2 + mean_y**2 + 1e-6)
                s2 = (2 * both + 1e-6) / (var_x + var_y + 1e-6)
                score += (light * s1 + structure * s2).sum(1)
            return score.cpu() - 1

    return similar
