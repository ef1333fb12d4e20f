"""The networks alone on one device: images per second by precision, batch size and runtime.

Weights are random and inputs are already on the device, so this is the most that an extraction
could reach there. timm's published rates for another card stand beside them.
"""

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results_table import Line, number, skipped

NETWORKS = ("resnet50", "vit_base_patch16_224", "mobilenetv2_100")  # names of timm
BATCHES = (64, 256, 1024, 2048)
QUICK_NETWORKS, QUICK_BATCHES = NETWORKS[-1:], (2, 4)
SECONDS = 0.6  # per measurement, after warming up
SIDE = 224
PUBLISHED = Path(__file__).with_name("published_rates.csv")


@dataclass(frozen=True)
class Variant:
    """One way to run a network.

    Attributes:
        precision: "fp32" (TF32 off), "fp16" or "bf16" (autocast).
        layout: "channels_last" or "contiguous".
        runtime: "eager", "compile" (torch.compile) or "graph" (a captured CUDA graph).
    """

    precision: str
    layout: str
    runtime: str

    def __str__(self) -> str:
        return f"{self.precision}, {self.layout}, {self.runtime}"


SWEPT = (  # at every batch size
    Variant("fp32", "channels_last", "eager"),
    Variant("bf16", "channels_last", "eager"),
)
SINGLE = (  # at the batch size that is fastest in bf16
    Variant("fp16", "channels_last", "eager"),
    Variant("bf16", "contiguous", "eager"),
    Variant("bf16", "channels_last", "graph"),
    Variant("bf16", "channels_last", "compile"),
)


def measure(device: str, quick: bool, deadline: float) -> Iterator[Line]:
    """One line per network, variant and batch size.

    Args:
        deadline: `time.monotonic()` after which the remaining variants are skipped.
    """
    import timm

    published = _published()
    for name in QUICK_NETWORKS if quick else NETWORKS:
        module = timm.create_model(name, pretrained=False, num_classes=0).eval().to(device)
        rates: dict[int, float] = {}
        for variant in SWEPT:
            for batch in QUICK_BATCHES if quick else BATCHES:
                line = _line(module, name, variant, batch, device, deadline, published.get(name))
                if line.measured is not None and variant.precision == "bf16":
                    rates[batch] = line.measured
                yield line
        best = max(rates, key=rates.__getitem__) if rates else BATCHES[0]
        for variant in SINGLE:
            yield _line(module, name, variant, best, device, deadline, published.get(name))


def _line(
    module: Any,
    name: str,
    variant: Variant,
    batch: int,
    device: str,
    deadline: float,
    published: str | None,
) -> Line:
    part = f"{name} alone, {variant}, batches of {batch:,}, {device}"
    if time.monotonic() > deadline:
        return skipped(part, "the time was used up")
    if variant.runtime != "eager" and device != "cuda":
        return skipped(part, "only on CUDA")
    try:
        rate = images_per_second(module, variant, batch, device)
    except Exception as error:  # a variant that this device or build cannot run
        return skipped(part, f"{type(error).__name__}: {' '.join(str(error).split())[:120]}")
    note = f"published: {published}" if published and variant.precision != "fp32" else ""
    return Line(part, rate, "images/s", note=note)


def images_per_second(module: Any, variant: Variant, batch: int, device: str) -> float:
    """The rate of one variant."""
    import torch

    layout = torch.channels_last if variant.layout == "channels_last" else torch.contiguous_format
    module = module.to(memory_format=layout)
    x = torch.rand(batch, 3, SIDE, SIDE, device=device).to(memory_format=layout)
    with torch.inference_mode(), autocast(variant.precision, device):
        run = _runner(module, variant.runtime, x)
        return batch / seconds_per_call(run, device)


def autocast(precision: str, device: str) -> AbstractContextManager[Any]:
    """The context in which a network computes with a precision."""
    import torch

    kinds = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    kind = kinds[precision]
    return torch.autocast(device, kind, enabled=precision != "fp32")


def _runner(module: Any, runtime: str, x: Any) -> Callable[[], object]:
    import torch

    if runtime == "eager":
        return lambda: module(x)
    if runtime == "compile":
        compiled = torch.compile(module)
        return lambda: compiled(x)
    warm = torch.cuda.Stream()
    warm.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(warm):
        for _ in range(3):
            module(x)
    torch.cuda.current_stream().wait_stream(warm)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        module(x)
    return graph.replay


def seconds_per_call(run: Callable[[], object], device: str, seconds: float = SECONDS) -> float:
    """Mean seconds of a call, the device's work included."""
    import torch

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(2):
        run()
    wait()
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        run()
        wait()
        calls += 1
    return (time.perf_counter() - began) / calls


def _published() -> dict[str, str]:
    """Network -> published rates, in words."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        return {
            row["model"]: f"{number(float(row['images_per_second']))} on a {row['device']}, "
            f"AMP ({row['source']})"
            for row in csv.DictReader(file)
        }
