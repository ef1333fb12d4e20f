"""How long a backbone takes per image, as extraction runs it."""

import time
from collections.abc import Sequence

from simcore.models import compiled, forward, registry
from simcore.models.spec import BackboneSpec
from simcore.types import Array

BATCH = 16  # images per forward pass, as extraction takes on a CPU
REPETITIONS = 3


def milliseconds_per_image(spec: BackboneSpec, pictures: Sequence[Array], device: str) -> float:
    """Time to resize, crop and embed one decoded image; the fastest of a few repetitions.

    A backbone that is computed from others takes as long as they do.

    Args:
        pictures: at least one decoded image (H, W, 3) uint8; repeated up to a batch.
        device: as `forward.resolve_device` returns it.

    Raises:
        MissingWeightsError: its weights are not on this machine.
    """
    if spec.derive is not None:
        bases = [registry.get(name) for name in spec.derive().bases]
        return sum(milliseconds_per_image(base, pictures, device) for base in bases)
    embed = forward.load(spec, device)
    precision = forward.resolve_precision("auto", device)
    if device == "cpu":
        embed = compiled.for_cpu(spec, embed, len(pictures))
    size = len(pictures) if spec.preprocessing.raw else BATCH  # those run one by one
    batch = [pictures[number % len(pictures)] for number in range(size)]

    def run() -> float:
        start = time.perf_counter()
        prepared = [forward.prepare_image(picture, spec.preprocessing) for picture in batch]
        forward.forward(embed, spec, prepared, device, precision)
        return time.perf_counter() - start

    run()  # the first pass allocates memory and compiles kernels
    return 1000 * min(run() for _ in range(REPETITIONS)) / len(batch)


def count_parameters(spec: BackboneSpec, device: str) -> int:
    """Number of weights: as registered, or counted in the loaded network; 0 = unknown."""
    if spec.n_parameters or spec.derive is not None:
        return spec.n_parameters
    module = forward.module(forward.load(spec, device))
    return 0 if module is None else sum(weight.numel() for weight in module.parameters())
