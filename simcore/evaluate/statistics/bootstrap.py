"""Intervals: what the number could have been on another draw of the same size."""

import numpy as np

from simcore.errors import ShapeError
from simcore.types import Array, Score

DRAWS = 2000


def interval(per_item: Array, *, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean (Efron 1979).

    For zeros and ones the bootstrap distribution is binomial, so its quantiles are exact; where all
    or none are ones it has no spread, and the exact bound (Clopper and Pearson 1934) is given.

    Args:
        per_item: (n,) one value a query; n = 0 gives (0, 1).
        level: 0.95 for a 95 % interval.

    Returns:
        low, high.
    """
    n = per_item.size
    if n == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    if np.isin(per_item, (0, 1)).all():
        return _binomial(int(per_item.sum()), n, tail)
    random = np.random.default_rng(seed)
    values = per_item.astype(np.float64)
    means = [values[random.integers(0, n, n)].mean() for _ in range(DRAWS)]
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _binomial(hits: int, n: int, tail: float) -> tuple[float, float]:
    from scipy.stats import binom

    if hits == 0:
        return 0.0, float(1 - tail ** (1 / n))
    if hits == n:
        return float(tail ** (1 / n)), 1.0
    low, high = binom.ppf([tail, 1 - tail], n, hits / n)
    return float(low / n), float(high / n)


def shared_interval(
    values: Array, person: Array, question: Array, *, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Interval of a mean over answers that share people and questions.

    Other people and other questions could have been drawn, so both are drawn anew, independently:
    the pigeonhole bootstrap (Owen 2007), which errs on the wide side. Where all values are equal it
    has no spread, and the exact bound for as many independent questions is given.

    Args:
        values: (n,) finite. person, question: (n,) numbers from 0.

    Returns:
        low, high.
    """
    if values.size == 0 or (np.ptp(values) == 0 and values[0] in (0, 1)):
        return interval(values[np.unique(question, return_index=True)[1]])
    random = np.random.default_rng(seed)
    people, questions = int(person.max()) + 1, int(question.max()) + 1
    total = np.zeros((people, questions))
    count = np.zeros((people, questions))
    np.add.at(total, (person, question), values)
    np.add.at(count, (person, question), 1)
    people_in, questions_in = np.flatnonzero(count.any(1)), np.flatnonzero(count.any(0))
    total, count = (m[np.ix_(people_in, questions_in)] for m in (total, count))
    rows, columns = count.shape
    # One participant alone tells nothing of how participants differ: questions vary, they stay.
    taken = (
        random.multinomial(rows, np.full(rows, 1 / rows), DRAWS)
        if rows > 1
        else np.ones((DRAWS, 1))
    )
    asked = random.multinomial(columns, np.full(columns, 1 / columns), DRAWS)
    above = np.einsum("dp,pq,dq->d", taken, total, asked, optimize=True)
    below = np.einsum("dp,pq,dq->d", taken, count, asked, optimize=True)
    means = above[below > 0] / below[below > 0]
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def difference(
    before: Array, after: Array, group: Array, cluster: Array, *, seed: int = 0
) -> Score:
    """How much more `after` earns than `before`, each group of trials counting alike.

    Trials that share pictures are not independent, so the bootstrap draws whole clusters of them,
    and both similarities together.

    Args:
        before, after: (T,) what each earns a trial.
        group: (T,) kind of each trial. cluster: (T,) which of them hang together.

    Returns:
        Score with the mean of the groups' mean differences, a 95 % interval, and the differences.

    Raises:
        ShapeError: lengths differ, or no trial.

    >>> ones = np.ones(4)
    >>> found = difference(0 * ones, ones, np.zeros(4), np.arange(4))
    >>> found.value, found.low, found.high
    (1.0, 1.0, 1.0)
    """
    if not before.shape == after.shape == group.shape == cluster.shape or not before.size:
        raise ShapeError(
            f"found {before.size} and {after.size} trials of {group.size} groups and "
            f"{cluster.size} clusters; expected the same ones, and at least one"
        )
    more = after.astype(np.float64) - before
    (kinds, kind), (names, place) = (np.unique(v, return_inverse=True) for v in (group, cluster))
    cell = place * kinds.size + kind
    shape = names.size, kinds.size
    earned = np.bincount(cell, more, names.size * kinds.size).reshape(shape)
    count = np.bincount(cell, minlength=names.size * kinds.size).reshape(shape)
    value = float((earned.sum(0) / count.sum(0)).mean())
    random = np.random.default_rng(seed)
    drawn = random.multinomial(names.size, np.full(names.size, 1 / names.size), size=DRAWS)
    trials = drawn @ count
    there = trials > 0  # a draw may hold no cluster with trials of a group
    means = np.where(there, drawn @ earned, 0) / np.maximum(trials, 1)
    low, high = np.quantile(means.sum(1) / there.sum(1), [0.025, 0.975])
    return Score("difference", value, min(float(low), value), max(float(high), value), more)
