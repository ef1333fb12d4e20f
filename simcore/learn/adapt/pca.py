"""Principal components of training images, with missing blocks left out."""

from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError
from simcore.types import Array

DIMS = 256  # risser-maroux2021, 4.2


@dataclass(frozen=True, eq=False)
class Pca:
    """What is taken away and what is kept.

    Attributes:
        mean: (D,) float32 over the rows that hold evidence.
        axes: (D, d) float32, orthonormal columns, the widest first.
        kept: share of the variance that the axes hold, 0..1.
    """

    mean: Array
    axes: Array
    kept: float

    def __call__(self, values: Array) -> Array:
        """(N, D) -> (N, d) float32; NaN, no evidence, counts as the mean."""
        out: Array = np.nan_to_num(values - self.mean, nan=0.0) @ self.axes
        return out


def fit(values: Array, dims: int = DIMS) -> Pca:
    """The `dims` widest axes, fewer where there are fewer rows or columns.

    Args:
        values: (n, D) float32 training rows; NaN = no evidence.

    Raises:
        BadDataError: a column without any evidence, or fewer than 2 rows.
    """
    from scipy.linalg import eigh

    if len(values) < 2:
        raise BadDataError(f"found {len(values)} rows for principal components; expected 2 or more")
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    if not count.all():
        raise BadDataError("found a backbone without evidence in all training images; leave it out")
    mean = (np.where(there, values, 0).sum(axis=0, dtype=np.float64) / count).astype(np.float32)
    middle = np.where(there, values - mean, np.float32(0))
    wide = middle.shape[1] > len(middle)
    # The smaller of the two products has the same spectrum.
    square = (middle @ middle.T if wide else middle.T @ middle).astype(np.float64)
    size = len(square)
    keep = min(dims, size - 1 if wide else size)
    spectrum, vectors = eigh(square, subset_by_index=[size - keep, size - 1])
    spectrum, vectors = spectrum[::-1], vectors[:, ::-1]
    keep = max(1, int((spectrum > spectrum[0] * 1e-6).sum()))  # no direction is made of rounding
    spectrum, vectors = spectrum[:keep], vectors[:, :keep]
    axes = middle.T.astype(np.float64) @ vectors / np.sqrt(spectrum) if wide else vectors
    # An axis has no direction of its own; the largest entry is made positive, so that it has one.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(keep)])
    share = float(spectrum.sum() / np.trace(square))
    return Pca(mean, np.ascontiguousarray(axes, np.float32), min(share, 1.0))
