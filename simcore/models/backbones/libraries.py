"""Any backbone of timm, torchvision and open_clip by name, with the library's own preprocessing.

Dimension and preprocessing come from the library without weights (on the meta device). The weights
come from the library's own cache or source; where they are not to be had the error says which file
would help. Nothing is ever left at random.

`timm:resnet50[layer2+layer3:max]` reads other layers than the last (models/taps.py).
"""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simcore.errors import unknown_name
from simcore.models import layers, nets, registry, state_dicts
from simcore.models.spec import BackboneSpec, LayerOutput, NetworkSpec, WeightFile
from simcore.types import Preprocessing

IMAGENET = Preprocessing()
BICUBIC = Preprocessing(interpolation="bicubic")
HALF = (0.5, 0.5, 0.5)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
STAGES = tuple(LayerOutput(f"layer{n}") for n in (1, 2, 3, 4))


def timm_spec(name: str) -> BackboneSpec:
    """`timm:NAME`: the pooled vector before the classifier."""
    import timm
    from timm.data import resolve_model_data_config

    if not timm.is_model(name.partition(".")[0]):
        raise unknown_name("timm model", name, timm.list_models())
    try:
        built = nets.without_weights(lambda: timm.create_model(name, pretrained=False))
    except RuntimeError as error:  # an unknown tag after the dot
        raise unknown_name("timm model", name, timm.list_pretrained()) from error
    config: dict[str, Any] = resolve_model_data_config(built)
    told = built.pretrained_cfg
    net = timm_net(name)
    prepare = _prepare(config)
    file = WeightFile(
        f"timm/{name}.safetensors",
        url="" if told.get("hf_hub_id") else told.get("url") or "",
        hub="/".join(filter(None, (told.get("hf_hub_id"), told.get("hf_hub_filename")))),
        note="no pretrained weights are published under this name",
    )
    params = sum(p.numel() for p in built.parameters())
    return nets.spec(
        name,
        layers.width(_beheaded(built), net.taps, nets.size(prepare)),
        net,
        file,
        prepare=prepare,
        license=str(told.get("license") or ""),
        paper=str(told.get("paper_name") or ""),
        about=f"timm's {name}",
        params=params,
    )


def timm_net(name: str, layers: tuple[LayerOutput, ...] = (LayerOutput(),)) -> NetworkSpec:
    """A timm architecture by its name."""

    def build() -> Any:
        import timm

        return timm.create_model(name, pretrained=False)

    def fill(state: dict[str, Any]) -> Any:
        import timm

        # With its classifier and strictly: without it timm leaves what is missing at random.
        own: Any = timm.get_pretrained_cfg(name)
        return timm.create_model(
            name,
            pretrained=True,
            num_classes=own.num_classes,
            pretrained_cfg_overlay={"state_dict": state},
        )

    return NetworkSpec(build, layers, build_filled=fill, remove_head=_beheaded)


def _beheaded(module: Any) -> Any:
    module.reset_classifier(0)
    return module


def torchvision_spec(name: str) -> BackboneSpec:
    """`torchvision:NAME`: what goes into the last layer, default weights."""
    from torchvision import models

    if name not in models.list_models(module=models):
        raise unknown_name("torchvision model", name, models.list_models(module=models))
    choice = models.get_model_weights(name).DEFAULT
    how = choice.transforms()
    file = torchvision_file(choice.url)
    prepare = Preprocessing(
        how.resize_size[0],
        (how.crop_size[0], how.crop_size[0]),
        how.interpolation.value,
        tuple(how.mean),
        tuple(how.std),
    )
    # Vision transformers are built for one size of input.
    options = {"image_size": how.crop_size[0]} if name.startswith("vit_") else {}
    built = nets.without_weights(torchvision_net(name, (), **options).build)
    net = torchvision_net(name, (LayerOutput(f"^{_last_layer(built)}"),), **options)
    return nets.spec(
        name,
        layers.width(built, net.taps, nets.size(prepare)),
        net,
        file,
        prepare=prepare,
        license="BSD-3 (code)",
        about=f"torchvision's {name}, {choice}",
        params=sum(p.numel() for p in built.parameters()),
    )


def torchvision_file(url: str) -> WeightFile:
    """A file of torchvision's, whose name carries the beginning of its digest."""
    name = url.rpartition("/")[2]
    return WeightFile(
        f"torchvision/{name}", sha256=name.rpartition("-")[2].partition(".")[0], url=url
    )


def torchvision_net(name: str, layers: tuple[LayerOutput, ...], **options: Any) -> NetworkSpec:
    """A torchvision architecture by its name, with its classifier."""

    def build() -> Any:
        from torchvision import models

        given = dict(options)
        if name in {"googlenet", "inception_v3"}:
            given |= {"init_weights": False, "aux_logits": True, "transform_input": True}
        return models.get_model(name, weights=None, **given)

    def rename(found: dict[str, Any]) -> dict[str, Any]:
        return old_densenet(state_dicts.state(found))

    return NetworkSpec(build, layers, rename=rename)


def old_densenet(state: dict[str, Any]) -> dict[str, Any]:
    """torchvision's DenseNet files still say `norm.1` where its modules say `norm1`."""
    import re

    pattern = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12])\.(\w+)$")
    return {pattern.sub(r"\1\2.\3", key): value for key, value in state.items()}


def _last_layer(module: Any) -> str:
    """The classifier: the last linear layer, or the last convolution where there is none."""
    import torch

    kinds = [(name, m) for name, m in module.named_modules() if "aux" not in name.lower()]
    linear = [name for name, m in kinds if isinstance(m, torch.nn.Linear)]
    return (linear or [name for name, m in kinds if isinstance(m, torch.nn.Conv2d)])[-1]


