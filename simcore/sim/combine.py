"""Weighted sums of the similarities of several backbones (rosenfeld2019, Eq. 4 and 5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.errors import BadDataError, ShapeError
from simcore.recipe import Combination, Part, PostProcessing, Recipe
from simcore.sim import metrics, postprocessing
from simcore.sim.metrics import ROWS
from simcore.types import Array, Features, Metric

# Similarities are rounded to multiples of 2^-40 before they are added: sums of float64 are then
# exact in any order, so that a tie stays a tie however it was computed.
GRID = 2.0**40


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of a full similarity matrix, without its NaN entries."""

    mean: float
    std: float

    @property
    def shift_and_gain(self) -> tuple[float, float]:
        """What Eq. 5 subtracts and multiplies by; the gain of a constant matrix is 0."""
        return self.mean, 1 / self.std if self.std > 0 else 0.0


def moments(
    queries: Features,
    gallery: Features,
    metric: Metric,
    *,
    hubness: Array | None = None,
    block: int = ROWS,
) -> Moments:
    """Mean and standard deviation of the whole (Q, G) similarity matrix.

    Args:
        queries, gallery: features of Q and G images.
        hubness: (G,) from `postprocessing.hubness` to take the moments after CSLS.
        block: query rows compared at a time.

    >>> images = Features("x", np.arange(2), np.eye(2), 2)
    >>> moments(images, images, "cosine")
    Moments(mean=0.5, std=0.5)
    """
    if metric == "cosine" and hubness is None and queries.single and gallery.single:
        from_features = cosine_moments(queries.values, gallery.values)
        if from_features is not None:
            return from_features
    count, total, squares = 0, 0.0, 0.0
    shift = 0.0
    for _, similarity in matrices(queries, gallery, metric, hubness=hubness, block=block):
        values = similarity[~np.isnan(similarity)].astype(np.float64)
        if not values.size:
            continue
        if not count:
            shift = float(values.mean())  # keeps the sum of squares small, so no digits are lost
        values -= shift
        count += values.size
        total += float(values.sum())
        squares += float(values @ values)
    if not count:
        return Moments(0.0, 0.0)
    mean = total / count
    return Moments(shift + mean, float(np.sqrt(max(squares / count - mean * mean, 0.0))))


def cosine_moments(left: Array, right: Array) -> Moments | None:
    """Moments of all cosines, computed from the features without the matrix.

    With a = u - mean(u) and b = v - mean(v) the variance of u.v over all pairs is that of a.b,
    tr(cov(u) cov(v)), plus those of a.mean(v) and of b.mean(u): the mixed terms vanish.

    Args:
        left, right: (Q, D) and (G, D) features.

    Returns:
        None where the matrix itself is as fast or more accurate.
    """
    (rows, dim), columns = left.shape, len(right)
    if dim * (rows + columns) > 2 * rows * columns:  # a.T @ a costs half a product
        return None
    a, b = metrics.normalized(left), metrics.normalized(right)
    mean_a, mean_b = (side.mean(axis=0, dtype=np.float64) for side in (a, b))
    a, b = (a - mean_a).astype(np.float32), (b - mean_b).astype(np.float32)
    joint = np.einsum("ij,ij->", a.T @ a, b.T @ b, dtype=np.float64) / (rows * columns)
    separate = np.var(a @ mean_b) + np.var(b @ mean_a)
    std = float(np.sqrt(joint + separate))
    # Below this the rounding of float32 would be measured; the matrix is more accurate.
    return Moments(float(mean_a @ mean_b), std) if std > 1e-3 else None


def matrices(
    queries: Features,
    gallery: Features,
    metric: Metric,
    *,
    hubness: Array | None = None,
    block: int = ROWS,
) -> Iterator[tuple[int, Array]]:
    """The similarity matrix in blocks of rows: (first row, (b, G) float32), in order.

    Args:
        hubness: (G,) from `postprocessing.hubness` for the matrix after CSLS.
    """
    for start in range(0, queries.count, block):
        rows = np.arange(start, min(start + block, queries.count))
        similarity = metrics.pairwise(queries.take(rows), gallery, metric)
        yield start, similarity if hubness is None else postprocessing.csls(similarity, hubness)


@dataclass(frozen=True, eq=False)
class PreparedSides:
    """Queries and gallery of one backbone, ready to be compared after post-processing.

    Attributes:
        queries, gallery: features, centered where the post-processing says so.
        hubness: (G,) for CSLS, or None.
        center: (D,) the mean that centering subtracted, or None.
    """

    queries: Features
    gallery: Features
    metric: Metric
    hubness: Array | None
    center: Array | None

    def moments(self) -> Moments:
        """Mean and standard deviation of the whole matrix; computed once for equal features."""
        return memory.get(
            self._moments_key(),
            lambda: moments(self.queries, self.gallery, self.metric, hubness=self.hubness),
        )

    def remember(self, moments: Moments) -> None:
        """Take over moments that were computed before, from a file for example."""
        memory.put(self._moments_key(), moments)

    def _moments_key(self) -> tuple[str, str, str, Metric, bool]:
        csls = self.hubness is not None
        return "moments", self.queries.digest, self.gallery.digest, self.metric, csls

    def stream(self, rows: int = ROWS) -> Iterator[tuple[int, Array]]:
        """The similarity matrix in blocks of rows: (first row, (b, G) float32), in order."""
        return matrices(self.queries, self.gallery, self.metric, hubness=self.hubness, block=rows)

    def rows(self, queries: Features) -> Array:
        """(b, G) float32 similarity of other queries, not yet centered, to the gallery."""
        if self.center is not None:
            queries = postprocessing.centered(queries, self.center)
        similarity = metrics.pairwise(queries, self.gallery, self.metric)
        return similarity if self.hubness is None else postprocessing.csls(similarity, self.hubness)


