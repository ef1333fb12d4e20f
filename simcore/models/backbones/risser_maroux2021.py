"""The networks of risser-maroux2021, Table 1 of its annex, with the sizes printed there.

Residual networks: every stage averaged, normalized to length 1 and concatenated (the column
"concatenated size"). The others, starred in the table: one vector. The suffixes `-stages` and
`-conv5` distinguish them from what rosenfeld2018 reads at other layers. The paper does not say
which training of EfficientNet and ViT it used; timm's default ones are used here.
"""

from dataclasses import replace
from typing import Any

from simcore.models import nets, registry
from simcore.models.backbones import libraries
from simcore.models.backbones.libraries import BICUBIC, HALF, STAGES
from simcore.models.spec import BackboneSpec, LayerOutput, NetworkSpec, WeightFile
from simcore.types import Preprocessing

PAPER = "risser-maroux2021"
_FACEBOOK = "https://dl.fbaipublicfiles.com"
_TORCHVISION = "https://download.pytorch.org/models"
_NON_COMMERCIAL = "CC-BY-NC-4.0 (non-commercial)"
_IMAGENET = "BSD-3 (code); ImageNet weights"

BARLOW = WeightFile(
    "risser-maroux2021/barlow_resnet50.pth",
    url=f"{_FACEBOOK}/barlowtwins/ep1000_bs2048_lrw0.2_lrb0.0048_lambd0.0051/resnet50.pth",
)
DINO_RESNET50 = WeightFile(
    "risser-maroux2021/dino_resnet50_pretrain.pth",
    url=f"{_FACEBOOK}/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth",
)
VGGFACE2 = WeightFile(
    "risser-maroux2021/20180402-114759-vggface2.pt",
    url="https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
    "20180402-114759-vggface2.pt",
)
WSL_48 = WeightFile(
    "torchvision/ig_resnext101_32x48-3e41cc8a.pth",
    sha256="3e41cc8a",
    url=f"{_TORCHVISION}/ig_resnext101_32x48-3e41cc8a.pth",
)
_FACE_INPUT = Preprocessing((160, 160), None, "bilinear", (0.5,) * 3, (128 / 255,) * 3)
_BIT = Preprocessing(mean=HALF, std=HALF)
_VIT = Preprocessing(resize=248, interpolation="bicubic", mean=HALF, std=HALF)


def _add(
    spec: BackboneSpec,
    description: str,
    license: str,
    preprocessing: Preprocessing = Preprocessing(),
    row: str = "",
) -> None:
    """Register a network; `row` is its name in the paper if it is another one here."""
    registry.add(
        replace(
            spec,
            preprocessing=preprocessing,
            groups=(PAPER,),
            license=license,
            paper=PAPER,
            description=description,
            paper_rows=((PAPER, row or spec.name),),
        )
    )


def headless_resnet50(outputs: tuple[LayerOutput, ...]) -> NetworkSpec:
    """torchvision's ResNet50 without a classifier, as self-supervised training uses it."""

    def build() -> Any:
        import torch
        from torchvision.models import resnet50

        net = resnet50(weights=None)
        net.fc = torch.nn.Identity()
        return net

    return NetworkSpec(build, outputs)


def _build_resnext101_32x48d() -> Any:
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=48)


def _build_facenet() -> Any:
    from simcore.models.architectures.facenet import InceptionResnetV1

    return InceptionResnetV1()


_add(
    nets.backbone_spec("barlow", 3840, headless_resnet50(STAGES), BARLOW, n_parameters=23_508_032),
    "ResNet50 with BarlowTwins, self-supervised.",
    "MIT",
)
for _name, _model, _dim, _n_parameters in (
    ("deits16", "vit_small_patch16_224.dino", 384, 21_665_664),
    ("deits8", "vit_small_patch8_224.dino", 384, 21_670_272),
    ("dino_vitb16", "vit_base_patch16_224.dino", 768, 85_798_656),
    ("dino_vitb8", "vit_base_patch8_224.dino", 768, 85_807_872),
):
    _add(
        libraries.timm_backbone(_name, _model, _dim, _n_parameters),
        "DINO vision transformer, self-supervised.",
        "Apache-2.0",
        BICUBIC,
    )
_add(
    nets.backbone_spec(
        "dino_resnet50", 3840, headless_resnet50(STAGES), DINO_RESNET50, n_parameters=23_508_032
    ),
    "DINO, ResNet50, self-supervised.",
    "Apache-2.0",
    BICUBIC,
)
_add(
    nets.backbone_spec(
        "facenet",
        1792,
        NetworkSpec(_build_facenet, (LayerOutput("avgpool_1a"),)),
        VGGFACE2,
        n_parameters=27_910_327,
    ),
    "FaceNet (VGGFace2) of the whole image.",
    "MIT (code)",
    _FACE_INPUT,
)
_add(
    libraries.torchvision_backbone(
        "alexnet-conv5",
        "alexnet",
        256,
        61_100_840,
        f"{_TORCHVISION}/alexnet-owt-7be5be79.pth",
        (LayerOutput("features"),),
    ),
    "AlexNet, the mean of its last maps.",
    _IMAGENET,
    row="alexnet",
)
for _name, _dim, _digest, _n_parameters in (
    ("resnet18", 960, "f37072fd", 11_689_512),
    ("resnet34", 960, "b627a593", 21_797_672),
    ("resnet50", 3840, "0676ba61", 25_557_032),
    ("resnet101", 3840, "63fe2227", 44_549_160),
    ("resnet152", 3840, "394f9c45", 60_192_808),
):
    _add(
        libraries.torchvision_backbone(
            f"{_name}-stages",
            _name,
            _dim,
            _n_parameters,
            f"{_TORCHVISION}/{_name}-{_digest}.pth",
            STAGES,
        ),
        f"{_name}, ImageNet classification, four stages.",
        _IMAGENET,
        row=_name,
    )
