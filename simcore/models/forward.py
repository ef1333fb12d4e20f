"""Prepared images through a network: devices, precision, loading and one forward pass."""

import threading
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from simcore.data import images
from simcore.errors import BadDataError, unknown_name
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Array, Preprocessing


def resolve_device(name: str = "auto") -> str:
    """ "auto" as the best device here.

    Raises:
        UnknownNameError: no such device. BadDataError: it is not on this machine.
    """
    if name not in {"auto", "cpu", "cuda", "mps"}:
        raise unknown_name("device", name, ("auto", "cpu", "cuda", "mps"))
    if name == "cpu":
        return name
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next((device for device, found in there.items() if found), "cpu")
    if not there[name]:
        raise BadDataError(f"found no {name} device here; expected one; use --device auto or cpu")
    return name


def resolve_precision(name: str, device: str) -> str:
    """ "auto" as bf16 on CUDA and fp32 elsewhere."""
    if name not in {"auto", "fp32", "bf16"}:
        raise unknown_name("precision", name, ("auto", "fp32", "bf16"))
    return name if name != "auto" else "bf16" if device == "cuda" else "fp32"


def embed_one(found: list[Array], spec: BackboneSpec, device: str, precision: str) -> list[Array]:
    """Features of images in memory (uploads), the same way as those of a collection.

    Args:
        found: uint8 (H, W, 3) each.

    Returns:
        one (n_i, D) float32 array an image.

    Raises:
        MissingWeightsError: the backbone's weights are not here.
    """
    embed = load(spec, device)
    with _LOCK:
        ready = [prepare_image(image, spec.preprocessing) for image in found]
        return forward(embed, spec, ready, device, precision)


def load(spec: BackboneSpec, device: str) -> Embedder:
    """A loaded network, kept for the next question."""
    with _LOCK:
        return _load(spec, device)


def clear_loaded() -> None:
    """Load every network anew next time: weights have changed."""
    _load.cache_clear()


_LOCK = threading.RLock()  # networks are shared between the app's threads, one runs at a time


_MODULES: WeakKeyDictionary[Embedder, Any] = WeakKeyDictionary()  # gone when the Embed is


@lru_cache(maxsize=8)
def _load(spec: BackboneSpec, device: str) -> Embedder:
    return spec.load(device)


def trainable(embed: Embedder, net: Any) -> Embedder:
    """Say which module holds an Embed's weights, so that they can be learned further."""
    _MODULES[embed] = net
    return embed


def module(embed: Embedder) -> Any:
    """The module that holds an Embed's weights; None where there is nothing to learn."""
    return _MODULES.get(embed)


def prepare_image(image: Array, kind: Preprocessing) -> Array:
    """(H, W, 3) uint8 as a network's input wants it, still uint8; whole where it wants that."""
    return image if kind.raw else images.prepare(image, kind)


def forward(
    embed: Embedder, spec: BackboneSpec, ready: list[Array], device: str, precision: str
) -> list[Array]:
    """Prepared images through one network.

    Args:
        ready: (h, w, 3) uint8 each, alike in size unless the network takes whole images.

    Returns:
        one (n_i, D) float32 array an image.
    """
    if spec.preprocessing.raw:
        if many := getattr(embed, "many", None):  # processes that help (helpers.py)
            helped: list[Array] = many(ready)
            return helped
        return [np.asarray(embed(image), np.float32) for image in ready]
    import torch

    batch = torch.from_numpy(np.stack(ready))
    if device == "cuda":
        batch = batch.pin_memory()
    with torch.inference_mode():
        x = batch.to(device, non_blocking=True).permute(0, 3, 1, 2)  # a channels_last view
        x = x.to(torch.float32).div_(255)
        if spec.preprocessing.mean:
            mean = x.new_tensor(spec.preprocessing.mean).view(1, -1, 1, 1)
            std = x.new_tensor(spec.preprocessing.std).view(1, -1, 1, 1)
            x = (x - mean) / std
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            values = embed(x)
        rows: Array = values.float().cpu().numpy()
    return list(rows[:, None])


def out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch might get through."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # cuDNN, cuBLAS and the CPU's allocator say it in words.
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in said
        for words in (
            "out of memory",
            "cudnn_status_alloc_failed",
            "cublas_status_alloc_failed",
            "can't allocate memory",
            "not enough memory",
        )
    )
