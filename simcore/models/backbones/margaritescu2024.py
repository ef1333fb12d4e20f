"""The eleven feature extractors of margaritescu2024, Table 3.1, under the names printed there.

All pictures are squashed to 224 x 224, except for the wider CLIP ResNets: their last pooling has
one vector a place and fits one size only (288, 384, 448), so that the thesis' 224 cannot be meant
for them.
"""

from typing import Any

from simcore.models.backbones import libraries
from simcore.models.backbones.risser_maroux2021 import DINO_RESNET50, headless
from simcore.models.spec import LayerOutput
from simcore.types import Preprocessing

PAPER = "margaritescu2024"
_TV = "https://download.pytorch.org/models"
_SQUASH = Preprocessing((224, 224), None)
_IMAGENET = "BSD-3 (code); ImageNet weights"


def _told(row: str, about: str, license: str, prepare: Preprocessing = _SQUASH) -> dict[str, Any]:
    return {
        "prepare": prepare,
        "groups": (PAPER,),
        "license": license,
        "paper": PAPER,
        "about": about,
        "rows": ((PAPER, row),),
    }


def _clip(size: int) -> Preprocessing:
    return Preprocessing((size, size), None, "bicubic", libraries.CLIP_MEAN, libraries.CLIP_STD)


for _name, _model, _dim, _params, _file, _layer in (
    ("ResNet-50_BASE", "resnet50", 2048, 25_557_032, "resnet50-0676ba61", "avgpool"),
    (
        "EfficientNetV2-M_BASE",
        "efficientnet_v2_m",
        1280,
        54_139_356,
        "efficientnet_v2_m-dc08266a",
        "avgpool",
    ),
    ("ViT-B-16_BASE", "vit_b_16", 768, 86_567_656, "vit_b_16-c867db91", "^heads"),
    ("AlexNet_BASE", "alexnet", 4096, 61_100_840, "alexnet-owt-7be5be79", "^classifier.6"),
):
    libraries.torchvision(
        _name,
        _model,
        _dim,
        _params,
        f"{_TV}/{_file}.pth",
        (LayerOutput(_layer),),
        **_told(_name, f"torchvision's {_model}, ImageNet classification.", _IMAGENET),
    )
for _name, _model, _hub, _dim, _params, _size in (
    (
        "CLIP_ViT-B-16_BASE",
        "ViT-B-16-quickgelu",
        "vit_base_patch16_clip_224",
        512,
        149_620_737,
        224,
    ),
    ("CLIP_ResNet-50_BASE", "RN50", "resnet50_clip", 1024, 102_007_137, 224),
    ("CLIP_ResNet-50x4", "RN50x4", "resnet50x4_clip", 640, 178_300_601, 288),
    ("CLIP_ResNet-50x16", "RN50x16", "resnet50x16_clip", 768, 290_979_217, 384),
    ("CLIP_ResNet-50x64", "RN50x64", "resnet50x64_clip", 1024, 623_258_305, 448),
):
    libraries.open_clip(
        _name,
        _model,
        "openai",
        f"timm/{_hub}.openai",
        _dim,
        _params,
        **_told(_name, f"CLIP (OpenAI) {_model}.", "MIT", _clip(_size)),
    )
libraries.timm(
    "DINO_ViT-B-16_BASE",
    "vit_base_patch16_224.dino",
    768,
    85_798_656,
    **_told("DINO_ViT-B-16_BASE", "DINO vision transformer, self-supervised.", "Apache-2.0"),
)
libraries.add(
    "DINO_ResNet-50_BASE",
    2048,
    23_508_032,
    headless((LayerOutput("avgpool"),)),
    DINO_RESNET50,
    **_told("DINO_ResNet-50_BASE", "DINO, ResNet50, self-supervised.", "Apache-2.0"),
)
