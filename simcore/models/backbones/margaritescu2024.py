"""The eleven feature extractors of margaritescu2024, Table 3.1, under the names printed there.

All images are squashed to 224 x 224, except for the wider CLIP ResNets: their last pooling has one
vector per position and fits one size only (288, 384, 448), so the thesis' 224 cannot apply to them.
"""

from dataclasses import replace

from simcore.models import nets, registry
from simcore.models.backbones import libraries
from simcore.models.backbones.risser_maroux2021 import DINO_RESNET50, headless_resnet50
from simcore.models.spec import BackboneSpec, LayerOutput
from simcore.types import Preprocessing

PAPER = "margaritescu2024"
_URL = "https://download.pytorch.org/models"
_SQUASH = Preprocessing((224, 224), None)


def _add(
    spec: BackboneSpec, description: str, license: str, preprocessing: Preprocessing = _SQUASH
) -> None:
    registry.add(
        replace(
            spec,
            preprocessing=preprocessing,
            groups=(PAPER,),
            license=license,
            paper=PAPER,
            description=description,
            paper_rows=((PAPER, spec.name),),
        )
    )


for _name, _model, _dim, _n_parameters, _file, _layer in (
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
    _add(
        libraries.torchvision_backbone(
            _name, _model, _dim, _n_parameters, f"{_URL}/{_file}.pth", (LayerOutput(_layer),)
        ),
        f"torchvision's {_model}, ImageNet classification.",
        "BSD-3 (code); ImageNet weights",
    )
for _name, _model, _hub, _dim, _n_parameters, _size in (
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
    _add(
        libraries.open_clip_backbone(
            _name, _model, "openai", f"timm/{_hub}.openai", _dim, _n_parameters
        ),
        f"CLIP (OpenAI) {_model}.",
        "MIT",
        Preprocessing((_size, _size), None, "bicubic", libraries.CLIP_MEAN, libraries.CLIP_STD),
    )
_add(
    libraries.timm_backbone("DINO_ViT-B-16_BASE", "vit_base_patch16_224.dino", 768, 85_798_656),
    "DINO vision transformer, self-supervised.",
    "Apache-2.0",
)
_add(
    nets.backbone_spec(
        "DINO_ResNet-50_BASE",
        2048,
        headless_resnet50((LayerOutput("avgpool"),)),
        DINO_RESNET50,
        n_parameters=23_508_032,
    ),
    "DINO, ResNet50, self-supervised.",
    "Apache-2.0",
)
