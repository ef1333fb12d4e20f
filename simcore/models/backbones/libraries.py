"""Any backbone of timm, torchvision and open_clip by name, with the library's own preprocessing.

Dimension and preprocessing come from the library without weights (on the meta device). The weights
come from the library's own cache or source; if they are unavailable, the error says which file is
needed. No weight is ever left random.

`timm:resnet50[layer2+layer3:max]` reads other layers than the last (models/layers.py).
"""

import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simcore.errors import unknown_name
from simcore.models import layers, nets, registry, state_dicts
from simcore.models.spec import (
    BackboneSpec,
    Checkpoint,
    LayerOutput,
    NetworkSpec,
    StateDict,
    WeightFile,
)
from simcore.types import Preprocessing

BICUBIC = Preprocessing(interpolation="bicubic")
HALF = (0.5, 0.5, 0.5)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
STAGES = tuple(LayerOutput(f"layer{n}") for n in (1, 2, 3, 4))  # of a ResNet
NETWORK_OUTPUT = (LayerOutput(),)


# timm


def timm_spec(name: str) -> BackboneSpec:
    """`timm:NAME`: the pooled vector before the classifier.

    Raises:
        UnknownNameError: no such model or tag.
    """
    import timm
    from timm.data import resolve_model_data_config

    if not timm.is_model(name.partition(".")[0]):
        raise unknown_name("timm model", name, timm.list_models())
    try:
        module = nets.on_meta_device(lambda: timm.create_model(name, pretrained=False))
    except RuntimeError as error:  # an unknown tag after the dot
        raise unknown_name("timm model", name, timm.list_pretrained()) from error
    config = module.pretrained_cfg
    preprocessing = _timm_preprocessing(resolve_model_data_config(module))
    hub = "/".join(filter(None, (config.get("hf_hub_id"), config.get("hf_hub_filename"))))
    file = WeightFile(
        f"timm/{name}.safetensors",
        url="" if config.get("hf_hub_id") else config.get("url") or "",
        hub=hub,
        note="no pretrained weights are published under this name",
    )
    net = timm_net(name)
    n_parameters = sum(p.numel() for p in module.parameters())
    return nets.backbone_spec(
        name,
        layers.output_dim(_remove_timm_head(module), net.outputs, nets.input_size(preprocessing)),
        net,
        file,
        n_parameters=n_parameters,
        preprocessing=preprocessing,
        license=str(config.get("license") or ""),
        paper=str(config.get("paper_name") or ""),
        description=f"timm's {name}",
    )


def timm_backbone(
    name: str,
    model: str,
    dim: int,
    n_parameters: int,
    outputs: tuple[LayerOutput, ...] = NETWORK_OUTPUT,
) -> BackboneSpec:
    """A timm model with its weights on the hub, to be completed and registered by the caller."""
    file = WeightFile(f"timm/{model}.safetensors", hub=f"timm/{model}")
    return nets.backbone_spec(name, dim, timm_net(model, outputs), file, n_parameters=n_parameters)


def timm_net(name: str, outputs: tuple[LayerOutput, ...] = NETWORK_OUTPUT) -> NetworkSpec:
    """A timm architecture by its name."""

    def build() -> Any:
        import timm

        return timm.create_model(name, pretrained=False)

    def build_from_state(state: StateDict) -> Any:
        import timm

        # With its classifier and strictly: without it timm leaves missing tensors random.
        config: Any = timm.get_pretrained_cfg(name)
        return timm.create_model(
            name,
            pretrained=True,
            num_classes=config.num_classes,
            pretrained_cfg_overlay={"state_dict": state},
        )

    return NetworkSpec(
        build, outputs, build_from_state=build_from_state, remove_head=_remove_timm_head
    )


def _remove_timm_head(module: Any) -> Any:
    module.reset_classifier(0)
    return module


def _timm_preprocessing(config: dict[str, Any]) -> Preprocessing:
    """timm evaluates with a resize to size / crop_pct and a center crop."""
    height, width = config["input_size"][-2:]
    squash = config.get("crop_mode") == "squash"
    short_side = math.floor(height / config["crop_pct"])
    return Preprocessing(
        (short_side, math.floor(width / config["crop_pct"])) if squash else short_side,
        (height, width),
        config["interpolation"],
        tuple(config["mean"]),
        tuple(config["std"]),
    )


