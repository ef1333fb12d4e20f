"""Any backbone of timm, torchvision and open_clip by name, with the library's own preprocessing.

Dimension and preprocessing come from the library without weights (on the meta device). The weights
come from the library's own cache or source; where they are not to be had the error says which file
would help. Nothing is ever left at random.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from simcore.errors import BadDataError, MissingWeightsError, unknown
from simcore.models import weights as files
from simcore.models.forward import trainable
from simcore.specs import Embed, Prepare, Spec, Weights


def timm_spec(name: str) -> Spec:
    """`timm:NAME`: the pooled vector before the classifier."""
    import timm
    import torch
    from timm.data import resolve_model_data_config

    if not timm.is_model(name.partition(".")[0]):
        raise unknown("timm model", name, timm.list_models())
    with torch.device("meta"):
        net: Any = timm.create_model(name, pretrained=False, num_classes=0)
    config: dict[str, Any] = resolve_model_data_config(net)
    told = net.pretrained_cfg
    file = Weights(
        f"timm/{name}.safetensors",
        url=told.get("url") or "",
        hub=told.get("hf_hub_id") or "",
        note="no pretrained weights are published under this name",
    )

    def load(device: str) -> Embed:
        net = timm.create_model(name, pretrained=False, num_classes=0)
        _fill(net, file, lambda: timm.create_model(name, pretrained=True, num_classes=0))
        return _vector(net, device)

    height, width = config["input_size"][-2:]
    return Spec(
        name, net.num_features, load, _prepare(config, (height, width)), weights=(file,),
        license=str(told.get("license") or ""), paper=str(told.get("paper_name") or ""),
        about=f"timm's {name}",
    )  # fmt: skip


def torchvision_spec(name: str) -> Spec:
    """`torchvision:NAME`: what comes before the last linear layer, default weights."""
    import torch
    from torchvision import models

    if name not in models.list_models(module=models):
        raise unknown("torchvision model", name, models.list_models(module=models))
    choice = models.get_model_weights(name).DEFAULT
    how = choice.transforms()
    file = Weights(
        f"torchvision/{choice.url.rpartition('/')[2]}",
        sha256=choice.url.rpartition("-")[2].partition(".")[0],
        url=choice.url,
    )

    def build() -> Any:
        return models.get_model(name, weights=None)

    with torch.device("meta"):
        _, dim = _beheaded(build())

    def load(device: str) -> Embed:
        net = build()
        net.load_state_dict(files.load_state(_torch_file(file)))
        return _vector(_beheaded(net)[0], device)

    prepare = Prepare(
        how.resize_size[0],
        (how.crop_size[0], how.crop_size[0]),
        how.interpolation.value,
        tuple(how.mean),
        tuple(how.std),
    )
    return Spec(
        name, dim, load, prepare, weights=(file,), license="BSD-3 (code)",
        about=f"torchvision's {name}, {choice}",
    )  # fmt: skip


def open_clip_spec(name: str) -> Spec:
    """`open_clip:NAME/PRETRAINED`: the image embedding."""
    import open_clip
    import torch

    model, _, tag = name.rpartition("/") if "/" in name else (name, "", "")
    if model not in open_clip.list_models():
        raise unknown("open_clip model", model, open_clip.list_models())
    tags = open_clip.list_pretrained_tags_by_model(model)
    if tag not in tags:
        raise unknown(f"pretrained tag of {model}", tag, tags)
    told = open_clip.get_pretrained_cfg(model, tag)
    quick = bool(told.get("quick_gelu")) and not model.endswith("quickgelu")
    config = open_clip.get_model_config(model)
    size = told.get("size") or config["vision_cfg"].get("image_size", 224)
    size = (size, size) if isinstance(size, int) else tuple(size)
    file = Weights(
        f"open_clip/{model}-{tag}.safetensors".replace("/", "-"),
        url=told.get("url") or "",
        hub=(told.get("hf_hub") or "").rstrip("/"),
    )

    def build(pretrained: str | None) -> Any:
        return open_clip.create_model(
            model, pretrained=pretrained, force_quick_gelu=quick, device="cpu"
        )

    def load(device: str) -> Embed:
        net = build(None)
        _fill(net, file, lambda: build(tag))
        net = net.eval().to(device=device, memory_format=torch.channels_last)
        return trainable(lambda images: net.encode_image(images).float(), net)

    mean = tuple(told.get("mean") or open_clip.OPENAI_DATASET_MEAN)
    std = tuple(told.get("std") or open_clip.OPENAI_DATASET_STD)
    squash = told.get("resize_mode") == "squash"
    return Spec(
        name, int(config["embed_dim"]), load,
        Prepare(size if squash else size[0], None if squash else size,
                told.get("interpolation") or "bicubic", mean, std),
        weights=(file,), about=f"open_clip's {name}",
    )  # fmt: skip


LIBRARIES: dict[str, Callable[[str], Spec]] = {
    "timm": timm_spec,
    "torchvision": torchvision_spec,
    "open_clip": open_clip_spec,
}


def cached(file: Weights) -> bool:
    """Whether the library's own cache has a file, without asking the network."""
    if files.ready(file):
        return True
    if file.hub and _in_hub(file.hub):
        return True
    return bool(file.url) and _torch_cache(file).is_file()


