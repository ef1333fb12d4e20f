"""Orthogonal Procrustes: one layout of the same points turned onto another (Gower 1975)."""

from dataclasses import dataclass

import numpy as np

from simcore.types import Array


@dataclass(frozen=True, eq=False)
class Alignment:
    """A layout after it was moved onto a target.

    Attributes:
        xy: (n, 2) float32; NaN where the layout has no point.
        disparity: what the best turn cannot explain, 0 (the same layout) to 1 (unrelated), over
            the points that both have; the value of `scipy.spatial.procrustes`.
    """

    xy: Array
    disparity: float


def align(source: Array, target: Array) -> Alignment:
    """Shift, turn and mirror a layout, and give it the target's size, so that points move least.

    The size is the target's, not that of the least squared error, which shrinks a layout the less
    it resembles the target: a chain of layouts would fall into one point.

    Args:
        source, target: (n, 2), the same points; NaN rows are points that a layout does not have.
    """
    common = ~(np.isnan(source).any(axis=1) | np.isnan(target).any(axis=1))
    if not common.any():
        return Alignment(np.asarray(source, np.float32), 1.0)
    center = source[common].mean(axis=0, dtype=np.float64)
    target_center = target[common].mean(axis=0, dtype=np.float64)
    own, other = source[common] - center, target[common] - target_center
    size, target_size = float(np.linalg.norm(own)), float(np.linalg.norm(other))
    if size == 0 or target_size == 0:  # all points are one
        return Alignment((source - center + target_center).astype(np.float32), 1.0)
    left, shares, right = np.linalg.svd((own / size).T @ (other / target_size))
    moved = (source - center) @ (left @ right) * (target_size / size) + target_center
    disparity = min(max(1.0 - float(shares.sum()) ** 2, 0.0), 1.0)
    return Alignment(moved.astype(np.float32), disparity)