# torchvision


def torchvision_spec(name: str) -> BackboneSpec:
    """`torchvision:NAME`: the input of the last layer, with the default weights.

    Raises:
        UnknownNameError: no such model.
    """
    from torchvision import models

    if name not in models.list_models(module=models):
        raise unknown_name("torchvision model", name, models.list_models(module=models))
    pretrained = models.get_model_weights(name).DEFAULT
    transforms = pretrained.transforms()
    side = transforms.crop_size[0]
    preprocessing = Preprocessing(
        transforms.resize_size[0],
        (side, side),
        transforms.interpolation.value,
        tuple(transforms.mean),
        tuple(transforms.std),
    )
    # Vision transformers are built for one input size.
    options = {"image_size": side} if name.startswith("vit_") else {}
    module = nets.on_meta_device(torchvision_net(name, (), **options).build)
    net = torchvision_net(name, (LayerOutput(f"^{_last_layer(module)}"),), **options)
    return nets.backbone_spec(
        name,
        layers.output_dim(module, net.outputs, nets.input_size(preprocessing)),
        net,
        torchvision_file(pretrained.url),
        n_parameters=sum(p.numel() for p in module.parameters()),
        preprocessing=preprocessing,
        license="BSD-3 (code)",
        description=f"torchvision's {name}, {pretrained}",
    )


def torchvision_backbone(
    name: str,
    model: str,
    dim: int,
    n_parameters: int,
    url: str,
    outputs: tuple[LayerOutput, ...],
) -> BackboneSpec:
    """A torchvision model with one of its files, to be completed and registered by the caller."""
    net, file = torchvision_net(model, outputs), torchvision_file(url)
    return nets.backbone_spec(name, dim, net, file, n_parameters=n_parameters)


def torchvision_file(url: str) -> WeightFile:
    """A weight file of torchvision; its name ends with a prefix of its digest."""
    name = url.rpartition("/")[2]
    return WeightFile(
        f"torchvision/{name}", sha256=name.rpartition("-")[2].partition(".")[0], url=url
    )


def torchvision_net(
    name: str, outputs: tuple[LayerOutput, ...], **model_options: int
) -> NetworkSpec:
    """A torchvision architecture by its name, with its classifier.

    Args:
        model_options: passed to the architecture (image_size, num_classes).
    """

    def build() -> Any:
        from torchvision import models

        options: dict[str, Any] = dict(model_options)
        if name in {"googlenet", "inception_v3"}:
            options |= {"init_weights": False, "aux_logits": True, "transform_input": True}
        return models.get_model(name, weights=None, **options)

    def convert_state(checkpoint: Checkpoint) -> StateDict:
        return rename_densenet_layers(state_dicts.tensors(checkpoint))

    return NetworkSpec(build, outputs, convert_state=convert_state)


def rename_densenet_layers(state: StateDict) -> StateDict:
    """torchvision's DenseNet files still name layers `norm.1` that are `norm1` in its modules."""
    pattern = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12])\.(\w+)$")
    return {pattern.sub(r"\1\2.\3", key): value for key, value in state.items()}


def _last_layer(module: Any) -> str:
    """The classifier: the last linear layer, or the last convolution if there is none."""
    import torch

    candidates = [(name, m) for name, m in module.named_modules() if "aux" not in name.lower()]
    linear = [name for name, m in candidates if isinstance(m, torch.nn.Linear)]
    return (linear or [name for name, m in candidates if isinstance(m, torch.nn.Conv2d)])[-1]


# open_clip


