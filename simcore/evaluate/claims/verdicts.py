"""Does a claim hold? Two one-sided bootstrap tests per claim, corrected over all claims.

A claim about a statistic t with a threshold and a margin m (d = t - threshold):

| rule      | holds where d > 0 is shown  | fails where this is shown |
|-----------|-----------------------------|---------------------------|
| `more`    | d > 0                       | d < m                     |
| `no less` | d > -m                      | d < 0                     |
| `near`    | -m < d < m                  | d < -m or d > m           |

Where both are shown (a gain that is certain and smaller than the margin) the claim holds. Where
neither is, the pairs do not decide it. A claim about a family ("for all networks") holds where
every member is shown to hold (an intersection-union test, which needs no correction), and fails
where one member is shown to fail, corrected for their number by the distribution of the most
extreme member.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore.evaluate.claims.resampling import Resampled
from simcore.evaluate.statistics.significance import holm
from simcore.types import Array

Kind = Literal["more", "no less", "near"]
Outcome = Literal["holds", "fails", "undecided"]
NEEDED_ERRORS = 3.5  # standard errors that a verdict takes with about forty claims, and some power
LEVEL = 0.05  # the chance that any of the verdicts of a report is wrong


@dataclass(frozen=True)
class Rule:
    """What a claim says about its statistic; see the table of this module.

    Attributes:
        threshold: what the statistic is compared with.
        margin: the smallest difference worth mentioning, in the statistic's unit.
    """

    kind: Kind
    threshold: float = 0.0
    margin: float = 0.01


@dataclass(frozen=True)
class Evidence:
    """What the data say about a claim.

    Attributes:
        value, low, high: the statistic with its 95 % interval, not corrected; of a family those of
            the member that fits the claim least.
        p_holds, p_fails: of the two tests.
        member: which member of a family, from 0.
    """

    value: float
    low: float
    high: float
    p_holds: float
    p_fails: float
    member: int = 0


def weigh(resampled: Resampled, rule: Rule) -> Evidence:
    """Test a claim in both directions.

    Args:
        resampled: J values; several are a family, of which the claim says "all".
    """
    values, draws = resampled.values - rule.threshold, resampled.draws - rule.threshold
    holds = np.array([_p_holds(draws[:, j], rule) for j in range(values.size)])
    distance = -np.abs(values) if rule.kind == "near" else values
    worst = int(np.lexsort((distance, -holds))[0])
    low, high = (
        np.nanquantile(resampled.draws[:, worst], [0.025, 0.975])
        if np.isfinite(resampled.draws[:, worst]).any()
        else (np.nan, np.nan)
    )
    return Evidence(
        float(resampled.values[worst]),
        float(low),
        float(high),
        float(holds[worst]),
        _p_fails(values, draws, rule),
        worst,
    )


def decide(evidence: Sequence[Evidence], *, level: float = LEVEL) -> list[Outcome]:
    """The verdicts, with Holm's correction over both tests of all claims.

    >>> decide([Evidence(0.1, 0.05, 0.15, 0.0005, 1.0), Evidence(0.1, -0.05, 0.2, 0.2, 0.9)])
    ['holds', 'undecided']
    """
    corrected = holm([p for each in evidence for p in (each.p_holds, each.p_fails)])
    return [
        "holds" if holds <= level else "fails" if fails <= level else "undecided"
        for holds, fails in zip(corrected[::2], corrected[1::2], strict=True)
    ]


def outcome(evidence: Evidence) -> Outcome:
    """The verdict of one claim by itself, without a correction for others."""
    return decide([evidence])[0]


def pairs_needed(evidence: Evidence, rule: Rule, pairs: int) -> int | None:
    """About how many pairs would decide a claim if the statistic kept its value; None = no number.

    >>> pairs_needed(Evidence(0.005, -0.02, 0.03, 0.3, 0.3), Rule("more", margin=0.01), 1000)
    79720
    """
    if not np.isfinite([evidence.value, evidence.low, evidence.high]).all():
        return None
    d, m = evidence.value - rule.threshold, rule.margin
    distance = {
        "more": max(d, m - d),
        "no less": max(d + m, -d),
        "near": abs(abs(d) - m),
    }[rule.kind]
    deviation = (evidence.high - evidence.low) / (2 * 1.96)
    if distance <= 0 or deviation <= 0:
        return None
    return int(np.ceil(pairs * (NEEDED_ERRORS * deviation / distance) ** 2))


def _p_holds(draws: Array, rule: Rule) -> float:
    if rule.kind == "more":
        return _p_above(draws, 0.0)
    if rule.kind == "no less":
        return _p_above(draws, -rule.margin)
    return max(_p_above(draws, -rule.margin), _p_above(-draws, -rule.margin))


def _p_fails(values: Array, draws: Array, rule: Rule) -> float:
    if rule.kind == "near":
        sides = (
            _p_any_below(values, draws, -rule.margin),
            _p_any_below(-values, -draws, -rule.margin),
        )
        return min(1.0, 2 * min(sides))
    return _p_any_below(values, draws, rule.margin if rule.kind == "more" else 0.0)


def _p_above(draws: Array, bound: float) -> float:
    """One-sided bootstrap p of "not above the bound"; NaN counts against it."""
    return float((1 + np.count_nonzero(~(draws > bound))) / (draws.size + 1))


def _p_any_below(values: Array, draws: Array, bound: float) -> float:
    """p of "no member is below the bound", by the distribution of the lowest (max-T)."""
    if values.size == 1:
        return _p_above(-draws[:, 0], -bound)
    spread = np.nanstd(draws, axis=0)
    usable = np.isfinite(values) & (spread > 0) & np.isfinite(draws).all(axis=0)
    if not usable.any():
        return 1.0
    lowest = ((values[usable] - bound) / spread[usable]).min()
    deviations = ((draws[:, usable] - values[usable]) / spread[usable]).min(axis=1)
    return float((1 + np.count_nonzero(deviations <= lowest)) / (deviations.size + 1))
