"""How many faces images have, and whether the two of a pair agree (rosenfeld2018, Fig. 5c)."""

from dataclasses import dataclass

import numpy as np

from simcore.types import Array, Features

MAX_FACES = 4  # "4 or more" share a bin; the paper's figure has the bins 0, 1, 2 and 3
LABELS = (*map(str, range(MAX_FACES)), f"{MAX_FACES} or more")  # of the bins


@dataclass(frozen=True, eq=False)
class FaceCounts:
    """Faces detected in N pairs.

    Attributes:
        left, right: (N,) faces in each image.
        table: (5, 5) pairs by faces on the left (row) and right (column), in the bins of `LABELS`.
    """

    left: Array
    right: Array
    table: Array

    @property
    def histogram(self) -> Array:
        """(5,) share of all images in each bin of `LABELS`."""
        counts = np.minimum(np.r_[self.left, self.right], MAX_FACES)
        share: Array = np.bincount(counts, minlength=MAX_FACES + 1) / max(1, counts.size)
        return share

    @property
    def agreement(self) -> float:
        """Of the pairs with a face on the left, the share with one on the right; NaN for none."""
        has_face = self.left > 0
        return float((self.right[has_face] > 0).mean()) if has_face.any() else float("nan")

    @property
    def objects(self) -> Array:
        """(N,) bool: no face on either side."""
        no_face: Array = (self.left == 0) & (self.right == 0)
        return no_face

    @property
    def faces(self) -> Array:
        """(N,) bool: a face on both sides (the split of risser-maroux2021)."""
        both: Array = (self.left > 0) & (self.right > 0)
        return both


def count(left: Features, right: Features) -> FaceCounts:
    """Counts from the features of a face backbone, which has one row per face.

    Args:
        left, right: features of N images each; image i of both sides is a pair.

    >>> face = Features("face", np.array([0, 0]), np.zeros((2, 1)), 1)
    >>> count(face, face).histogram.tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0]
    """
    left_counts = np.bincount(left.index, minlength=left.count)
    right_counts = np.bincount(right.index, minlength=right.count)
    table = np.zeros((MAX_FACES + 1, MAX_FACES + 1), np.int64)
    np.add.at(table, (np.minimum(left_counts, MAX_FACES), np.minimum(right_counts, MAX_FACES)), 1)
    return FaceCounts(left_counts, right_counts, table)
