"""One run of extraction: images are decoded once for all backbones, in parallel with the networks.

    files -> reader threads (decode, resize) -> batches -> each network in turn -> the store

Reader threads work a few batches ahead of the networks. Rows are committed to the store in chunks:
a killed run loses at most the current chunk, and the next run resumes after it.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from simcore.data import images as data_images
from simcore.data.store.feature_key import FeatureKey
from simcore.errors import BadImageError
from simcore.models import cpu_threads, forward
from simcore.models.extract import batch_sizes
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Array, ImageSet, Monitor, Preprocessing, Skipped

CHUNK_IMAGES = 512
CHUNK_SECONDS = 10.0
READ_AHEAD = 3  # batches

# (H, W, 3) uint8 as decoded, and its content key -> the image that is embedded instead.
Alter = Callable[[Array, str], Array]


class Sink(Protocol):
    """Where rows are written: the store, or fragments that are committed later."""

    def append(self, slot: FeatureKey, keys: Sequence[str], values: Sequence[Array]) -> None:
        """Write the rows of N images."""

    def compact(self, slot: FeatureKey) -> None:
        """Merge small files at the end of a long run."""


@dataclass
class BackboneTask:
    """What one backbone has to do in a run, and its rows that are not in the store yet."""

    spec: BackboneSpec
    embed: Embedder
    sink: Sink
    feature_key: FeatureKey
    todo: set[str]  # keys of the images to compute
    batch_size: batch_sizes.BatchSize
    done: int = 0
    keys: list[str] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)
    flushed: float = field(default_factory=time.monotonic)
    pending: tuple[list[str], forward.PendingRows] | None = None

    def submitted(self, keys: list[str], rows: forward.PendingRows) -> None:
        """Add a batch that a device may still be computing; the one before it is collected."""
        self.collect()
        self.pending = keys, rows
        if rows.event is None:
            self.collect()

    def collect(self) -> None:
        """Wait for the batch that is being computed, if there is one."""
        if self.pending is not None:
            (keys, rows), self.pending = self.pending, None
            self.add(keys, rows.wait())

    def add(self, keys: list[str], rows: list[Array]) -> None:
        """Add the rows of a batch; they are written when there are enough of them."""
        self.keys += keys
        self.rows += rows
        self.done += len(keys)
        if len(self.keys) >= CHUNK_IMAGES or time.monotonic() - self.flushed > CHUNK_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the collected rows in one commit."""
        if self.keys:
            self.sink.append(self.feature_key, self.keys, self.rows)
        self.keys, self.rows, self.flushed = [], [], time.monotonic()


@dataclass
class _DecodedImage:
    """One decoded image, prepared for every preprocessing that a backbone needs."""

    key: str
    prepared: dict[Preprocessing, Array]


class ExtractionRun:
    """Reader threads, batches and networks of one run.

    Attributes:
        unit: how many decoded images go through all networks in turn.
        alter: changes every image after decoding.
    """

    def __init__(
        self,
        tasks: list[BackboneTask],
        device: str,
        precision: str,
        unit: int,
        alter: Alter | None = None,
    ) -> None:
        self.tasks, self.device, self.precision, self.unit = tasks, device, precision, unit
        self.alter = alter

    def run(self, images: ImageSet, monitor: Monitor) -> list[Skipped]:
        """Compute all that is to do; returns the images that could not be used."""
        skipped: list[Skipped] = []
        start_time = time.monotonic()
        try:
            for batch in self._batches(images, skipped, monitor):
                for task in self.tasks:
                    self._embed(task, batch)
                    self._report(task, monitor, start_time)
            for task in self.tasks:
                if task.pending is not None:
                    task.collect()
                    self._report(task, monitor, start_time)
        finally:
            for task in self.tasks:
                task.collect()
                task.flush()
        for task in self.tasks:
            if task.done > CHUNK_IMAGES:
                task.sink.compact(task.feature_key)
        return skipped

    def _report(self, task: BackboneTask, monitor: Monitor, start_time: float) -> None:
        if task.todo:
            rate = task.done / max(time.monotonic() - start_time, 1e-6)
            share = sum(t.done for t in self.tasks) / sum(len(t.todo) for t in self.tasks)
            monitor.report(task.spec.name, task.done, len(task.todo), rate, overall=share)

    def _embed(self, task: BackboneTask, batch: list[_DecodedImage]) -> None:
        """Run a batch through one network, in smaller parts when memory runs out."""
        remaining = [image for image in batch if image.key in task.todo]
        while remaining:
            size = task.batch_size.current
            part = remaining[:size]
            prepared = [image.prepared[task.spec.preprocessing] for image in part]
            started = time.perf_counter()
            try:
                rows = forward.submit(task.embed, task.spec, prepared, self.device, self.precision)
                if not task.batch_size.settled:
                    rows.wait()  # the size is being timed
            except Exception as error:
                if not forward.is_out_of_memory(error) or size == 1:
                    raise
                task.batch_size.shrink()
                continue
            task.batch_size.record(len(part), time.perf_counter() - started)
            task.submitted([image.key for image in part], rows)
            remaining = remaining[len(part) :]

    def _batches(
        self, images: ImageSet, skipped: list[Skipped], monitor: Monitor
    ) -> Iterator[list[_DecodedImage]]:
        """Decoded images in the collection's order, while the next ones are being read."""
        upcoming = iter(self._rows_to_read(images))
        reading: deque[tuple[int, Future[_DecodedImage]]] = deque()
        with ThreadPoolExecutor(cpu_threads.cores(), "reader") as pool:
            batch: list[_DecodedImage] = []
            while True:
                while len(reading) < READ_AHEAD * self.unit:
                    if (row := next(upcoming, None)) is None:
                        break
                    reading.append((row, pool.submit(self._decode, images, row)))
                if not reading or monitor.stopped:
                    break
                row, future = reading.popleft()
                try:
                    batch.append(future.result())
                except BadImageError as error:
                    skipped.append(Skipped(images.ids[row], str(error)))
                if len(batch) >= self.unit:
                    yield batch
                    batch = []
            for _, future in reading:
                future.cancel()
            if batch:
                yield batch

    def _rows_to_read(self, images: ImageSet) -> list[int]:
        """Rows of images that some backbone has to compute, each content key once."""
        first_rows: dict[str, int] = {}
        for row, key in enumerate(images.keys):
            if any(key in task.todo for task in self.tasks):
                first_rows.setdefault(key, row)
        return list(first_rows.values())

    def _decode(self, images: ImageSet, row: int) -> _DecodedImage:
        path, key = images.path(row), images.keys[row]
        image = data_images.load_as(path, key)
        if self.alter is not None:
            image = self.alter(image, key)
        kinds = {task.spec.preprocessing for task in self.tasks if key in task.todo}
        return _DecodedImage(key, {kind: forward.prepare_image(image, kind) for kind in kinds})
