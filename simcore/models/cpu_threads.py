"""Handmade descriptors on a CPU: a few images per thread, instead of all threads on one batch.

Their many small operations are over sooner than PyTorch's own threads have been woken, which then
wait in a loop: on two cores that took up to twice the processor time of a single thread.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import Any

import numpy as np

from simcore.models import forward
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Array

PART = 4  # images per thread, whose intermediate results stay in the processor's cache
GROUP = "handmade"  # of the backbones that are pure functions of their images


class ThreadedEmbedder:
    """A descriptor that is computed for several parts of a batch at the same time."""

    def __init__(self, spec: BackboneSpec, embed: Embedder) -> None:
        self.spec, self.embed = spec, embed

    def from_pixels(self, pixels: Array) -> Array:
        """(B, H, W, 3) uint8, prepared but not normalized -> (B, D) float32."""
        parts = [pixels[start : start + PART] for start in range(0, len(pixels), PART)]
        return np.concatenate(list(_threads().map(self._rows, parts)))

    def __call__(self, images: Any) -> Any:
        """As the descriptor on one batch."""
        return self.embed(images)

    def _rows(self, pixels: Array) -> Array:
        import torch

        with torch.inference_mode():
            images = forward.normalize(torch.from_numpy(pixels), self.spec)
            rows: Array = self.embed(images).float().numpy()
        return rows


def supports(spec: BackboneSpec) -> bool:
    """Whether a backbone may be computed in several threads at the same time."""
    return GROUP in spec.groups and not spec.preprocessing.raw


@cache
def _threads() -> ThreadPoolExecutor:
    """One thread per core, each of which computes alone.

    How many threads PyTorch uses is a setting of the thread that asks it to compute, but what was
    set last is also that of every thread to come. So all of them start now, and it is set back.
    """
    import torch

    before, count = torch.get_num_threads(), cores()
    pool = ThreadPoolExecutor(count, "descriptor", torch.set_num_threads, (1,))
    all_started = Barrier(count)
    list(pool.map(lambda _: all_started.wait(), range(count)))
    torch.set_num_threads(before)
    return pool


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
