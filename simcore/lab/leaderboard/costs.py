"""What each backbone costs: weights, dimensions, and the time per image on this machine."""

import os
import platform
from pathlib import Path

import numpy as np

from simcore.data import images as data_images
from simcore.data import result_cache
from simcore.errors import BadImageError, SimError
from simcore.lab.leaderboard.board import Cost
from simcore.lab.library.models import BackboneInfo
from simcore.models import forward, registry
from simcore.models.extract import extraction, speed
from simcore.models.spec import BackboneSpec
from simcore.types import Array, ImageSet

KIND = "speed"  # of result on disk
MAX_PICTURES = 16


def sample(images: ImageSet) -> list[Array]:
    """The first readable images of a set, decoded."""
    pictures: list[Array] = []
    for row in range(len(images)):
        if len(pictures) == MAX_PICTURES:
            break
        try:
            pictures.append(data_images.load_as(images.path(row), images.keys[row]))
        except BadImageError:
            continue
    return pictures


def measure(backbone: str, pictures: list[Array]) -> None:
    """Measure and store a backbone's time per image, if that was not done on this machine.

    A backbone that cannot be loaded has no time.
    """
    spec = registry.get(backbone)
    if not pictures or spec.only_stored or result_cache.contains(KIND, _key(spec)):
        return
    device = forward.resolve_device("auto")
    try:
        milliseconds = speed.milliseconds_per_image(spec, pictures, device)
        parameters = speed.count_parameters(spec, device)
    except SimError:
        return
    result_cache.write(
        KIND,
        _key(spec),
        {
            "milliseconds": np.array(milliseconds),
            "parameters": np.array(parameters),
            "machine": np.array(_device_name(device)),
        },
    )


def read(info: BackboneInfo) -> Cost:
    """What is known about the cost of a backbone; loads no network library."""
    spec = registry.get(info.name)
    stored = result_cache.read(KIND, _key(spec))
    milliseconds = None if stored is None else float(stored["milliseconds"])
    counted = 0 if stored is None else int(stored["parameters"])
    parameters = info.n_parameters or counted or None
    has_weights = bool(info.files) or info.n_parameters > 0
    unknown = None if spec.only_stored or spec.derive is not None or "own" in info.groups else 0
    return Cost(
        dim=info.dim or None,
        parameters=parameters if has_weights or parameters else unknown,
        bytes=(info.bytes or None) if has_weights else unknown,
        milliseconds=milliseconds,
        machine="" if stored is None else str(stored["machine"]),
    )


def _device_name(device: str) -> str:
    """The processor that computes, without the name of the computer."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name())
    return _processor()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(names, "") or platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def _key(spec: BackboneSpec) -> tuple[object, ...]:
    return extraction.feature_key(spec, "fp32"), _processor()
