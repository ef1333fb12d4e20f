"""Similarities of exactly the pairs that triplets ask about, and the odd one out of three."""

from collections.abc import Callable, Iterator

import numpy as np

from simcore.data.judgements.trials import Triplets
from simcore.errors import ShapeError, unknown_name
from simcore.evaluate.judgements.two_afc import mean
from simcore.types import METRICS, Array, Features, Metric, Score

_CELLS = 4_000_000  # scalars of the largest temporary
_DIGITS = 2.0**40  # similarities keep 40 bits, so that equal pictures tie, whatever the rounding


def sides(features: Features, triplets: Triplets, metric: Metric) -> tuple[Array, Array]:
    """Similarity of each reference to its left and its right image.

    Only the pairs asked about are computed. Where an image has several rows (two faces) the best
    pair of rows counts.

    Args:
        features: of `triplets.images`, in their order.
        metric: "cosine", or "l2", "l1" negated.

    Returns:
        left, right: (T,) float64; NaN where an image has no rows.

    Raises:
        ShapeError: features of another number of images. UnknownNameError: no such metric.
    """
    if features.count != len(triplets.images):
        raise ShapeError(
            f"found features of {features.count} images for triplets over "
            f"{len(triplets.images)}; expected as many"
        )
    return (
        pair_similarity(features, triplets.ref, triplets.left, metric),
        pair_similarity(features, triplets.ref, triplets.right, metric),
    )


def pair_similarity(features: Features, first: Array, second: Array, metric: Metric) -> Array:
    """(P,) float64 similarity of image first[i] to image second[i]; NaN = no evidence."""
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    values = features.values
    alike = _ALIKE[metric]
    if features.single:
        return _rounded(_rows(values, first, second, alike))
    start = np.searchsorted(features.index, np.arange(features.count), side="left")
    count = np.bincount(features.index, minlength=features.count)
    # All pairs of rows of a pair of images, one after the other.
    many = count[first] * count[second]
    pair = np.repeat(np.arange(first.size), many)
    within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    width = count[second][pair]
    rows = _rows(
        values, start[first][pair] + within // width, start[second][pair] + within % width, alike
    )
    best = np.full(first.size, np.nan)
    there = np.flatnonzero(many)
    if there.size:
        begins = (np.cumsum(many) - many)[there]
        best[there] = np.maximum.reduceat(rows, begins)
    return _rounded(best)


def _rows(
    values: Array, first: Array, second: Array, alike: Callable[[Array, Array], Array]
) -> Array:
    out = np.empty(first.size)
    for part in _blocks(first.size, values.shape[1]):
        out[part] = alike(
            values[first[part]].astype(np.float64), values[second[part]].astype(np.float64)
        )
    return out


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, _CELLS // max(columns, 1))
    return (slice(start, start + step) for start in range(0, rows, step))


def _cosine(a: Array, b: Array) -> Array:
    length = np.sqrt((a * a).sum(axis=1)) * np.sqrt((b * b).sum(axis=1))
    product: Array = (a * b).sum(axis=1) / np.where(length > 0, length, 1)  # of a zero row: 0
    return product


def _minus_l2(a: Array, b: Array) -> Array:
    distance: Array = -np.sqrt(((a - b) ** 2).sum(axis=1))
    return distance


def _minus_l1(a: Array, b: Array) -> Array:
    distance: Array = -np.abs(a - b).sum(axis=1)
    return distance


_ALIKE: dict[Metric, Callable[[Array, Array], Array]] = {
    "cosine": _cosine,
    "l2": _minus_l2,
    "l1": _minus_l1,
}


def _rounded(values: Array) -> Array:
    """To 40 bits of mantissa."""
    mantissa, exponent = np.frexp(values)
    out: Array = np.ldexp(np.rint(mantissa * _DIGITS) / _DIGITS, exponent)
    return out


def odd_one_out(first_second: Array, first_third: Array, second_third: Array) -> Score:
    """How often the pair left over without the odd image is the most alike of the three.

    The third image is the one that people chose as odd. Pairs that are equally alike share the hit,
    so a constant earns exactly 1/3 (DreamSim's script gives it 1).

    Args:
        first_second, first_third, second_third: (T,) similarities of the three pairs. NaN loses
            against any evidence; a triplet without evidence earns 1/3.

    Returns:
        Score with per_item 1, 1/2, 1/3 or 0.
    """
    pairs = np.stack([first_second, first_third, second_third]).astype(np.float64)
    pairs = np.where(np.isnan(pairs), -np.inf, pairs)
    best = pairs == pairs.max(axis=0)
    earned = np.where(best[0], 1 / best.sum(axis=0), 0.0)
    return mean(earned, "odd one out")
