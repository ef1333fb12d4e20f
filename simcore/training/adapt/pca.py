"""Principal components of training images; missing blocks do not count."""

from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError
from simcore.types import Array

DIMS = 256  # risser-maroux2021, 4.2
NO_EVIDENCE = "A backbone has no evidence in any training image. Leave this backbone out."


@dataclass(frozen=True, eq=False)
class Pca:
    """A projection onto principal components.

    Attributes:
        mean: (D,) float32 over the rows with evidence.
        axes: (D, d) float32 orthonormal columns, largest variance first.
        variance_kept: share of the variance along the axes, 0..1.
    """

    mean: Array
    axes: Array
    variance_kept: float

    def __call__(self, values: Array) -> Array:
        """(N, D) -> (N, d) float32; NaN (no evidence) counts as the mean."""
        projected: Array = np.nan_to_num(values - self.mean, nan=0.0) @ self.axes
        return projected


def fit(values: Array, dims: int = DIMS) -> Pca:
    """The `dims` axes of largest variance, fewer if there are fewer rows or columns.

    Args:
        values: (n, D) float32 training rows; NaN = no evidence.

    Raises:
        BadDataError: a column without any evidence, or fewer than 2 rows.
    """
    from scipy.linalg import eigh

    if len(values) < 2:
        raise BadDataError(f"Principal components need at least 2 rows, got {len(values)}.")
    present = ~np.isnan(values)
    counts = present.sum(axis=0)
    if not counts.all():
        raise BadDataError(NO_EVIDENCE)
    mean = (np.where(present, values, 0).sum(axis=0, dtype=np.float64) / counts).astype(np.float32)
    centered = np.where(present, values - mean, np.float32(0))
    wide = centered.shape[1] > len(centered)
    # X X^T and X^T X have the same nonzero eigenvalues; the smaller one is decomposed.
    gram = (centered @ centered.T if wide else centered.T @ centered).astype(np.float64)
    size = len(gram)
    count = min(dims, size - 1 if wide else size)
    spectrum, vectors = eigh(gram, subset_by_index=[size - count, size - 1])
    spectrum, vectors = spectrum[::-1], vectors[:, ::-1]
    count = max(1, int((spectrum > spectrum[0] * 1e-6).sum()))  # below are rounding errors
    spectrum, vectors = spectrum[:count], vectors[:, :count]
    axes = centered.T.astype(np.float64) @ vectors / np.sqrt(spectrum) if wide else vectors
    # The sign of an axis is arbitrary; its largest entry is made positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])
    share = float(spectrum.sum() / np.trace(gram))
    return Pca(mean, np.ascontiguousarray(axes, np.float32), min(share, 1.0))


def identity(values: Array, axes: Array) -> Pca:
    """No reduction: only the mean of the training rows is taken off, to compare with `fit`.

    Args:
        values: (n, D) float32 training rows; NaN = no evidence.
        axes: (D, D) identity, shared by all runs.

    Raises:
        BadDataError: a column without any evidence.
    """
    present = ~np.isnan(values)
    if not present.any(axis=0).all():
        raise BadDataError(NO_EVIDENCE)
    mean = np.asarray(np.nanmean(values, axis=0, dtype=np.float64))
    return Pca(mean.astype(np.float32), axes, 1.0)