def open_clip_spec(name: str) -> BackboneSpec:
    """`open_clip:NAME/PRETRAINED`: the image embedding."""
    import open_clip

    model, _, tag = name.rpartition("/") if "/" in name else (name, "", "")
    if model not in open_clip.list_models():
        raise unknown_name("open_clip model", model, open_clip.list_models())
    tags = open_clip.list_pretrained_tags_by_model(model)
    if tag not in tags:
        raise unknown_name(f"pretrained tag of {model}", tag, tags)
    told = open_clip.get_pretrained_cfg(model, tag)
    config = open_clip.get_model_config(model)
    size = told.get("size") or config["vision_cfg"].get("image_size", 224)
    size = (size, size) if isinstance(size, int) else tuple(size)
    squash = told.get("resize_mode") == "squash"
    url = told.get("url") or ""
    hub = (told.get("hf_hub") or "").strip("/")
    file = (
        open_clip_file(model, tag, hub)
        if hub
        else WeightFile(f"open_clip/{model}-{tag}.pt", sha256=_digest_in(url), url=url)
    )
    prepare = Preprocessing(
        size if squash else size[0],
        None if squash else size,
        told.get("interpolation") or "bicubic",
        tuple(told.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        tuple(told.get("std") or open_clip.OPENAI_DATASET_STD),
    )
    quick = bool(told.get("quick_gelu")) and not model.endswith("quickgelu")
    net = open_clip_net(model, quick=quick)
    return nets.spec(
        name,
        int(config["embed_dim"]),
        net,
        file,
        prepare=prepare,
        about=f"open_clip's {name}",
        params=nets.parameters(net),
    )


def open_clip_file(model: str, tag: str, repository: str) -> WeightFile:
    """A file of the hub; its repositories also hold timm's half under other names."""
    hub = repository
    if hub.count("/") == 1:
        hub += "/open_clip_model.safetensors|open_clip_pytorch_model.bin"
    return WeightFile(f"open_clip/{model}-{tag}.safetensors", hub=hub)


def open_clip_net(
    model: str, layers: tuple[LayerOutput, ...] = (LayerOutput(),), *, quick: bool = False
) -> NetworkSpec:
    """An open_clip architecture by its name; the images' half of it is what features come from."""

    def build() -> Any:
        import open_clip

        with _quiet():  # it warns of random weights, which are filled in a moment
            return open_clip.create_model(
                model, pretrained=None, force_quick_gelu=quick, device=_default_device()
            )

    def rename(found: dict[str, Any]) -> dict[str, Any]:
        from open_clip.convert import convert_state_dict

        state = state_dicts.state(found)
        # OpenAI's files carry three settings beside the weights.
        for extra in ("input_resolution", "context_length", "vocab_size"):
            state.pop(extra, None)
        return dict(convert_state_dict(build(), state))

    return NetworkSpec(
        build, layers, rename=rename, remove_head=lambda module: module.visual, words=model
    )


@contextmanager
def _quiet() -> Iterator[None]:
    log = logging.getLogger()
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _default_device() -> str:
    import torch

    return str(torch.get_default_device())


def _digest_in(url: str) -> str:
    """OpenAI's addresses hold the whole SHA-256 as a folder."""
    return next((part for part in url.split("/") if len(part) == 64), "")


registry.add_prefix("timm", timm_spec)
registry.add_prefix("torchvision", torchvision_spec)
registry.add_prefix("open_clip", open_clip_spec)


def _prepare(config: dict[str, Any]) -> Preprocessing:
    """timm evaluates with a resize to size / crop_pct and a centre crop."""
    height, width = config["input_size"][-2:]
    squash = config.get("crop_mode") == "squash"
    scaled = math.floor(height / config["crop_pct"])
    return Preprocessing(
        (scaled, math.floor(width / config["crop_pct"])) if squash else scaled,
        (height, width),
        config["interpolation"],
        tuple(config["mean"]),
        tuple(config["std"]),
    )


def clip(size: int, resize: int | tuple[int, int] | None = None) -> Preprocessing:
    """OpenAI's preprocessing at an input size."""
    return Preprocessing(resize or size, (size, size), "bicubic", CLIP_MEAN, CLIP_STD)


def timm(
    name: str,
    model: str,
    dim: int,
    params: int,
    layers: tuple[LayerOutput, ...] = (LayerOutput(),),
    **told: Any,
) -> BackboneSpec:
    """A timm model; `told` as for nets.spec."""
    file = WeightFile(f"timm/{model}.safetensors", hub=f"timm/{model}")
    return add(name, dim, params, timm_net(model, layers), file, **told)


def torchvision(
    name: str,
    model: str,
    dim: int,
    params: int,
    url: str,
    layers: tuple[LayerOutput, ...],
    **told: Any,
) -> BackboneSpec:
    """A torchvision model with one of its files."""
    net = torchvision_net(model, layers)
    return add(name, dim, params, net, torchvision_file(url), **told)


def open_clip(
    name: str,
    model: str,
    tag: str,
    hub: str,
    dim: int,
    params: int,
    layers: tuple[LayerOutput, ...] = (LayerOutput(),),
    **told: Any,
) -> BackboneSpec:
    """The images' half of an open_clip model."""
    net = open_clip_net(model, layers)
    file = open_clip_file(model, tag, hub)
    return add(name, dim, params, net, file, **told)


def add(
    name: str, dim: int, params: int, net: NetworkSpec, file: WeightFile, **told: Any
) -> BackboneSpec:
    """Registers any network."""
    return registry.add(nets.spec(name, dim, net, file, params=params, **told))
