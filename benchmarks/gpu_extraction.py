"""Extraction on one device: readers alone, the whole pipeline in memory, equality with the CPU."""

import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gpu_networks
from benchmarks.results_table import Line, aim, cores, number, skipped
from benchmarks.synthetic_images import draw, photograph
from simcore.data import images as data_images
from simcore.data.store.feature_key import FeatureKey
from simcore.models import forward, layers, nets, registry
from simcore.models.extract import batch_sizes, extraction
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Array, ImageSet, Preprocessing

NETWORK = "timm:resnet50"
SMALL = "200 x 245"  # the size of the files of Totally-Looks-Like
FILES, COPIES = 1_504, 8  # 12,032 in all, as many as Totally-Looks-Like has
QUICK_FILES, QUICK_COPIES = 24, 2
PHOTOGRAPHS, QUICK_PHOTOGRAPHS = 64, 4
THREADS = (1, 2, 4, 8, 16)
COMPARED = 64  # images whose features are compared
PIPELINE = aim("gpu.pipeline")
FP32_DIFFERENCE = aim("gpu.fp32_difference")
BF16_COSINE = aim("gpu.bf16_cosine")


@dataclass
class MemorySink:
    """Rows of an extraction, kept in memory.

    Attributes:
        rows: content key of an image -> its rows.
    """

    rows: dict[str, Array] = field(default_factory=dict)

    def append(self, slot: FeatureKey, keys: Sequence[str], values: Sequence[Array]) -> None:
        """Keep the rows."""
        self.rows |= dict(zip(keys, values, strict=True))

    def compact(self, slot: FeatureKey) -> None:
        """Nothing to do."""


def measure(device: str, quick: bool, deadline: float) -> Iterator[Line]:
    """Readers, extraction, equality and recovery from too little memory.

    Args:
        deadline: `time.monotonic()` after which the remaining parts are skipped.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pictures = draw(folder / "drawn", QUICK_FILES if quick else FILES)
        pictures = multiplied(pictures, folder / "multiplied", QUICK_COPIES if quick else COPIES)
        decode_rate = 0.0
        for line in readers(pictures, SMALL, deadline):
            decode_rate = max(decode_rate, line.measured or 0.0)
            yield line
        size = "0.12 megapixels" if quick else "12 megapixels"
        yield from readers(photographs(folder / "photographs", quick), size, deadline)
        spec = registry.get(NETWORK)
        embed = random_embedder(spec, device)
        yield from nvjpeg(pictures, device)
        for precision in ("fp32", "bf16"):
            if time.monotonic() > deadline:
                yield skipped(f"extraction into memory, {precision}", "the time was used up")
                continue
            yield pipeline(pictures, spec, embed, device, precision, decode_rate)
        few = pictures.take(range(min(COMPARED, len(pictures))))
        yield from equality(few, spec, embed, device)
        yield recovery(few, spec, embed, device)


def random_embedder(spec: BackboneSpec, device: str) -> Embedder:
    """The product's path through a network, with the same random weights on every device."""
    import torch

    assert spec.net is not None
    torch.manual_seed(0)
    return layers.embedder(nets.random_network(spec.net), spec.net.outputs, device)


def multiplied(pictures: ImageSet, folder: Path, copies: int) -> ImageSet:
    """Every file several times, with a trailer that decoders ignore: no two have equal content."""
    contents = [
        path.read_bytes() + bytes([copy]) for copy in range(copies) for path in pictures.paths
    ]
    return _written(contents, folder)


def photographs(folder: Path, quick: bool) -> ImageSet:
    """JPEG files of 12 megapixels, or smaller ones; two different pictures in all."""
    drawn = [photograph(seed, 0.1 if quick else 1.0) for seed in range(2)]
    count = QUICK_PHOTOGRAPHS if quick else PHOTOGRAPHS
    return _written([drawn[n % 2] + bytes([n]) for n in range(count)], folder)


