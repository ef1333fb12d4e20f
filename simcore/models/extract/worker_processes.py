"""Processes that help where threads cannot: dlib keeps the interpreter while it computes.

A helper is this module, run on its own: it reads images from its standard input and writes rows to
its standard output, as plain numbers. One that fails leaves its image to the process that asked.
"""

import os
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

MIN_IMAGES_PER_WORKER = (
    100  # images a helper should have: it starts as slowly as it looks at twenty
)
MOST = 16
_SIZE = struct.Struct("<II")


class WorkerEmbedder:
    """An Embed of whole images, and several processes that do the same."""

    def __init__(self, embed: Embedder, name: str, count: int) -> None:
        self.embed = embed
        self.helpers = [_begin(name) for _ in range(count)]
        self.free: SimpleQueue[subprocess.Popen] = SimpleQueue()
        for helper in self.helpers:
            self.free.put(helper)
        self.pool = ThreadPoolExecutor(count, "helper")

    def __call__(self, image: Array) -> Array:
        """(n, D) float32 rows of one image, by this process."""
        found: Array = self.embed(image)
        return found

    def many(self, images: list[Array]) -> list[Array]:
        """The rows of each image, several at a time."""
        return list(self.pool.map(self._one, images))

    def _one(self, image: Array) -> Array:
        helper = self.free.get()
        try:
            assert helper.stdin is not None
            assert helper.stdout is not None
            _send(helper.stdin, image)
            return _receive(helper.stdout)
        except (OSError, EOFError):
            helper.kill()  # it answers nothing any more, so that the next image is ours as well
            return np.asarray(self.embed(image), np.float32)
        finally:
            self.free.put(helper)

    def close(self) -> None:
        """Ends the processes."""
        self.pool.shutdown(cancel_futures=True)
        for helper in self.helpers:
            helper.kill()
            helper.communicate()


@contextmanager
def with_workers(
    embeds: Mapping[str, Embedder],
    specs: list[BackboneSpec],
    todo: Mapping[str, Sized],
    device: str,
) -> Iterator[dict[str, Embedder]]:
    """The networks of a run; those that threads cannot make faster with processes that help."""
    cores = min(os.cpu_count() or 1, MOST)
    found, begun = dict(embeds), list[WorkerEmbedder]()
    try:
        for spec in specs:
            count = min(cores, len(todo[spec.name]) // MIN_IMAGES_PER_WORKER)
            if spec.holds_gil and spec.name in found and device == "cpu" and count > 1:
                begun.append(WorkerEmbedder(found[spec.name], spec.name, count))
                found[spec.name] = begun[-1]
        yield found
    finally:
        for one in begun:
            one.close()


def _begin(name: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", __name__, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _send(out: IO[bytes], values: Array) -> None:
    out.write(_SIZE.pack(values.shape[0], values.shape[1]) + values.tobytes())
    out.flush()


def _receive(source: IO[bytes]) -> Array:
    rows, columns = _SIZE.unpack(_exactly(source, _SIZE.size))
    flat = np.frombuffer(_exactly(source, 4 * rows * columns), np.float32)
    return flat.reshape(rows, columns)


def _exactly(source: IO[bytes], size: int) -> bytes:
    found = source.read(size)
    if len(found) < size:
        raise EOFError
    return found


def serve(name: str, source: IO[bytes], out: IO[bytes]) -> None:
    """Answers until nobody asks any more."""
    from simcore.models import forward, registry

    embed = forward.load(registry.get(name), "cpu")
    while head := source.read(_SIZE.size):
        height, width = _SIZE.unpack(head)
        image = np.frombuffer(_exactly(source, height * width * 3), np.uint8)
        _send(out, np.asarray(embed(image.reshape(height, width, 3)), np.float32))


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # nothing else may get between the numbers
    serve(sys.argv[1], sys.stdin.buffer, answers)
