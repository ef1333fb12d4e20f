"""Registry entries as data: a library's architecture under a name of our own, nothing imported."""

from typing import Any

from simcore.models import nets, registry
from simcore.models.backbones import libraries
from simcore.specs import Net, Prepare, Spec, Tap, Weights

IMAGENET = Prepare()
BICUBIC = Prepare(interpolation="bicubic")
HALF = (0.5, 0.5, 0.5)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
STAGES = tuple(Tap(f"layer{n}") for n in (1, 2, 3, 4))


def clip(size: int, resize: int | tuple[int, int] | None = None) -> Prepare:
    """OpenAI's preprocessing at an input size."""
    return Prepare(resize or size, (size, size), "bicubic", CLIP_MEAN, CLIP_STD)


def timm(
    name: str, model: str, dim: int, params: int, layers: tuple[Tap, ...] = (Tap(),), **told: Any
) -> Spec:
    """A timm model; `told` as for nets.spec."""
    file = Weights(f"timm/{model}.safetensors", hub=f"timm/{model}")
    return add(name, dim, params, libraries.timm_net(model, layers), file, **told)


def torchvision(
    name: str, model: str, dim: int, params: int, url: str, layers: tuple[Tap, ...], **told: Any
) -> Spec:
    """A torchvision model with one of its files."""
    net = libraries.torchvision_net(model, layers)
    return add(name, dim, params, net, libraries.torchvision_file(url), **told)


def open_clip(
    name: str, model: str, tag: str, hub: str, dim: int, params: int,
    layers: tuple[Tap, ...] = (Tap(),), **told: Any,
) -> Spec:  # fmt: skip
    """The images' half of an open_clip model."""
    net = libraries.open_clip_net(model, layers)
    file = libraries.open_clip_file(model, tag, hub)
    return add(name, dim, params, net, file, **told)


def add(name: str, dim: int, params: int, net: Net, file: Weights, **told: Any) -> Spec:
    """Registers any network."""
    return registry.add(nets.spec(name, dim, net, file, params=params, **told))


def non_commercial(license: str) -> bool:
    """Whether a licence forbids earning money, or asks to be read before one does.

    >>> non_commercial("CC-BY-NC-4.0"), non_commercial("Apache-2.0"), non_commercial("licence")
    (True, False, False)
    """
    words = set(license.lower().replace("(", " ").replace("-", " ").split())
    return bool({"nc", "noncommercial", "commercial", "dinov3"} & words)
