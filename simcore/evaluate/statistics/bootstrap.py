"""95 % confidence intervals: bootstrap over queries, over people and questions, over clusters."""

import numpy as np

from simcore.errors import ShapeError
from simcore.types import Array, Score

DRAWS = 2000  # bootstrap samples of every interval in `simcore.evaluate`


def interval(per_item: Array, *, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean (Efron 1979).

    For zeros and ones the bootstrap distribution is binomial, so its quantiles are exact; where all
    values are 0 or all are 1 it has no spread, and the exact bound (Clopper and Pearson 1934) is
    returned.

    Args:
        per_item: (n,) one value per query; n = 0 returns (0, 1).
        level: 0.95 for a 95 % interval.

    Returns:
        low, high.

    >>> interval(np.array([1, 0, 1, 1]))
    (0.25, 1.0)
    """
    n = per_item.size
    if n == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    if np.isin(per_item, (0, 1)).all():
        return _binomial_interval(int(per_item.sum()), n, tail)
    random = np.random.default_rng(seed)
    values = per_item.astype(np.float64)
    means = [values[random.integers(0, n, n)].mean() for _ in range(DRAWS)]
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _binomial_interval(hits: int, n: int, tail: float) -> tuple[float, float]:
    from scipy.special import bdtr, bdtrik  # scipy.stats takes a second to import

    if hits == 0:
        return 0.0, float(1 - tail ** (1 / n))
    if hits == n:
        return float(tail ** (1 / n)), 1.0
    levels = np.array([tail, 1 - tail])
    # The smallest counts that reach each level: as scipy.stats.binom.ppf.
    counts = np.ceil(bdtrik(levels, n, hits / n))
    below = np.maximum(counts - 1, 0)
    counts = np.where(bdtr(below, n, hits / n) >= levels, below, counts)
    return float(counts[0] / n), float(counts[1] / n)


def unanimous_bound(sizes: Array, *, level: float = 0.95) -> float:
    """How low the mean of the groups' shares may be where all of their items are hits.

    The exact bound: the lowest mean of shares p_g under which the outcome, of probability
    prod p_g^n_g, is at least as likely as the tail. For one group it is Clopper and Pearson's.

    Args:
        sizes: (G,) items of each group, at least 1.

    >>> round(unanimous_bound(np.array([24])), 4), round(unanimous_bound(np.array([12, 12])), 4)
    (0.8575, 0.8575)
    """
    sizes = np.sort(np.asarray(sizes, np.float64))
    budget = -np.log((1 - level) / 2)  # of sum n_g x_g, with p_g = exp(-x_g)
    # The mean is lowest where n_g exp(x_g) is the same for all groups with x_g > 0: the smallest.
    for count in range(len(sizes), 0, -1):
        active = sizes[:count]
        log_level = (budget + active @ np.log(active)) / active.sum()
        if log_level >= np.log(active[-1]):  # every x_g = log_level - log n_g is at least 0
            shares = active / np.exp(log_level)
            return float((shares.sum() + len(sizes) - count) / len(sizes))
    raise AssertionError("a single group always has a solution")


def shared_interval(
    values: Array, person: Array, question: Array, *, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Interval of a mean over answers that share people and questions.

    Other people and other questions could have been sampled, so both are resampled, independently:
    the pigeonhole bootstrap (Owen 2007), whose intervals are rather too wide than too narrow. Where
    all values are 0 or all are 1 it has no spread, and the exact bound for as many independent
    questions is returned.

    Args:
        values: (n,) finite.
        person, question: (n,) numbers from 0.

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
    # One participant says nothing about how participants differ: only the questions are resampled.
    person_draws = (
        random.multinomial(rows, np.full(rows, 1 / rows), DRAWS)
        if rows > 1
        else np.ones((DRAWS, 1))
    )
    question_draws = random.multinomial(columns, np.full(columns, 1 / columns), DRAWS)
    above = np.einsum("dp,pq,dq->d", person_draws, total, question_draws, optimize=True)
    below = np.einsum("dp,pq,dq->d", person_draws, count, question_draws, optimize=True)
    means = above[below > 0] / below[below > 0]
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def difference(
    before: Array,
    after: Array,
    group: Array,
    cluster: Array,
    *,
    seed: int = 0,
    zero_is_exact: bool = True,
) -> Score:
    """How much higher `after` scores than `before`, each group of trials with the same weight.

    Trials that share images are not independent, so the bootstrap draws whole clusters of them,
    and both scores together. Where all trials of a group gain the same it has no spread; then the
    exact bound of the share of other clusters is used, which may differ by as much as scores can.

    Args:
        before, after: (T,) score of each trial.
        group: (T,) kind of each trial.
        cluster: (T,) trials that share images have the same cluster.
        zero_is_exact: gains that are all 0 mean that both scores are of the same thing, so that
            other trials would not differ either.

    Returns:
        Score with the mean of the groups' mean differences, a 95 % interval, and the differences.

    Raises:
        ShapeError: lengths differ, or no trial.

    >>> ones = np.ones(100)
    >>> gain = difference(0 * ones, ones, np.zeros(100), np.arange(100))
    >>> gain.value, round(gain.low, 3), gain.high
    (1.0, 0.928, 1.0)
    """
    if not before.shape == after.shape == group.shape == cluster.shape or not before.size:
        raise ShapeError(
            f"Got {before.size} and {after.size} scores, {group.size} groups and {cluster.size} "
            "clusters. Pass one of each per trial, and at least one trial."
        )
    gains = after.astype(np.float64) - before
    groups, group_of = np.unique(group, return_inverse=True)
    clusters, cluster_of = np.unique(cluster, return_inverse=True)
    shape = clusters.size, groups.size
    cell = cluster_of * groups.size + group_of
    total = np.bincount(cell, gains, clusters.size * groups.size).reshape(shape)
    count = np.bincount(cell, minlength=clusters.size * groups.size).reshape(shape)
    value = float((total.sum(0) / count.sum(0)).mean())
    parts = [gains[group_of == number] for number in range(groups.size)]
    if all(np.ptp(part) == 0 for part in parts) and (gains.any() or not zero_is_exact):
        free_share = 1 - unanimous_bound(np.array([clusters.size]))
        low = max(value - free_share * (1 + float(gains.max())), -1.0)
        high = min(value + free_share * (1 - float(gains.min())), 1.0)
        return Score("difference", value, low, high, gains)
    random = np.random.default_rng(seed)
    draws = random.multinomial(clusters.size, np.full(clusters.size, 1 / clusters.size), size=DRAWS)
    trials = draws @ count
    has_trials = trials > 0  # a draw may contain no cluster with trials of a group
    means = np.where(has_trials, draws @ total, 0) / np.maximum(trials, 1)
    low, high = np.quantile(means.sum(1) / has_trials.sum(1), [0.025, 0.975])
    return Score("difference", value, min(float(low), value), max(float(high), value), gains)
