"""Current general-purpose networks, and LPIPS as a backbone.

`@dreamsim-style` are the three networks that DreamSim (arXiv 2306.09344) starts from, without its
fine-tuning: the plain sum of their cosines is the cosine of their normalized, concatenated vectors.
"""

from dataclasses import replace
from typing import Any

from simcore.models import forward, nets, registry, weights
from simcore.models.backbones import libraries
from simcore.models.backbones.libraries import CLIP_MEAN, CLIP_STD, HALF
from simcore.models.distances import lpips
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Preprocessing

GROUP = "modern"
_518 = Preprocessing(518, (518, 518), "bicubic")
_256 = Preprocessing(256, (256, 256), "bicubic")
_224 = Preprocessing(248, (224, 224), "bicubic")
_DINOV3 = "DINOv3 license (read it before commercial use)"


def _add(
    spec: BackboneSpec,
    preprocessing: Preprocessing,
    description: str,
    license: str = "Apache-2.0",
    *groups: str,
) -> None:
    registry.add(
        replace(
            spec,
            preprocessing=preprocessing,
            groups=(GROUP, *groups),
            license=license,
            description=description,
        )
    )


_add(
    libraries.timm_backbone("dinov2-small", "vit_small_patch14_dinov2.lvd142m", 384, 22_056_192),
    _518,
    "DINOv2, ViT S/14.",
)
_add(
    libraries.timm_backbone("dinov2-base", "vit_base_patch14_dinov2.lvd142m", 768, 86_579_712),
    _518,
    "DINOv2, ViT B/14.",
)
_add(
    libraries.timm_backbone("dinov2-large", "vit_large_patch14_dinov2.lvd142m", 1024, 304_367_616),
    _518,
    "DINOv2, ViT L/14.",
)
_add(
    libraries.timm_backbone("dinov3-small", "vit_small_patch16_dinov3.lvd1689m", 384, 21_586_944),
    _256,
    "DINOv3, ViT S/16.",
    _DINOV3,
)
_add(
    libraries.timm_backbone("dinov3-base", "vit_base_patch16_dinov3.lvd1689m", 768, 85_641_216),
    _256,
    "DINOv3, ViT B/16.",
    _DINOV3,
)
_add(
    libraries.timm_backbone(
        "siglip2-base", "vit_base_patch16_siglip_224.v2_webli", 768, 92_884_224
    ),
    replace(_224, mean=HALF, std=HALF),
    "SigLIP 2, ViT B/16.",
)
_add(
    libraries.timm_backbone("convnext-base", "convnext_base.fb_in22k_ft_in1k", 1024, 88_591_464),
    Preprocessing(256, (224, 224), "bicubic"),
    "ConvNeXt, ImageNet-22k.",
)
_add(
    libraries.timm_backbone("eva02-base", "eva02_base_patch14_224.mim_in22k", 768, 85_758_720),
    replace(_224, mean=CLIP_MEAN, std=CLIP_STD),
    "EVA-02, masked image modeling.",
    "MIT",
)
_add(
    libraries.timm_backbone("dreamsim-dino", "vit_base_patch16_224.dino", 768, 85_798_656),
    _224,
    "DINO ViT B/16, one of DreamSim's three.",
    "Apache-2.0",
    "dreamsim-style",
)
_add(
    libraries.open_clip_backbone(
        "clip-large",
        "ViT-L-14-quickgelu",
        "openai",
        "timm/vit_large_patch14_clip_224.openai",
        768,
        427_616_513,
    ),
    libraries.clip_preprocessing(224),
    "CLIP (OpenAI) ViT L/14.",
    "MIT",
)
_add(
    libraries.open_clip_backbone(
        "dreamsim-clip",
        "ViT-B-16-quickgelu",
        "openai",
        "timm/vit_base_patch16_clip_224.openai",
        512,
        149_620_737,
    ),
    libraries.clip_preprocessing(224),
    "CLIP (OpenAI) ViT B/16, one of DreamSim's three.",
    "MIT",
    "dreamsim-style",
)
_add(
    libraries.open_clip_backbone(
        "dreamsim-open-clip",
        "ViT-B-16",
        "laion400m_e31",
        "timm/vit_base_patch16_clip_224.laion400m_e31",
        512,
        149_620_737,
    ),
    libraries.clip_preprocessing(224),
    "OpenCLIP (LAION-400M) ViT B/16, one of DreamSim's three.",
    "MIT",
    "dreamsim-style",
)

ALEXNET = lpips.NETS["alex"].trunk
LPIPS_ALEX = lpips.NETS["alex"].linear
_RELUS = (1, 4, 7, 9, 11)  # positions in `features` whose outputs LPIPS compares
_SIDE = 64  # px; the size at which LPIPS was trained and is scored
# LPIPS shifts and scales -1..1; written as mean and standard deviation on 0..1.
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
LPIPS_INPUT = Preprocessing(
    (_SIDE, _SIDE),
    None,
    "bilinear",
    tuple((1 + shift) / 2 for shift in _SHIFT),
    tuple(scale / 2 for scale in _SCALE),
)


def _lpips(device: str) -> Embedder:
    """AlexNet's maps, weighted so that squared Euclidean distance is LPIPS (v0.1, 64 px)."""
    linear = lpips.load_linear_weights(lpips.NETS["alex"])
    module = nets.load_network(libraries.torchvision_net("alexnet", ()), weights.path(ALEXNET))
    return lpips_embedder(module, [row.view(1, -1, 1, 1) for row in linear], device)


def lpips_embedder(alexnet: Any, linear: list[Any], device: str) -> Embedder:
    """Maps of unit length per position, scaled so that their squared distance is LPIPS.

    Each channel is multiplied by the root of its weight and divided by the root of the number of
    positions: the sum over positions and channels is then LPIPS' weighted mean over positions.
    """
    import torch

    trunk = alexnet.features.eval().to(device)
    roots = [w.to(device).clamp(min=0).sqrt() for w in linear]

    def embed(images: Any) -> Any:
        parts, x = [], images
        for number, layer in enumerate(trunk):
            x = layer(x.clone() if number in _RELUS else x)
            if number in _RELUS:
                length = torch.linalg.vector_norm(x, dim=1, keepdim=True)  # its gradient at 0 is 0
                unit = x / (length + 1e-10)
                root = roots[_RELUS.index(number)] / (x.shape[2] * x.shape[3]) ** 0.5
                parts.append((unit * root).flatten(1))
        return torch.cat(parts, 1)

    return forward.trainable(embed, trunk)


registry.add(
    BackboneSpec(
        "lpips-alex",
        31_872,
        _lpips,
        LPIPS_INPUT,
        "l2",
        (ALEXNET, LPIPS_ALEX),
        (GROUP,),
        "BSD-2",
        "Zhang et al. 2018, arXiv 1801.03924",
        (_lpips.__doc__ or "").strip(),
        n_parameters=61_100_840,
    )
)
