"""Feature maps of a network, recorded while an image passes through it.

This works for any network that runs through `forward`: PyTorch hooks see the output of every
module, and the last spatial outputs are kept. A new backbone needs no code of its own. Handcrafted
descriptors and face detectors have no modules, and so no maps.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcore.errors import BadDataError
from simcore.models import forward
from simcore.models.spec import BackboneSpec
from simcore.types import Array

MIN_FINE_SIDE = 12  # cells per side of the finer map, at least
MAX_PREFIX_TOKENS = 8  # class and register tokens before the patches, at most


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """The maps of one image under one network.

    Attributes:
        coarse: (h, w, C) float32, the last feature map or patch tokens.
        fine: (h, w, C) float32, the last with `MIN_FINE_SIDE` cells per side or more; `coarse` if
            there is none.
        vector: (D,) float32, the network's features of the image.
    """

    coarse: Array
    fine: Array
    vector: Array


def extract_maps(image: Array, spec: BackboneSpec, device: str, precision: str) -> FeatureMaps:
    """The feature maps of one image.

    Args:
        image: (H, W, 3) uint8.

    Raises:
        BadDataError: the backbone has no maps. MissingWeightsError: its weights are missing.
    """
    forward.load(spec, device)  # before recording: loading may run modules, too
    with record_maps() as maps:
        (rows,) = forward.embed_images([image], spec, device, precision)
    if not maps:
        raise BadDataError(
            f"{spec.name} has no feature maps. Use a convolutional network or a transformer; "
            "occlusion works with every backbone."
        )
    coarse = maps[-1]
    fine = next((m for m in reversed(maps) if min(m.shape[:2]) >= MIN_FINE_SIDE), coarse)
    return FeatureMaps(coarse, fine, rows[0])


@contextmanager
def record_maps() -> Iterator[list[Array]]:
    """Record the spatial outputs of modules that this thread runs on a single image.

    Yields:
        a list that is filled with (h, w, C) float32 arrays when the block ends.
    """
    from torch.nn.modules.module import register_module_forward_hook

    thread, outputs = threading.get_ident(), list[Any]()

    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        if threading.get_ident() != thread:
            return
        if (spatial := _as_map(output)) is not None:
            # Only the last map of each size is used; keeping the others would cost memory.
            if outputs and outputs[-1].shape[:2] == spatial.shape[:2]:
                outputs.pop()
            outputs.append(spatial)

    handle = register_module_forward_hook(hook)
    maps = list[Array]()
    try:
        yield maps
    finally:
        handle.remove()
        maps += [np.ascontiguousarray(output.float().cpu().numpy()) for output in outputs]


def _as_map(output: Any) -> Any:
    """A spatial output as (h, w, C): from (1, C, h, w), (1, h, w, C) or (1, tokens, C)."""
    import torch

    if not isinstance(output, torch.Tensor) or not output.is_floating_point():
        return None
    if output.shape[0] != 1:
        return None
    if output.ndim == 4:
        _, a, b, c = output.shape
        if b == c and b > 1:
            return output[0].permute(1, 2, 0)
        return output[0] if a == b and a > 1 else None
    if output.ndim == 3:
        side = int(output.shape[1] ** 0.5)
        prefix = output.shape[1] - side * side
        if side > 2 and prefix <= MAX_PREFIX_TOKENS:
            return output[0, prefix:].reshape(side, side, -1)
    return None
