"""What forced choices say: accuracy, agreement, position bias (rosenfeld2018, 4.3).

Answers come as arrays of one value an answer: `person` and `question` are numbers from 0, `option`
the index of what was chosen, `place` its position on the screen.
"""

from dataclasses import dataclass

import numpy as np

from simcore.evaluate.judgements import inter_annotator
from simcore.evaluate.statistics.bootstrap import shared_interval
from simcore.types import Array, Score


def score(name: str, values: Array, person: Array, question: Array, *, seed: int = 0) -> Score:
    """Mean of a value an answer, with its interval; values that are NaN are left out."""
    there = ~np.isnan(values)
    kept = values[there]
    low, high = shared_interval(kept, person[there], question[there], seed=seed)
    return Score(name, float(kept.mean()) if kept.size else float("nan"), low, high, kept)


@dataclass(frozen=True)
class Agreement:
    """How far people agree on the questions that at least two of them answered.

    Attributes:
        questions: how many those are.
        majority: mean share of people who chose a question's most frequent option.
        most: share of questions on which more than half agree (87 % in the paper).
        unanimous: share of questions on which all agree (30 % in the paper).
        histogram: questions by majority share, in tenths: (0, 0.1], ... (0.9, 1] (Fig. 5a).
        right: for each tenth, the share of its questions whose most frequent option is the mate,
            a tie counted in parts; None where there is no such question (Fig. 5b).
        correlation: Pearson's r between a question's majority share and the share of its answers
            that are right (0.94 in the paper); None where one of them never varies.
        alpha: Krippendorff's, nominal.

    What is None cannot be said, because too few answered.
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
        counts: (N, V) int64. mate: (N,) the right option, -1 where none is known.
    """
    rows = np.flatnonzero(counts.sum(axis=1) >= 2)
    counts, mate = counts[rows], mate[rows]
    share = inter_annotator.majority(counts)
    most = counts == counts.max(axis=1, keepdims=True)
    known = np.flatnonzero(mate >= 0)
    right = np.where(most[known, mate[known]], 1 / most[known].sum(axis=1), 0.0)
    correct = counts[known, mate[known]] / counts[known].sum(axis=1)
    tenth = np.clip(np.ceil(share * 10 - 1e-9).astype(int) - 1, 0, 9)
    varied = known.size > 2 and np.ptp(share[known]) > 0 and np.ptp(correct) > 0
    return Agreement(
        questions=int(rows.size),
        majority=_mean(share),
        most=_mean(share > 0.5),
        unanimous=_mean(share == 1),
        histogram=tuple(np.bincount(tenth, minlength=10).tolist()),
        right=tuple(_mean(right[tenth[known] == n]) for n in range(10)),
        correlation=float(np.corrcoef(share[known], correct)[0, 1]) if varied else None,
        alpha=inter_annotator.krippendorff_alpha(counts),
    )


def _mean(values: Array) -> float | None:
    return float(values.mean()) if values.size else None


@dataclass(frozen=True)
class Places:
    """How often each position on the screen was chosen, against equally often (chi-squared)."""

    counts: tuple[int, ...]
    statistic: float
    p: float


def places(place: Array, choices: int) -> Places:
    """Position bias; pictures are shuffled for everybody, so each place is right equally often.

    >>> places(np.repeat(np.arange(5), [627, 522, 465, 395, 391]), 5).p < 1e-10
    True
    """
    from scipy.stats import chisquare

    counts = np.bincount(place, minlength=choices)
    if not counts.sum():
        return Places(tuple(counts.tolist()), 0.0, 1.0)
    found = chisquare(counts)
    return Places(tuple(counts.tolist()), float(found.statistic), float(found.pvalue))
