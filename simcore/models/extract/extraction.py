"""Images into features: decoded once for all backbones asked for, in parallel with the networks.

    files -> reader threads (decode, resize) -> batches -> each network in turn -> the store

A reader thread works ahead of the network by a few batches. Rows are put into the store in chunks,
so that a run that is killed loses at most the chunk in flight and the next one goes on behind it.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from simcore.data import images as data_images
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadImageError, SimError
from simcore.models import forward, weights
from simcore.models.extract import worker_processes
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Array, ImageSet, Monitor, Preprocessing, Skipped

CHUNK_IMAGES = 512
CHUNK_SECONDS = 10.0
CPU_BATCH = 16
GPU_BATCH = 512
READERS = 4  # threads that decode; Pillow lets go of the interpreter while it works
AHEAD = 4  # batches read ahead of the network


class Sink(Protocol):
    """Where rows go: the store, or fragments that somebody commits later."""

    def append(self, slot: FeatureKey, keys: Sequence[str], values: Sequence[Array]) -> None:
        """Takes the rows of N images."""

    def compact(self, slot: FeatureKey) -> None:
        """Told once a long run is over."""


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


def feature_key(spec: BackboneSpec, precision: str) -> FeatureKey:
    """Where a backbone's features at a precision are kept. Faces are found in whole numbers."""
    used = "fp32" if spec.preprocessing.raw else precision
    return FeatureKey(
        spec.name, spec.version, spec.preprocessing, weights.fingerprint(spec), used, spec.dim
    )


def extract(
    images: ImageSet,
    specs: Sequence[BackboneSpec],
    *,
    store: FeatureStore,
    device: str = "auto",
    precision: str = "auto",
    batch: int | None = None,
    monitor: Monitor = Monitor(),
) -> Report:
    """Features of all images under all backbones, into the store; what is there is not made again.

    Args:
        images: N images; a file that changed since its key was taken is skipped and named.
        batch: images a forward pass; by default found by itself (halved when memory runs out).
        monitor: progress per backbone, a few times a second; asked to stop between batches.

    Raises:
        SimError: the disk is full or the store damaged. Bad images and missing weights do not
            raise; they are in the report.
    """
    began = time.monotonic()
    place = forward.resolve_device(device)
    kind = forward.resolve_precision(precision, place)
    todo = {spec.name: set(store.missing(feature_key(spec, kind), images.keys)) for spec in specs}
    # A network whose features are all there is not even loaded.
    embeds, unavailable = loaded([spec for spec in specs if todo[spec.name]], place)
    with worker_processes.with_workers(embeds, list(specs), todo, place) as ready:
        lanes = [
            _Lane(spec, ready[spec.name], store, feature_key(spec, kind), todo[spec.name])
            for spec in specs
            if spec.name in ready
        ]
        made = [spec.name for spec in specs if spec.name not in unavailable]
        cached = {name: len(images) - len(todo[name]) for name in made}
        size = batch or (CPU_BATCH if place == "cpu" else GPU_BATCH)
        skipped = ExtractionRun(lanes, place, kind, size).run(images, monitor)
    return Report(
        dict.fromkeys(made, 0) | {lane.spec.name: lane.done for lane in lanes},
        cached,
        tuple(skipped),
        unavailable,
        time.monotonic() - began,
    )


def extract_into(
    images: ImageSet,
    specs: Sequence[BackboneSpec],
    todo: dict[str, set[str]],
    embeds: dict[str, Embedder],
    *,
    sink: Sink,
    device: str,
    precision: str,
) -> tuple[dict[str, int], list[Skipped]]:
    """What is named in `todo`, by networks that are loaded, into any sink.

    Returns:
        images made, a backbone; and those that could not be used.
    """
    lanes = [
        _Lane(spec, embeds[spec.name], sink, feature_key(spec, precision), todo[spec.name])
        for spec in specs
    ]
    runner = ExtractionRun(lanes, device, precision, CPU_BATCH if device == "cpu" else GPU_BATCH)
    skipped = runner.run(images, Monitor())
    return {lane.spec.name: lane.done for lane in lanes}, skipped


def loaded(
    specs: Sequence[BackboneSpec], device: str
) -> tuple[dict[str, Embedder], dict[str, str]]:
    """The networks that can be loaded, and why the others cannot."""
    embeds, unavailable = {}, {}
    for spec in specs:
        try:
            embeds[spec.name] = forward.load(spec, device)
        except SimError as error:
            unavailable[spec.name] = str(error)
    return embeds, unavailable


@dataclass
class _Lane:
    """One backbone's way through a run."""

    spec: BackboneSpec
    embed: Embedder
    store: Sink
    slot: FeatureKey
    todo: set[str]
    done: int = 0
    keys: list[str] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)
    flushed: float = field(default_factory=time.monotonic)

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
    ready: dict[Preprocessing, Array]


class ExtractionRun:
    """Reader threads, batches and networks of one run."""

    def __init__(self, lanes: list[_Lane], device: str, precision: str, batch: int) -> None:
        self.lanes, self.device, self.precision, self.batch = lanes, device, precision, batch

    def run(self, images: ImageSet, monitor: Monitor) -> list[Skipped]:
        """Everything that is missing; returns what could not be used."""
        skipped: list[Skipped] = []
        began = time.monotonic()
        total = {lane.spec.name: len(lane.todo) for lane in self.lanes}
        try:
            for batch in self._batches(images, skipped, monitor):
                for lane in self.lanes:
                    self._step(lane, batch, skipped)
                    _tell(monitor, lane, total[lane.spec.name], began)
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
            ready = [read.ready[lane.spec.preprocessing] for read in part]
            try:
                rows = forward.forward(lane.embed, lane.spec, ready, self.device, self.precision)
            except Exception as error:
                if not forward.out_of_memory(error) or self.batch == 1:
                    raise
                self.batch = max(1, self.batch // 2)
                mine = part + mine
                continue
            lane.take([read.key for read in part], rows)

    def _batches(
        self, images: ImageSet, skipped: list[Skipped], monitor: Monitor
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
                if not waiting or monitor.stopped:
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
        data = data_images.read(images.path(row))
        if data_images.content_key(data, images.trim) != images.keys[row]:
            raise BadImageError(
                f"{images.path(row).name} has changed since it was added; expected the same "
                "bytes; add the collection again"
            )
        image = data_images.load(data, trim=images.trim, name=images.path(row).name)
        kinds = {lane.spec.preprocessing for lane in self.lanes if images.keys[row] in lane.todo}
        return _Read(images.keys[row], {kind: forward.prepare_image(image, kind) for kind in kinds})


def _tell(monitor: Monitor, lane: _Lane, total: int, began: float) -> None:
    if total:
        rate = lane.done / max(time.monotonic() - began, 1e-6)
        monitor.report(lane.spec.name, lane.done, total, rate)
