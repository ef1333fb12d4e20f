"""Extraction against the bare forward pass of the same networks on the same pictures, in one run.

    python -m benchmarks.extraction [--images 192] [--models mobilenetv2,...] [--device auto]

"bare" runs each network on batches that are already decoded, resized and in memory, of the usual
size and in the same precision; "extract" reads JPEG files, decodes, resizes, runs the networks and
writes the features to a store. 1.00 means that all of that is hidden behind the networks.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results_table import Line, aim, show
from benchmarks.synthetic_images import draw
from simcore.data import images, network_input
from simcore.data.store.feature_store import FeatureStore
from simcore.lab.library import models as library_models
from simcore.models import forward, registry
from simcore.models.extract import extraction
from simcore.models.spec import BackboneSpec
from simcore.types import ImageSet

MODELS = ("mobilenetv2", "efficientnet-lite0", "efficientnet-lite2")
IMAGES = 192
AIM = aim("extraction.rate")
ROUNDS = 3
BARE_BATCH = {"cpu": 16, "cuda": 512}


def bare(
    pictures: ImageSet, specs: list[BackboneSpec], device: str, precision: str, batch: int
) -> float:
    """Seconds of the networks alone."""
    prepared = {
        spec.preprocessing: [
            network_input.prepare(images.load(p), spec.preprocessing) for p in pictures.paths
        ]
        for spec in specs
    }
    began = time.perf_counter()
    for spec in specs:
        embed, ready = forward.load(spec, device), prepared[spec.preprocessing]
        for start in range(0, len(ready), batch):
            forward.forward(embed, spec, ready[start : start + batch], device, precision)
    return time.perf_counter() - began


def whole(pictures: ImageSet, specs: list[BackboneSpec], device: str, folder: Path) -> float:
    """Seconds of extraction into an empty store."""
    store = FeatureStore(folder / f"{time.monotonic_ns()}")
    began = time.perf_counter()
    report = extraction.extract(pictures, specs, store=store, device=device)
    seconds = time.perf_counter() - began
    assert all(n == len(pictures) for n in report.computed.values()), report
    return seconds


def measure(images: int, models: Sequence[str], device: str) -> list[Line]:
    """Extraction against the bare forward pass, and one pass for all against one for each."""
    library_models.fetch(models)
    precision = forward.resolve_precision("auto", device)
    batch = BARE_BATCH[device]
    specs = [registry.get(name) for name in models]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pictures = draw(folder / "pictures", images)
        few = pictures.take(range(min(32, images)))
        whole(few, specs, device, folder)  # loads and warms everything that is timed below
        rows = []
        for _ in range(ROUNDS):
            alone = bare(pictures, specs, device, precision, batch)
            together = whole(pictures, specs, device, folder)
            each = sum(whole(pictures, [spec], device, folder) for spec in specs)
            rows.append((alone, together, each))
    speed = images / statistics.median(t for _, t, _ in rows)
    part = f"extraction, {len(specs)} networks, {images:,} JPEG files, {device} {precision}"
    return [
        Line(
            part,
            speed,
            "images/s",
            "bare forward pass",
            statistics.median(a / t for a, t, _ in rows),
            AIM,
            "reading, decoding, resizing and the store included; 1 = all of it hidden",
        ),
        Line(
            part,
            speed,
            "images/s",
            "one pass for each network",
            statistics.median(e / t for _, t, e in rows),
            note="seconds of each to all in one",
        ),
    ]


def lines(quick: bool = False) -> list[Line]:
    """On the processor; `benchmarks.gpu` does the same on a graphics card."""
    return measure(24 if quick else IMAGES, MODELS[:2] if quick else MODELS, "cpu")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    show(measure(args.images, args.models.split(","), forward.resolve_device(args.device)))


if __name__ == "__main__":
    main()
