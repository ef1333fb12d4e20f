"""Worker processes for libraries that hold the GIL while they compute, where threads do not help.

A worker is this module, run as a program: it reads images from its standard input and writes
feature rows to its standard output, as raw numbers. If a worker fails, the calling process computes
that image itself. (`multiprocessing` would run the caller's script again and pickle the arrays.)
"""

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import IO

import numpy as np

from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Array

MIN_IMAGES_PER_WORKER = 100  # starting a worker costs as much as computing twenty images
MAX_WORKERS = 16
_SHAPE = struct.Struct("<II")  # header of a message: rows and columns, or height and width


class WorkerEmbedder:
    """An Embedder of raw images with several worker processes that compute the same."""

    def __init__(self, embed: Embedder, backbone: str, count: int) -> None:
        self.embed = embed
        self.workers = [start_worker(backbone) for _ in range(count)]
        self.idle: SimpleQueue[subprocess.Popen] = SimpleQueue()
        for worker in self.workers:
            self.idle.put(worker)
        self.threads = ThreadPoolExecutor(count, "worker")  # each waits for one worker

    def __call__(self, image: Array) -> Array:
        """(n, D) float32 rows of one image, computed in this process."""
        rows: Array = self.embed(image)
        return rows

    def embed_many(self, images: list[Array]) -> list[Array]:
        """The rows of each image, computed by all workers in parallel."""
        return list(self.threads.map(self._embed_in_worker, images))

    def _embed_in_worker(self, image: Array) -> Array:
        worker = self.idle.get()
        try:
            assert worker.stdin is not None
            assert worker.stdout is not None
            _send(worker.stdin, image)
            return _receive(worker.stdout)
        except (OSError, EOFError):
            worker.kill()  # from now on every image sent to it is computed here
            return np.asarray(self.embed(image), np.float32)
        finally:
            self.idle.put(worker)

    def close(self) -> None:
        """End the worker processes."""
        self.threads.shutdown(cancel_futures=True)
        for worker in self.workers:
            worker.kill()
            worker.communicate()


@contextmanager
def with_workers(
    embedders: Mapping[str, Embedder],
    specs: list[BackboneSpec],
    todo: Mapping[str, Sized],
    device: str,
) -> Iterator[dict[str, Embedder]]:
    """Give workers to the embedders of a run that hold the GIL, if there are enough images.

    Args:
        embedders: by backbone.
        todo: the images that each backbone will embed.
    """
    cores = min(os.cpu_count() or 1, MAX_WORKERS)
    parallel, started = dict(embedders), list[WorkerEmbedder]()
    try:
        for spec in specs:
            count = min(cores, len(todo[spec.name]) // MIN_IMAGES_PER_WORKER)
            if spec.holds_gil and spec.name in parallel and device == "cpu" and count > 1:
                started.append(WorkerEmbedder(parallel[spec.name], spec.name, count))
                parallel[spec.name] = started[-1]
        yield parallel
    finally:
        for embedder in started:
            embedder.close()


def start_worker(backbone: str) -> subprocess.Popen:
    """Start one worker process for a backbone."""
    return subprocess.Popen(
        [sys.executable, "-m", __name__, backbone],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _send(stream: IO[bytes], values: Array) -> None:
    stream.write(_SHAPE.pack(values.shape[0], values.shape[1]) + values.tobytes())
    stream.flush()


def _receive(stream: IO[bytes]) -> Array:
    rows, columns = _SHAPE.unpack(_read_exactly(stream, _SHAPE.size))
    flat = np.frombuffer(_read_exactly(stream, 4 * rows * columns), np.float32)
    return flat.reshape(rows, columns)


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def serve(backbone: str, requests: IO[bytes], replies: IO[bytes]) -> None:
    """Embed images from `requests` until it is closed."""
    from simcore.models import forward, registry

    embed = forward.load(registry.get(backbone), "cpu")
    while header := requests.read(_SHAPE.size):
        height, width = _SHAPE.unpack(header)
        image = np.frombuffer(_read_exactly(requests, height * width * 3), np.uint8)
        _send(replies, np.asarray(embed(image.reshape(height, width, 3)), np.float32))


if __name__ == "__main__":
    # Ctrl-C reaches all processes of a terminal; the calling process ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies, sys.stdout = sys.stdout.buffer, sys.stderr  # prints must not mix with the numbers
    serve(sys.argv[1], sys.stdin.buffer, replies)
