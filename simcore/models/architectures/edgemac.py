"""EdgeMAC (Radenovic, Tolias, Chum, ECCV 2018, "Deep Shape Matching"): shape by its edges alone.

An edge map goes through a trained contrast curve, y = w x^p / (1 + exp(-s (x - t))), then through
a VGG16 with one input channel, and each channel's maximum is kept. The MATLAB file's parameters
are, in order, 13 convolutions' weights and biases and then w, p, s, t.
"""

from typing import Any

import torch
from torch import Tensor, nn

from simcore.errors import BadDataError

SIDE = 227  # the long side
PAD = 30
LEAST = 67  # the short side after padding
_FLOOR = 0.01  # t never falls below


class Contrast(nn.Module):
    """What the authors call the edge filtering layer."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(10.0))
        self.p = nn.Parameter(torch.tensor(0.5))
        self.s = nn.Parameter(torch.tensor(500.0))
        self.t = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Edge strength 0..1 in and out, element by element."""
        t = self.t.clamp(min=_FLOOR)
        return self.w * x.clamp(min=0).pow(self.p) * torch.sigmoid(self.s * (x - t))


class EdgeMAC(nn.Module):
    """(B, 1, H, W) edge maps -> (B, 512), length 1."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import vgg16

        layers = list(vgg16(weights=None).features)[:-1]  # to ReLU5_3
        first = nn.Conv2d(1, 64, 3, padding=1)
        self.contrast = Contrast()
        self.features = nn.Sequential(first, *layers[1:])

    def forward(self, edges: Tensor) -> Tensor:
        """(B, 1, H, W) in 0..1 -> (B, 512)."""
        maps = self.features(self.contrast(edges)).float().amax((2, 3))
        return nn.functional.normalize(maps, dim=1, eps=1e-6)


def state(found: dict[str, Any]) -> dict[str, Any]:
    """MatConvNet parameters, in their order, under EdgeMAC's names.

    Raises:
        BadDataError: another number of them.
    """
    names = [
        f"features.{number}.{kind}"
        for number, layer in enumerate(EdgeMAC().features)
        if isinstance(layer, nn.Conv2d)
        for kind in ("weight", "bias")
    ]
    curve = [f"contrast.{name}" for name in "wpst"]
    if len(found) != len(names) + len(curve):
        raise BadDataError(
            f"found {len(found)} parameters; expected {len(names) + len(curve)}: 13 convolutions "
            "and the four numbers of the edge filter; take the EdgeMAC file"
        )
    values = list(found.values())
    convolutions = dict(zip(names, values, strict=False))
    filtering = {name: v.reshape(()) for name, v in zip(curve, values[len(names) :], strict=True)}
    return convolutions | filtering
