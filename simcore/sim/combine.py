"""Adding similarities of several backbones (rosenfeld2019, Eq. 4 and 5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError
from simcore.sim import metrics
from simcore.specs import Recipe
from simcore.types import Array, Combine, Features, Metric

ROWS = 512  # query rows at a time
# Similarities are rounded to multiples of 2^-40 before they are added: sums of float64 are then
# exact in any order, so that a tie is a tie however it was computed.
GRID = 2.0**40


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation over all entries of a full matrix that hold evidence."""

    mean: float
    std: float

    @property
    def shift_and_gain(self) -> tuple[float, float]:
        """What Eq. 5 subtracts and multiplies by; a matrix without spread says nothing: gain 0."""
        return self.mean, 1 / self.std if self.std > 0 else 0.0


def moments(queries: Features, gallery: Features, metric: Metric, *, block: int = ROWS) -> Moments:
    """Mean and deviation of the whole (Q, G) matrix, a block of rows at a time."""
    count, total, squares = 0, 0.0, 0.0
    shift = 0.0
    for _, values in matrices(queries, gallery, metric, block=block):
        found = values[~np.isnan(values)].astype(np.float64)
        if not found.size:
            continue
        if not count:
            shift = float(found.mean())  # keeps the sum of squares small, so no digits are lost
        found -= shift
        count += found.size
        total += float(found.sum())
        squares += float(found @ found)
    if not count:
        return Moments(0.0, 0.0)
    mean = total / count
    return Moments(shift + mean, float(np.sqrt(max(squares / count - mean * mean, 0.0))))


def matrices(
    queries: Features, gallery: Features, metric: Metric, *, block: int = ROWS
) -> Iterator[tuple[int, Array]]:
    """Rows of the similarity matrix: (first row, (b, G)), in order."""
    for start in range(0, queries.count, block):
        rows = np.arange(start, min(start + block, queries.count))
        yield start, metrics.pairwise(queries.take(rows), gallery, metric)


def blend(
    parts: Sequence[Array],
    weights: Sequence[float],
    combine: Combine,
    scale: Sequence[Moments] | None,
) -> Array:
    """Weighted sum of similarities, for "zsum" of the normalised ones.

    Args:
        parts: (b, G) each; NaN contributes nothing.
        weights: one a part.
        scale: for "zsum", the moments of each full matrix; a matrix without spread says nothing.

    Returns:
        (b, G) float64; NaN where no part has evidence.
    """
    if len(parts) != len(weights) or (scale is not None and len(scale) != len(parts)):
        raise ShapeError(f"found {len(weights)} weights for {len(parts)} similarities")
    if combine == "none":
        return parts[0].astype(np.float64)
    if (combine == "zsum") != (scale is not None):
        raise ShapeError(
            f"found {combine} with moments: {scale is not None}; only a z-sum has them"
        )
    total = np.zeros(parts[0].shape, np.float64)
    known = np.zeros(parts[0].shape, bool)
    for number, (values, weight) in enumerate(zip(parts, weights, strict=True)):
        if weight == 0:
            continue
        there = ~np.isnan(values)
        mean, gain = (0.0, 1.0) if scale is None else scale[number].shift_and_gain
        term = np.rint((values.astype(np.float64) - mean) * gain * GRID) / GRID
        total += weight * np.where(there, term, 0)
        known |= there
    return np.where(known, total, np.nan)


def blocks(
    recipe: Recipe,
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
    own: Mapping[str, Metric],
    *,
    rows: int = ROWS,
) -> Iterator[tuple[int, Array]]:
    """Rows of a recipe's similarity matrix, without ever holding all of it."""
    chosen = [(p.backbone, p.metric or own[p.backbone]) for p in recipe.parts]
    scale = (
        [moments(queries[b], gallery[b], m, block=rows) for b, m in chosen]
        if recipe.combine == "zsum"
        else None
    )
    weights = [p.weight for p in recipe.parts]
    streams = [matrices(queries[b], gallery[b], m, block=rows) for b, m in chosen]
    for parts in zip(*streams, strict=True):
        yield parts[0][0], blend([values for _, values in parts], weights, recipe.combine, scale)
