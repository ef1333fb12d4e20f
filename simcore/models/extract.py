"""Images into features: decoded once for all backbones asked for, in parallel with the networks.

    files -> reader threads (decode, resize) -> batches -> each network in turn -> the store

A reader thread works ahead of the network by a few batches. Rows are put into the store in chunks,
so that a run that is killed loses at most the chunk in flight and the next one goes on behind it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from simcore.data import images as pictures
from simcore.data.store import Slot, Store
from simcore.errors import BadDataError, BadImageError, SimError, unknown
from simcore.models import weights
from simcore.types import (
    Array,
    Embed,
    ImageSet,
    OnProgress,
    Prepare,
    Progress,
    Skipped,
    Spec,
)

CHUNK_IMAGES = 512
CHUNK_SECONDS = 10.0
CPU_BATCH = 16
GPU_BATCH = 512
READERS = 4  # threads that decode; Pillow lets go of the interpreter while it works
AHEAD = 4  # batches read ahead of the network

Stop = Callable[[], bool]


@dataclass(frozen=True)
class Report:
    """What a run did.

    Attributes:
        computed, cached: images a backbone, made now and found in the store.
        skipped: images that could not be used, and why.
        unavailable: backbones that could not be loaded, and why.
        seconds: wall time.
    """

    computed: dict[str, int]
    cached: dict[str, int]
    skipped: tuple[Skipped, ...]
    unavailable: dict[str, str]
    seconds: float


def slot(spec: Spec, precision: str) -> Slot:
    """Where a backbone's features at a precision are kept. Faces are found in whole numbers."""
    used = "fp32" if spec.prepare.raw else precision
    return Slot(spec.name, spec.version, spec.prepare, weights.sha(spec), used, spec.dim)


def resolve_device(name: str = "auto") -> str:
    """ "auto" as the best device here.

    Raises:
        UnknownNameError: no such device. BadDataError: it is not on this machine.
    """
    if name not in {"auto", "cpu", "cuda", "mps"}:
        raise unknown("device", name, ("auto", "cpu", "cuda", "mps"))
    if name == "cpu":
        return name
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next((device for device, found in there.items() if found), "cpu")
    if not there[name]:
        raise BadDataError(f"found no {name} device here; expected one; use --device auto or cpu")
    return name


def resolve_precision(name: str, device: str) -> str:
    """ "auto" as bf16 on CUDA and fp32 elsewhere."""
    if name not in {"auto", "fp32", "bf16"}:
        raise unknown("precision", name, ("auto", "fp32", "bf16"))
    return name if name != "auto" else "bf16" if device == "cuda" else "fp32"


def extract(
    images: ImageSet,
    specs: Sequence[Spec],
    *,
    store: Store,
    device: str = "auto",
    precision: str = "auto",
    batch: int | None = None,
    on_progress: OnProgress | None = None,
    stop: Stop | None = None,
) -> Report:
    """Features of all images under all backbones, into the store; what is there is not made again.

    Args:
        images: N images; a file that changed since its key was taken is skipped and named.
        batch: images a forward pass; by default found by itself (halved when memory runs out).
        on_progress: told a few times a second, a stage a backbone.
        stop: asked between batches; what is finished is kept.

    Raises:
        SimError: the disk is full or the store damaged. Bad images and missing weights do not
            raise; they are in the report.
    """
    began = time.monotonic()
    place = resolve_device(device)
    kind = resolve_precision(precision, place)
    embeds, unavailable = _loaded(specs, place)
    lanes = [
        _Lane(spec, embeds[spec.name], store, slot(spec, kind), images)
        for spec in specs
        if spec.name in embeds
    ]
    cached = {lane.spec.name: len(images) - len(lane.todo) for lane in lanes}
    runner = _Runner(lanes, place, kind, batch or (CPU_BATCH if place == "cpu" else GPU_BATCH))
    skipped = runner.run(images, on_progress, stop)
    return Report(
        {lane.spec.name: lane.done for lane in lanes},
        cached,
        tuple(skipped),
        unavailable,
        time.monotonic() - began,
    )


def embed_one(found: list[Array], spec: Spec, device: str, precision: str) -> list[Array]:
    """Features of images in memory (uploads), the same way as those of a collection.

    Args:
        found: uint8 (H, W, 3) each.

    Returns:
        one (n_i, D) float32 array an image.

    Raises:
        MissingWeightsError: the backbone's weights are not here.
    """
    embed = load(spec, device)
    with _LOCK:
        ready = [_prepared(image, spec.prepare) for image in found]
        return _forward(embed, spec, ready, device, precision)


def load(spec: Spec, device: str) -> Embed:
    """A loaded network, kept for the next question."""
    with _LOCK:
        return _load(spec, device)


_LOCK = threading.RLock()  # networks are shared between the app's threads, one runs at a time


@lru_cache(maxsize=8)
def _load(spec: Spec, device: str) -> Embed:
    return spec.load(device)


def _loaded(specs: Sequence[Spec], device: str) -> tuple[dict[str, Embed], dict[str, str]]:
    embeds, unavailable = {}, {}
    for spec in specs:
        try:
            embeds[spec.name] = load(spec, device)
        except SimError as error:
            unavailable[spec.name] = str(error)
    return embeds, unavailable


