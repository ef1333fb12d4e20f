"""Prepared images through a network: devices, precision, loading and the forward pass."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from simcore.data import borders, network_input
from simcore.errors import BadDataError, unknown_name
from simcore.models import weights
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Array, Preprocessing

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")


def resolve_device(name: str = "auto") -> str:
    """Replace "auto" by the best device of this machine.

    Raises:
        UnknownNameError: no such device. BadDataError: this machine does not have it.
    """
    if name not in DEVICES:
        raise unknown_name("device", name, DEVICES)
    if name == "cpu":
        return name
    import torch

    # Convolutions use TF32 by default, 10 bits of mantissa: those would not be fp32 features.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next((device for device, usable in available.items() if usable), "cpu")
    if not available[name]:
        raise BadDataError(f"This machine has no {name} device. Use --device auto or cpu.")
    return name


def resolve_precision(name: str, device: str) -> str:
    """Replace "auto" by bf16 on CUDA and fp32 elsewhere.

    Raises:
        UnknownNameError: no such precision.
    """
    if name not in PRECISIONS:
        raise unknown_name("precision", name, PRECISIONS)
    return name if name != "auto" else "bf16" if device == "cuda" else "fp32"


def embed_images(
    pictures: Sequence[Array], spec: BackboneSpec, device: str, precision: str
) -> list[Array]:
    """Features of images in memory (uploads), computed as those of a collection are.

    Args:
        pictures: N uint8 arrays (H, W, 3).

    Returns:
        N arrays (n_i, D) float32.

    Raises:
        MissingWeightsError: the backbone's weights are not on this machine.
    """
    embed = load(spec, device)
    with _LOCK:
        prepared = [prepare_image(picture, spec.preprocessing) for picture in pictures]
        return forward(embed, spec, prepared, device, precision)


def load(spec: BackboneSpec, device: str) -> Embedder:
    """A loaded network; the last eight stay in memory."""
    with _LOCK:
        return _load(spec, device, weights.fingerprint(spec))


def clear_loaded() -> None:
    """Drop all loaded networks; the next use loads them again."""
    _load.cache_clear()


_LOCK = threading.RLock()  # networks are shared between the app's threads; one runs at a time


# The fingerprint is in the key because a file may be replaced while the app runs.
@lru_cache(maxsize=8)
def _load(spec: BackboneSpec, device: str, _fingerprint: str) -> Embedder:
    return spec.load(device)


@dataclass(frozen=True, eq=False)
class _TrainableEmbedder:
    """An Embedder, and the module that holds its weights."""

    embed: Embedder
    module: Any

    def __call__(self, images: Any) -> Any:
        return self.embed(images)


def trainable(embed: Embedder, module: Any) -> Embedder:
    """Attach to an Embedder the module that holds its weights, so that it can be fine-tuned."""
    return _TrainableEmbedder(embed, module)


def module(embed: Embedder) -> Any:
    """The module that holds an Embedder's weights; None if there is nothing to train."""
    return embed.module if isinstance(embed, _TrainableEmbedder) else None


def prepare_image(image: Array, preprocessing: Preprocessing) -> Array:
    """A (H, W, 3) uint8 image as a network's input, still uint8; `raw` networks get its size."""
    if preprocessing.borderless:
        image = np.ascontiguousarray(borders.removed(image))
    return image if preprocessing.raw else network_input.prepare(image, preprocessing)


@dataclass(frozen=True, eq=False)
class PendingRows:
    """The rows of one forward pass, which a device may still be computing.

    Attributes:
        values: (N, D) float32 in host memory, or N arrays (n_i, D).
        event: a CUDA event after which `values` is filled; None if it is already.
    """

    values: Any
    event: Any = None

    def wait(self) -> list[Array]:
        """N arrays (n_i, D) float32, as soon as they are computed."""
        if self.event is not None:
            self.event.synchronize()
        return [row if row.ndim == 2 else row[None] for row in self.values]


def forward(
    embed: Embedder, spec: BackboneSpec, prepared: list[Array], device: str, precision: str
) -> list[Array]:
    """Run prepared images through one network.

    Args:
        prepared: N uint8 arrays (h, w, 3), of equal size unless the network takes raw images.

    Returns:
        N arrays (n_i, D) float32.
    """
    return submit(embed, spec, prepared, device, precision).wait()


def submit(
    embed: Embedder, spec: BackboneSpec, prepared: list[Array], device: str, precision: str
) -> PendingRows:
    """As `forward`, but a CUDA device computes while the caller prepares the next batch."""
    if spec.preprocessing.raw:
        if embed_many := getattr(embed, "embed_many", None):  # see extract/worker_processes.py
            return PendingRows(embed_many(prepared))
        return PendingRows([np.asarray(embed(image), np.float32) for image in prepared])
    if from_pixels := getattr(embed, "from_pixels", None):  # see compiled.py
        return PendingRows(from_pixels(np.stack(prepared)))
    import torch

    cuda = device == "cuda"
    shape = (len(prepared), *prepared[0].shape)
    batch = torch.empty(shape, dtype=torch.uint8, pin_memory=cuda)
    np.stack(prepared, out=batch.numpy())
    with torch.inference_mode():
        x = _copy_to_cuda(batch) if cuda else batch.to(device)
        x = normalize(x, spec)
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            values = embed(x)
        values = values.float()
        if not cuda:
            return PendingRows(values.cpu().numpy())
        rows = torch.empty(values.shape, dtype=torch.float32, pin_memory=True)
        rows.copy_(values, non_blocking=True)
        event = torch.cuda.Event()
        event.record()
    return PendingRows(rows.numpy(), event)


def normalize(pixels: Any, spec: BackboneSpec) -> Any:
    """(B, H, W, 3) uint8 tensor -> (B, 3, H, W) float32, a channels_last view."""
    import torch

    x = pixels.permute(0, 3, 1, 2).to(torch.float32) / 255
    if not spec.preprocessing.mean:
        return x
    mean = x.new_tensor(spec.preprocessing.mean).view(1, -1, 1, 1)
    std = x.new_tensor(spec.preprocessing.std).view(1, -1, 1, 1)
    return (x - mean) / std


def _copy_to_cuda(batch: Any) -> Any:
    """Copy pinned memory to the device, beside the network that computes the batch before."""
    import torch

    copies, current = _copy_stream(), torch.cuda.current_stream()
    with torch.cuda.stream(copies):
        x = batch.to("cuda", non_blocking=True)
    current.wait_stream(copies)
    x.record_stream(current)
    return x


@cache
def _copy_stream() -> Any:
    import torch

    return torch.cuda.Stream()


def is_out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch could succeed."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # cuDNN, cuBLAS and the CPU's allocator raise a plain RuntimeError with one of these texts.
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        phrase in message
        for phrase in (
            "out of memory",
            "cudnn_status_alloc_failed",
            "cublas_status_alloc_failed",
            "can't allocate memory",
            "not enough memory",
        )
    )
