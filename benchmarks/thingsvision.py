"""Extraction against thingsvision: the same networks, weights, and image files.

    python -m benchmarks.thingsvision [--images 192]

thingsvision 2.7 asks for torchvision 0.15, numpy below 2 and tensorflow below 2.16, so it cannot be
installed beside this program. Its PyTorch half runs here all the same: put it and torchtyping into
a folder of their own and name that folder,

    pip install --no-deps --target FOLDER thingsvision torchtyping typeguard==2.13.3
    SIMCORE_BENCH_THINGSVISION=FOLDER python -m benchmarks.thingsvision

and what it would miss is propped up below: an empty tensorflow, and the old name of a NumPy error.
"""

import argparse
import contextlib
import importlib.machinery
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np

from benchmarks.extraction import IMAGES, MODELS, ROUNDS, whole
from benchmarks.results_table import Line, aim, show, skipped
from benchmarks.synthetic_images import draw
from simcore.data.store.feature_store import FeatureStore
from simcore.lab.library import models as library_models
from simcore.models import nets, registry, weights
from simcore.models.extract import extraction
from simcore.models.spec import BackboneSpec
from simcore.types import Array, ImageSet

AIM = aim("extraction.thingsvision")
PART = "extraction against thingsvision"
BATCH = 16  # theirs; ours is chosen by the product
PROPS = ("", ".keras", ".keras.applications", ".keras.layers")


def library() -> Any:
    """thingsvision's parts that a script uses.

    Raises:
        ImportError: it is not here, or does not run with the packages that are.
    """
    import torch

    assert torch
    folder = os.environ.get("SIMCORE_BENCH_THINGSVISION", "")
    if folder:
        sys.path.append(folder)
    for name in (f"tensorflow{part}" for part in PROPS):
        if name not in sys.modules:
            spec = importlib.machinery.ModuleSpec(name, None)
            sys.modules[name] = MagicMock(__spec__=spec)
    if not hasattr(np, "AxisError"):
        setattr(np, "AxisError", np.exceptions.AxisError)  # noqa: B010  # mypy knows no such name
    with contextlib.redirect_stdout(io.StringIO()):
        import thingsvision
        import thingsvision.utils.data
    return thingsvision


def theirs(environment: Any, spec: BackboneSpec, folder: Path, batch: int) -> Array:
    """Features of all files of a folder, as thingsvision's documentation has it."""
    from torchvision import transforms

    assert spec.net is not None
    (tap,) = spec.net.outputs
    how = spec.preprocessing
    module = nets.load_network(spec.net, weights.path(spec.weights[0]))  # one that nobody watches
    extractor = environment.get_extractor_from_model(
        model=module.eval(),
        device="cpu",
        preprocess=transforms.Compose(
            [
                transforms.Resize(how.resize),
                transforms.CenterCrop(how.crop),
                transforms.ToTensor(),
                transforms.Normalize(how.mean, how.std),
            ]
        ),
        backend="pt",
    )
    with tempfile.TemporaryDirectory() as order:
        dataset = environment.utils.data.ImageDataset(
            root=str(folder),
            out_path=order,
            backend="pt",
            transforms=extractor.get_transformations(),
        )
    batches = environment.utils.data.DataLoader(dataset=dataset, batch_size=batch, backend="pt")
    maps = extractor.extract_features(
        batches=batches, module_name=tap.layer, flatten_acts=False, output_type="ndarray"
    )
    return np.asarray(maps).mean(axis=(2, 3))


def differ(pictures: ImageSet, spec: BackboneSpec, values: Array, folder: Path) -> float:
    """The largest difference between their features and ours, as a share of the largest feature."""
    store = FeatureStore(folder / "equal")
    extraction.extract(pictures, [spec], store=store, device="cpu")
    _, ours = store.read(extraction.feature_key(spec, "fp32"), pictures.keys)
    return float(np.abs(ours - values).max() / np.abs(values).max())


def measure(images: int, models: Sequence[str]) -> list[Line]:
    """Rates of ours by the clock and by the processor, and how many times theirs they are."""
    try:
        environment = library()
    except Exception as error:  # whatever old code trips over
        hint = "see the head of benchmarks/thingsvision.py"
        return [skipped(PART, f"it cannot be imported ({type(error).__name__}: {error}); {hint}")]
    library_models.fetch(models)
    specs = [registry.get(name) for name in models]
    rows, apart = [], 0.0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pictures = draw(folder / "pictures", images)
        whole(pictures.take(range(min(32, images))), specs, "cpu", folder)
        for _ in range(ROUNDS):
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                began, cpu = time.perf_counter(), time.process_time()
                features = [theirs(environment, spec, folder / "pictures", BATCH) for spec in specs]
                slow = time.perf_counter() - began, time.process_time() - cpu
            cpu = time.process_time()
            seconds = whole(pictures, specs, "cpu", folder)
            rows.append((slow, (seconds, time.process_time() - cpu)))
        apart = max(
            differ(pictures, spec, values, folder)
            for spec, values in zip(specs, features, strict=True)
        )
    part = f"extraction, {len(specs)} networks, {images:,} JPEG files, cpu"
    against = "thingsvision, a network after the other"
    note = f"features are {apart:.0e} apart at most"
    results = []
    for clock, unit in enumerate(("images/s", "images per CPU second")):
        rate = images / statistics.median(ours[clock] for _, ours in rows)
        ratio = statistics.median(slow[clock] / ours[clock] for slow, ours in rows)
        results.append(Line(part, rate, unit, against, ratio, AIM if clock else None, note))
    return results


def lines(quick: bool = False) -> list[Line]:
    """As large as `benchmarks.extraction`."""
    return measure(16, MODELS[:1]) if quick else measure(IMAGES, MODELS)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=IMAGES)
    show(measure(parser.parse_args().images, MODELS))


if __name__ == "__main__":
    main()
