"""Features of several backbones side by side, one row per image (risser-maroux2021, 3.2)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.models.adapter import has_evidence, unit_rows
from simcore.sim.combine import Term, weighted_sum
from simcore.sim.metrics import ROWS, normalized
from simcore.types import Array, Features


@dataclass(frozen=True, eq=False)
class Inputs:
    """Features of both sides of N pairs; row i of both sides is a pair.

    Attributes:
        left, right: (N, D) float32; the block of each backbone has length 1, or is NaN where an
            image has no evidence (no face).
        backbones: names in the order of the blocks. dims: widths of the blocks, D in total.
    """

    left: Array
    right: Array
    backbones: tuple[str, ...]
    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.left.shape != self.right.shape or self.left.shape[1] != sum(self.dims):
            raise ShapeError(
                f"Blocks of widths {self.dims} need left and right features of shape "
                f"(N, {sum(self.dims)}), got {self.left.shape} and {self.right.shape}."
            )

    def __len__(self) -> int:
        return len(self.left)

    def take(self, rows: Array) -> "Inputs":
        """Some of the pairs."""
        return Inputs(self.left[rows], self.right[rows], self.backbones, self.dims)

    def similarity(self) -> Array:
        """The plain sum of the backbones' cosines of all left with all right images.

        Missing evidence counts as the mean of its backbone, as in every combination.

        Returns:
            (N, N) float64; NaN where no backbone has evidence.
        """
        return np.concatenate([values for _, values in self.blocks(max(1, len(self)))])

    def blocks(self, rows: int = ROWS) -> Iterator[tuple[int, Array]]:
        """`similarity` some rows at a time: (first row, (b, N) float64), in order."""
        terms = [Term(fill=self._mean_cosine(block, rows)) for block in self._columns()]
        for start in range(0, max(1, len(self)), rows):
            parts = [self._cosines(block, start, rows) for block in self._columns()]
            yield start, weighted_sum(parts, [1.0] * len(parts), terms)

    def _columns(self) -> list[slice]:
        """The columns of each backbone."""
        ends = np.cumsum(self.dims).tolist()
        return [slice(end - width, end) for end, width in zip(ends, self.dims, strict=True)]

    def _cosines(self, columns: slice, start: int, rows: int) -> Array:
        cosines: Array = self.left[start : start + rows, columns] @ self.right[:, columns].T
        return cosines

    def _mean_cosine(self, columns: slice, rows: int) -> float:
        """Of all images about which there is evidence; 0 where it fills no gap."""
        sides = self.left[:, columns.start], self.right[:, columns.start]
        if not any(np.isnan(first).any() for first in sides):
            return 0.0
        total, count = 0.0, 0
        for start in range(0, len(self), rows):
            cosines = self._cosines(columns, start, rows)
            known = cosines[~np.isnan(cosines)]
            total, count = total + float(known.sum(dtype=np.float64)), count + known.size
        return total / count if count else 0.0

    def mapped_similarity(self, project: Callable[[Array], Array]) -> Array:
        """The cosine of all left with all right images after a learned map.

        Args:
            project: (N, D) rows with NaN for missing evidence -> (N, d) rows.

        Returns:
            (N, N) float32; NaN for images about which no backbone has evidence, whatever the map
            makes of them.
        """
        similarity = normalized(project(self.left)) @ normalized(project(self.right)).T
        similarity[~has_evidence(self.left)] = np.nan
        similarity[:, ~has_evidence(self.right)] = np.nan
        return similarity


def gather(left: Sequence[Features], right: Sequence[Features]) -> Inputs:
    """The features of all backbones side by side.

    Args:
        left, right: for each backbone the features of one side.

    Raises:
        BadDataError: no backbone, or one without evidence in all images of a side.
    """
    if not left:
        raise BadDataError("No backbone to learn from. Choose at least one.")
    for queries, gallery in zip(left, right, strict=True):
        if not (queries.index.size and gallery.index.size):
            raise BadDataError(
                f"{queries.backbone} has no evidence in any image of one side. Leave it out."
            )
    left_rows, right_rows = side_by_side(left), side_by_side(right)
    names = tuple(block.backbone for block in left)
    dims = tuple(block.values.shape[1] for block in left)
    return Inputs(left_rows, right_rows, names, dims)


def side_by_side(features: Sequence[Features]) -> Array:
    """(N, D) float32: the features of some backbones, each of length 1, NaN without evidence."""
    return np.concatenate([unit_rows(block) for block in features], axis=1)
