"""Which layers of a network are read: by name, pooled to vectors, concatenated.

`layer2+layer3:max` means two layers, the second pooled by its maximum. Several are normalized to
length 1 each before they are concatenated (risser-maroux2021, annex), so that none dominates.
"""

import re
import threading
from collections.abc import Callable, Sequence
from itertools import chain, islice
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
        BadDataError: nothing between two plus signs. UnknownNameError: no such pooling.

    >>> parse("layer2+layer3:gem")
    (LayerOutput(layer='layer2', pool='avg'), LayerOutput(layer='layer3', pool='gem'))
    >>> parse("out")
    (LayerOutput(layer='', pool='avg'),)
    """
    outputs = []
    for part in text.split("+"):
        layer, _, pool = part.strip().partition(":")
        if not layer:
            raise BadDataError(
                f"[{text}] names no layer. Write layers like [layer2+layer3:gem], or [out] for "
                "the network's output."
            )
        pool = pool or "avg"
        if pool not in POOLS:
            raise unknown_name("pooling", pool, POOLS)
        outputs.append(LayerOutput("" if layer == "out" else layer, pool))
    return tuple(outputs)


def split_name(name: str) -> tuple[str, str]:
    """A backbone's name and the layers in its brackets; "" without brackets.

    >>> split_name("timm:resnet50[layer2+layer3]")
    ('timm:resnet50', 'layer2+layer3')
    """
    match = re.fullmatch(r"(.*?)\[(.*)\]", name)
    return (match[1], match[2]) if match else (name, "")


def embedder(module: Any, outputs: tuple[LayerOutput, ...], device: str) -> Embedder:
    """A module as an Embedder: images in, (B, D) float32 out.

    Raises:
        UnknownNameError: the module has no layer of that name.
    """
    return joint_embedder(module, (outputs,), device)


def joint_embedder(
    module: Any, backbones: Sequence[tuple[LayerOutput, ...]], device: str
) -> Embedder:
    """Several backbones that read one module: one forward pass, their features side by side.

    Args:
        backbones: the layers of each.

    Raises:
        UnknownNameError: the module has no layer of that name.
    """
    import torch

    module = module.eval().to(device=device, memory_format=torch.channels_last)
    reader = _LayerReader(module, tuple(chain.from_iterable(backbones)))
    lock = threading.Lock()  # the hooks of all threads would write into the same dict

    def embed(images: Any) -> Any:
        with lock:
            vectors = iter([vector.float() for vector in reader(images)])
        return torch.cat([_features(list(islice(vectors, len(o)))) for o in backbones], dim=1)

    return trainable(embed, module)


def _features(vectors: list[Any]) -> Any:
    """The features of one backbone, (B, D), from its pooled layers."""
    import torch

    if len(vectors) == 1:
        return vectors[0]
    return torch.cat([torch.nn.functional.normalize(vector, dim=1) for vector in vectors], dim=1)


def output_dim(
    module: Any, outputs: tuple[LayerOutput, ...], size: tuple[int, int], channels: int = 3
) -> int:
    """D, of a module on the meta device: only shapes are computed.

    Args:
        size: height and width of the input, px.
    """
    import torch

    embed = embedder(module, outputs, "meta")
    with torch.inference_mode(), torch.device("meta"):
        return int(embed(torch.empty(2, channels, *size)).shape[1])


class _AllLayersRead(Exception):
    """Every requested layer has been read; the rest of the network need not run."""


class _LayerReader:
    """Reads layers with hooks, and pools inside the hook: later layers may work in place."""

    def __init__(self, module: Any, outputs: tuple[LayerOutput, ...]) -> None:
        self.module, self.outputs = module, outputs
        self.channels_last = (
            getattr(module, "output_fmt", "") == "NHWC" or "Swin" in type(module).__name__
        )
        self.prefix_tokens = int(
            getattr(module, "num_prefix_tokens", hasattr(module, "class_embedding"))
        )
        self.vectors: dict[int, Any] = {}  # number of the output -> its pooled value
        self.reads_output = any(not output.layer for output in outputs)
        layers = dict(module.named_modules())
        for number, output in enumerate(outputs):
            name = output.layer.removeprefix("^")
            if not output.layer:
                continue
            if name not in layers:
                raise unknown_name(f"layer of {type(module).__name__}", name, filter(None, layers))
            if output.layer.startswith("^"):
                layers[name].register_forward_pre_hook(self._input_hook(number))
            else:
                layers[name].register_forward_hook(self._output_hook(number))

    def __call__(self, images: Any) -> list[Any]:
        self.vectors = {}
        try:
            result = self.module(images)
        except _AllLayersRead:
            result = None
        for number, output in enumerate(self.outputs):
            if not output.layer:
                self.vectors[number] = self._pool(output, result)
        vectors, self.vectors = self.vectors, {}
        if len(vectors) < len(self.outputs):
            unused = next(o.layer for n, o in enumerate(self.outputs) if n not in vectors)
            raise BadDataError(
                f"The layer {unused} is not used when an image passes through the network. "
                "Choose another layer."
            )
        return [vectors[number] for number in range(len(self.outputs))]

    def _input_hook(self, number: int) -> Callable[..., None]:
        def hook(_module: Any, inputs: Any) -> None:
            self._store(number, inputs[0])

        return hook

    def _output_hook(self, number: int) -> Callable[..., None]:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            self._store(number, output)

        return hook

    def _store(self, number: int, value: Any) -> None:
        self.vectors[number] = self._pool(self.outputs[number], value)
        if not self.reads_output and len(self.vectors) == len(self.outputs):
            raise _AllLayersRead

    def _pool(self, output: LayerOutput, value: Any) -> Any:
        if isinstance(value, dict):
            value = next(iter(value.values()))
        if isinstance(value, (list, tuple)):
            value = value[0]
        if value.ndim == 4 and self.channels_last:
            value = value.permute(0, 3, 1, 2)
        if value.ndim == 3 and output.pool != "cls":  # tokens (B, N, D): the patches as a map
            value = value[:, self.prefix_tokens :].transpose(1, 2)[..., None]
        return POOLS[output.pool](value).flatten(1)


def gem(maps: Any, p: Any = GEM_P) -> Any:
    """Generalized mean over positions: (mean of x^p)^(1/p), (B, C, H, W) -> (B, C)."""
    return maps.clamp(min=_EPS).pow(p).mean((2, 3)).pow(1.0 / p)


def _spatial(pool: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Pool over positions; vectors have none and stay as they are."""
    return lambda value: value if value.ndim == 2 else pool(value.float())


def _cls(value: Any) -> Any:
    if value.ndim == 4:
        raise BadDataError("A layer without tokens has no :cls. Use :avg, :max or :gem.")
    return value if value.ndim == 2 else value[:, 0]


def _grid(maps: Any) -> Any:
    from torch.nn.functional import adaptive_avg_pool2d

    return adaptive_avg_pool2d(maps, GRID)


POOLS: dict[str, Callable[[Any], Any]] = {  # name -> feature map (B, C, H, W) to vectors
    "avg": _spatial(lambda maps: maps.mean((2, 3))),
    "max": _spatial(lambda maps: maps.amax((2, 3))),
    "gem": _spatial(gem),
    "cls": _cls,
    "grid": _spatial(_grid),
    "flat": lambda value: value.clone(),
}
