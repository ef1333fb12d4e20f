"""A learned comparison on top of fixed features: what it is, how it is kept, how it is applied.

An image is the features of several backbones side by side, x (D,), every block of length 1, NaN
where an image holds no evidence. A layer looks at some of the columns,

    y = act((x - mean) axes weight),  brought to length 1,  times the root of its share,

and the layers' results side by side, compared by cosine, are what was learned. One layer with ReLU
over all columns is risser-maroux2021; one without for each backbone is a learned combination in
which a backbone without evidence is silent. The file is a plain .npz: no code in it, none needed.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcore.data import cache_dir
from simcore.errors import BadDataError, ShapeError
from simcore.sim.metrics import normalized
from simcore.types import Array, Features

# What `save` writes, applied without simcore; the README shows it and tests run it.
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
    """Columns start to stop of x: axes (stop - start, d), weight (d, h), share, ReLU or not."""

    start: int
    stop: int
    axes: Array
    weight: Array
    share: float = 1.0
    relu: bool = False


@dataclass(frozen=True, eq=False)
class Adapter:
    """What was learned.

    Attributes:
        mean: (D,) float32 that is taken away first.
        layers: see `Layer`. backbones, dims: what x is made of.
    """

    mean: Array
    layers: tuple[Layer, ...]
    backbones: tuple[str, ...]
    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.mean.shape != (sum(self.dims),) or len(self.dims) != len(self.backbones):
            raise ShapeError(f"found a mean of shape {self.mean.shape} for blocks of {self.dims}")
        for one in self.layers:
            if (one.stop - one.start, one.weight.shape[0]) != one.axes.shape:
                raise ShapeError(
                    f"found axes of shape {one.axes.shape} for columns {one.start} to {one.stop} "
                    f"and a weight of shape {one.weight.shape}"
                )

    @property
    def width(self) -> int:
        """Columns of what comes out."""
        return sum(one.weight.shape[1] for one in self.layers)

    def __call__(self, values: Array) -> Array:
        """(N, D) float32 with NaN for no evidence -> (N, width) float32, compared by cosine."""
        return np.concatenate([self._applied(one, values) for one in self.layers], axis=1)

    def _applied(self, one: Layer, values: Array) -> Array:
        columns = slice(one.start, one.stop)
        middle = np.nan_to_num(values[:, columns] - self.mean[columns], nan=0.0)
        found = middle @ one.axes @ one.weight
        unit = normalized(np.maximum(found, 0) if one.relu else found)
        out: Array = unit * np.float32(np.sqrt(one.share))
        return out

    def save(self, path: Path) -> None:
        """Write the .npz in one step: mean, backbones, dims, and layer n as start.n, axes.n, ..."""
        arrays: dict[str, Array] = {
            "mean": self.mean,
            "backbones": np.array(self.backbones),
            "dims": np.array(self.dims),
        }
        for number, one in enumerate(self.layers):
            for name in ("start", "stop", "axes", "weight", "share", "relu"):
                arrays[f"{name}.{number}"] = np.asarray(getattr(one, name))
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        cache_dir.write_atomic(path, buffer.getvalue())


def load(path: Path) -> Adapter:
    """Read what `save` wrote; nothing in the file is run.

    Raises:
        BadDataError: no such file, or another kind of one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            count = sum(name.startswith("axes.") for name in file.files)
            layers = tuple(
                Layer(
                    int(file[f"start.{n}"]),
                    int(file[f"stop.{n}"]),
                    file[f"axes.{n}"],
                    file[f"weight.{n}"],
                    float(file[f"share.{n}"]),
                    bool(file[f"relu.{n}"]),
                )
                for n in range(count)
            )
            names = tuple(str(name) for name in file["backbones"])
            return Adapter(file["mean"], layers, names, tuple(map(int, file["dims"])))
    except (OSError, ValueError, KeyError) as error:
        raise BadDataError(
            f"{path.name} is no learned adaptation ({' '.join(str(error).split())[:80]}); "
            "expected the .npz that `simcore learn adaptation` writes"
        ) from error


def rows(features: Features) -> Array:
    """(N, D) float32 rows of length 1; several rows of an image are averaged, none is NaN."""
    if features.single:
        return normalized(features.values)
    total = np.zeros((features.count, features.values.shape[1]), np.float64)
    np.add.at(total, features.index, normalized(features.values))
    out = normalized(total.astype(np.float32))
    out[np.bincount(features.index, minlength=features.count) == 0] = np.nan
    return out