def prepare_sides(
    queries: Features, gallery: Features, metric: Metric, post: PostProcessing
) -> PreparedSides:
    """Center both sides and compute the hubness of the gallery, as the post-processing says."""
    center = postprocessing.mean(queries, gallery) if post.startswith("center") else None
    if center is not None:
        queries, gallery = (postprocessing.centered(side, center) for side in (queries, gallery))
    hubness = postprocessing.hubness(queries, gallery, metric) if post.endswith("csls") else None
    return PreparedSides(queries, gallery, metric, hubness, center)


def resolved_metric(part: Part) -> Metric:
    """The metric of a part of a resolved recipe.

    Raises:
        BadDataError: the recipe is not resolved.
    """
    if part.metric is None:
        raise BadDataError(
            f"The metric of {part.backbone!r} is not set. Pass the recipe through "
            "`simcore.lab.recipes.resolve` first."
        )
    return part.metric


def weighted_sum(
    parts: Sequence[Array],
    weights: Sequence[float],
    combine: Combination,
    scale: Sequence[Moments] | None,
) -> Array:
    """Weighted sum of similarities (rosenfeld2019, Eq. 4), for "zsum" of standardized ones (Eq. 5).

    Args:
        parts: M similarities (b, G); NaN contributes nothing.
        weights: M of them.
        combine: "none" returns the first part.
        scale: for "zsum", the moments of each full matrix; a constant matrix contributes nothing.

    Returns:
        (b, G) float64; NaN where no part has evidence.

    Raises:
        ShapeError: not as many weights or moments as parts, or moments for a plain sum.

    >>> weighted_sum([np.array([[1.0, 2.0]]), np.array([[10.0, np.nan]])], [1, 0.5], "sum", None)
    array([[6., 2.]])
    """
    if len(parts) != len(weights) or (scale is not None and len(scale) != len(parts)):
        raise ShapeError(
            f"Got {len(weights)} weights for {len(parts)} similarities. Pass one weight, and for a "
            "z-sum one pair of moments, per similarity."
        )
    if combine == "none":
        return parts[0].astype(np.float64)
    if (combine == "zsum") != (scale is not None):
        raise ShapeError(
            f"Got {'no ' if scale is None else ''}moments for a {combine}. "
            "A z-sum needs them, a plain sum does not use them."
        )
    total = np.zeros(parts[0].shape, np.float64)
    evidence = np.zeros(parts[0].shape, bool)
    for number, (values, weight) in enumerate(zip(parts, weights, strict=True)):
        if weight == 0:
            continue
        finite = ~np.isnan(values)
        mean, gain = (0.0, 1.0) if scale is None else scale[number].shift_and_gain
        # In place, since memory traffic is what costs. GRID is a power of two, so multiplying the
        # factors by it changes no digit.
        term = values.astype(np.float64)
        term -= mean
        term *= gain * GRID
        np.rint(term, out=term)
        term *= weight / GRID
        term[~finite] = 0
        total += term
        evidence |= finite
    total[~evidence] = np.nan
    return total


def blocks(
    recipe: Recipe,
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
    *,
    rows: int = ROWS,
) -> Iterator[tuple[int, Array]]:
    """A recipe's similarity matrix in blocks of rows, so that all of it is never in memory.

    Args:
        recipe: a resolved one.
        queries, gallery: backbone -> features of Q and G images.
        rows: query rows per block.

    Yields:
        (first row, (b, G) similarity), in order.
    """
    for start, (values,) in blocks_of_each([recipe], queries, gallery, rows=rows):
        yield start, values


def blocks_of_each(
    recipes: Sequence[Recipe],
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
    *,
    rows: int = ROWS,
) -> Iterator[tuple[int, Iterator[Array]]]:
    """As `blocks` for several recipes; what they share is compared once.

    Yields:
        (first row, one (b, G) similarity per recipe). Each is computed when it is taken, which has
        to be before the next block is asked for.
    """
    part_keys = [[(p.backbone, resolved_metric(p), r.post) for p in r.parts] for r in recipes]
    sides = {
        key: prepare_sides(queries[key[0]], gallery[key[0]], key[1], key[2])
        for key in dict.fromkeys(key for keys in part_keys for key in keys)
    }
    scales = [
        [sides[key].moments() for key in keys] if recipe.combine == "zsum" else None
        for recipe, keys in zip(recipes, part_keys, strict=True)
    ]
    for parts in zip(*(side.stream(rows) for side in sides.values()), strict=True):
        start = parts[0][0]
        similarity = {key: values for key, (_, values) in zip(sides, parts, strict=True)}
        yield (
            start,
            (
                weighted_sum(
                    [similarity[key] for key in keys],
                    [part.weight for part in recipe.parts],
                    recipe.combine,
                    scale,
                )
                for recipe, keys, scale in zip(recipes, part_keys, scales, strict=True)
            ),
        )
