"""Weighted sums of the similarities of several backbones, and of their reciprocal ranks.

Sums are those of rosenfeld2019, Eq. 4 and 5; reciprocal rank fusion is that of Cormack, Clarke and
Buettcher 2009 (SIGIR).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.errors import BadDataError, ShapeError
from simcore.recipe import STANDARDIZED, Combination, Missing, Part, PostProcessing
from simcore.sim import metrics, postprocessing
from simcore.sim.metrics import block_rows
from simcore.types import Array, Features, Metric, Monitor

# Similarities are rounded to multiples of 2^-40 before they are added: sums of float64 are then
# exact in any order, so that a tie stays a tie however it was computed.
GRID = 2.0**40
MANY_DISTANCES = 1 << 20  # from which moments take them from products of the features
UNIT_ROWS = 8_192  # rows that are scaled at a time
RRF = 60  # the constant of reciprocal rank fusion, as published


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of a full similarity matrix, without its NaN entries."""

    mean: float
    std: float

    @property
    def shift_and_gain(self) -> tuple[float, float]:
        """What Eq. 5 subtracts and multiplies by; the gain of a constant matrix is 0."""
        return self.mean, 1 / self.std if self.std > 0 else 0.0


@dataclass(frozen=True)
class Term:
    """How the similarity s of one backbone enters a sum: as (s - shift) * gain.

    Attributes:
        shift, gain: 0 and 1 in a plain sum; mean and 1 / standard deviation in a z-sum.
        fill: what counts where there is no evidence, in units of the term.
    """

    shift: float = 0.0
    gain: float = 1.0
    fill: float = 0.0

    @classmethod
    def standardized(cls, moments: Moments) -> "Term":
        """The term of a z-sum (Eq. 5) in which missing evidence counts as the mean."""
        return cls(*moments.shift_and_gain)


PLAIN = Term()


def moments(
    queries: Features,
    gallery: Features,
    metric: Metric,
    *,
    hubness: Array | None = None,
    block: int = 0,
    monitor: Monitor = Monitor(),
) -> Moments:
    """Mean and standard deviation of the whole (Q, G) similarity matrix.

    Args:
        queries, gallery: features of Q and G images.
        hubness: (G,) from `postprocessing.hubness` to take the moments after CSLS.
        block: query rows compared at a time; 0 chooses.

    Raises:
        Stopped: the monitor asked to stop.

    >>> images = Features("x", np.arange(2), np.eye(2), 2)
    >>> moments(images, images, "cosine")
    Moments(mean=0.5, std=0.5)
    """
    is_plain = hubness is None and queries.single and gallery.single
    if metric == "cosine" and is_plain:
        from_features = cosine_moments(queries.values, gallery.values)
        if from_features is not None:
            return from_features
    blocks = matrices(queries, gallery, metric, hubness=hubness, block=block)
    if metric == "l2" and is_plain and queries.count * gallery.count >= MANY_DISTANCES:
        blocks = _rounded_distances(queries.values, gallery.values)
    count, total, squares = 0, 0.0, 0.0
    shift = 0.0
    for start, similarity in blocks:
        monitor.check()
        monitor.report("moments", start, queries.count)
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


def _rounded_distances(left: Array, right: Array) -> Iterator[tuple[int, Array]]:
    """Negated Euclidean distances in blocks of rows, through products of the features.

    Ten times as fast as `metrics.matrix_rows`, but only the distances of nearly equal images are
    far off: of very many images that changes no digit of the moments that float32 has.
    """
    center = right.mean(axis=0, dtype=np.float64)  # shorter rows lose fewer digits

    def centered(rows: Array) -> tuple[Array, Array]:
        values: Array = (rows - center).astype(np.float32)
        return values, np.einsum("ij,ij->i", values, values)

    others, other_squares = centered(right)
    step = block_rows(len(right))
    for start in range(0, len(left), step):
        values, own_squares = centered(left[start : start + step])
        squares = values @ others.T
        squares *= -2
        squares += own_squares[:, None]
        squares += other_squares
        yield start, -np.sqrt(np.maximum(squares, 0, out=squares), out=squares)


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
    mean_a, mean_b = _unit_mean(left), _unit_mean(right)
    squares_a, along_b = _unit_products(left, mean_a, mean_b)
    squares_b, along_a = _unit_products(right, mean_b, mean_a)
    joint = np.einsum("ij,ij->", squares_a, squares_b, dtype=np.float64) / (rows * columns)
    separate = np.var(along_b) + np.var(along_a)
    std = float(np.sqrt(joint + separate))
    # Below this the rounding of float32 would be measured; the matrix is more accurate.
    return Moments(float(mean_a @ mean_b), std) if std > 1e-3 else None


def _unit_mean(values: Array) -> Array:
    """(D,) float64 mean of the rows, each scaled to length 1."""
    total = np.zeros(values.shape[1])
    for start in range(0, len(values), UNIT_ROWS):
        block = metrics.normalized(values[start : start + UNIT_ROWS])
        total += block.sum(axis=0, dtype=np.float64)
    mean: Array = total / len(values)
    return mean


