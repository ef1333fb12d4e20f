"""Images a second of the papers' architectures through our path, against the bare module.

    python -m benchmarks.architectures [--models ...] [--batch 16] [--device auto]

Random weights serve: speed does not depend on them. "bare" calls the module on a batch that is
already normalized on the device; "ours" takes uint8 pictures from memory, moves and normalizes
them, and reads the layers of the registry's entry, which may end the run before the classifier.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.results_table import Line, aim, number, show
from simcore.models import forward, layers, nets, registry

MODELS = (
    "mobilenetv2,efficientnet-lite0,resnet18,resnet50,densenet121,efficientnet_b0,deits16,"
    "dino_vitb16,clip_rn50,clip_vit32_b,ret,pose,convnext-base,dinov3-small"
)
AIM = aim("architectures.rate")
ROUNDS = 3


def seconds(call: Callable[[], object], device: str) -> float:
    """Of one call, the device's work included."""
    import torch

    began = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def measure(name: str, device: str, precision: str, batch: int) -> tuple[float, float]:
    """Images a second: (bare, ours), the middle of some rounds taken in turn."""
    import torch

    spec = registry.get(name)
    assert spec.net is not None
    height, width = nets.input_size(spec.preprocessing)
    pictures = [
        np.random.default_rng(n).integers(0, 256, (height, width, 3), dtype=np.uint8)
        for n in range(batch)
    ]
    module = nets.random_network(spec.net).eval().to(device, memory_format=torch.channels_last)
    ready = torch.rand(batch, 3, height, width, device=device)
    ready = ready.to(memory_format=torch.channels_last)

    def bare() -> None:
        with (
            torch.inference_mode(),
            torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"),
        ):
            module(ready)

    rows = []
    seconds(bare, device)
    for _ in range(ROUNDS):
        rows.append(seconds(bare, device))
    embed = layers.embedder(nets.random_network(spec.net), spec.net.outputs, device)

    def ours() -> None:
        forward.forward(embed, spec, pictures, device, precision)

    seconds(ours, device)
    mine = [seconds(ours, device) for _ in range(ROUNDS)]
    return batch / statistics.median(rows), batch / statistics.median(mine)


def measured(models: Sequence[str], device: str, batch: int = 0) -> list[Line]:
    """A line a network."""
    precision = forward.resolve_precision("auto", device)
    many = batch or (16 if device == "cpu" else 256)
    results = []
    for name in models:
        alone, mine = measure(name, device, precision, many)
        part = f"{name}, batches of {many}, {device} {precision}"
        against = f"bare module: {number(alone)} images/s"
        results.append(Line(part, mine, "images/s", against, mine / alone, AIM))
    return results


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    show(measured(args.models.split(","), forward.resolve_device(args.device), args.batch))


if __name__ == "__main__":
    main()
