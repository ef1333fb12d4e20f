"""Where in the image: the feature maps of a network, taken on its way to the vector.

Any network that runs through `forward` has them: while it runs, PyTorch is asked to show what each
of its modules gives, and the last outputs that still have places are kept. So a new backbone needs
nothing of its own. Hand-made descriptors and face detectors have no modules, and so no maps.
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

FINE = 12  # cells a side, at least, of the finer map
PREFIX = 8  # tokens before the patches, at most (class and register tokens)


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """One image under one network.

    Attributes:
        coarse: (h, w, C) float32, the last feature map or patch tokens.
        fine: (h, w, C) float32, the last with `FINE` cells a side or more; the same where none is.
        vector: (D,) what the network makes of it all.
    """

    coarse: Array
    fine: Array
    vector: Array


def extract_maps(image: Array, spec: BackboneSpec, device: str, precision: str) -> FeatureMaps:
    """The feature maps of one image.

    Args:
        image: (H, W, 3) uint8.

    Raises:
        BadDataError: this backbone has no maps. MissingWeightsError: its weights are not here.
    """
    forward.load(spec, device)  # what a network does while it is being built is not its answer
    with _watching() as seen:
        (rows,) = forward.embed_one([image], spec, device, precision)
    if not seen:
        raise BadDataError(
            f"found no feature maps in {spec.name}; expected a convolutional network or a "
            "transformer; what masking does works with every backbone"
        )
    coarse = seen[-1]
    fine = next((one for one in reversed(seen) if min(one.shape[:2]) >= FINE), coarse)
    return FeatureMaps(coarse, fine, rows[0])


@contextmanager
def _watching() -> Iterator[list[Array]]:
    """Collects, in this thread, the outputs of modules that are maps of one image."""
    from torch.nn.modules.module import register_module_forward_hook

    mine, seen = threading.get_ident(), list[Any]()

    def look(_module: Any, _given: Any, out: Any) -> None:
        if threading.get_ident() == mine and (found := _placed(out)) is not None:
            # Only the last of a size can be asked for: the others need not be kept.
            if seen and seen[-1].shape[:2] == found.shape[:2]:
                seen.pop()
            seen.append(found)

    handle = register_module_forward_hook(look)
    kept = list[Array]()
    try:
        yield kept
    finally:
        handle.remove()
        kept += [np.ascontiguousarray(one.float().cpu().numpy()) for one in seen]


def _placed(out: Any) -> Any:
    """(h, w, C) of an output that has places: (1, C, h, w), (1, h, w, C) or (1, tokens, C)."""
    import torch

    if not isinstance(out, torch.Tensor) or not out.is_floating_point() or out.shape[0] != 1:
        return None
    if out.ndim == 4:
        _, a, b, c = out.shape
        if b == c and b > 1:
            return out[0].permute(1, 2, 0)
        return out[0] if a == b and a > 1 else None
    if out.ndim == 3:
        side = int(out.shape[1] ** 0.5)
        prefix = out.shape[1] - side * side
        if side > 2 and prefix <= PREFIX:
            return out[0, prefix:].reshape(side, side, -1)
    return None
