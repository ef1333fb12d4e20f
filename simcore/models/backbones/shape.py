"""`shp` of rosenfeld2019: EdgeMAC on structured edges.

Needs OpenCV's extra modules for the edge detector (Dollar and Zitnick 2013), which the extra
`opencv` brings, and its trained forest, `model.yml.gz` of opencv_extra.
"""

from typing import Any

import numpy as np

from simcore.data import images as pictures
from simcore.errors import MissingWeightsError
from simcore.models import nets, registry, weights
from simcore.models.backbones.faces import RAW
from simcore.specs import Embed, Net, Prepare, Spec, Weights
from simcore.types import Array

_URL = "http://cmp.felk.cvut.cz/cnnimageretrieval/data/networks/retrieval-SfM-30k"
NETWORK = Weights(
    "rosenfeld2019/retrievalSfM30k-edgemac-vgg.mat", url=f"{_URL}/retrievalSfM30k-edgemac-vgg.mat"
)
FOREST = Weights(
    "rosenfeld2019/structured-edges.yml.gz",
    url="https://github.com/opencv/opencv_extra/raw/master/testdata/cv/ximgproc/model.yml.gz",
    note="also as http://ptak.felk.cvut.cz/im4sketch/opencv_extra.yml.gz",
)


def _build() -> Any:
    from simcore.models.architectures.edgemac import EdgeMAC

    return EdgeMAC()


def _rename(found: dict[str, Any]) -> dict[str, Any]:
    from simcore.models.architectures import edgemac

    return edgemac.state(found)


NET = Net(_build, rename=_rename, kind="matconvnet")


def load(device: str) -> Embed:
    """Shape: EdgeMAC, a VGG16 that sees only edges."""
    import torch

    module = nets.filled(NET, weights.path(NETWORK)).eval().to(device)
    detector = _detector()

    def embed(image: Array) -> Any:
        edges = padded(detector.detectEdges(shrunk(image)))
        with torch.inference_mode():
            return module(torch.from_numpy(edges)[None, None].to(device)).cpu().numpy()

    return embed


def shrunk(image: Array) -> Array:
    """uint8 (H, W, 3) as float32 RGB 0..1 with a long side of 227 px."""
    from simcore.models.architectures.edgemac import SIDE

    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = pictures.prepare(image, Prepare(resize=size, crop=None))
    return small.astype(np.float32) / 255


def padded(edges: Array) -> Array:
    """(H, W) with 30 px of nothing on every side, and at least 67 px a side."""
    from simcore.models.architectures.edgemac import LEAST, PAD

    rest = [max(0, LEAST - side - 2 * PAD) for side in edges.shape]
    sides = [(PAD + r // 2, PAD + r - r // 2) for r in rest]
    return np.pad(np.asarray(edges, np.float32), sides)


def _detector() -> Any:
    try:
        from cv2 import ximgproc
    except ImportError as error:
        raise MissingWeightsError(
            "found no OpenCV with its extra modules; expected them for the edges that shp looks "
            "at; install simcore with its extra `opencv`"
        ) from error
    return ximgproc.createStructuredEdgeDetection(str(weights.path(FOREST)))


registry.add(
    Spec(
        "shp", 512, load, RAW, weights=(NETWORK, FOREST), groups=("rosenfeld2019",),
        license="MIT (code); none stated for the weights", paper="rosenfeld2019",
        about=(load.__doc__ or "").strip(), net=NET, rows=(("rosenfeld2019", "shp"),),
        params=14_713_540, package=("cv2", "opencv"),
    )
)  # fmt: skip
