"""DISTS (Ding et al. 2020): structure and texture similarity of VGG16 feature maps."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from simcore.errors import BadDataError
from simcore.models import state_dicts, weights
from simcore.models.distances import lpips
from simcore.models.distances.ssim import PairSimilarity, check_shapes
from simcore.models.spec import WeightFile

DISTS_FILE = WeightFile(
    "dists-weights.pt",
    "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
    12_288,
    pip_project="DISTS-pytorch==0.1",
    pip_member="DISTS_pytorch/weights.pt",
)
_STAGE_ENDS = (4, 9, 16, 23, 30)  # in VGG16's `features`; each but the first begins with a pooling
_CHANNELS = (3, 64, 128, 256, 512, 512)  # of the image and the five stages
_EPSILON = 1e-6


def load(
    *, device: str = "cpu", trunk: Any = None, state: dict[str, Any] | None = None
) -> PairSimilarity:
    """DISTS, negated: 0 for equal images.

    Args:
        trunk: torchvision's vgg16 `features`, for tests; by default the pretrained one.
        state: alpha and beta, for tests; by default the published ones.

    Raises:
        MissingWeightsError: VGG16 or the DISTS weights are not on this machine.
        BadDataError: weights of another shape.
    """
    import torch

    features = trunk if trunk is not None else lpips.load_trunk(lpips.NETS["vgg"])
    alphas, betas = _read_weights(state, device)
    stages = _Stages(features.eval().to(device), device)

    def compare(a: Any, b: Any) -> Any:
        check_shapes(a, b)
        with torch.inference_mode():
            a, b = a.to(device, torch.float32), b.to(device, torch.float32)
            score = torch.zeros(len(a), device=device)
            for x, y, alpha, beta in zip(stages(a), stages(b), alphas, betas, strict=True):
                texture, structure = _similarities(x, y)
                score += (alpha * texture + beta * structure).sum(1)
            return score.cpu() - 1

    return compare


def _read_weights(state: dict[str, Any] | None, device: str) -> tuple[Any, Any]:
    """alpha and beta of each stage, scaled so that all of them sum to 1."""
    if state is None:
        state = state_dicts.tensors(state_dicts.read(weights.path(DISTS_FILE)))
    names, size = ("alpha", "beta"), sum(_CHANNELS)
    if any(name not in state or state[name].numel() != size for name in names):
        raise BadDataError(f"{DISTS_FILE.file} has no DISTS weights. Fetch it again.")
    alpha, beta = (state[name].detach().flatten().to(device) for name in names)
    total = alpha.sum() + beta.sum()
    return (alpha / total).split(_CHANNELS), (beta / total).split(_CHANNELS)


@dataclass(frozen=True, eq=False)
class _Stages:
    """The image and the five stages of a VGG16 whose pooling is an L2 norm under a Hann window."""

    features: Any
    device: str

    def __call__(self, images: Any) -> list[Any]:
        import torch

        mean = torch.tensor((0.485, 0.456, 0.406), device=self.device).view(1, 3, 1, 1)
        std = torch.tensor((0.229, 0.224, 0.225), device=self.device).view(1, 3, 1, 1)
        kernel = self._hann_kernel()
        outputs, start = [images], 0
        x = (images - mean) / std
        for end in _STAGE_ENDS:
            x = _l2_pool(x, kernel) if start else x
            for module in self.features[start + bool(start) : end]:  # without its max pooling
                x = module(x)
            outputs.append(x)
            start = end
        return outputs

    def _hann_kernel(self) -> Any:
        import torch

        hann = torch.from_numpy(np.hanning(5)[1:-1]).to(self.device, torch.float32)
        kernel = torch.outer(hann, hann)[None, None]
        return kernel / kernel.sum()


def _l2_pool(x: Any, kernel: Any) -> Any:
    """(B, C, H, W) -> (B, C, H / 2, W / 2)."""
    from torch.nn.functional import conv2d

    weight = kernel.expand(x.shape[1], 1, -1, -1)
    return (conv2d(x**2, weight, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


def _similarities(x: Any, y: Any) -> tuple[Any, Any]:
    """(B, C) similarity of texture (channel means) and of structure (covariance)."""
    mean_x, mean_y = x.mean((2, 3)), y.mean((2, 3))
    var_x, var_y = x.var((2, 3), correction=0), y.var((2, 3), correction=0)
    covariance = (x * y).mean((2, 3)) - mean_x * mean_y
    texture = (2 * mean_x * mean_y + _EPSILON) / (mean_x**2 + mean_y**2 + _EPSILON)
    structure = (2 * covariance + _EPSILON) / (var_x + var_y + _EPSILON)
    return texture, structure
