"""Features of several backbones side by side, one row an image (risser-maroux2021, 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.models.adapter import rows
from simcore.types import Array, Features


@dataclass(frozen=True, eq=False)
class Inputs:
    """Both sides of N pairs, row i of both a pair.

    Attributes:
        left, right: (N, D) float32; each backbone's block has length 1; NaN where an image holds no
            evidence (no face).
        backbones: names in the order of the blocks. dims: their widths, D together.
    """

    left: Array
    right: Array
    backbones: tuple[str, ...]
    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.left.shape != self.right.shape or self.left.shape[1] != sum(self.dims):
            raise ShapeError(
                f"found features of shapes {self.left.shape} and {self.right.shape} for blocks of "
                f"{self.dims}; expected (N, {sum(self.dims)}) twice"
            )

    def __len__(self) -> int:
        return len(self.left)

    def take(self, rows: Array) -> "Inputs":
        """Some of the pairs."""
        return Inputs(self.left[rows], self.right[rows], self.backbones, self.dims)


def gather(left: Sequence[Features], right: Sequence[Features]) -> Inputs:
    """The blocks of all backbones side by side.

    Raises:
        BadDataError: no backbone, or one that found something in no image.
    """
    if not left:
        raise BadDataError("found no backbone to learn from; expected at least one")
    mine, theirs = (np.concatenate([rows(one) for one in side], axis=1) for side in (left, right))
    names = tuple(one.backbone for one in left)
    for one, other in zip(left, right, strict=True):
        if not (one.index.size and other.index.size):
            raise BadDataError(f"found no evidence of {one.backbone} on a whole side; leave it out")
    return Inputs(mine, theirs, names, tuple(one.values.shape[1] for one in left))
