"""Forced-choice experiments: accuracy, agreement, position bias (rosenfeld2018, 4.3).

Answers are arrays with one value per answer: `person` and `question` are numbers from 0, `option`
is the index of the chosen option, `place` its position on the screen.
"""

from dataclasses import dataclass

import numpy as np

from simcore.evaluate.judgements import inter_annotator
from simcore.evaluate.statistics.bootstrap import shared_interval
from simcore.types import Array, Score


def score(name: str, values: Array, person: Array, question: Array, *, seed: int = 0) -> Score:
    """Mean of one value per answer, with its interval over people and questions.

    Args:
        values: (n,) float64; NaN is left out.
        person, question: (n,) numbers from 0.
    """
    valid = ~np.isnan(values)
    per_item = values[valid]
    low, high = shared_interval(per_item, person[valid], question[valid], seed=seed)
    value = float(per_item.mean()) if per_item.size else float("nan")
    return Score(name, value, low, high, per_item)


@dataclass(frozen=True)
class Agreement:
    """How much people agree on the questions that at least two of them answered.

    None means that too few people answered.

    Attributes:
        questions: number of these questions.
        majority: mean share of people who chose a question's most frequent option.
        most: share of questions on which more than half agree (87 % in the paper).
        unanimous: share of questions on which all agree (30 % in the paper).
        histogram: questions by majority share, in tenths: (0, 0.1], ... (0.9, 1] (Fig. 5a).
        right: for each tenth, the share of its questions whose most frequent option is the mate,
            a tie counted in parts; None where there is no such question (Fig. 5b).
        correlation: Pearson's r between a question's majority share and the share of its answers
            that are right (0.94 in the paper); None where one of them is constant.
        alpha: Krippendorff's, nominal.
    """

    questions: int
    majority: float | None
    most: float | None
    unanimous: float | None
    histogram: tuple[int, ...]
    right: tuple[float | None, ...]
    correlation: float | None
    alpha: float | None


def agreement_by_question(counts: Array, mate: Array) -> Agreement:
    """Agreement from how often each option of each question was chosen.

    Args:
        counts: (N, V) int64.
        mate: (N,) the right option, -1 where it is unknown.

    >>> agreement = agreement_by_question(np.array([[4, 0], [2, 2]]), np.array([0, -1]))
    >>> agreement.majority, agreement.unanimous
    (0.75, 0.5)
    """
    rows = np.flatnonzero(counts.sum(axis=1) >= 2)
    counts, mate = counts[rows], mate[rows]
    share = inter_annotator.majority(counts)
    most = counts == counts.max(axis=1, keepdims=True)
    has_mate = np.flatnonzero(mate >= 0)
    mates = mate[has_mate]
    right = np.where(most[has_mate, mates], 1 / most[has_mate].sum(axis=1), 0.0)
    correct = counts[has_mate, mates] / counts[has_mate].sum(axis=1)
    tenth = np.clip(np.ceil(share * 10 - 1e-9).astype(int) - 1, 0, 9)
    varies = has_mate.size > 2 and np.ptp(share[has_mate]) > 0 and np.ptp(correct) > 0
    return Agreement(
        questions=int(rows.size),
        majority=_mean(share),
        most=_mean(share > 0.5),
        unanimous=_mean(share == 1),
        histogram=tuple(np.bincount(tenth, minlength=10).tolist()),
        right=tuple(_mean(right[tenth[has_mate] == n]) for n in range(10)),
        correlation=float(np.corrcoef(share[has_mate], correct)[0, 1]) if varies else None,
        alpha=inter_annotator.krippendorff_alpha(counts),
    )


def _mean(values: Array) -> float | None:
    return float(values.mean()) if values.size else None


@dataclass(frozen=True)
class PositionBias:
    """How often each position on the screen was chosen, tested against equally often.

    Attributes:
        counts: answers per position.
        statistic, p: chi-squared test.
    """

    counts: tuple[int, ...]
    statistic: float
    p: float


def position_bias(place: Array, choices: int) -> PositionBias:
    """Position bias; images are shuffled per participant, so each position is right equally often.

    Args:
        place: (n,) chosen position of each answer, from 0.
        choices: number of positions.

    >>> position_bias(np.repeat(np.arange(5), [627, 522, 465, 395, 391]), 5).p < 1e-10
    True
    """
    from scipy.special import chdtrc  # scipy.stats takes a second to import

    counts = np.bincount(place, minlength=choices)
    if not counts.sum():
        return PositionBias(tuple(counts.tolist()), 0.0, 1.0)
    expected = counts.sum() / choices
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return PositionBias(tuple(counts.tolist()), statistic, float(chdtrc(choices - 1, statistic)))