def _unit_products(values: Array, mean: Array, other_mean: Array) -> tuple[Array, Array]:
    """With a = the rows, scaled to length 1, minus `mean`: a.T @ a (D, D), and a @ `other_mean`.

    A block at a time, since a copy of all rows may not fit into memory.
    """
    squares = np.zeros((values.shape[1],) * 2)
    along = np.empty(len(values))
    for start in range(0, len(values), UNIT_ROWS):
        block = metrics.normalized(values[start : start + UNIT_ROWS])
        a = (block - mean).astype(np.float32)
        squares += a.T @ a
        along[start : start + UNIT_ROWS] = a @ other_mean
    return squares, along


def matrices(
    queries: Features,
    gallery: Features,
    metric: Metric,
    *,
    hubness: Array | None = None,
    block: int = 0,
    first: int = 0,
) -> Iterator[tuple[int, Array]]:
    """The similarity matrix in blocks of rows: (first row, (b, G) float32), in order.

    Args:
        hubness: (G,) from `postprocessing.hubness` for the matrix after CSLS.
        block: rows; 0 for as many as fit into bounded memory.
        first: the row to begin with.
    """
    block = block or block_rows(gallery.count)
    for start in range(first, queries.count, block):
        rows = np.arange(start, min(start + block, queries.count))
        similarity = metrics.matrix_rows(queries.take(rows), gallery, metric)
        yield start, similarity if hubness is None else postprocessing.csls(similarity, hubness)


@dataclass(frozen=True, eq=False)
class PreparedSides:
    """Queries and gallery of one backbone, ready to be compared after post-processing.

    Attributes:
        queries, gallery: features, centered where the post-processing says so.
        hubness: (G,) for CSLS, or None.
        center: (D,) the mean that centering subtracted, or None.
        stored_moments: of the whole matrix, where they were computed before.
    """

    queries: Features
    gallery: Features
    metric: Metric
    hubness: Array | None
    center: Array | None
    stored_moments: Moments | None = None

    def moments(self, monitor: Monitor = Monitor()) -> Moments:
        """Mean and standard deviation of the whole matrix; computed once for equal features.

        Raises:
            Stopped: the monitor asked to stop.
        """
        sides = self.queries, self.gallery, self.metric
        return self.stored_moments or memory.get(
            self._moments_key(), lambda: moments(*sides, hubness=self.hubness, monitor=monitor)
        )

    def remember(self, moments: Moments) -> None:
        """Take over moments that were computed before, from a file for example."""
        memory.put(self._moments_key(), moments)

    def _moments_key(self) -> tuple[str, str, str, Metric, bool]:
        csls = self.hubness is not None
        return "moments", self.queries.digest, self.gallery.digest, self.metric, csls

    @property
    def complete(self) -> bool:
        """Whether there is evidence about every image of both sides."""
        return self.queries.single and self.gallery.single

    def bounds(self) -> tuple[float, float]:
        """Numbers that no similarity of these images is below and above."""
        if self.metric == "cosine":
            low, high = -1.0, 1.0
        else:
            order = 2 if self.metric == "l2" else 1
            low, high = -sum(_longest(side, order) for side in (self.queries, self.gallery)), 0.0
        if self.hubness is None:
            return low, high
        return 2 * (low - high), 2 * (high - low)  # 2 s minus two means of similarities

    def stream(self, rows: int = 0, *, first: int = 0) -> Iterator[tuple[int, Array]]:
        """The similarity matrix in blocks of rows: (first row, (b, G) float32), in order."""
        return matrices(
            self.queries, self.gallery, self.metric, hubness=self.hubness, block=rows, first=first
        )

    def centered(self, queries: Features) -> Features:
        """Features of other queries as those of both sides: centered, if these are."""
        return queries if self.center is None else postprocessing.centered(queries, self.center)

    def rows(self, queries: Features) -> Array:
        """(b, G) float32 similarity of other queries, not yet centered, to the gallery."""
        similarity = metrics.matrix_rows(self.centered(queries), self.gallery, self.metric)
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


def _longest(features: Features, order: int) -> float:
    rows = features.values
    return float(np.linalg.norm(rows, ord=order, axis=1).max()) if len(rows) else 0.0


