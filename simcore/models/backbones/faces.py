"""Faces: dlib's detectors and 128-D descriptor, as rosenfeld2018 used them (section 4.1).

`face` detects faces with dlib's HOG detector on the image at twice its size, `face-cnn` with dlib's
network on the image at its own size, as in the authors' notebook; the network is slow without a
GPU. `faces:NAME` and `faces-cnn:NAME` are any backbone's features of the face crops ("generic
features of faces", GF).
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import network_input
from simcore.errors import BadDataError, MissingWeightsError
from simcore.models import registry, state_dicts, weights
from simcore.models.registry import backbone
from simcore.models.spec import BackboneSpec, Embedder, WeightFile
from simcore.types import RAW, Array

_PACKAGE = "face-recognition-models==0.3.0"
_FOLDER = "face_recognition_models/models"
POINTS = WeightFile(
    "shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    9_150_489,
    pip_project=_PACKAGE,
    pip_member=f"{_FOLDER}/shape_predictor_5_face_landmarks.dat",
)
DESCRIPTOR = WeightFile(
    "dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    22_466_066,
    pip_project=_PACKAGE,
    pip_member=f"{_FOLDER}/dlib_face_recognition_resnet_model_v1.dat",
)
MMOD = WeightFile(
    "mmod_human_face_detector.dat",
    "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    729_940,
    pip_project=_PACKAGE,
    pip_member=f"{_FOLDER}/mmod_human_face_detector.dat",
)
HOG_UPSAMPLE, CNN_UPSAMPLE = 1, 0  # how often the image is doubled before detection
_PAPER = "King 2009 (dlib); used in rosenfeld2018"
_LICENSE = "CC0 (models), Boost (dlib)"

Detect = Callable[[Array], list[Any]]  # uint8 (H, W, 3) -> dlib rectangles

CASCADE = "haarcascade_frontalface_default.xml"
# risser-maroux2021 names no settings. These are those of OpenCV's tutorials, inferred from the
# match: of 1,000 real pairs 30.0 % have a face on both sides, in the paper 1,817 of 6,016 (30.2 %).
# OpenCV's defaults (1.1, 3) give 48.8 %.
SCALE_STEP, MIN_NEIGHBORS = 1.3, 5


@backbone(
    "face",
    dim=128,
    preprocessing=RAW,
    metric="l2",
    weights=(POINTS, DESCRIPTOR),
    groups=("offline", "faces"),
    license=_LICENSE,
    paper=_PAPER,
    holds_gil=True,
)
def face(device: str) -> Embedder:
    """Faces: dlib's frontal detector and 128-D descriptor; one row per face."""
    return _descriptor_embedder(lambda: _detect_with_hog)


@backbone(
    "face-cnn",
    dim=128,
    preprocessing=RAW,
    metric="l2",
    weights=(POINTS, DESCRIPTOR, MMOD),
    groups=("faces",),
    license=_LICENSE,
    paper=_PAPER,
    holds_gil=True,
)
def face_cnn(device: str) -> Embedder:
    """Faces: dlib's network as detector (turned heads, too) and 128-D descriptor; slow on a CPU."""
    return _descriptor_embedder(_cnn_detector)


def _descriptor_embedder(make_detector: Callable[[], Detect]) -> Embedder:
    points, descriptor = str(weights.path(POINTS)), str(weights.path(DESCRIPTOR))
    tools = _PerThread(lambda: (make_detector(), *_load_descriptor(points, descriptor)))

    def embed(image: Array) -> Any:
        detect, predictor, network = tools.get()
        rows = [
            np.array(network.compute_face_descriptor(image, predictor(image, box)))
            for box in detect(image)
        ]
        return np.array(rows, np.float32).reshape(-1, 128)

    return embed


def cropped(name: str) -> BackboneSpec:
    """`faces:NAME`: a backbone's features of each face crop, detected as for `face`."""
    return _cropped(f"faces:{name}", name, lambda: _detect_with_hog, ())


def cropped_cnn(name: str) -> BackboneSpec:
    """`faces-cnn:NAME`: a backbone's features of each face crop, detected as for `face-cnn`."""
    return _cropped(f"faces-cnn:{name}", name, _cnn_detector, (MMOD,))


