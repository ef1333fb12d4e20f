"""Networks compiled by OpenVINO: the same features on a CPU, up to three times as fast.

Normalization, layers and pooling are part of the compiled graph, which takes uint8 pixels. It is
kept in the cache by everything that decides it, so that a network is converted once. It is used
only if its features equal those of PyTorch; otherwise PyTorch computes them, and the log says why.
"""

import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from simcore.data import cache_dir
from simcore.models import cpu_threads, forward, nets, weights
from simcore.models.spec import BackboneSpec, Embedder
from simcore.types import Array

FORMAT = 1  # raised when the same network would be converted differently
TOLERANCE = 1e-5  # of the largest feature
# Converting costs as much as some 200 images of a small network.
MIN_IMAGES = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class CompiledEmbedder:
    """A network for the CPU.

    Attributes:
        graph: OpenVINO's compiled model. eager: the same network in PyTorch.
    """

    graph: Any
    eager: Embedder

    def from_pixels(self, pixels: Array) -> Array:
        """(B, H, W, 3) uint8, prepared but not normalized -> (B, D) float32."""
        return np.array(self.graph(pixels)[0], np.float32)

    def __call__(self, images: Any) -> Any:
        """As the network in PyTorch."""
        return self.eager(images)


def supports(spec: BackboneSpec) -> bool:
    """Whether a backbone could be compiled: a network with a fixed input, and OpenVINO is here."""
    fixed = spec.preprocessing.crop is not None or isinstance(spec.preprocessing.resize, tuple)
    return (
        spec.net is not None
        and fixed
        and not spec.preprocessing.raw
        and os.environ.get("SIMCORE_CPU_RUNTIME", "").strip() != "eager"
        and find_spec("openvino") is not None
    )


def for_cpu(spec: BackboneSpec, embed: Embedder, images: int, dims: Sequence[int] = ()) -> Embedder:
    """The fastest form of a backbone for a number of images on a CPU.

    Args:
        dims: D of each backbone whose features are side by side in a row; by default one.
    """
    if cpu_threads.supports(spec):
        return cpu_threads.ThreadedEmbedder(spec, embed)
    if not supports(spec):
        return embed
    return _load(spec, embed) or (convert(spec, embed, dims) if images >= MIN_IMAGES else embed)


def _load(spec: BackboneSpec, embed: Embedder) -> CompiledEmbedder | None:
    """The compiled network, if it was converted before."""
    if not (path := _file(spec)).is_file():
        return None
    try:
        return CompiledEmbedder(_compile(_core().read_model(path)), embed)
    except Exception as error:  # a damaged file, or one of another OpenVINO: converted again
        _log.warning("The compiled network %s cannot be read (%s).", path, error)
        shutil.rmtree(path.parent, ignore_errors=True)
        return None


def convert(spec: BackboneSpec, embed: Embedder, dims: Sequence[int] = ()) -> Embedder:
    """The network compiled and kept in the cache, or `embed` itself where that is not possible."""
    try:
        model = _convert(spec, embed)
        graph = _compile(model)
    except Exception as error:  # an operator that OpenVINO does not have
        reason = " ".join(str(error).split())[:160]
        _log.warning("%s runs in PyTorch, because it cannot be compiled (%s).", spec.name, reason)
        return embed
    compiled = CompiledEmbedder(graph, embed)
    difference = _largest_difference(spec, compiled, dims or (spec.dim,))
    if not difference <= TOLERANCE:
        _log.warning(
            "%s runs in PyTorch, because the compiled network differs by %.1e of the largest "
            "feature.",
            spec.name,
            difference,
        )
        return embed
    _save(model, _file(spec))
    return compiled


def _openvino() -> Any:
    # Its telemetry would send what is converted to its makers; the package does without.
    blocked: Any = None
    sys.modules.setdefault("openvino_telemetry", blocked)
    import openvino

    return openvino


def _core() -> Any:
    return _openvino().Core()


def _compile(model: Any) -> Any:
    # By default, OpenVINO computes in bfloat16 where the CPU has it.
    return _core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _convert(spec: BackboneSpec, embed: Embedder) -> Any:
    import warnings

    import torch

    class FromPixels(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = forward.module(embed)  # tracing needs to know whose weights these are

        def forward(self, pixels: Any) -> Any:
            return embed(forward.normalize(pixels, spec))

    height, width = nets.input_size(spec.preprocessing)
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    level = logging.root.level
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # OpenVINO traces modules, which PyTorch discourages
            model = _openvino().convert_model(FromPixels().eval(), example_input=example)
    finally:
        logging.root.setLevel(level)  # the converter silences the whole program
    model.reshape([-1, height, width, 3])
    return model


def _largest_difference(
    spec: BackboneSpec, compiled: CompiledEmbedder, dims: Sequence[int]
) -> float:
    """Between the compiled network and PyTorch on pictures, as a share of the largest value.

    Args:
        dims: D of each backbone in a row; each is compared with its own largest value.
    """
    import torch

    height, width = nets.input_size(spec.preprocessing)
    # Not as many as in the example: tracing may have made its number a constant.
    noise = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
    noise[1] = noise[1, :1]  # vertical stripes
    with torch.inference_mode():
        expected = compiled(forward.normalize(torch.from_numpy(noise), spec)).float().numpy()
    actual = compiled.from_pixels(noise)
    if actual.shape != expected.shape:
        return float("inf")
    ends = np.cumsum(dims)[:-1]
    pairs = zip(np.split(actual, ends, 1), np.split(expected, ends, 1), strict=True)
    return max(float(np.abs(a - e).max() / max(np.abs(e).max(), 1e-12)) for a, e in pairs)


def _save(model: Any, path: Path) -> None:
    draft = path.parent.with_name(f"{path.parent.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        _openvino().save_model(model, str(draft / path.name), compress_to_fp16=False)
        draft.rename(path.parent)
    except OSError:  # another process was faster, or the cache is read-only: nothing is lost
        shutil.rmtree(draft, ignore_errors=True)


def _file(spec: BackboneSpec) -> Path:
    """Where the compiled network is; the name changes with everything that decides it."""
    from importlib.metadata import version

    assert spec.net is not None
    decides = (
        FORMAT,
        version("openvino"),
        spec.name,
        spec.version,
        spec.preprocessing,
        spec.net.outputs,
        weights.fingerprint(spec),
    )
    digest = hashlib.sha256(repr(decides).encode()).hexdigest()[:24]
    return cache_dir.root() / "compiled" / digest / "network.xml"