def open_clip_spec(name: str) -> BackboneSpec:
    """`open_clip:NAME/PRETRAINED`: the image embedding.

    Raises:
        UnknownNameError: no such model or pretrained tag.
    """
    import open_clip

    model, _, tag = name.rpartition("/") if "/" in name else (name, "", "")
    if model not in open_clip.list_models():
        raise unknown_name("open_clip model", model, open_clip.list_models())
    tags = open_clip.list_pretrained_tags_by_model(model)
    if tag not in tags:
        raise unknown_name(f"pretrained tag of {model}", tag, tags)
    pretrained = open_clip.get_pretrained_cfg(model, tag)
    config = open_clip.get_model_config(model)
    size = pretrained.get("size") or config["vision_cfg"].get("image_size", 224)
    size = (size, size) if isinstance(size, int) else tuple(size)
    squash = pretrained.get("resize_mode") == "squash"
    url = pretrained.get("url") or ""
    hub = (pretrained.get("hf_hub") or "").strip("/")
    file = (
        open_clip_file(model, tag, hub)
        if hub
        else WeightFile(f"open_clip/{model}-{tag}.pt", sha256=_digest_in_url(url), url=url)
    )
    preprocessing = Preprocessing(
        size if squash else size[0],
        None if squash else size,
        pretrained.get("interpolation") or "bicubic",
        tuple(pretrained.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        tuple(pretrained.get("std") or open_clip.OPENAI_DATASET_STD),
    )
    quick_gelu = bool(pretrained.get("quick_gelu")) and not model.endswith("quickgelu")
    net = open_clip_net(model, quick_gelu=quick_gelu)
    return nets.backbone_spec(
        name,
        int(config["embed_dim"]),
        net,
        file,
        n_parameters=nets.count_parameters(net),
        preprocessing=preprocessing,
        description=f"open_clip's {name}",
    )


def open_clip_backbone(
    name: str,
    model: str,
    tag: str,
    hub: str,
    dim: int,
    n_parameters: int,
    *,
    outputs: tuple[LayerOutput, ...] = NETWORK_OUTPUT,
) -> BackboneSpec:
    """The image encoder of an open_clip model, to be completed and registered by the caller."""
    net, file = open_clip_net(model, outputs), open_clip_file(model, tag, hub)
    return nets.backbone_spec(name, dim, net, file, n_parameters=n_parameters)


def open_clip_file(model: str, tag: str, repository: str) -> WeightFile:
    """A weight file on the hub; the repositories also contain timm's version of the encoder."""
    hub = repository
    if hub.count("/") == 1:
        hub += "/open_clip_model.safetensors|open_clip_pytorch_model.bin"
    return WeightFile(f"open_clip/{model}-{tag}.safetensors", hub=hub)


def open_clip_net(
    model: str,
    outputs: tuple[LayerOutput, ...] = NETWORK_OUTPUT,
    *,
    quick_gelu: bool = False,
) -> NetworkSpec:
    """An open_clip architecture by its name; features come from its image encoder."""

    def build() -> Any:
        import open_clip
        import torch

        with _quiet():  # it warns of random weights, which are loaded right after
            return open_clip.create_model(
                model,
                pretrained=None,
                force_quick_gelu=quick_gelu,
                device=str(torch.get_default_device()),
            )

    def convert_state(checkpoint: Checkpoint) -> StateDict:
        from open_clip.convert import convert_state_dict

        state = state_dicts.tensors(checkpoint)
        # OpenAI's files contain three settings beside the weights.
        for setting in ("input_resolution", "context_length", "vocab_size"):
            state.pop(setting, None)
        return dict(convert_state_dict(build(), state))

    return NetworkSpec(
        build,
        outputs,
        convert_state=convert_state,
        remove_head=lambda module: module.visual,
        text_model=model,
    )


def clip_preprocessing(size: int) -> Preprocessing:
    """OpenAI's preprocessing for an input of size x size px."""
    return Preprocessing(size, (size, size), "bicubic", CLIP_MEAN, CLIP_STD)


@contextmanager
def _quiet() -> Iterator[None]:
    log = logging.getLogger()
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _digest_in_url(url: str) -> str:
    """OpenAI's addresses contain the SHA-256 as a folder."""
    return next((part for part in url.split("/") if len(part) == 64), "")


registry.add_prefix("timm", timm_spec)
registry.add_prefix("torchvision", torchvision_spec)
registry.add_prefix("open_clip", open_clip_spec)
