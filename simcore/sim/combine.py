"""Adding similarities of several backbones (rosenfeld2019, Eq. 4 and 5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.recipe import Combination, Part, PostProcessing, Recipe
from simcore.sim import metrics, postprocessing
from simcore.types import Array, Features, Metric

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


def moments(
    queries: Features,
    gallery: Features,
    metric: Metric,
    *,
    near: Array | None = None,
    block: int = ROWS,
) -> Moments:
    """Mean and deviation of the whole (Q, G) matrix, a block of rows at a time.

    Args:
        near: (G,) crowding, where hubs are corrected for.
    """
    if metric == "cosine" and near is None and queries.single and gallery.single:
        quick = _from_features(queries.values, gallery.values)
        if quick is not None:
            return quick
    count, total, squares = 0, 0.0, 0.0
    shift = 0.0
    for _, values in matrices(queries, gallery, metric, near=near, block=block):
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


def _from_features(left: Array, right: Array) -> Moments | None:
    """Moments of all cosines from the features alone; None where the blocks are as quick or safer.

    With a = u - mean(u) and b = v - mean(v) the variance of u.v over all pairs is that of a.b,
    tr(cov(u) cov(v)), plus those of a.mean(v) and of b.mean(u): the mixed terms vanish.
    """
    (rows, dim), columns = left.shape, len(right)
    if dim * (rows + columns) > 2 * rows * columns:  # a.T @ a is half a product
        return None
    a, b = metrics.normalized(left), metrics.normalized(right)
    mean_a, mean_b = (side.mean(axis=0, dtype=np.float64) for side in (a, b))
    a, b = (a - mean_a).astype(np.float32), (b - mean_b).astype(np.float32)
    both = np.einsum("ij,ij->", a.T @ a, b.T @ b, dtype=np.float64) / (rows * columns)
    alone = np.var(a @ mean_b) + np.var(b @ mean_a)
    std = float(np.sqrt(both + alone))
    # Where hardly anything differs it is rounding that would be measured: look at the matrix.
    return Moments(float(mean_a @ mean_b), std) if std > 1e-3 else None


def matrices(
    queries: Features,
    gallery: Features,
    metric: Metric,
    *,
    near: Array | None = None,
    block: int = ROWS,
) -> Iterator[tuple[int, Array]]:
    """Rows of the similarity matrix: (first row, (b, G)), in order; with `near` after CSLS."""
    for start in range(0, queries.count, block):
        rows = np.arange(start, min(start + block, queries.count))
        values = metrics.pairwise(queries.take(rows), gallery, metric)
        yield start, values if near is None else postprocessing.csls(values, near)


@dataclass(frozen=True, eq=False)
class PreparedSides:
    """Two sides of one backbone, ready to be compared under a lift.

    Attributes:
        queries, gallery: features, centred where the lift asks for it.
        near: (G,) crowding, or None.
        middle: (D,) what centring took away, or None.
    """

    queries: Features
    gallery: Features
    metric: Metric
    near: Array | None
    middle: Array | None

    def moments(self) -> Moments:
        """Of the whole matrix; looked at once for as long as both sides are held."""
        if self.near is not None:
            return moments(self.queries, self.gallery, self.metric, near=self.near)
        known = _known(self.queries, self.gallery)
        if self.metric not in known:
            known[self.metric] = moments(self.queries, self.gallery, self.metric)
        return known[self.metric]

    def remember(self, found: Moments) -> None:
        """What `moments` would find, from somebody who kept it."""
        if self.near is None:
            _known(self.queries, self.gallery)[self.metric] = found

    def stream(self, rows: int = ROWS) -> Iterator[tuple[int, Array]]:
        """Its rows, some at a time."""
        return matrices(self.queries, self.gallery, self.metric, near=self.near, block=rows)

    def rows(self, some: Features) -> Array:
        """(b, G) of other queries, not yet centred, against the gallery."""
        if self.middle is not None:
            some = postprocessing.centered(some, self.middle)
        values = metrics.pairwise(some, self.gallery, self.metric)
        return values if self.near is None else postprocessing.csls(values, self.near)


# Features never change, so what was found about two sides stays true.
_Sides = WeakKeyDictionary[Features, dict[Metric, Moments]]
_MOMENTS: WeakKeyDictionary[Features, _Sides] = WeakKeyDictionary()


def _known(queries: Features, gallery: Features) -> dict[Metric, Moments]:
    return _MOMENTS.setdefault(queries, WeakKeyDictionary()).setdefault(gallery, {})


def prepare_sides(
    queries: Features, gallery: Features, metric: Metric, post: PostProcessing
) -> PreparedSides:
    """Do what a lift has to do once for a whole collection."""
    middle = postprocessing.mean(queries, gallery) if post.startswith("center") else None
    if middle is not None:
        queries, gallery = (postprocessing.centered(side, middle) for side in (queries, gallery))
    near = postprocessing.hubness(queries, gallery, metric) if post.endswith("csls") else None
    return PreparedSides(queries, gallery, metric, near, middle)


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
        # In place: what costs is going over the memory. GRID is a power of two, so that bringing
        # it into the factors changes no digit.
        term = values.astype(np.float64)
        term -= mean
        term *= gain * GRID
        np.rint(term, out=term)
        term *= weight / GRID
        term[~there] = 0
        total += term
        known |= there
    total[~known] = np.nan
    return total


def blocks(
    recipe: Recipe,
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
    *,
    rows: int = ROWS,
) -> Iterator[tuple[int, Array]]:
    """Rows of a recipe's similarity matrix, without ever holding all of it."""
    for start, (values,) in blocks_of_each([recipe], queries, gallery, rows=rows):
        yield start, values


def blocks_of_each(
    recipes: Sequence[Recipe],
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
    *,
    rows: int = ROWS,
) -> Iterator[tuple[int, Iterator[Array]]]:
    """The same rows of several recipes' matrices; what they share is compared once.

    Each recipe's rows are made when they are taken, and must be before the next rows are asked for.
    """
    named = [[(p.backbone, resolved_metric(p), r.post) for p in r.parts] for r in recipes]
    sides = {
        (b, metric, post): prepare_sides(queries[b], gallery[b], metric, post)
        for b, metric, post in dict.fromkeys(one for names in named for one in names)
    }
    scales = [
        [sides[one].moments() for one in names] if recipe.combine == "zsum" else None
        for recipe, names in zip(recipes, named, strict=True)
    ]
    for parts in zip(*(side.stream(rows) for side in sides.values()), strict=True):
        start = parts[0][0]
        found = {one: values for one, (_, values) in zip(sides, parts, strict=True)}
        yield (
            start,
            (
                weighted_sum(
                    [found[one] for one in names], [p.weight for p in r.parts], r.combine, scale
                )
                for r, names, scale in zip(recipes, named, scales, strict=True)
            ),
        )