registry.add_prefix("faces", cropped, wraps=True)
registry.add_prefix("faces-cnn", cropped_cnn, wraps=True)


def _cropped(
    full_name: str,
    base_name: str,
    make_detector: Callable[[], Detect],
    files: tuple[WeightFile, ...],
) -> BackboneSpec:
    from simcore.models import forward

    base = registry.get(base_name)
    if base.preprocessing.raw:
        raise BadDataError(
            f"{base_name} takes whole images. Use a backbone that takes crops after faces:."
        )

    def load(device: str) -> Embedder:
        embed_crop = base.load(device)
        detectors = _PerThread(make_detector)

        def embed(image: Array) -> Any:
            crops = [_crop(image, box) for box in detectors.get()(image)]
            if not crops:
                return np.empty((0, base.dim), np.float32)
            prepared = [network_input.prepare(crop, base.preprocessing) for crop in crops]
            return np.concatenate(forward.forward(embed_crop, base, prepared, device, "fp32"))

        return embed

    return BackboneSpec(
        name=full_name,
        dim=base.dim,
        load=load,
        preprocessing=RAW,
        metric=base.metric,
        weights=(*base.weights, *files),
        groups=("faces",),
        license=base.license,
        paper=base.paper,
        description=f"{base_name} on face crops; one row per face.",
        version=base.version,
    )


def _crop(image: Array, box: Any) -> Array:
    """The part of the box that is inside the image; at least one pixel."""
    height, width = image.shape[:2]
    top, left = min(max(box.top(), 0), height - 1), min(max(box.left(), 0), width - 1)
    return image[top : max(box.bottom(), top + 1), left : max(box.right(), left + 1)]


class _PerThread:
    """One object per thread: dlib's objects have scratch space that threads must not share."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make, self.local = make, threading.local()

    def get(self) -> Any:
        """This thread's object, created on first use."""
        if not hasattr(self.local, "value"):
            self.local.value = self.make()
        return self.local.value


def _make_hog_detector() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()


_hog_detector = _PerThread(_make_hog_detector)


def _detect_with_hog(image: Array) -> list[Any]:
    return list(_hog_detector.get()(image, HOG_UPSAMPLE))


def _cnn_detector() -> Detect:
    import dlib

    path = weights.path(MMOD)
    with state_dicts.fitting(path.name):
        detector = dlib.cnn_face_detection_model_v1(str(path))
    return lambda image: [detection.rect for detection in detector(image, CNN_UPSAMPLE)]


def _load_descriptor(points: str, descriptor: str) -> tuple[Any, Any]:
    import dlib

    with state_dicts.fitting(f"{POINTS.file} or {DESCRIPTOR.file}"):
        return dlib.shape_predictor(points), dlib.face_recognition_model_v1(descriptor)


@backbone(
    "haar",
    dim=4,
    preprocessing=RAW,
    metric="l2",
    groups=("detectors",),
    license="Apache-2.0",
    requires=("cv2", "opencv"),
    paper="Viola and Jones 2001; used in risser-maroux2021",
    version=2,  # 1: OpenCV's default settings
)
def haar(device: str) -> Embedder:
    """Frontal faces by a Haar cascade: one row per box (left, top, width, height as shares)."""
    cascade = _load_cascade()

    def embed(image: Array) -> Any:
        import cv2

        gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        boxes = cascade.detectMultiScale(gray, SCALE_STEP, MIN_NEIGHBORS)
        height, width = gray.shape
        return np.array(boxes, np.float32).reshape(-1, 4) / (width, height, width, height)

    return embed


def _load_cascade() -> Any:
    missing = MissingWeightsError(
        "The detector haar needs OpenCV 4 with its cascades. "
        "Install simcore with its extra `opencv`."
    )
    try:
        import cv2
        from cv2 import data

        file = Path(data.haarcascades) / CASCADE
    except (ImportError, AttributeError) as error:
        raise missing from error
    if not file.is_file():  # OpenCV 5 has none
        raise missing
    return cv2.CascadeClassifier(str(file))
