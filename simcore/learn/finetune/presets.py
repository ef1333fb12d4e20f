"""The hyper-parameters of margaritescu2024, Table B.1, as printed: (rate, epochs, batch)."""

from simcore.learn.finetune.paradigms import SUPERVISED, Paradigm

Preset = tuple[float, int, int]

_NETS = (
    "resnet50",
    "efficientnetv2-m",
    "vit-b-16",
    "alexnet",
    "clip-vit-b-16",
    "clip-resnet50",
    "dino-vit-b-16",
    "dino-resnet50",
)
_SUPERVISED: dict[str, Preset] = dict(
    zip(
        _NETS,
        (
            (1e-4, 20, 64),
            (1e-4, 20, 64),
            (1e-6, 30, 32),
            (1e-4, 20, 64),
            (1e-5, 25, 32),
            (1e-4, 20, 64),
            (1e-6, 25, 32),
            (1e-4, 20, 64),
        ),
        strict=True,
    )
)
_SELF: dict[str, tuple[Preset, Preset, Preset, Preset]] = {  # SimCLR, MoCo, rotation, jigsaw
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


def of(net: str, paradigm: Paradigm) -> Preset:
    """The row of Table B.1 for one of its networks.

    >>> of("efficientnetv2-m", "rotation")
    (0.001, 25, 16)
    """
    return _SUPERVISED[net] if paradigm in SUPERVISED else _SELF[net][_ORDER.index(paradigm)]


def preset_for(backbone: str) -> str:
    """The network of Table B.1 whose row suits a backbone: its own, else the kind it is of.

    >>> nearest("timm:vit_base_patch16_224.dino"), nearest("mobilenetv2")
    ('dino-vit-b-16', 'efficientnetv2-m')
    """
    name = backbone.lower()
    clip = name.startswith("open_clip:") or "clip" in name
    owner = "clip-" if clip else "dino-" if "dino" in name else ""
    if "vit" in name:
        return f"{owner}vit-b-16"
    if owner or "resnet" in name or name.startswith("clip-rn"):
        return f"{owner}resnet50"
    return "alexnet" if "alexnet" in name else "efficientnetv2-m"