for _number, _tag, _dim, _n_parameters in (
    (0, "ra_in1k", 1280, 5_288_548),
    (1, "ft_in1k", 1280, 7_794_184),
    (2, "ra_in1k", 1408, 9_109_994),
    (3, "ra2_in1k", 1536, 12_233_232),
):
    _name = f"efficientnet_b{_number}"
    _add(
        libraries.timm_backbone(_name, f"{_name}.{_tag}", _dim, _n_parameters),
        "EfficientNet, ImageNet classification.",
        "Apache-2.0",
        BICUBIC,
    )
_add(
    libraries.timm_backbone("ViT", "vit_base_patch16_224.augreg_in21k_ft_in1k", 768, 86_567_656),
    "Vision transformer B/16, ImageNet classification.",
    "Apache-2.0",
    _VIT,
)
for _name, _dim, _n_parameters in (
    ("50x1", 3840, 68_256_659),
    ("50x3", 11520, 345_399_315),
    ("101x1", 3840, 87_248_787),
    ("101x3", 11520, 516_015_123),
    ("152x2", 7680, 321_728_979),
    ("152x4", 15360, 1_107_299_923),
):
    _add(
        libraries.timm_backbone(
            f"BIT-M-R{_name}",
            f"resnetv2_{_name}_bit.goog_in21k",
            _dim,
            _n_parameters,
            tuple(LayerOutput(f"stages.{stage}") for stage in range(4)),
        ),
        "Big Transfer, ImageNet-21k.",
        "Apache-2.0",
        _BIT,
    )
for _name, _training, _n_parameters in (
    ("resnet50_ssl", "fb_ssl_yfcc100m_ft_in1k", 25_557_032),
    ("resnext101_32x8d_ssl", "fb_ssl_yfcc100m_ft_in1k", 88_791_336),
    ("resnet50_swsl", "fb_swsl_ig1b_ft_in1k", 25_557_032),
    ("resnext101_32x8d_swsl", "fb_swsl_ig1b_ft_in1k", 88_791_336),
    ("resnext101_32x16d_swsl", "fb_swsl_ig1b_ft_in1k", 194_026_792),
    ("resnext101_32x8d_wsl", "fb_wsl_ig1b_ft_in1k", 88_791_336),
    ("resnext101_32x16d_wsl", "fb_wsl_ig1b_ft_in1k", 194_026_792),
    ("resnext101_32x32d_wsl", "fb_wsl_ig1b_ft_in1k", 468_530_472),
):
    _model = f"{_name.rpartition('_')[0]}.{_training}"
    _add(
        libraries.timm_backbone(_name, _model, 3840, _n_parameters, STAGES),
        "Semi- or weakly supervised on a billion pictures.",
        _NON_COMMERCIAL,
    )
_add(
    nets.backbone_spec(
        "resnext101_32x48d_wsl",
        3840,
        NetworkSpec(_build_resnext101_32x48d, STAGES),
        WSL_48,
        n_parameters=828_411_176,
    ),
    "Weakly supervised on a billion pictures.",
    _NON_COMMERCIAL,
)
for _name, _row, _model, _hub, _dim, _n_parameters, _size in (
    ("clip_rn50", "clip_rm50", "RN50", "resnet50_clip", 4864, 102_007_137, 224),
    ("clip_rn101", "clip_rm101", "RN101", "resnet101_clip", 4352, 119_688_033, 224),
    ("clip_rn50x4", "clip_rm50x4", "RN50x4", "resnet50x4_clip", 5440, 178_300_601, 288),
):
    _add(
        libraries.open_clip_backbone(
            _name,
            _model,
            "openai",
            f"timm/{_hub}.openai",
            _dim,
            _n_parameters,
            outputs=(*STAGES, LayerOutput()),
        ),
        "CLIP (OpenAI), trained with captions.",
        "MIT",
        libraries.clip_preprocessing(_size),
        row=_row,
    )
_add(
    libraries.open_clip_backbone(
        "clip_vit32_b",
        "ViT-B-32-quickgelu",
        "openai",
        "timm/vit_base_patch32_clip_224.openai",
        768,
        151_277_313,
        outputs=(LayerOutput("ln_post", "cls"),),
    ),
    "CLIP (OpenAI), trained with captions.",
    "MIT",
    libraries.clip_preprocessing(224),
)
