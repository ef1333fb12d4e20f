"""How far people agree with each other."""

from collections.abc import Sequence

import numpy as np

from simcore.types import Array


def krippendorff_alpha(counts: Array) -> float | None:
    """Krippendorff's alpha of nominal values: 1 = complete agreement, 0 = as by chance.

    Args:
        counts: (N, V) how many people gave unit n the value v; units with fewer than two values say
            nothing about agreement.

    Returns:
        None where there is nothing to agree on: no unit with two values, or one value everywhere.

    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"; by the library of that
    name (Castro 2017).
    """
    import krippendorff

    shared = counts[counts.sum(axis=1) >= 2]
    if np.count_nonzero(shared.sum(axis=0)) < 2:
        return None
    return float(krippendorff.alpha(value_counts=shared, level_of_measurement="nominal"))


def tally(units: Array, values: Array, *, shape: tuple[int, int]) -> Array:
    """(N, V) int64 counts from a unit and a value each.

    >>> tally(np.array([0, 0, 1]), np.array([2, 2, 0]), shape=(2, 3)).tolist()
    [[0, 0, 2], [1, 0, 0]]
    """
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, (units, values), 1)
    return counts


def majority(counts: Array) -> Array:
    """(N,) share of a unit's people who gave its most frequent value; NaN where nobody did.

    >>> majority(np.array([[3, 1], [2, 2], [0, 0]])).tolist()
    [0.75, 0.5, nan]
    """
    total = counts.sum(axis=1)
    share = np.full(len(counts), np.nan)
    seen = total > 0
    share[seen] = counts[seen].max(axis=1) / total[seen]
    return share


def agreement_with_others(counts: Array, units: Array, values: Array) -> Array:
    """For each answer, how far it is what most of the others said of the same unit.

    1 where it is their most frequent value, 1/t where t values share that place, else 0; NaN where
    there are no others. Its mean is how well one person predicts another group of people: a
    machine that does as well is at the human ceiling.

    Args:
        counts: (N, V) as of `tally(units, values)`.
        units, values: (n,) one an answer.
    """
    rows = counts[units].copy()
    rows[np.arange(len(units)), values] -= 1
    most = rows.max(axis=1)
    ties = (rows == most[:, None]).sum(axis=1)
    hit = rows[np.arange(len(units)), values] == most
    found = np.where(hit, 1 / ties, 0.0)
    found[rows.sum(axis=1) == 0] = np.nan
    return found


def labels(said: Sequence[dict[int, str]]) -> tuple[Array, list[str]]:
    """Counts from what each person said of each unit, and the values' names.

    Args:
        said: one dict a person, {unit: value}.

    >>> labels([{0: "yes", 1: "no"}, {0: "yes"}])[0].tolist()
    [[0, 2], [1, 0]]
    """
    names = sorted({value for one in said for value in one.values()})
    units = sorted({unit for one in said for unit in one})
    row = {unit: n for n, unit in enumerate(units)}
    column = {name: n for n, name in enumerate(names)}
    given = [(row[unit], column[value]) for one in said for unit, value in one.items()]
    where = np.array(given, dtype=np.int64).reshape(-1, 2)
    return tally(where[:, 0], where[:, 1], shape=(len(units), len(names))), names
