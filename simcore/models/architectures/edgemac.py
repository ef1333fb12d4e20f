"""EdgeMAC (Radenovic, Tolias, Chum, ECCV 2018, "Deep Shape Matching"): shape from edges alone.

An edge map passes a trained contrast curve, y = w x^p / (1 + exp(-s (x - t))), then a VGG16 with
one input channel; the features are each channel's maximum. The MATLAB file's parameters are, in
order, weights and biases of 13 convolutions, and then w, p, s, t.
"""

import torch
from torch import Tensor, nn

from simcore.errors import BadDataError
from simcore.models.spec import Checkpoint, StateDict

LONG_SIDE = 227  # px
PADDING = 30  # px on every side
MIN_SIDE = 67  # px, after padding
_MIN_T = 0.01


class Contrast(nn.Module):
    """The edge filtering layer of the paper."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(10.0))
        self.p = nn.Parameter(torch.tensor(0.5))
        self.s = nn.Parameter(torch.tensor(500.0))
        self.t = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Edge strength 0..1 in and out, element by element."""
        t = self.t.clamp(min=_MIN_T)
        return self.w * x.clamp(min=0).pow(self.p) * torch.sigmoid(self.s * (x - t))


class EdgeMAC(nn.Module):
    """(B, 1, H, W) edge maps -> (B, 512), length 1."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.vgg import cfgs, make_layers

        layers = list(make_layers(cfgs["D"]))[:-1]  # VGG16 to ReLU5_3, without its classifier
        first = nn.Conv2d(1, 64, 3, padding=1)
        self.contrast = Contrast()
        self.features = nn.Sequential(first, *layers[1:])

    def forward(self, edges: Tensor) -> Tensor:
        """(B, 1, H, W) in 0..1 -> (B, 512)."""
        maps = self.features(self.contrast(edges)).float().amax((2, 3))
        return nn.functional.normalize(maps, dim=1, eps=1e-6)


def convert_state(checkpoint: Checkpoint) -> StateDict:
    """MatConvNet parameters, in their order, under EdgeMAC's names.

    Raises:
        BadDataError: another number of parameters.
    """
    with torch.device("meta"):  # only the names of the layers are needed
        features = EdgeMAC().features
    names = [
        f"features.{number}.{kind}"
        for number, layer in enumerate(features)
        if isinstance(layer, nn.Conv2d)
        for kind in ("weight", "bias")
    ]
    curve_names = [f"contrast.{name}" for name in "wpst"]
    if len(checkpoint) != len(names) + len(curve_names):
        raise BadDataError(
            f"The file has {len(checkpoint)} parameters instead of "
            f"{len(names) + len(curve_names)}: 13 convolutions and the four numbers of the edge "
            "filter. Use the EdgeMAC file."
        )
    values = list(checkpoint.values())
    convolutions = dict(zip(names, values, strict=False))
    curve = zip(curve_names, values[len(names) :], strict=True)
    return convolutions | {name: value.reshape(()) for name, value in curve}
