"""How many faces images have, and whether the two of a pair agree (rosenfeld2018, Fig. 5c)."""

from dataclasses import dataclass

import numpy as np

from simcore.types import Array, Features

MOST = 3  # "3 or more" share a bin


@dataclass(frozen=True, eq=False)
class FaceCounts:
    """Faces found in pairs.

    Attributes:
        left, right: (N,) faces found in each image.
        table: (4, 4) pairs by faces on the left (row) and right (column); the last is "3 or more".
    """

    left: Array
    right: Array
    table: Array

    @property
    def histogram(self) -> Array:
        """(4,) share of all images with 0, 1, 2, 3 or more faces."""
        both = np.minimum(np.r_[self.left, self.right], MOST)
        share: Array = np.bincount(both, minlength=MOST + 1) / max(1, both.size)
        return share

    @property
    def agreement(self) -> float:
        """Of pairs with a face on the left, the share with one on the right; NaN without any."""
        there = self.left > 0
        return float((self.right[there] > 0).mean()) if there.any() else float("nan")

    @property
    def objects(self) -> Array:
        """(N,) bool: no face on either side."""
        none: Array = (self.left == 0) & (self.right == 0)
        return none

    @property
    def faces(self) -> Array:
        """(N,) bool: a face on both sides (the split of risser-maroux2021)."""
        both: Array = (self.left > 0) & (self.right > 0)
        return both


def count(left: Features, right: Features) -> FaceCounts:
    """Counts from face features, one row a face; row i of both sides is a pair."""
    one = np.bincount(left.index, minlength=left.count)
    other = np.bincount(right.index, minlength=right.count)
    table = np.zeros((MOST + 1, MOST + 1), np.int64)
    np.add.at(table, (np.minimum(one, MOST), np.minimum(other, MOST)), 1)
    return FaceCounts(one, other, table)
