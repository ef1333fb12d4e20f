"""Similarity matrices, ranks, sums, subsets and training: a device against the processor.

The processor's side is the engine itself; the device's side is the plainest torch that computes the
same numbers. Where the engine's part needs a package that is not installed, only the device counts.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import adaptation as adaptation_benchmark
from benchmarks import subset_search
from benchmarks.gpu_networks import seconds_per_call
from benchmarks.results_table import Line, aim, number, skipped
from simcore.sim import metrics, rank
from simcore.training.adapt import adaptation
from simcore.training.adapt.fold_training import Fold, FusionSettings, PairLoss, Parameters
from simcore.types import Array, Features

PAIRS, QUICK_PAIRS = 6_016, 200
DIM, QUICK_DIM = 2_048, 64
BACKBONES, QUICK_BACKBONES = 11, 4
SUBSETS = aim("gpu.subsets")
RANKS_EQUAL = aim("gpu.ranks_equal")
SIMILARITY = aim("gpu.similarity_difference")
PATIENCE = 20.0  # seconds for one part on the device


def measure(device: str, quick: bool, deadline: float) -> Iterator[Line]:
    """Every part, as long as there is time.

    Args:
        deadline: `time.monotonic()` after which the remaining parts are skipped.
    """
    parts: Sequence[tuple[str, Callable[[str, bool], list[Line]]]] = (
        ("similarity and ranks", similarity_and_ranks),
        ("z-sums", z_sums),
        ("all subsets", all_subsets),
        ("adaptation", train_adaptation),
        ("fusion", train_fusion),
    )
    for name, part in parts:
        if time.monotonic() > deadline:
            yield skipped(name, "the time was used up")
            continue
        try:
            yield from part(device, quick)
        except ImportError as error:
            yield skipped(name, f"{error}")


def similarity_and_ranks(device: str, quick: bool) -> list[Line]:
    """The cosine matrix of all pairs and the rank of every mate."""
    import torch

    pairs, dim = (QUICK_PAIRS, QUICK_DIM) if quick else (PAIRS, DIM)
    random = np.random.default_rng(0)
    left = random.standard_normal((pairs, dim), np.float32)
    right = (left + 8 * random.standard_normal((pairs, dim), np.float32)).astype(np.float32)
    queries, gallery = (
        Features("drawn", np.arange(pairs), values, pairs) for values in (left, right)
    )
    mates = np.arange(pairs)
    tensors = [torch.from_numpy(values).to(device) for values in (left, right)]

    def on_device() -> tuple[Any, Any]:
        unit = [torch.nn.functional.normalize(values, dim=1) for values in tensors]
        similarity = unit[0] @ unit[1].T
        mate = similarity.diagonal()[:, None]
        return similarity, 1 + (similarity > mate).sum(1)

    began = time.perf_counter()
    similarity = metrics.pairwise(queries, gallery, "cosine")
    ranks = rank.mate_ranks(similarity, mates)
    cpu_seconds = time.perf_counter() - began
    seconds = seconds_per_call(on_device, device)
    device_similarity, device_ranks = (values.cpu().numpy() for values in on_device())
    part = f"similarity of {pairs:,} x {pairs:,} x {dim:,} and all ranks, {device}"
    return [
        Line(
            part,
            seconds,
            "s",
            f"the engine on the processor: {number(cpu_seconds)} s",
            seconds / cpu_seconds,
        ),
        Line(
            f"similarity, CPU against {device}",
            float(np.abs(device_similarity - similarity).max()),
            "cosine",
            aim=SIMILARITY,
            note="largest difference",
        ),
        Line(
            f"ranks of mates, CPU against {device}",
            float((ranks == device_ranks).mean()),
            "of the ranks are equal",
            aim=RANKS_EQUAL,
            note="ties within rounding may fall either way",
        ),
    ]


def z_sums(device: str, quick: bool) -> list[Line]:
    """The normalized sum of eleven matrices and its ranks."""
    import torch

    pairs, backbones = (QUICK_PAIRS, QUICK_BACKBONES) if quick else (PAIRS, BACKBONES)
    matrices = subset_search.drawn(pairs, backbones, subset_search.SHARE)
    tensors = [torch.from_numpy(matrix).to(device) for matrix in matrices]

    def on_device() -> Any:
        total = torch.zeros_like(tensors[0])
        for tensor in tensors:
            total += (tensor - tensor.mean()) / tensor.std(correction=0)
        return 1 + (total > total.diagonal()[:, None]).sum(1)

    def in_numpy() -> Array:
        total = np.zeros_like(matrices[0])
        for matrix in matrices:
            total += (matrix - matrix.mean()) / matrix.std()
        return 1 + (total > total.diagonal()[:, None]).sum(1)

    began = time.perf_counter()
    expected = in_numpy()
    cpu_seconds = time.perf_counter() - began
    seconds = seconds_per_call(on_device, device)
    equal = float((on_device().cpu().numpy() == expected).mean())
    return [
        Line(
            f"z-sum of {backbones} matrices of {pairs:,} x {pairs:,} and all ranks, {device}",
            seconds,
            "s",
            f"NumPy: {number(cpu_seconds)} s",
            seconds / cpu_seconds,
            note=f"{100 * equal:.2f} % of the ranks are equal",
        )
    ]


def all_subsets(device: str, quick: bool) -> list[Line]:
    """Brute force on the device, which has the memory's speed for it."""
    pairs, backbones = (QUICK_PAIRS, QUICK_BACKBONES) if quick else (PAIRS, BACKBONES)
    matrices = subset_search.drawn(pairs, backbones, subset_search.SHARE)
    step = subset_search.brute_torch(matrices, device)
    step(0, True), step(0, False)
    seconds, done, total = subset_search.timed(step, backbones, PATIENCE)
    note = "" if done == total else f"estimated from {done:,} of {total:,}"
    part = f"all {total:,} subsets at N = {pairs:,}, brute force in torch, {device}"
    bound = SUBSETS if device == "cuda" else None
    line = Line(part, seconds, "s", aim=bound, note=note)
    try:
        subset_search.search(matrices, None)  # compiles
        ours, _ = subset_search.search(matrices, None)
    except ImportError as error:
        return [replace(line, note=f"{note}; the exact search was not run: {error}".strip("; "))]
    against = f"the exact search on the processor: {number(ours)} s"
    return [replace(line, against=against, ratio=seconds / ours)]


