"""What researchers take now, and LPIPS as a backbone.

`@dreamsim-style` is the trio that DreamSim (arXiv 2306.09344) starts from, without its fine-tuning:
the plain sum of their cosines is the cosine of their normalised vectors put side by side.
"""

from typing import Any

from simcore.models import forward, nets, registry, state_dicts, weights
from simcore.models.backbones import libraries
from simcore.models.backbones.libraries import HALF, torchvision_net
from simcore.models.distances import lpips
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Preprocessing

GROUP = "modern"
_518 = Preprocessing(518, (518, 518), "bicubic")
_256 = Preprocessing(256, (256, 256), "bicubic")
_248 = Preprocessing(248, (224, 224), "bicubic")
_DINOV3 = "DINOv3 licence (read it before commercial use)"

for _name, _model, _dim, _params, _prepare, _license, _about, _groups in (
    (
        "dinov2-small",
        "vit_small_patch14_dinov2.lvd142m",
        384,
        22_056_192,
        _518,
        "Apache-2.0",
        "DINOv2, ViT S/14.",
        (),
    ),
    (
        "dinov2-base",
        "vit_base_patch14_dinov2.lvd142m",
        768,
        86_579_712,
        _518,
        "Apache-2.0",
        "DINOv2, ViT B/14.",
        (),
    ),
    (
        "dinov2-large",
        "vit_large_patch14_dinov2.lvd142m",
        1024,
        304_367_616,
        _518,
        "Apache-2.0",
        "DINOv2, ViT L/14.",
        (),
    ),
    (
        "dinov3-small",
        "vit_small_patch16_dinov3.lvd1689m",
        384,
        21_586_944,
        _256,
        _DINOV3,
        "DINOv3, ViT S/16.",
        (),
    ),
    (
        "dinov3-base",
        "vit_base_patch16_dinov3.lvd1689m",
        768,
        85_641_216,
        _256,
        _DINOV3,
        "DINOv3, ViT B/16.",
        (),
    ),
    (
        "siglip2-base",
        "vit_base_patch16_siglip_224.v2_webli",
        768,
        92_884_224,
        Preprocessing(248, (224, 224), "bicubic", HALF, HALF),
        "Apache-2.0",
        "SigLIP 2, ViT B/16.",
        (),
    ),
    (
        "convnext-base",
        "convnext_base.fb_in22k_ft_in1k",
        1024,
        88_591_464,
        Preprocessing(256, (224, 224), "bicubic"),
        "Apache-2.0",
        "ConvNeXt, ImageNet-22k.",
        (),
    ),
    (
        "eva02-base",
        "eva02_base_patch14_224.mim_in22k",
        768,
        85_758_720,
        Preprocessing(248, (224, 224), "bicubic", libraries.CLIP_MEAN, libraries.CLIP_STD),
        "MIT",
        "EVA-02, masked image modelling.",
        (),
    ),
    (
        "dreamsim-dino",
        "vit_base_patch16_224.dino",
        768,
        85_798_656,
        _248,
        "Apache-2.0",
        "DINO ViT B/16, one of DreamSim's three.",
        ("dreamsim-style",),
    ),
):
    libraries.timm(
        _name,
        _model,
        _dim,
        _params,
        prepare=_prepare,
        groups=(GROUP, *_groups),
        license=_license,
        paper="",
        about=_about,
    )
for _name, _model, _tag, _hub, _dim, _params, _about, _groups in (
    (
        "clip-large",
        "ViT-L-14-quickgelu",
        "openai",
        "timm/vit_large_patch14_clip_224.openai",
        768,
        427_616_513,
        "CLIP (OpenAI) ViT L/14.",
        (),
    ),
    (
        "dreamsim-clip",
        "ViT-B-16-quickgelu",
        "openai",
        "timm/vit_base_patch16_clip_224.openai",
        512,
        149_620_737,
        "CLIP (OpenAI) ViT B/16, one of DreamSim's three.",
        ("dreamsim-style",),
    ),
    (
        "dreamsim-open-clip",
        "ViT-B-16",
        "laion400m_e31",
        "timm/vit_base_patch16_clip_224.laion400m_e31",
        512,
        149_620_737,
        "OpenCLIP (LAION-400M) ViT B/16, one of DreamSim's three.",
        ("dreamsim-style",),
    ),
):
    libraries.open_clip(
        _name,
        _model,
        _tag,
        _hub,
        _dim,
        _params,
        prepare=libraries.clip(224),
        groups=(GROUP, *_groups),
        license="MIT",
        about=_about,
    )

ALEXNET = lpips.NETS["alex"].trunk
LPIPS_ALEX = lpips.NETS["alex"].linear
_RELUS = (1, 4, 7, 9, 11)  # places of `features` whose outputs LPIPS compares
_SIDE = 64  # the size that LPIPS was trained and is scored at
# LPIPS shifts and scales -1..1; said as mean and standard deviation on 0..1.
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
LPIPS_INPUT = Preprocessing(
    (_SIDE, _SIDE),
    None,
    "bilinear",
    tuple((1 + shift) / 2 for shift in _SHIFT),
    tuple(scale / 2 for scale in _SCALE),
)


def _lpips(device: str) -> Embedder:
    """AlexNet's maps weighted as LPIPS does: squared Euclidean distance is LPIPS (v0.1, 64 px)."""
    linear = state_dicts.state(state_dicts.read(weights.path(LPIPS_ALEX)))
    module = nets.load_network(torchvision_net("alexnet", ()), weights.path(ALEXNET))
    return weighted(module, [linear[f"lin{n}.model.1.weight"] for n in range(5)], device)


def weighted(module: Any, linear: list[Any], device: str) -> Embedder:
    """Every place's channels to length 1, times the root of its weight, over the root of places."""
    import torch

    trunk = module.features.eval().to(device)
    roots = [w.to(device).clamp(min=0).sqrt() for w in linear]

    def embed(images: Any) -> Any:
        parts, x = [], images
        for number, layer in enumerate(trunk):
            x = layer(x.clone() if number in _RELUS else x)
            if number in _RELUS:
                length = torch.linalg.vector_norm(x, dim=1, keepdim=True)  # slope 0 at 0
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
