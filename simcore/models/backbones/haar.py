"""Frontal faces by OpenCV's Haar cascade, as risser-maroux2021 split TLL into faces and objects.

Not a representation but a detector: its rows are boxes, counted and not compared. Comes with the
extra `opencv`; the cascade travels inside OpenCV 4.
"""

from pathlib import Path
from typing import Any

import numpy as np

from simcore.errors import MissingWeightsError
from simcore.models.backbones.faces import RAW
from simcore.models.registry import backbone
from simcore.specs import Embed
from simcore.types import Array

CASCADE = "haarcascade_frontalface_default.xml"
STEP, NEIGHBOURS = 1.1, 3  # OpenCV's defaults; the paper names no others


@backbone(
    "haar", dim=4, prepare=RAW, metric="l2", groups=("detectors",), license="Apache-2.0",
    package=("cv2", "opencv"), paper="Viola and Jones 2001; used in risser-maroux2021",
)  # fmt: skip
def haar(device: str) -> Embed:
    """Frontal faces by a Haar cascade: a row a box (left, top, width, height as shares)."""
    cascade = _cascade()

    def embed(image: Array) -> Any:
        import cv2

        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        boxes = cascade.detectMultiScale(grey, STEP, NEIGHBOURS)
        height, width = grey.shape
        return np.array(boxes, np.float32).reshape(-1, 4) / (width, height, width, height)

    return embed


def _cascade() -> Any:
    absent = MissingWeightsError(
        "found no OpenCV 4 with its cascades; expected them for the detector `haar`; "
        "install simcore with its extra `opencv`"
    )
    try:
        import cv2
        from cv2 import data

        file = Path(data.haarcascades) / CASCADE
    except (ImportError, AttributeError) as error:
        raise absent from error
    if not file.is_file():  # OpenCV 5 has none
        raise absent
    return cv2.CascadeClassifier(str(file))