def train_adaptation(device: str, quick: bool) -> list[Line]:
    """Twenty runs of the adaptation function at once."""
    pairs, runs = (200, 2) if quick else (1_000, 20)
    settings = adaptation_benchmark.SETTINGS
    train, test = (
        adaptation_benchmark.synthetic_features(count, settings.dims)
        for count in (round(0.75 * pairs), round(0.25 * pairs))
    )

    def epoch(where: str) -> Callable[[], None]:
        batches = adaptation.make_batches([train] * runs, [test] * runs, settings, where)
        return adaptation.ParallelRuns(batches, settings).step

    part = f"adaptation, {pairs:,} pairs, an epoch of {runs} runs"
    return [_training(part, epoch, device)]


def train_fusion(device: str, quick: bool) -> list[Line]:
    """Epochs of one fold of a fusion of several backbones."""
    pairs, backbones, dims = (200, 3, 32) if quick else (1_000, 8, 256)
    sides = [
        [adaptation_benchmark.synthetic_features(pairs, dims)[side::2] for _ in range(backbones)]
        for side in (0, 1)
    ]
    validation = np.arange(pairs) % 4 == 0

    def epoch(where: str) -> Callable[[], None]:
        left, right = sides
        train, stop = (
            PairLoss([block[rows] for block in left], [block[rows] for block in right], where)
            for rows in (~validation, validation)
        )
        parameters = Parameters([dims] * backbones, np.zeros(backbones), where)
        return Fold(train, stop, parameters, FusionSettings()).step

    return [_training(f"fusion of {backbones} backbones, {pairs:,} pairs, an epoch", epoch, device)]


def _training(part: str, epoch: Callable[[str], Callable[[], None]], device: str) -> Line:
    """Seconds of an epoch on the device, its work included, against the processor's."""
    seconds = {
        where: seconds_per_call(epoch(where), where) for where in dict.fromkeys((device, "cpu"))
    }
    against = f"the processor: {number(seconds['cpu'])} s"
    ratio = seconds[device] / seconds["cpu"]
    return Line(f"{part}, {device}", seconds[device], "s", against, ratio)
