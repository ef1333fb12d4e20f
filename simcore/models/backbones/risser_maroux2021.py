"""The networks of risser-maroux2021, Table 1 of its annex, with the sizes printed there.

Residual networks: every stage averaged, brought to length 1, put side by side (the column
"concatenated size"). The others, starred in the table, one vector. `-stages` and `alexnet-conv5`
set apart what rosenfeld2018 reads at other layers. The paper leaves open which training of
EfficientNet and of ViT it took; timm's plain ones stand here.
"""

from typing import Any

from simcore.models.backbones import libraries
from simcore.models.backbones.libraries import (
    BICUBIC,
    HALF,
    STAGES,
    torchvision_file,
    torchvision_net,
)
from simcore.models.spec import LayerOutput, NetworkSpec, WeightFile
from simcore.types import Preprocessing

PAPER = "risser-maroux2021"
_FB = "https://dl.fbaipublicfiles.com"
_TV = "https://download.pytorch.org/models"
_NC = "CC-BY-NC-4.0 (non-commercial)"
_IMAGENET = "BSD-3 (code); ImageNet weights"


def _told(row: str, about: str, license: str, prepare: Preprocessing) -> dict[str, Any]:
    return {
        "prepare": prepare,
        "groups": (PAPER,),
        "license": license,
        "paper": PAPER,
        "about": about,
        "rows": ((PAPER, row),),
    }


def _headless_resnet50() -> Any:
    import torch
    from torchvision.models import resnet50

    net = resnet50(weights=None)
    net.fc = torch.nn.Identity()
    return net


def headless(layers: tuple[LayerOutput, ...]) -> NetworkSpec:
    """torchvision's ResNet50 without a classifier, as self-supervised training leaves it."""
    return NetworkSpec(_headless_resnet50, layers)


def _wide_resnext() -> Any:
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=48)


def _facenet() -> Any:
    from simcore.models.architectures.facenet import InceptionResnetV1

    return InceptionResnetV1()


BARLOW = WeightFile(
    "risser-maroux2021/barlow_resnet50.pth",
    url=f"{_FB}/barlowtwins/ep1000_bs2048_lrw0.2_lrb0.0048_lambd0.0051/resnet50.pth",
)
DINO_RESNET50 = WeightFile(
    "risser-maroux2021/dino_resnet50_pretrain.pth",
    url=f"{_FB}/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth",
)
VGGFACE2 = WeightFile(
    "risser-maroux2021/20180402-114759-vggface2.pt",
    url="https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
    "20180402-114759-vggface2.pt",
)
FACE_INPUT = Preprocessing((160, 160), None, "bilinear", (0.5,) * 3, (128 / 255,) * 3)
WSL_48 = WeightFile(
    "torchvision/ig_resnext101_32x48-3e41cc8a.pth",
    sha256="3e41cc8a",
    url=f"{_TV}/ig_resnext101_32x48-3e41cc8a.pth",
)
_CROP = Preprocessing()
_DINO = Preprocessing(resize=256, interpolation="bicubic")
_BIT = Preprocessing(mean=HALF, std=HALF)
_VIT = Preprocessing(resize=248, interpolation="bicubic", mean=HALF, std=HALF)

libraries.add(
    "barlow",
    3840,
    23_508_032,
    headless(STAGES),
    BARLOW,
    **_told("barlow", "Barlow Twins, ResNet50, self-supervised.", "MIT", _CROP),
)
for _name, _model, _dim, _params in (
    ("deits16", "vit_small_patch16_224.dino", 384, 21_665_664),
    ("deits8", "vit_small_patch8_224.dino", 384, 21_670_272),
    ("dino_vitb16", "vit_base_patch16_224.dino", 768, 85_798_656),
    ("dino_vitb8", "vit_base_patch8_224.dino", 768, 85_807_872),
):
    libraries.timm(
        _name,
        _model,
        _dim,
        _params,
        **_told(_name, "DINO vision transformer, self-supervised.", "Apache-2.0", _DINO),
    )
libraries.add(
    "dino_resnet50",
    3840,
    23_508_032,
    headless(STAGES),
    DINO_RESNET50,
    **_told("dino_resnet50", "DINO, ResNet50, self-supervised.", "Apache-2.0", _DINO),
)
libraries.add(
    "facenet",
    1792,
    27_910_327,
    NetworkSpec(_facenet, (LayerOutput("avgpool_1a"),)),
    VGGFACE2,
    **_told("facenet", "FaceNet (VGGFace2) of the whole image.", "MIT (code)", FACE_INPUT),
)
libraries.add(
    "alexnet-conv5",
    256,
    61_100_840,
    torchvision_net("alexnet", (LayerOutput("features"),)),
    torchvision_file(f"{_TV}/alexnet-owt-7be5be79.pth"),
    **_told("alexnet", "AlexNet, the mean of its last maps.", _IMAGENET, _CROP),
)
for _name, _dim, _digest, _params in (
    ("resnet18", 960, "f37072fd", 11_689_512),
    ("resnet34", 960, "b627a593", 21_797_672),
    ("resnet50", 3840, "0676ba61", 25_557_032),
    ("resnet101", 3840, "63fe2227", 44_549_160),
    ("resnet152", 3840, "394f9c45", 60_192_808),
):
    libraries.torchvision(
        f"{_name}-stages",
        _name,
        _dim,
        _params,
        f"{_TV}/{_name}-{_digest}.pth",
        STAGES,
        **_told(_name, f"{_name}, ImageNet classification, four stages.", _IMAGENET, _CROP),
    )
