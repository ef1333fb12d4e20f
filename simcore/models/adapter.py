"""Adapters: a learned map on fixed features of one or several backbones.

The input of an image is a row x (D,): the features of the backbones side by side, each block of
length 1, NaN where an image has no evidence. A layer reads some of the columns,

    y = act((x - mean) axes weight),  normalized to length 1,  times the root of its share,

and the output is the layers' results side by side, to be compared by cosine. One layer with ReLU
over all columns is risser-maroux2021. One layer without ReLU per backbone is a learned combination,
in which a backbone without evidence adds nothing. The file is a plain .npz that contains no code.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore.data import cache_dir, npz_files
from simcore.errors import BadDataError, ShapeError
from simcore.sim.metrics import normalized
from simcore.types import Array, Features

MAX_BYTES = 4_000_000_000  # of all arrays of a file

# Applies a saved file without simcore; the README shows it and tests run it.
NUMPY_SNIPPET = """import numpy as np


def adapt(x, file):  # x: the backbones' rows side by side, each of length 1, NaN = no evidence
    x, parts, n = np.nan_to_num(x - file["mean"]), [], 0
    while f"axes.{n}" in file:
        y = x[:, file[f"start.{n}"] : file[f"stop.{n}"]] @ file[f"axes.{n}"] @ file[f"weight.{n}"]
        y = np.maximum(y, 0) if file[f"relu.{n}"] else y
        y = y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-12)
        parts, n = [*parts, y * np.sqrt(file[f"share.{n}"])], n + 1
    y = np.concatenate(parts, axis=1)
    return y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-12)
"""


@dataclass(frozen=True, eq=False)
class Layer:
    """A linear map on columns `start` to `stop` of the input.

    Attributes:
        axes: (stop - start, d). weight: (d, h).
        share: of the layer in the similarity. relu: whether a ReLU follows.
    """

    start: int
    stop: int
    axes: Array
    weight: Array
    share: float = 1.0
    relu: bool = False


@dataclass(frozen=True, eq=False)
class Adapter:
    """A learned map.

    Attributes:
        mean: (D,) float32, subtracted first.
        backbones, dims: names and widths of the input's blocks.
    """

    mean: Array
    layers: tuple[Layer, ...]
    backbones: tuple[str, ...]
    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.mean.shape != (sum(self.dims),) or len(self.dims) != len(self.backbones):
            raise ShapeError(
                f"An adapter with blocks of widths {self.dims} cannot have a mean of shape "
                f"{self.mean.shape} and {len(self.backbones)} backbones."
            )
        for layer in self.layers:
            if (layer.stop - layer.start, layer.weight.shape[0]) != layer.axes.shape:
                raise ShapeError(
                    f"A layer on columns {layer.start} to {layer.stop} with a weight of shape "
                    f"{layer.weight.shape} cannot have axes of shape {layer.axes.shape}."
                )

    @property
    def width(self) -> int:
        """Columns of the output."""
        return sum(layer.weight.shape[1] for layer in self.layers)

    def __call__(self, values: Array) -> Array:
        """(N, D) float32, NaN = no evidence -> (N, width) float32, to be compared by cosine."""
        return np.concatenate([self._apply(layer, values) for layer in self.layers], axis=1)

    def rows(self, values: Array) -> list[Array]:
        """(1, width) float32 per image; (0, width) for one about which no backbone has evidence."""
        evidence = has_evidence(values)
        return [
            row[: int(known)] for row, known in zip(self(values)[:, None], evidence, strict=True)
        ]

    def _apply(self, layer: Layer, values: Array) -> Array:
        columns = slice(layer.start, layer.stop)
        centered = np.nan_to_num(values[:, columns] - self.mean[columns], nan=0.0)
        mapped = centered @ layer.axes @ layer.weight
        unit = normalized(np.maximum(mapped, 0) if layer.relu else mapped)
        scaled: Array = unit * np.float32(np.sqrt(layer.share))
        return scaled

    def save(self, path: Path) -> None:
        """Write the .npz in one step: mean, backbones, dims, and start.n, axes.n, ... per layer."""
        arrays: dict[str, Array] = {
            "mean": self.mean,
            "backbones": np.array(self.backbones),
            "dims": np.array(self.dims),
        }
        for number, layer in enumerate(self.layers):
            for name in ("start", "stop", "axes", "weight", "share", "relu"):
                arrays[f"{name}.{number}"] = np.asarray(getattr(layer, name))
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        cache_dir.write_atomic(path, buffer.getvalue())


def load(path: Path) -> Adapter:
    """Read a saved adapter; nothing in the file is executed.

    Raises:
        BadDataError: the file does not exist or is not an adapter.
    """
    try:
        arrays = npz_files.read(path, max_bytes=MAX_BYTES)
        layers = tuple(
            Layer(
                int(arrays[f"start.{n}"]),
                int(arrays[f"stop.{n}"]),
                arrays[f"axes.{n}"],
                arrays[f"weight.{n}"],
                float(arrays[f"share.{n}"]),
                bool(arrays[f"relu.{n}"]),
            )
            for n in range(sum(name.startswith("axes.") for name in arrays))
        )
        names = tuple(str(name) for name in arrays["backbones"])
        return Adapter(arrays["mean"], layers, names, tuple(map(int, arrays["dims"])))
    except Exception as error:  # damaged archives raise errors of every kind
        raise BadDataError(
            f"{path.name} is not an adapter ({' '.join(str(error).split())[:80]}). Use the .npz "
            "that `simcore learn adaptation` writes."
        ) from error


def has_evidence(values: Array) -> Array:
    """(N,) bool: at least one backbone has evidence about the image of an (N, D) row."""
    evidence: Array = ~np.isnan(values).all(axis=1)
    return evidence


def unit_rows(features: Features) -> Array:
    """(N, D) float32 rows of length 1; the mean of an image's rows, NaN for an image without."""
    if features.single:
        return normalized(features.values)
    total = np.zeros((features.count, features.values.shape[1]), np.float64)
    np.add.at(total, features.index, normalized(features.values))
    rows = normalized(total.astype(np.float32))
    rows[np.bincount(features.index, minlength=features.count) == 0] = np.nan
    return rows