@dataclass
class _Lane:
    """One backbone's way through a run."""

    spec: Spec
    embed: Embed
    store: Store
    slot: Slot
    images: ImageSet
    todo: set[str] = field(default_factory=set)
    done: int = 0
    keys: list[str] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)
    flushed: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.todo = set(self.store.missing(self.slot, self.images.keys))

    def take(self, keys: list[str], rows: list[Array]) -> None:
        """Rows of a batch; to the store when enough have come together."""
        self.keys += keys
        self.rows += rows
        self.done += len(keys)
        if len(self.keys) >= CHUNK_IMAGES or time.monotonic() - self.flushed > CHUNK_SECONDS:
            self.flush()

    def flush(self) -> None:
        """What has come together goes to the store in one commit."""
        if self.keys:
            self.store.append(self.slot, self.keys, self.rows)
        self.keys, self.rows, self.flushed = [], [], time.monotonic()


@dataclass
class _Read:
    """One decoded image, prepared for every kind of input that some backbone wants."""

    key: str
    ready: dict[Prepare, Array]


class _Runner:
    """Reader threads, batches and networks of one run."""

    def __init__(self, lanes: list[_Lane], device: str, precision: str, batch: int) -> None:
        self.lanes, self.device, self.precision, self.batch = lanes, device, precision, batch

    def run(
        self, images: ImageSet, on_progress: OnProgress | None, stop: Stop | None
    ) -> list[Skipped]:
        """Everything that is missing; returns what could not be used."""
        skipped: list[Skipped] = []
        began = time.monotonic()
        total = {lane.spec.name: len(lane.todo) for lane in self.lanes}
        try:
            for batch in self._batches(images, skipped, stop):
                for lane in self.lanes:
                    self._step(lane, batch, skipped)
                    _tell(on_progress, lane, total[lane.spec.name], began)
        finally:
            for lane in self.lanes:
                lane.flush()
        for lane in self.lanes:
            if lane.done > CHUNK_IMAGES:
                lane.store.compact(lane.slot)
        return skipped

    def _step(self, lane: _Lane, batch: list[_Read], skipped: list[Skipped]) -> None:
        mine = [read for read in batch if read.key in lane.todo]
        while mine:
            part, mine = mine[: self.batch], mine[self.batch :]
            ready = [read.ready[lane.spec.prepare] for read in part]
            try:
                rows = _forward(lane.embed, lane.spec, ready, self.device, self.precision)
            except Exception as error:
                if not _out_of_memory(error) or self.batch == 1:
                    raise
                self.batch = max(1, self.batch // 2)
                mine = part + mine
                continue
            lane.take([read.key for read in part], rows)

    def _batches(
        self, images: ImageSet, skipped: list[Skipped], stop: Stop | None
    ) -> Iterator[list[_Read]]:
        """Decoded images in the collection's order, while the next ones are being read."""
        wanted = [
            row
            for row, key in enumerate(images.keys)
            if any(key in lane.todo for lane in self.lanes)
        ]
        wanted = [*{images.keys[row]: row for row in reversed(wanted)}.values()][::-1]
        coming = iter(wanted)
        waiting: deque[tuple[int, Future[_Read]]] = deque()
        with ThreadPoolExecutor(READERS, "reader") as pool:
            batch: list[_Read] = []
            while True:
                while len(waiting) < AHEAD * self.batch and (row := next(coming, None)) is not None:
                    waiting.append((row, pool.submit(self._read, images, row)))
                if not waiting or (stop is not None and stop()):
                    break
                row, future = waiting.popleft()
                try:
                    batch.append(future.result())
                except BadImageError as error:
                    skipped.append(Skipped(images.ids[row], str(error)))
                if len(batch) >= self.batch:
                    yield batch
                    batch = []
            for _, future in waiting:
                future.cancel()
            if batch:
                yield batch

    def _read(self, images: ImageSet, row: int) -> _Read:
        data = pictures.read(images.paths[row])
        if pictures.key(data, images.trim) != images.keys[row]:
            raise BadImageError(
                f"{images.paths[row].name} has changed since it was added; expected the same "
                "bytes; add the collection again"
            )
        image = pictures.load(data, trim=images.trim, name=images.paths[row].name)
        kinds = {lane.spec.prepare for lane in self.lanes if images.keys[row] in lane.todo}
        return _Read(images.keys[row], {kind: _prepared(image, kind) for kind in kinds})


def _prepared(image: Array, kind: Prepare) -> Array:
    return image if kind.raw else pictures.prepare(image, kind)


def _forward(
    embed: Embed, spec: Spec, ready: list[Array], device: str, precision: str
) -> list[Array]:
    """Prepared images through one network: one (n_i, D) array each."""
    if spec.prepare.raw:
        return [np.asarray(embed(image), np.float32) for image in ready]
    import torch

    batch = torch.from_numpy(np.stack(ready))
    if device == "cuda":
        batch = batch.pin_memory()
    with torch.inference_mode():
        x = batch.to(device, non_blocking=True).permute(0, 3, 1, 2)  # a channels_last view
        x = x.to(torch.float32).div_(255)
        if spec.prepare.mean:
            mean = x.new_tensor(spec.prepare.mean).view(1, -1, 1, 1)
            std = x.new_tensor(spec.prepare.std).view(1, -1, 1, 1)
            x = (x - mean) / std
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            values = embed(x)
        rows: Array = values.float().cpu().numpy()
    return list(rows[:, None])


def _out_of_memory(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError)


def _tell(on_progress: OnProgress | None, lane: _Lane, total: int, began: float) -> None:
    if on_progress is not None and total:
        rate = lane.done / max(time.monotonic() - began, 1e-6)
        on_progress(Progress(lane.spec.name, lane.done, total, rate))
