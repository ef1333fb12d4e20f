"""Networks on a CPU: PyTorch against the compiled network, in images per CPU second.

    python -m benchmarks.cpu_runtime [--networks resnet50,...] [--seconds 4]

Weights are random: speed and equality do not depend on them. Runs alternate, so that other work on
the machine disturbs both alike.
"""

import argparse
import os
import time
from collections.abc import Callable

import numpy as np

from simcore.models import compiled, forward, layers, nets, registry
from simcore.models.spec import BackboneSpec
from simcore.types import Array

NETWORKS = (
    "mobilenetv2",
    "efficientnet-lite0",
    "timm:resnet50",
    "timm:densenet121",
    "timm:vit_base_patch16_224",
)
BATCHES = (4, 8, 16)


def rate(run: Callable[[Array], object], pixels: Array, seconds: float) -> float:
    """Images per CPU second of this process."""
    images, start, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - start < seconds:
        run(pixels)
        images += len(pixels)
    return images / (time.process_time() - cpu)


def compare(spec: BackboneSpec, seconds: float) -> list[str]:
    """One line per batch size."""
    import torch

    assert spec.net is not None
    embed = layers.embedder(nets.random_network(spec.net), spec.net.outputs, "cpu")
    start = time.process_time()
    fast = compiled.convert(spec, embed)
    spent = time.process_time() - start
    if not isinstance(fast, compiled.CompiledEmbedder):
        return [f"{spec.name:<28} is not compiled"]

    def eager(pixels: Array) -> object:
        with torch.inference_mode():
            return embed(forward.normalize(torch.from_numpy(pixels), spec))

    lines, size = [], nets.input_size(spec.preprocessing)
    for batch in BATCHES:
        pixels = np.random.default_rng(0).integers(0, 256, (batch, *size, 3), np.uint8)
        eager(pixels), fast.from_pixels(pixels)
        rates = [
            (rate(eager, pixels, seconds / 4), rate(fast.from_pixels, pixels, seconds / 4))
            for _ in range(4)
        ]
        before, after = np.median(rates, axis=0)
        lines.append(
            f"{spec.name:<28} batch {batch:>2}  eager {before:7.1f}  compiled {after:7.1f}  "
            f"ratio {after / before:5.2f}  converted in {spent:4.1f} CPU s"
        )
    return lines


def main() -> None:
    """Print images per CPU second of every network and batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores")
    for name in options.networks.split(","):
        for line in compare(registry.get(name), options.seconds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
