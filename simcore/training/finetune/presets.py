"""The hyper-parameters of margaritescu2024, Table B.1, as printed."""

from typing import NamedTuple

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


def network_for(backbone: str) -> str:
    """The network of Table B.1 that is most like a backbone: the same, or one of its family.

    >>> network_for("timm:vit_base_patch16_224.dino"), network_for("mobilenetv2")
    ('dino-vit-b-16', 'efficientnetv2-m')
    """
    name = backbone.lower()
    clip = name.startswith("open_clip:") or "clip" in name
    pretraining = "clip-" if clip else "dino-" if "dino" in name else ""
    if "vit" in name:
        return f"{pretraining}vit-b-16"
    if pretraining or "resnet" in name or name.startswith("clip-rn"):
        return f"{pretraining}resnet50"
    return "alexnet" if "alexnet" in name else "efficientnetv2-m"
