"""Where a network is read: layers by name, pooled to vectors, side by side.

`layer2+layer3:max` means two layers, the second pooled by its maximum. Several are brought to
length 1 each before they are put side by side (risser-maroux2021, annex), so that none drowns the
others.
"""

import re
import threading
from collections.abc import Callable
from typing import Any

from simcore.errors import BadDataError, unknown_name
from simcore.models.forward import trainable
from simcore.models.spec import Embedder, LayerOutput

GEM_P = 3.0  # Radenovic et al. 2018 start from 3
GRID = 3
_EPS = 1e-6


def parse(text: str) -> tuple[LayerOutput, ...]:
    """Layers as users type them.

    Raises:
        BadDataError: an empty place between plus signs. UnknownNameError: no such pooling.

    >>> parse("layer2+layer3:gem")
    (Tap(layer='layer2', pool='avg'), Tap(layer='layer3', pool='gem'))
    >>> parse("out")
    (Tap(layer='', pool='avg'),)
    """
    taps = []
    for part in text.split("+"):
        layer, _, pool = part.strip().partition(":")
        if not layer:
            raise BadDataError(
                f"found [{text}]; expected layers like [layer2+layer3:gem], or [out] for the end"
            )
        pool = pool or "avg"
        if pool not in POOLS:
            raise unknown_name("pooling", pool, POOLS)
        taps.append(LayerOutput("" if layer == "out" else layer, pool))
    return tuple(taps)


def split(name: str) -> tuple[str, str]:
    """A backbone's name and what stands in its brackets, "" without any.

    >>> split("timm:resnet50[layer2+layer3]")
    ('timm:resnet50', 'layer2+layer3')
    """
    found = re.fullmatch(r"(.*?)\[(.*)\]", name)
    return (found[1], found[2]) if found else (name, "")


def embedder(module: Any, taps: tuple[LayerOutput, ...], device: str) -> Embedder:
    """A module as an Embed: images in, (B, D) float32 out.

    Raises:
        UnknownNameError: the module has no layer of that name.
    """
    import torch

    module = module.eval().to(device=device, memory_format=torch.channels_last)
    reader = _Reader(module, taps)
    lock = threading.Lock()  # the hooks write into one place

    def embed(images: Any) -> Any:
        with lock:
            vectors = [vector.float() for vector in reader(images)]
        if len(vectors) == 1:
            return vectors[0]
        unit = [torch.nn.functional.normalize(vector, dim=1) for vector in vectors]
        return torch.cat(unit, dim=1)

    return trainable(embed, module)


def width(
    module: Any, taps: tuple[LayerOutput, ...], size: tuple[int, int], channels: int = 3
) -> int:
    """D, of a module on the meta device: shapes without any computing."""
    import torch

    embed = embedder(module, taps, "meta")
    with torch.inference_mode(), torch.device("meta"):
        return int(embed(torch.empty(2, channels, *size)).shape[1])


class _Enough(Exception):
    """Every layer asked for has been read; the rest of the network need not run."""


class _Reader:
    """Pools inside the hook: what comes after may overwrite a map in place."""

    def __init__(self, module: Any, taps: tuple[LayerOutput, ...]) -> None:
        self.module, self.taps = module, taps
        self.last = getattr(module, "output_fmt", "") == "NHWC" or "Swin" in type(module).__name__
        self.first = int(getattr(module, "num_prefix_tokens", hasattr(module, "class_embedding")))
        self.found: dict[int, Any] = {}
        self.ends = any(not tap.layer for tap in taps)
        layers = dict(module.named_modules())
        for number, tap in enumerate(taps):
            name = tap.layer.removeprefix("^")
            if not tap.layer:
                continue
            if name not in layers:
                raise unknown_name(f"layer of {type(module).__name__}", name, filter(None, layers))
            if tap.layer.startswith("^"):
                layers[name].register_forward_pre_hook(self._hook(number, before=True))
            else:
                layers[name].register_forward_hook(self._hook(number, before=False))

    def __call__(self, images: Any) -> list[Any]:
        self.found = {}
        try:
            end = self.module(images)
        except _Enough:
            end = None
        for number, tap in enumerate(self.taps):
            if not tap.layer:
                self.found[number] = self._pool(tap, end)
        found, self.found = self.found, {}
        if len(found) < len(self.taps):
            dead = next(tap.layer for n, tap in enumerate(self.taps) if n not in found)
            raise BadDataError(
                f"the layer {dead} is not used when an image goes through; expected one that is"
            )
        return [found[number] for number in range(len(self.taps))]

    def _hook(self, number: int, *, before: bool) -> Callable[..., None]:
        def keep(_module: Any, given: Any, made: Any = None) -> None:
            value = given[0] if before else made
            self.found[number] = self._pool(self.taps[number], value)
            if not self.ends and len(self.found) == len(self.taps):
                raise _Enough

        return keep

    def _pool(self, tap: LayerOutput, value: Any) -> Any:
        if isinstance(value, dict):
            value = next(iter(value.values()))
        if isinstance(value, (list, tuple)):
            value = value[0]
        if value.ndim == 4 and self.last:
            value = value.permute(0, 3, 1, 2)
        if value.ndim == 3 and tap.pool != "cls":  # tokens (B, N, D): the patches as a map
            value = value[:, self.first :].transpose(1, 2)[..., None]
        return POOLS[tap.pool](value).flatten(1)


def gem(maps: Any, p: Any = GEM_P) -> Any:
    """Generalised mean over places: (mean of x^p)^(1/p), (B, C, H, W) -> (B, C)."""
    return maps.clamp(min=_EPS).pow(p).mean((2, 3)).pow(1.0 / p)


def _spatial(pool: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Vectors go through as they are: pooling is over places, and they have none."""
    return lambda value: value if value.ndim == 2 else pool(value.float())


def _cls(value: Any) -> Any:
    if value.ndim == 4:
        raise BadDataError("found :cls for a layer without tokens; expected avg, max or gem")
    return value if value.ndim == 2 else value[:, 0]


def _grid(maps: Any) -> Any:
    from torch.nn.functional import adaptive_avg_pool2d

    return adaptive_avg_pool2d(maps, GRID)


POOLS: dict[str, Callable[[Any], Any]] = {
    "avg": _spatial(lambda maps: maps.mean((2, 3))),
    "max": _spatial(lambda maps: maps.amax((2, 3))),
    "gem": _spatial(gem),
    "cls": _cls,
    "grid": _spatial(_grid),
    "flat": lambda value: value.clone(),
}
