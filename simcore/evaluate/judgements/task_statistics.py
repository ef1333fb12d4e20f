"""Statistics of single tasks: rankings, same or different, response times, timed exposure."""

from dataclasses import dataclass

import numpy as np

from simcore.evaluate.statistics.bootstrap import DRAWS, interval
from simcore.evaluate.statistics.correlation import average_ranks
from simcore.types import Array, Score

FAST = 0.2  # seconds; faster answers were not made after looking
FRAME = 1000 / 60  # ms


@dataclass(frozen=True)
class ResponseTimes:
    """Seconds from all images being visible to the answer.

    Attributes:
        median, low, high: quartiles. p95: 95 % are not slower.
        fast: share of answers within 0.2 s, which were not made after looking.
    """

    median: float
    low: float
    high: float
    p95: float
    fast: float


def response_times(seconds: Array) -> ResponseTimes | None:
    """The distribution of response times; None without any.

    >>> response_times(np.array([1.0, 2.0, 3.0])).median
    2.0
    """
    if not seconds.size:
        return None
    low, median, high, p95 = np.quantile(seconds, [0.25, 0.5, 0.75, 0.95])
    fast = float((seconds < FAST).mean())
    return ResponseTimes(float(median), float(low), float(high), float(p95), fast)


def time_and_agreement(seconds: Array, question: Array, majority: Array) -> float | None:
    """Spearman's correlation of a question's median time with its majority share.

    Args:
        seconds, question: (n,) of each answer; questions are numbered from 0.
        majority: (N,) share of the most frequent answer; NaN where there is none.

    Returns:
        None for fewer than three questions, or where one of the two is constant.
    """
    numbers = np.array([n for n in np.unique(question) if np.isfinite(majority[n])], np.int64)
    if numbers.size < 3:
        return None
    times = np.array([np.median(seconds[question == n]) for n in numbers])
    ranks = average_ranks(np.stack([times, majority[numbers]]))
    if (np.ptp(ranks, axis=1) == 0).any():
        return None
    return float(np.corrcoef(ranks)[0, 1])


@dataclass(frozen=True)
class Exposure:
    """How long images were really visible, in ms, where the time was limited.

    Attributes:
        planned: as the experiment says. answers: with a measured time.
        late: answers with more than one frame (17 ms) over the plan, as on a slow computer.
        early: answers with more than one frame under it, mostly those given before its end.
    """

    planned: int
    answers: int
    median: float
    low: float
    high: float
    late: int
    early: int


def exposure(measured: Array, planned: int) -> Exposure | None:
    """Compare measured exposures with the planned one; None without any, or without a limit.

    Args:
        measured: (n,) ms; 0 where nothing was measured.
    """
    times = measured[measured > 0]
    if not planned or not times.size:
        return None
    return Exposure(
        planned,
        int(times.size),
        float(np.median(times)),
        float(times.min()),
        float(times.max()),
        int((times > planned + FRAME).sum()),
        int((times < planned - FRAME).sum()),
    )


@dataclass(frozen=True)
class RankAgreement:
    """How two people agree on the same question, averaged over its pairs and over questions.

    Each is a share with its 95 % interval over questions; None for less than two answers.

    Attributes:
        questions: with at least two answers.
        first: both chose the same image first; 1/8 by chance.
        overlap: of the two images that one chose, those that the other chose; 1/4 by chance.
        ordered: both chose the same two in the same order; 1/56 by chance.
    """

    questions: int
    first: Score
    overlap: Score
    ordered: Score


def rank_agreement(
    first: Array, second: Array, question: Array, *, seed: int = 0
) -> RankAgreement | None:
    """Agreement of ordered choices; None where no question has two answers.

    Args:
        first, second: (n,) options chosen, numbers from 0.
        question: (n,) number of the question.
    """
    shares: list[tuple[float, float, float]] = []
    for number in np.unique(question):
        rows = np.flatnonzero(question == number)
        if rows.size > 1:
            chosen = np.r_[first[rows], second[rows]]
            ordered = first[rows] * (int(second.max()) + 1) + second[rows]
            pairs = rows.size * (rows.size - 1)
            shares.append(
                (
                    _equal_pairs(first[rows]) / pairs,
                    _equal_pairs(chosen) / pairs / 2,
                    _equal_pairs(ordered) / pairs,
                )
            )
    if not shares:
        return None
    names = ("first", "overlap", "ordered")
    scores = [
        _mean(name, np.array(values), seed)
        for name, values in zip(names, zip(*shares, strict=True), strict=True)
    ]
    return RankAgreement(len(shares), *scores)


def _equal_pairs(values: Array) -> int:
    """Ordered pairs of different answers with the same value."""
    counts = np.unique(values, return_counts=True)[1]
    return int((counts * (counts - 1)).sum())


