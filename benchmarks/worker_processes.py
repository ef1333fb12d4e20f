"""Face descriptors in several processes against one: dlib holds the GIL.

python -m benchmarks.worker_processes
"""

import os
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import results_table, synthetic_images
from benchmarks.results_table import Line
from simcore.data import images
from simcore.errors import SimError
from simcore.lab.library import models
from simcore.models import forward, registry
from simcore.models.extract import worker_processes

PART = "face descriptors, one process a core"
TIMES = 3


def lines(quick: bool) -> list[Line]:
    """Images a second, and how many times as many as in one process.

    Args:
        quick: few pictures.
    """
    count = min(os.cpu_count() or 1, worker_processes.MAX_WORKERS)
    try:
        models.fetch(["face"])
        embed = forward.load(registry.get("face"), "cpu")
    except SimError as error:
        return [results_table.skipped(PART, str(error))]
    with tempfile.TemporaryDirectory() as folder:
        drawn = synthetic_images.draw(Path(folder), 16 if quick else 96)
        pictures = [images.load(path) for path in drawn.paths]
    several = worker_processes.WorkerEmbedder(embed, "face", count)
    try:
        several.embed_many(pictures[:count])  # they have begun
        alone, helped = [], []
        for _ in range(TIMES):
            began = time.perf_counter()
            several.embed_many(pictures)
            helped.append(time.perf_counter() - began)
            began = time.perf_counter()
            for image in pictures:
                several(image)
            alone.append(time.perf_counter() - began)
    finally:
        several.close()
    ratio = median(single / other for single, other in zip(alone, helped, strict=True))
    return [
        Line(
            PART,
            len(pictures) / median(helped),
            "images/s",
            "one process",
            ratio,
            note=f"{count} processes",
        )
    ]


if __name__ == "__main__":
    print(results_table.markdown(lines(quick=False)))