def _in_hub(repository: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    owner = "/".join(repository.split("/")[:2])
    names = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin",
             "open_clip_pytorch_model.bin")  # fmt: skip
    return any(isinstance(try_to_load_from_cache(owner, n), str) for n in names)


def _torch_cache(file: Weights) -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / file.url.rpartition("/")[2]


def _torch_file(file: Weights) -> Path:
    if not files.ready(file) and _torch_cache(file).is_file():
        files.add(file, _torch_cache(file))
    return files.path(file)


def _fill(net: Any, file: Weights, download: Callable[[], Any]) -> None:
    """Real weights into `net`: a file put there by hand, or what the library can bring itself."""
    if files.ready(file):
        _load_file(net, files.path(file))
        return
    if not cached(file):
        raise MissingWeightsError(files.missing(file))
    net.load_state_dict(download().state_dict())


def _load_file(net: Any, place: Path) -> None:
    """Every layer of `net` out of a file; what the file has beyond that is a classifier.

    Raises:
        BadDataError: no readable file, or a layer is absent or of another shape: never half-loaded.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(place)
    except (SafetensorError, OSError) as error:
        raise BadDataError(
            f"{place} cannot be read ({error}); expected a safetensors file; fetch it again"
        ) from error
    state = net.state_dict()
    wrong = [k for k, v in state.items() if k not in found or found[k].shape != v.shape]
    if wrong:
        raise BadDataError(
            f"{place} lacks {len(wrong)} of {len(state)} layers ({wrong[0]}); expected the weights "
            "of this architecture; put the right file there"
        )
    net.load_state_dict({key: found[key] for key in state})


def _prepare(config: dict[str, Any], size: tuple[int, int]) -> Prepare:
    """timm evaluates with a resize to size / crop_pct and a centre crop."""
    import math

    squash = config.get("crop_mode") == "squash"
    scaled = math.floor(size[0] / config["crop_pct"])
    return Prepare(
        (scaled, math.floor(size[1] / config["crop_pct"])) if squash else scaled,
        size,
        config["interpolation"],
        tuple(config["mean"]),
        tuple(config["std"]),
    )


def _vector(net: Any, device: str) -> Embed:
    import torch

    net = net.eval().to(device=device, memory_format=torch.channels_last)
    return trainable(lambda images: net(images).float().flatten(1), net)


def _beheaded(net: Any) -> tuple[Any, int]:
    """The network without its last linear layer, and how wide what comes before is."""
    import torch

    for head in ("fc", "classifier", "heads", "head"):
        if not hasattr(net, head):
            continue
        last = getattr(net, head)
        if isinstance(last, torch.nn.Linear):
            setattr(net, head, torch.nn.Identity())
            return net, last.in_features
        *_, (path, layer) = [
            (n, m) for n, m in last.named_modules() if isinstance(m, torch.nn.Linear)
        ]
        parent = last.get_submodule(path.rpartition(".")[0])
        setattr(parent, path.rpartition(".")[2], torch.nn.Identity())
        return net, layer.in_features
    raise unknown("classifier", type(net).__name__, ("fc", "classifier", "heads", "head"))
