"""Paired bootstrap of statistics that choose: chosen on one half of the pairs, tested on the other.

A statistic is a function of weights: (R, Q) how often each of Q pairs is in each of R samples ->
(R, J) its J values. All statistics of a collection see the same samples, so differences are paired,
and a choice is repeated in every sample.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import ShapeError
from simcore.types import Array

Statistic = Callable[[Array], Array]  # (R, Q) weights -> (R, J)
SPLITS = 2  # random splits into halves; each half is tested with what the other one chose
BLOCK = 500  # samples evaluated at a time


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic and its bootstrap distribution.

    Attributes:
        values: (J,) on the pairs as they are.
        draws: (R, J) on the samples.
    """

    values: Array
    draws: Array


def sample_weights(groups: Array, draws: int, *, seed: int = 0) -> Array:
    """(R, Q) uint8: how often each pair is in each bootstrap sample.

    A byte each, since there are 400 million for 100,000 pairs; that a group is drawn more than 255
    times has a chance below 10^-500. Whole groups are drawn, since pairs that share an image
    (near-duplicates) are not independent.

    Args:
        groups: (Q,) group of each pair.

    Raises:
        ShapeError: no pair.
    """
    if not groups.size:
        raise ShapeError("A bootstrap needs at least one pair.")
    unique, group_of = np.unique(groups, return_inverse=True)
    random = np.random.default_rng(seed)
    weights = np.empty((draws, groups.size), np.uint8)
    for row in range(draws):
        sample = random.integers(0, unique.size, unique.size)
        weights[row] = np.bincount(sample, minlength=unique.size).astype(np.uint8)[group_of]
    return weights


def resample(statistic: Statistic, weights: Array) -> Resampled:
    """The statistic on the pairs as they are and on every sample, `BLOCK` of them at a time."""
    values = statistic(np.ones((1, weights.shape[1]), np.float32))[0]
    rows = range(0, len(weights), BLOCK)
    blocks = (weights[start : start + BLOCK].astype(np.float32) for start in rows)
    draws = np.concatenate([statistic(block) for block in blocks])
    return Resampled(values.astype(np.float64), draws.astype(np.float64))


def half_splits(groups: Array, *, splits: int = SPLITS, seed: int = 0) -> Array:
    """(S, Q) bool: random halves that keep groups together.

    >>> half_splits(np.array([0, 0, 1, 1]), splits=1).sum()
    np.int64(2)
    """
    unique, group_of = np.unique(groups, return_inverse=True)
    random = np.random.default_rng(seed)
    halves = np.zeros((splits, unique.size), bool)
    for half in halves:
        half[random.permutation(unique.size)[: (unique.size + 1) // 2]] = True
    return halves[:, group_of]


@dataclass(frozen=True, eq=False)
class HalfScores:
    """Scores on one half of the pairs, and on the other half, which no choice has seen.

    Attributes:
        chosen_by: (R, C) total score of each candidate on the half that chooses.
        tested_on: (R, C) total score on the other half.
        pairs: (R,) pairs in that other half.
    """

    chosen_by: Array
    tested_on: Array
    pairs: Array


def both_halves(weights: Array, table: Array, splits: Array) -> list[HalfScores]:
    """Every split twice: either half chooses, the other one tests.

    Args:
        weights: (R, Q).
        table: (C, Q) float32 score of each candidate on each pair.
        splits: (S, Q) bool from `half_splits`.
    """
    columns = table.T
    total, pairs = weights @ columns, weights.sum(axis=1)
    halves = []
    for split in splits:
        part = weights * split
        first, first_pairs = part @ columns, part.sum(axis=1)
        second, second_pairs = total - first, pairs - first_pairs
        halves.append(HalfScores(first, second, second_pairs))
        halves.append(HalfScores(second, first, first_pairs))
    return halves


def held_out_means(weights: Array, table: Array, splits: Array, families: Sequence[Array]) -> Array:
    """(R, F) mean score of the best candidate of each family, chosen on one half, on the other.

    Args:
        weights, table, splits: as for `both_halves`.
        families: F arrays of candidates (rows of `table`); of equals the first is chosen.

    >>> table = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.float32)
    >>> split = np.array([[True, True, False, False]])
    >>> held_out_means(np.ones((1, 4), np.float32), table, split, [np.array([0, 1])])
    array([[0.]])
    """
    return best_of_families(both_halves(weights, table, splits), families)


def best_of_families(halves: Sequence[HalfScores], families: Sequence[Array]) -> Array:
    """`held_out_means` from scores that several claims share."""
    samples = np.arange(len(halves[0].pairs))
    score = np.zeros((samples.size, len(families)))
    for half in halves:
        for column, family in enumerate(families):
            best = family[np.argmax(half.chosen_by[:, family], axis=1)]
            score[:, column] += half.tested_on[samples, best]
    pairs = np.stack([half.pairs for half in halves]).sum(axis=0, dtype=np.float64)
    means: Array = score / pairs[:, None]
    return means