def terms(
    sides: Sequence[PreparedSides],
    weights: Sequence[float],
    combine: Combination,
    missing: Missing,
) -> list[Term]:
    """How each backbone enters a combination, missing evidence included.

    Args:
        sides: M backbones, prepared.
        weights: M of them.
        combine: "sum", or a z-sum of any kind.
        missing: "mean" counts missing evidence as the mean of that backbone's whole matrix, so that
            it favors no image. "worst" counts it as an infinite distance: an image without evidence
            is behind every image with evidence, whatever the other backbones say, and among images
            without evidence the others decide.
    """
    standardized = combine in STANDARDIZED
    shift_and_gain = [
        side.moments().shift_and_gain if standardized else (0.0, 1.0) for side in sides
    ]
    if missing == "mean":
        return [
            # In a plain sum the mean takes a pass over the matrix, and is needed for gaps only.
            Term(shift, gain, 0.0 if standardized or side.complete else side.moments().mean)
            for side, (shift, gain) in zip(sides, shift_and_gain, strict=True)
        ]
    ends = [
        tuple((end - shift) * gain for end in side.bounds())
        for side, (shift, gain) in zip(sides, shift_and_gain, strict=True)
    ]
    # More than all backbones together can make up for. A power of two costs no digits of the sums.
    used = [weight for weight in weights if weight > 0] or [1.0]
    reach = sum(w * (high - low) for w, (low, high) in zip(weights, ends, strict=True)) / min(used)
    penalty = 2.0 ** np.ceil(np.log2(max(reach, 1.0)))
    return [
        Term(shift, gain, low - penalty)
        for (shift, gain), (low, _) in zip(shift_and_gain, ends, strict=True)
    ]


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


def on_grid(values: Array, term: Term) -> Array:
    """A backbone's term of a sum, before its weight.

    Args:
        values: similarities of any shape; NaN = no evidence.

    Returns:
        float64 multiples of 1 / GRID, so that sums are exact in any order; never NaN.

    >>> on_grid(np.array([3.0, np.nan]), Term(shift=1.0, gain=0.5, fill=-1.0)).tolist()
    [1.0, -1.0]
    """
    # In place, since memory traffic is what costs. GRID is a power of two, so multiplying the
    # factors by it changes no digit.
    result = values.astype(np.float64)
    result -= term.shift
    result *= term.gain * GRID
    result[np.isnan(values)] = term.fill * GRID
    np.rint(result, out=result)
    result /= GRID
    return result


def weighted_sum(
    parts: Sequence[Array], weights: Sequence[float | Array], terms: Sequence[Term]
) -> Array:
    """Weighted sum of similarities (rosenfeld2019, Eq. 4), standardized ones for a z-sum (Eq. 5).

    Args:
        parts: M similarities (b, G); NaN = no evidence.
        weights: M of them, or arrays (b,) of one per query; a part with weight 0 is no evidence
            either.
        terms: M of them, from `terms`.

    Returns:
        (b, G) float64; NaN where no part has evidence.

    Raises:
        ShapeError: not as many weights or terms as parts.

    >>> parts = [np.array([[1.0, 2.0]]), np.array([[10.0, np.nan]])]
    >>> weighted_sum(parts, [1, 0.5], [PLAIN, Term(fill=4.0)])
    array([[6., 4.]])
    """
    if not len(parts) == len(weights) == len(terms):
        raise ShapeError(
            f"Got {len(weights)} weights and {len(terms)} terms for {len(parts)} similarities. "
            "Pass one of each per similarity."
        )
    total = np.zeros(parts[0].shape, np.float64)
    evidence = np.zeros(parts[0].shape, bool)
    for values, weight, term in zip(parts, weights, terms, strict=True):
        factors = np.asarray(weight, np.float64).reshape(-1, 1)
        if not factors.any():
            continue
        step = on_grid(values, term)
        if (factors != 1).any():
            step *= factors
        total += step
        evidence |= ~np.isnan(values) & (factors > 0)
    total[~evidence] = np.nan
    return total


def reciprocal_ranks(
    parts: Sequence[Array], weights: Sequence[float], missing: Missing
) -> list[Array]:
    """The summands of reciprocal rank fusion: 1 / (60 + rank) of each image under each backbone.

    Equal images share the last of their ranks, so that no image gains by a tie.

    Args:
        parts: M similarities (b, G); NaN = no evidence.
        weights: M of them; a part with weight 0 is no evidence either.
        missing: "mean" counts missing evidence as the mean of the query's other images under that
            backbone, "worst" as less than all backbones together can make up for.

    Returns:
        M arrays (b, G) float32; NaN where no part has evidence, and in queries without any.

    >>> (1 / reciprocal_ranks([np.array([[0.5, 0.9, 0.5]])], [1], "mean")[0]).round(3).tolist()
    [[63.0, 61.0, 63.0]]
    """
    used = [weight for weight in weights if weight > 0] or [1.0]
    penalty = -(2.0 ** np.ceil(np.log2(sum(used) / min(used))))
    evidence = np.zeros(parts[0].shape, bool)
    for values, weight in zip(parts, weights, strict=True):
        if weight > 0:
            evidence |= ~np.isnan(values)
    summands = []
    for values in parts:
        scores = np.full(values.shape, np.nan, np.float32)
        for row, similarity in enumerate(values):
            known = np.flatnonzero(~np.isnan(similarity))
            ascending = np.sort(similarity[known])
            ranks = known.size - np.searchsorted(ascending, similarity[known], side="left")
            scores[row, known] = 1 / (RRF + ranks)
            if known.size and known.size < similarity.size:
                own = scores[row]
                fill = penalty if missing == "worst" else own[known].mean(dtype=np.float64)
                own[np.isnan(own) & evidence[row]] = fill
        summands.append(scores)
    return summands
