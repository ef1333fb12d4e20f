"""What each backbone costs: weights, dimensions, and the time per image on this machine."""

import hashlib
import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from simcore.data import cache_dir, state_files
from simcore.data import images as data_images
from simcore.errors import BadImageError, SimError
from simcore.lab.leaderboard.board_entries import QUIET_SHARE, Cost
from simcore.lab.library.models import BackboneInfo
from simcore.models import forward, registry
from simcore.models.extract import extraction, processor_load, speed
from simcore.models.extract.processor_load import ProcessorLoad
from simcore.models.spec import BackboneSpec
from simcore.types import JSON, Array, ImageSet

MAX_PICTURES = 16


@dataclass(frozen=True)
class _Speed:
    """What was measured: time per image, and the number of weights (0 = unknown).

    Attributes:
        others: share of the processor that other programs used meanwhile; None if unknown.
    """

    milliseconds: float
    parameters: int
    machine: str
    others: float | None

    @classmethod
    def parse(cls, document: JSON) -> "_Speed":
        milliseconds, parameters = float(document["milliseconds"]), int(document["parameters"])
        if not (0 < milliseconds < 1e9 and 0 <= parameters < 2**53):
            raise ValueError("its numbers are impossible")
        others = document["others"]
        if others is not None and not 0 <= float(others) <= 1:
            raise ValueError("its numbers are impossible")
        return cls(milliseconds, parameters, str(document["machine"]), others)

    @property
    def is_final(self) -> bool:
        """Whether it need not be measured again on a quieter processor."""
        return self.others is None or self.others <= QUIET_SHARE


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

    A time from a busy processor is replaced as soon as the processor is quiet. A backbone that
    cannot be loaded has no time.
    """
    spec = registry.get(backbone)
    if not pictures or spec.only_stored:
        return
    before = _stored(spec)
    if before is not None and (before.is_final or not _is_quiet()):
        return
    device = forward.resolve_device("auto")
    load = ProcessorLoad()
    try:
        milliseconds = speed.milliseconds_per_image(spec, pictures, device)
        others = load.others()
        parameters = speed.count_parameters(spec, device)
    except SimError:
        return
    measured = _Speed(milliseconds, parameters, _device_name(device), others)
    if before is not None and (others is None or others > (before.others or 0)):
        return
    with suppress(SimError):  # a read-only cache
        state_files.write_json(_file(spec), asdict(measured))


def read(info: BackboneInfo) -> Cost:
    """What is known about the cost of a backbone; loads no network library."""
    spec = registry.get(info.name)
    stored = _stored(spec)
    _milliseconds, counted = (
        (None, 0) if stored is None else (stored.milliseconds, stored.parameters)
    )
    parameters = info.n_parameters or counted or None
    has_weights = bool(info.files) or info.n_parameters > 0
    unknown = None if spec.only_stored or spec.derive is not None or "own" in info.groups else 0
    return Cost(
        dim=info.dim or None,
        parameters=parameters if has_weights or parameters else unknown,
        bytes=(info.bytes or None) if has_weights else unknown,
        milliseconds=None if stored is None else stored.milliseconds,
        machine="" if stored is None else stored.machine,
        others=None if stored is None else stored.others,
    )


def _is_quiet() -> bool:
    others = processor_load.others_now()
    return others is not None and others <= QUIET_SHARE


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


def _stored(spec: BackboneSpec) -> _Speed | None:
    return state_files.read_json(_file(spec), _Speed.parse, rebuild=True)


def _file(spec: BackboneSpec) -> Path:
    """One file per backbone, weights and processor; not a result, since code changes no time."""
    key = f"{extraction.feature_key(spec, 'fp32').table} {_processor()}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return cache_dir.root() / "speeds" / f"{digest}.json"
