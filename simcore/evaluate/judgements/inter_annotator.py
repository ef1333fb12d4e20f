"""How much people agree with each other."""

import numpy as np

from simcore.types import Array


def krippendorff_alpha(counts: Array) -> float | None:
    """Krippendorff's alpha of nominal values: 1 = complete agreement, 0 = agreement by chance.

    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C.

    Args:
        counts: (N, V) how many people gave unit n the value v; units with fewer than two values do
            not count.

    Returns:
        None where it is undefined: no unit with two values, or the same value everywhere.

    >>> krippendorff_alpha(np.array([[3, 0], [0, 2]]))
    1.0
    """
    shared = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    totals = shared.sum(axis=0)  # how often each value was given
    if np.count_nonzero(totals) < 2:
        return None
    # Pairs of equal values within a unit; a unit with m values counts m, not m (m - 1).
    equal = (shared * (shared - 1)).sum(axis=1) / (shared.sum(axis=1) - 1)
    n = totals.sum()
    return float(1 - (n - 1) * (n - equal.sum()) / (n**2 - (totals**2).sum()))


def tally(units: Array, values: Array, *, shape: tuple[int, int]) -> Array:
    """Counts from the unit and the value of each answer.

    Args:
        units, values: (n,) numbers from 0.
        shape: N units, V values.

    Returns:
        (N, V) int64.

    >>> tally(np.array([0, 0, 1]), np.array([2, 2, 0]), shape=(2, 3)).tolist()
    [[0, 0, 2], [1, 0, 0]]
    """
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, (units, values), 1)
    return counts


def majority(counts: Array) -> Array:
    """(N,) share of a unit's people who gave its most frequent value; NaN without any answer.

    >>> majority(np.array([[3, 1], [2, 2], [0, 0]])).tolist()
    [0.75, 0.5, nan]
    """
    total = counts.sum(axis=1)
    share = np.full(len(counts), np.nan)
    answered = total > 0
    share[answered] = counts[answered].max(axis=1) / total[answered]
    return share


def agreement_with_others(counts: Array, units: Array, values: Array) -> Array:
    """For each answer, how well it agrees with the other people's answers on the same unit.

    1 where it is their most frequent value, 1/t where t values share that place, else 0. Its mean
    is how well one person predicts another group of people: a model that does as well reaches the
    human ceiling.

    Args:
        counts: (N, V) as from `tally(units, values)`.
        units, values: (n,) of each answer.

    Returns:
        (n,) float64; NaN where nobody else answered.

    >>> counts = np.array([[2, 1]])
    >>> agreement_with_others(counts, np.array([0, 0, 0]), np.array([0, 0, 1])).tolist()
    [0.5, 0.5, 0.0]
    """
    rows = counts[units].copy()
    rows[np.arange(len(units)), values] -= 1
    most = rows.max(axis=1)
    ties = (rows == most[:, None]).sum(axis=1)
    hit = rows[np.arange(len(units)), values] == most
    agreement = np.where(hit, 1 / ties, 0.0)
    agreement[rows.sum(axis=1) == 0] = np.nan
    return agreement