def _written(contents: Sequence[bytes], folder: Path) -> ImageSet:
    folder.mkdir()
    paths = [folder / f"{number:05}.jpg" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    keys = tuple(data_images.content_key(content) for content in contents)
    return ImageSet(tuple(path.stem for path in paths), tuple(paths), keys)


def readers(pictures: ImageSet, size: str, deadline: float) -> Iterator[Line]:
    """Reading, decoding and resizing alone, by number of threads."""

    def read(row: int) -> Array:
        image = data_images.load_as(pictures.path(row), pictures.keys[row])
        return forward.prepare_image(image, Preprocessing())

    single = None
    for threads in [n for n in THREADS if n <= max(2, cores())]:
        part = f"readers alone, JPEG of {size}, threads: {threads}"
        if time.monotonic() > deadline:
            yield skipped(part, "the time was used up")
            continue
        rows = range(min(len(pictures), FILES * threads))
        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            deque(pool.map(read, rows), maxlen=0)
            rate = len(rows) / (time.perf_counter() - began)
        single = single or rate
        against, ratio = ("one thread", rate / single) if threads > 1 else ("", None)
        yield Line(part, rate, "images/s", against, ratio)


def nvjpeg(pictures: ImageSet, device: str) -> Iterator[Line]:
    """Decoding on the device through torchvision, where its build has nvJPEG."""
    part = "nvJPEG through torchvision, JPEG of 200 x 245"
    if device != "cuda":
        yield skipped(part, "only on CUDA")
        return
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    files = [
        torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
        for path in pictures.paths[:512]
    ]
    try:
        decode_jpeg(files[:8], mode=ImageReadMode.RGB, device="cuda")
        torch.cuda.synchronize()
        began = time.perf_counter()
        decode_jpeg(files, mode=ImageReadMode.RGB, device="cuda")
        torch.cuda.synchronize()
        yield Line(part, len(files) / (time.perf_counter() - began), "images/s")
    except Exception as error:  # a build without nvJPEG
        yield skipped(part, f"{type(error).__name__}: {' '.join(str(error).split())[:120]}")


def pipeline(
    pictures: ImageSet,
    spec: BackboneSpec,
    embed: Embedder,
    device: str,
    precision: str,
    decode_rate: float,
) -> Line:
    """The product's extraction into memory, against the slower of readers and network."""
    few = pictures.take(range(min(len(pictures), 4_096)))
    _matrix(few, spec, embed, device, precision)  # settles the batch size
    with _utilization(device) as utilization:
        began = time.perf_counter()
        _matrix(pictures, spec, embed, device, precision)
        rate = len(pictures) / (time.perf_counter() - began)
    assert spec.net is not None
    module = forward.module(embed) or nets.random_network(spec.net).eval().to(device)
    batch = 512 if device == "cuda" else 8
    network_rate = gpu_networks.images_per_second(
        module, gpu_networks.Variant(precision, "channels_last", "eager"), batch, device
    )
    slower = "readers" if decode_rate < network_rate else "network"
    bound = min(decode_rate, network_rate)
    busy = f", {device} busy {np.mean(utilization):.0f} %" if utilization else ""
    return Line(
        f"extraction into memory, {spec.name}, {precision}, {device}",
        rate,
        "images/s",
        f"the slower of readers ({number(decode_rate)}) and network ({number(network_rate)})",
        rate / bound,
        PIPELINE,
        f"bound by the {slower}{busy}",
    )


@contextmanager
def _utilization(device: str) -> Iterator[list[float]]:
    """Percent of the time in which the GPU ran a kernel, sampled by nvidia-smi."""
    samples: list[float] = []
    if device != "cuda":
        yield samples
        return
    stopped = threading.Event()

    def sample() -> None:
        while not stopped.wait(0.2):
            done = subprocess.run(
                ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                samples.append(float(done.stdout.split()[0]))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        stopped.set()
        thread.join()


def equality(
    pictures: ImageSet, spec: BackboneSpec, embed: Embedder, device: str
) -> Iterator[Line]:
    """Features of the device against the CPU's in fp32."""
    reference = _matrix(pictures, spec, random_embedder(spec, "cpu"), "cpu", "fp32")
    full = _matrix(pictures, spec, embed, device, "fp32")
    half = _matrix(pictures, spec, embed, device, "bf16")
    yield Line(
        f"{len(pictures)} images, CPU fp32 against {device} fp32",
        float(np.abs(full - reference).max() / np.abs(reference).max()),
        "of the largest value",
        aim=FP32_DIFFERENCE,
        note="largest difference; TF32 off",
    )
    cosine = np.sum(half * reference, axis=1) / (
        np.linalg.norm(half, axis=1) * np.linalg.norm(reference, axis=1)
    )
    yield Line(
        f"{len(pictures)} images, CPU fp32 against {device} bf16",
        float(cosine.min()),
        "cosine",
        aim=BF16_COSINE,
        note="smallest of all images",
    )


def _matrix(
    pictures: ImageSet, spec: BackboneSpec, embed: Embedder, device: str, precision: str
) -> Array:
    """(N, D) float64 features in the order of the images, by the product's extraction."""
    sink = MemorySink()
    _, bad_images = extraction.extract_into(
        pictures,
        [spec],
        {spec.name: pictures.keys},
        {spec.name: embed},
        sink=sink,
        device=device,
        precision=precision,
    )
    if bad_images:
        raise RuntimeError(f"{len(bad_images)} images were skipped: {bad_images[0]}")
    return np.concatenate([sink.rows[key] for key in pictures.keys]).astype(np.float64)


def recovery(pictures: ImageSet, spec: BackboneSpec, embed: Embedder, device: str) -> Line:
    """Whether an extraction gets through with little memory, by smaller batches."""
    part = f"recovery from too little memory, {device}"
    expected = _matrix(pictures, spec, embed, device, "fp32")
    limit = 4  # images per pass that still fit

    def limited(x: Any) -> Any:
        if len(x) > limit:
            import torch

            raise torch.OutOfMemoryError("an artificial limit")
        return embed(x)

    if device == "cuda":
        return _recovery_on_cuda(part, pictures, spec, embed, expected)
    batch_sizes.measured.cache_clear()
    rows = _matrix(pictures, spec, limited, device, "fp32")
    difference = float(np.abs(rows - expected).max() / np.abs(expected).max())
    return Line(part, difference, "of the largest value", aim=FP32_DIFFERENCE)


def _recovery_on_cuda(
    part: str, pictures: ImageSet, spec: BackboneSpec, embed: Embedder, expected: Array
) -> Line:
    """The allocator may use little more than what is allocated now."""
    import torch

    batch_sizes.measured.cache_clear()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    share = (torch.cuda.memory_allocated() + 400 * 2**20) / total
    torch.cuda.set_per_process_memory_fraction(min(1.0, share))
    try:
        rows = _matrix(pictures, spec, embed, "cuda", "fp32")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        batch_sizes.measured.cache_clear()
    difference = float(np.abs(rows - expected).max() / np.abs(expected).max())
    note = "400 MiB beyond the weights"
    return Line(part, difference, "of the largest value", aim=FP32_DIFFERENCE, note=note)