def _mean(name: str, values: Array, seed: int) -> Score:
    return Score(name, float(values.mean()), *interval(values, seed=seed), values)


@dataclass(frozen=True)
class OrderEffect:
    """Whether the order of two images changes the answer "same".

    Attributes:
        query_first, query_second: share of "same" in each order; None where nobody saw it.
        statistic, p: chi-squared test of independence; p is 1 where it is undefined.
    """

    query_first: float | None
    query_second: float | None
    statistic: float
    p: float


def order_effect(order: Array, same: Array) -> OrderEffect:
    """The effect of the order of presentation.

    Args:
        order: (n,) 0 where the query was shown first, else 1.
        same: (n,) bool, the answers.

    >>> effect = order_effect(np.repeat([0, 1], 50), np.arange(100) < 40)
    >>> effect.query_first, effect.query_second, effect.p < 1e-10
    (0.8, 0.0, True)
    """
    from scipy.special import chdtrc  # scipy.stats takes a second to import

    table = np.array([[((order == o) & (same == s)).sum() for s in (True, False)] for o in (0, 1)])
    totals = table.sum(axis=1)
    shares = [
        float(row[0] / total) if total else None for row, total in zip(table, totals, strict=True)
    ]
    expected = np.outer(totals, table.sum(axis=0)) / max(int(table.sum()), 1)
    if (expected == 0).any():
        return OrderEffect(shares[0], shares[1], 0.0, 1.0)
    statistic = float(((table - expected) ** 2 / expected).sum())
    return OrderEffect(shares[0], shares[1], statistic, float(chdtrc(1, statistic)))


@dataclass(frozen=True)
class Sensitivity:
    """Signal detection on pairs whose right answer is known (catch trials).

    Attributes:
        different, same: answers to different and to identical images.
        hits: share of "different" for different images. false_alarms: for identical ones.
        d_prime: z(hits) - z(false alarms), with the log-linear correction of Hautus 1995.
        criterion: -(z(hits) + z(false alarms)) / 2; positive for people who prefer to say "same".
    """

    different: int
    same: int
    hits: float
    false_alarms: float
    d_prime: float
    criterion: float


def sensitivity(is_different: Array, said_different: Array) -> Sensitivity | None:
    """Sensitivity to a difference; None unless both kinds of pairs were answered.

    Args:
        is_different, said_different: (n,) bool.
    """
    from scipy.special import ndtri

    n_different, n_same = int(is_different.sum()), int((~is_different).sum())
    if not n_different or not n_same:
        return None
    hits, alarms = int(said_different[is_different].sum()), int(said_different[~is_different].sum())
    z_hits, z_alarms = (
        float(ndtri((count + 0.5) / (total + 1)))
        for count, total in ((hits, n_different), (alarms, n_same))
    )
    return Sensitivity(
        n_different,
        n_same,
        hits / n_different,
        alarms / n_same,
        z_hits - z_alarms,
        -(z_hits + z_alarms) / 2,
    )


def separation(similarity: Array, same: Array, different: Array, *, seed: int = 0) -> Score | None:
    """How well a similarity tells pairs that people called the same from the others (AUC).

    The probability that the pair of a random "same" answer is more similar than the pair of a
    random "different" answer; equal similarities count as half, so a constant scores 0.5.

    Args:
        similarity: (P,) of each pair; NaN, no evidence, ranks last.
        same, different: (P,) number of answers.

    Returns:
        The area with its bootstrap interval over pairs, and no per-item values; None where all
        answers are equal.

    >>> separation(np.array([0.9, 0.1]), np.array([1, 0]), np.array([0, 1])).value
    1.0
    """
    if not same.sum() or not different.sum():
        return None
    values = np.where(np.isnan(similarity), -np.inf, similarity)
    _, step = np.unique(values, return_inverse=True)
    size = len(values)
    draws = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), DRAWS)
    weights = np.concatenate([np.ones((1, size)), draws])
    areas = _areas(weights * same, weights * different, step)
    value, drawn = float(areas[0]), areas[1:][np.isfinite(areas[1:])]
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn.size else (0.0, 1.0)
    return Score("auc", value, min(float(low), value), max(float(high), value), np.empty(0))


def _areas(same: Array, different: Array, step: Array) -> Array:
    """(B,) areas for (B, P) weights; pairs with equal `step` are equally similar."""
    order = np.argsort(step, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(step[order]) > 0])
    same, different = (np.add.reduceat(w[:, order], starts, axis=1) for w in (same, different))
    below = np.cumsum(different, axis=1) - different / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        areas: Array = (same * below).sum(axis=1) / (same.sum(axis=1) * different.sum(axis=1))
    return areas
