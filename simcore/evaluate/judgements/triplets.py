"""Similarities of exactly the pairs that triplets ask about, and the odd one out of three."""

from collections.abc import Callable, Iterator

import numpy as np

from simcore.errors import ShapeError, unknown_name
from simcore.evaluate.judgements.two_afc import mean
from simcore.types import METRICS, Array, Features, Metric, Score

BLOCK_SCALARS = 4_000_000  # of the largest temporary array
_MANTISSA = 2.0**40  # similarities keep 40 bits, so that equal images tie despite rounding


def pair_similarity(features: Features, first: Array, second: Array, metric: Metric) -> Array:
    """Similarity of image first[i] to image second[i]; only these pairs are computed.

    Where an image has several rows (two faces) the best pair of rows counts.

    Args:
        features: of N images.
        first, second: (P,) image numbers from 0 to N - 1.
        metric: "cosine"; "l2", "l1": negated distances.

    Returns:
        (P,) float64; NaN where an image has no rows.

    Raises:
        ShapeError: an image number outside 0 to N - 1.
        UnknownNameError: no such metric.

    >>> images = Features("x", np.arange(3), np.array([[1, 0], [0, 2], [3, 0]]), 3)
    >>> pair_similarity(images, np.array([0, 0]), np.array([1, 2]), "cosine")
    array([0., 1.])
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    numbers = np.concatenate([first, second])
    if numbers.size and not (0 <= numbers.min() and numbers.max() < features.count):
        raise ShapeError(
            f"The features are of {features.count} images, but the pairs have image numbers from "
            f"{numbers.min()} to {numbers.max()}."
        )
    values = features.values
    similarity = _ROW_SIMILARITY[metric]
    if features.single:
        return _rounded(_row_pairs(values, first, second, similarity))
    start = np.searchsorted(features.index, np.arange(features.count), side="left")
    count = np.bincount(features.index, minlength=features.count)
    # All pairs of rows of a pair of images, one after the other.
    pair_rows = count[first] * count[second]
    pair = np.repeat(np.arange(first.size), pair_rows)
    within = np.arange(pair_rows.sum()) - np.repeat(np.cumsum(pair_rows) - pair_rows, pair_rows)
    width = count[second][pair]
    rows = _row_pairs(
        values,
        start[first][pair] + within // width,
        start[second][pair] + within % width,
        similarity,
    )
    best = np.full(first.size, np.nan)
    evident = np.flatnonzero(pair_rows)
    if evident.size:
        begins = (np.cumsum(pair_rows) - pair_rows)[evident]
        best[evident] = np.maximum.reduceat(rows, begins)
    return _rounded(best)


def _row_pairs(
    values: Array, first: Array, second: Array, similarity: Callable[[Array, Array], Array]
) -> Array:
    out = np.empty(first.size)
    for part in _blocks(first.size, values.shape[1]):
        out[part] = similarity(
            values[first[part]].astype(np.float64), values[second[part]].astype(np.float64)
        )
    return out


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, BLOCK_SCALARS // max(columns, 1))
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


# Metric -> similarity of each row of (P, D) to the same row of the other.
_ROW_SIMILARITY: dict[Metric, Callable[[Array, Array], Array]] = {
    "cosine": _cosine,
    "l2": _minus_l2,
    "l1": _minus_l1,
}


def _rounded(values: Array) -> Array:
    """To 40 bits of mantissa."""
    mantissa, exponent = np.frexp(values)
    out: Array = np.ldexp(np.rint(mantissa * _MANTISSA) / _MANTISSA, exponent)
    return out


def odd_one_out(first_second: Array, first_third: Array, second_third: Array) -> Score:
    """How often the pair without the odd image is the most similar of the three.

    The third image is the one that people chose as odd. Equally similar pairs share the hit, so a
    constant scores exactly 1/3 (DreamSim's script gives it 1).

    Args:
        first_second, first_third, second_third: (T,) similarities of the three pairs. NaN loses
            against any number; a triplet without any evidence scores 1/3.

    Returns:
        Score with per_item 1, 1/2, 1/3 or 0.

    >>> odd_one_out(np.array([0.9, 0.5]), np.array([0.1, 0.5]), np.array([0.2, 0.1])).value
    0.75
    """
    pairs = np.stack([first_second, first_third, second_third]).astype(np.float64)
    pairs = np.where(np.isnan(pairs), -np.inf, pairs)
    best = pairs == pairs.max(axis=0)
    earned = np.where(best[0], 1 / best.sum(axis=0), 0.0)
    return mean(earned, "odd one out")
