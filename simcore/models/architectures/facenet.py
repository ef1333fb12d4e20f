"""Inception-ResNet-v1 (Szegedy et al., arXiv 1602.07261) with the layer names of facenet-pytorch.

The facenet-pytorch package pins versions of torch and numpy that are years old, so the network is
written here; the package's files load into it.
"""

import torch
from torch import Tensor, nn

CLASSES = 8631  # people in VGGFace2


class Unit(nn.Module):
    """Convolution, batch normalization, ReLU."""

    def __init__(
        self,
        ins: int,
        outs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))


class Residual(nn.Module):
    """Parallel branches, projected to the input's width and added to it, scaled down."""

    def __init__(
        self, width: int, scale: float, *branches: nn.Module, joined: int, last: bool = False
    ) -> None:
        super().__init__()
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self.count, self.scale, self.last = len(branches), scale, last
        self.conv2d = nn.Conv2d(joined, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        branches = [getattr(self, f"branch{n}")(x) for n in range(self.count)]
        out = self.conv2d(torch.cat(branches, 1)) * self.scale + x
        return out if self.last else nn.functional.relu(out)


class Reduction(nn.Module):
    """Parallel branches and a max pooling, concatenated, at half the size."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for number, branch in enumerate((*branches, nn.MaxPool2d(3, 2))):
            self.add_module(f"branch{number}", branch)
        self.count = len(branches) + 1

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([getattr(self, f"branch{n}")(x) for n in range(self.count)], 1)


def _block35() -> Residual:
    return Residual(
        256,
        0.17,
        Unit(256, 32, 1),
        nn.Sequential(Unit(256, 32, 1), Unit(32, 32, 3, padding=1)),
        nn.Sequential(Unit(256, 32, 1), Unit(32, 32, 3, padding=1), Unit(32, 32, 3, padding=1)),
        joined=96,
    )


def _crossed(width: int, inner: int, length: int) -> nn.Sequential:
    half = length // 2
    return nn.Sequential(
        Unit(width, inner, 1),
        Unit(inner, inner, (1, length), padding=(0, half)),
        Unit(inner, inner, (length, 1), padding=(half, 0)),
    )


def _block17() -> Residual:
    return Residual(896, 0.10, Unit(896, 128, 1), _crossed(896, 128, 7), joined=256)


def _block8(*, scale: float = 0.20, last: bool = False) -> Residual:
    branches = Unit(1792, 192, 1), _crossed(1792, 192, 3)
    return Residual(1792, scale, *branches, joined=384, last=last)


class InceptionResnetV1(nn.Module):
    """(B, 3, 160, 160), (value - 127.5) / 128 -> (B, 512), length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Unit(3, 32, 3, 2)
        self.conv2d_2a = Unit(32, 32, 3)
        self.conv2d_2b = Unit(32, 64, 3, padding=1)
        self.maxpool_3a = nn.MaxPool2d(3, 2)
        self.conv2d_3b = Unit(64, 80, 1)
        self.conv2d_4a = Unit(80, 192, 3)
        self.conv2d_4b = Unit(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*[_block35() for _ in range(5)])
        self.mixed_6a = Reduction(
            Unit(256, 384, 3, 2),
            nn.Sequential(Unit(256, 192, 1), Unit(192, 192, 3, padding=1), Unit(192, 256, 3, 2)),
        )
        self.repeat_2 = nn.Sequential(*[_block17() for _ in range(10)])
        self.mixed_7a = Reduction(
            nn.Sequential(Unit(896, 256, 1), Unit(256, 384, 3, 2)),
            nn.Sequential(Unit(896, 256, 1), Unit(256, 256, 3, 2)),
            nn.Sequential(Unit(896, 256, 1), Unit(256, 256, 3, padding=1), Unit(256, 256, 3, 2)),
        )
        self.repeat_3 = nn.Sequential(*[_block8() for _ in range(5)])
        self.block8 = _block8(scale=1.0, last=True)
        self.avgpool_1a = nn.AdaptiveAvgPool2d(1)
        self.last_linear = nn.Linear(1792, 512, bias=False)
        self.last_bn = nn.BatchNorm1d(512, eps=0.001)
        self.logits = nn.Linear(512, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """The embedding; the output of `avgpool_1a` has the 1792 values before it."""
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(images)))
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(self.maxpool_3a(x))))
        x = self.repeat_2(self.mixed_6a(self.repeat_1(x)))
        x = self.block8(self.repeat_3(self.mixed_7a(x)))
        x = self.avgpool_1a(x).flatten(1)
        return nn.functional.normalize(self.last_bn(self.last_linear(x)), dim=1)
