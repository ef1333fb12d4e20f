"""One map per backbone: its own PCA, partly whitened axes, a scale per axis, a share in the sum.

PCA and whitening are fitted to pictures; scales and shares are what fusion learns. A backbone
without evidence (an image without a face) is a block of zeros, which neither adds to a similarity
nor takes from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcore.models.adapter import Adapter, Layer
from simcore.sim.metrics import normalized
from simcore.training.adapt import pca
from simcore.types import Array


@dataclass(frozen=True, eq=False)
class Block:
    """The fixed map of one backbone: its columns, their PCA, and (d,) gains that whiten it."""

    start: int
    stop: int
    base: pca.Pca
    gain: Array

    def __call__(self, values: Array) -> Array:
        """(N, D) -> (N, d) unit rows; zero rows without evidence."""
        return normalized(self.base(values[:, self.start : self.stop]) * self.gain)


def fit(values: Array, widths: Sequence[int], *, dims: int, whiten: float) -> list[Block]:
    """A block per backbone.

    Args:
        values: (n, D) rows of training images, NaN = no evidence. widths: D in parts.
        dims: axes per backbone, at most.
        whiten: 0 leaves the spread of the axes as it is, 1 makes it equal.

    Raises:
        BadDataError: a backbone has evidence in fewer than 2 of the images.
    """
    blocks, start = [], 0
    for width in widths:
        columns = values[:, start : start + width]
        columns = columns[~np.isnan(columns[:, 0])]
        base = pca.fit(columns, dims)
        spread = np.maximum(base(columns).std(axis=0), 1e-12)
        blocks.append(Block(start, start + width, base, spread**-whiten))
        start += width
    return blocks


def initial_shares(queries: Sequence[Array], gallery: Sequence[Array]) -> Array:
    """(M,) logarithms of one over the deviation of each backbone's similarities, as in a z-sum.

    Args:
        queries, gallery: of each backbone (n, d) and (m, d) rows of its block.
    """
    shares = []
    for left, right in zip(queries, gallery, strict=True):
        evident = np.ix_(left.any(axis=1), right.any(axis=1))
        shares.append(-np.log(max(float((left @ right.T)[evident].std()), 1e-6)))
    return np.array(shares)


def combine(rows: Sequence[Any], scales: Sequence[Any], shares: Any) -> Any:
    """The learned map on the outputs of the blocks, all torch.

    Args:
        rows: of each backbone (n, d). scales: of each backbone (d,). shares: (M,); both as
            logarithms.

    Returns:
        (n, sum of d) unit rows.
    """
    import torch

    normalize = torch.nn.functional.normalize
    parts = [
        normalize(x * scale.exp(), dim=1, eps=1e-6) * (share / 2).exp()
        for x, scale, share in zip(rows, scales, shares, strict=True)
    ]
    return normalize(torch.cat(parts, dim=1), dim=1, eps=1e-6)


def adapter(
    blocks: Sequence[Block], scales: Sequence[Array], shares: Array, backbones: Sequence[str]
) -> Adapter:
    """Blocks with learned scales and shares, both as logarithms, as one map of features."""
    layers = tuple(
        Layer(
            block.start,
            block.stop,
            block.base.axes,
            np.diag(block.gain * np.exp(scale)).astype(np.float32),
            float(np.exp(share)),
        )
        for block, scale, share in zip(blocks, scales, shares, strict=True)
    )
    mean = np.concatenate([block.base.mean for block in blocks])
    widths = tuple(block.stop - block.start for block in blocks)
    return Adapter(mean, layers, tuple(backbones), widths)