for _number, _tag, _dim, _params in (
    (0, "ra_in1k", 1280, 5_288_548),
    (1, "ft_in1k", 1280, 7_794_184),
    (2, "ra_in1k", 1408, 9_109_994),
    (3, "ra2_in1k", 1536, 12_233_232),
):
    _name = f"efficientnet_b{_number}"
    libraries.timm(
        _name,
        f"{_name}.{_tag}",
        _dim,
        _params,
        **_told(_name, "EfficientNet, ImageNet classification.", "Apache-2.0", BICUBIC),
    )
libraries.timm(
    "ViT",
    "vit_base_patch16_224.augreg_in21k_ft_in1k",
    768,
    86_567_656,
    **_told("ViT", "Vision transformer B/16, ImageNet classification.", "Apache-2.0", _VIT),
)
for _name, _dim, _params in (
    ("50x1", 3840, 68_256_659),
    ("50x3", 11520, 345_399_315),
    ("101x1", 3840, 87_248_787),
    ("101x3", 11520, 516_015_123),
    ("152x2", 7680, 321_728_979),
    ("152x4", 15360, 1_107_299_923),
):
    libraries.timm(
        f"BIT-M-R{_name}",
        f"resnetv2_{_name}_bit.goog_in21k",
        _dim,
        _params,
        tuple(LayerOutput(f"stages.{stage}") for stage in range(4)),
        **_told(f"BIT-M-R{_name}", "Big Transfer, ImageNet-21k.", "Apache-2.0", _BIT),
    )
for _name, _training, _params in (
    ("resnet50_ssl", "fb_ssl_yfcc100m_ft_in1k", 25_557_032),
    ("resnext101_32x8d_ssl", "fb_ssl_yfcc100m_ft_in1k", 88_791_336),
    ("resnet50_swsl", "fb_swsl_ig1b_ft_in1k", 25_557_032),
    ("resnext101_32x8d_swsl", "fb_swsl_ig1b_ft_in1k", 88_791_336),
    ("resnext101_32x16d_swsl", "fb_swsl_ig1b_ft_in1k", 194_026_792),
    ("resnext101_32x8d_wsl", "fb_wsl_ig1b_ft_in1k", 88_791_336),
    ("resnext101_32x16d_wsl", "fb_wsl_ig1b_ft_in1k", 194_026_792),
    ("resnext101_32x32d_wsl", "fb_wsl_ig1b_ft_in1k", 468_530_472),
):
    libraries.timm(
        _name,
        f"{_name.rpartition('_')[0]}.{_training}",
        3840,
        _params,
        STAGES,
        **_told(_name, "Semi- or weakly supervised on a billion pictures.", _NC, _CROP),
    )
libraries.add(
    "resnext101_32x48d_wsl",
    3840,
    828_411_176,
    NetworkSpec(_wide_resnext, STAGES),
    WSL_48,
    **_told("resnext101_32x48d_wsl", "Weakly supervised on a billion pictures.", _NC, _CROP),
)
for _name, _row, _model, _hub, _dim, _params, _size, _layers in (
    (
        "clip_rn50",
        "clip_rm50",
        "RN50",
        "resnet50_clip",
        4864,
        102_007_137,
        224,
        (*STAGES, LayerOutput()),
    ),
    (
        "clip_rn101",
        "clip_rm101",
        "RN101",
        "resnet101_clip",
        4352,
        119_688_033,
        224,
        (*STAGES, LayerOutput()),
    ),
    (
        "clip_rn50x4",
        "clip_rm50x4",
        "RN50x4",
        "resnet50x4_clip",
        5440,
        178_300_601,
        288,
        (*STAGES, LayerOutput()),
    ),
    (
        "clip_vit32_b",
        "clip_vit32_b",
        "ViT-B-32-quickgelu",
        "vit_base_patch32_clip_224",
        768,
        151_277_313,
        224,
        (LayerOutput("ln_post", "cls"),),
    ),
):
    libraries.open_clip(
        _name,
        _model,
        "openai",
        f"timm/{_hub}.openai",
        _dim,
        _params,
        _layers,
        **_told(_row, "CLIP (OpenAI), trained with captions.", "MIT", libraries.clip(_size)),
    )
