"""The hyper-parameters of margaritescu2024, Table B.1, as printed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from simcore.training.finetune.paradigms import SUPERVISED, Paradigm


class Preset(NamedTuple):
    """Learning rate of Adam, epochs, and examples per step."""

    learning_rate: float
    epochs: int
    batch_size: int


_SUPERVISED = {  # network -> preset of triplet, contrastive and quadruplet
    "resnet50": Preset(1e-4, 20, 64),
    "efficientnetv2-m": Preset(1e-4, 20, 64),
    "vit-b-16": Preset(1e-6, 30, 32),
    "alexnet": Preset(1e-4, 20, 64),
    "clip-vit-b-16": Preset(1e-5, 25, 32),
    "clip-resnet50": Preset(1e-4, 20, 64),
    "dino-vit-b-16": Preset(1e-6, 25, 32),
    "dino-resnet50": Preset(1e-4, 20, 64),
}
_SELF_SUPERVISED = {  # network -> presets of SimCLR, MoCo, rotation, jigsaw
    "resnet50": ((1e-4, 25, 64), (1e-4, 25, 32), (1e-4, 25, 32), (1e-4, 25, 32)),
    "efficientnetv2-m": ((1e-4, 25, 64), (1e-4, 25, 32), (1e-3, 25, 16), (1e-4, 25, 16)),
    "vit-b-16": ((1e-5, 30, 64), (1e-5, 30, 16), (1e-5, 30, 32), (1e-5, 20, 32)),
    "alexnet": ((1e-3, 30, 32), (1e-3, 30, 64), (1e-3, 30, 32), (1e-3, 30, 32)),
    "clip-vit-b-16": ((1e-5, 30, 64), (1e-5, 30, 32), (1e-5, 30, 32), (1e-5, 30, 32)),
    "clip-resnet50": ((1e-4, 25, 64), (1e-4, 25, 32), (1e-4, 25, 32), (1e-4, 25, 32)),
    "dino-vit-b-16": ((1e-5, 30, 64), (1e-5, 30, 32), (1e-5, 30, 32), (1e-5, 30, 32)),
    "dino-resnet50": ((1e-4, 25, 64), (1e-4, 25, 32), (1e-4, 25, 32), (1e-4, 25, 32)),
}
_ORDER: tuple[Paradigm, ...] = ("simclr", "moco", "rotation", "jigsaw")


def printed_preset(network: str, paradigm: Paradigm) -> Preset:
    """The preset that Table B.1 has for one of its networks.

    >>> printed_preset("efficientnetv2-m", "rotation")
    Preset(learning_rate=0.001, epochs=25, batch_size=16)
    """
    if paradigm in SUPERVISED:
        return _SUPERVISED[network]
    return Preset(*_SELF_SUPERVISED[network][_ORDER.index(paradigm)])


# Backbones of the thesis -> their rows.
PRINTED_BACKBONES = {
    "ResNet-50_BASE": "resnet50",
    "EfficientNetV2-M_BASE": "efficientnetv2-m",
    "ViT-B-16_BASE": "vit-b-16",
    "AlexNet_BASE": "alexnet",
    "CLIP_ViT-B-16_BASE": "clip-vit-b-16",
    "CLIP_ResNet-50_BASE": "clip-resnet50",
    "DINO_ViT-B-16_BASE": "dino-vit-b-16",
    "DINO_ResNet-50_BASE": "dino-resnet50",
}
Architecture = Literal["transformer", "resnet", "alexnet", "other"]
_PRETRAINING = {  # row prefix -> parts of names of networks and weight files
    "clip-": ("clip", "siglip", "eva02", "quickgelu"),
    "dino-": ("dino", "ibot"),
}
_ATTENTION = re.compile(r"Attention(Rope)?$")  # classes of torch, torchvision, timm and open_clip
_RESIDUAL_BLOCK = re.compile(r"Bottleneck|BasicBlock|ResNet")


@dataclass(frozen=True)
class PresetSource:
    """The row of Table B.1 that a backbone's presets come from.

    Attributes:
        network: the row. is_printed: whether the thesis has the row for this very network.
    """

    network: str
    is_printed: bool

    @property
    def note(self) -> str:
        """One sentence for users."""
        if self.is_printed:
            return f"Learning rate, epochs and batch size: {self.network} in Table B.1."
        return (
            "Table B.1 has no row for this network; learning rate, epochs and batch size are those "
            f"of {self.network}, the nearest architecture (our choice)."
        )


def architecture(module: Any) -> Architecture:
    """What a network is made of, by the classes of its modules; weights are not read."""
    module = getattr(module, "visual", module)  # CLIP: the tower of images
    names = [type(part).__name__ for part in module.modules()]
    if sum(bool(_ATTENTION.search(name)) for name in names) > 1:
        return "transformer"
    if any(_RESIDUAL_BLOCK.search(name) for name in names):
        return "resnet"
    # AlexNet and its likes: a few plain convolutions without normalization.
    kinds = {"conv": names.count("Conv2d"), "norm": sum("Norm" in name for name in names)}
    return "alexnet" if 0 < kinds["conv"] <= 5 and not kinds["norm"] else "other"


def nearest_row(kind: Architecture, names: Iterable[str]) -> str:
    """The row of Table B.1 of the same architecture and kind of pre-training.

    Args:
        names: of the backbone and its weight files.

    >>> nearest_row("transformer", ["siglip2-base"]), nearest_row("transformer", ["deit"])
    ('clip-vit-b-16', 'vit-b-16')
    """
    text = " ".join(names).lower()
    prefix = next(
        (prefix for prefix, parts in _PRETRAINING.items() if any(part in text for part in parts)),
        "",
    )
    if kind == "transformer":
        return f"{prefix}vit-b-16"
    if prefix or kind == "resnet":
        return f"{prefix}resnet50"
    return "alexnet" if kind == "alexnet" else "efficientnetv2-m"
