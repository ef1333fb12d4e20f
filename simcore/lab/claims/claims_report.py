"""Verdicts on the papers' claims, as a table, as JSON and as a multiverse grid."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from simcore.evaluate.claims.verdicts import Evidence, Outcome, Rule
from simcore.lab.claims.choices import CHOICES, Universe
from simcore.lab.claims.claim import Claim, Unit
from simcore.lab.claims.next_steps import NextStep
from simcore.results import Cell, Result, Table, TableResult
from simcore.types import JSON

OUTCOMES: dict[Outcome, str] = {
    "holds": "holds",
    "fails": "fails",
    "undecided": "cannot be decided here",
}

OutcomeCounts = dict[Outcome, int]
NOT_COMPUTED = "not tested yet"


@dataclass(frozen=True)
class UniverseResult(Result):
    """A claim in one universe.

    Attributes:
        universe: its choices.
        outcome: by its own interval, not corrected for other claims or universes.
        evidence: None where it could not be computed.
        member: of a family, the member that fits the claim least.
        note: what was compared, or what is missing.
        pairs: how many pairs or trials it is about.
    """

    universe: Universe
    outcome: Outcome
    evidence: Evidence | None
    member: str
    note: str
    pairs: int

    def to_dict(self) -> JSON:
        """The cell for JSON."""
        return {
            "choices": dict(self.universe.values),
            "outcome": self.outcome,
            **_numbers(self.evidence),
            "member": self.member,
            "note": self.note,
            "pairs": self.pairs,
        }


@dataclass(frozen=True)
class ClaimVerdict(Result):
    """One claim and its verdict.

    Attributes:
        claim: the claim.
        outcome: with Holm's correction over all claims of the report.
        main: the claim under the main choices; None before it is computed.
        reason: why it cannot be decided; empty otherwise.
        cells: every universe that is computed, the main one first.
        expected: how many universes there are.
    """

    claim: Claim
    outcome: Outcome
    main: UniverseResult | None
    reason: str
    cells: tuple[UniverseResult, ...]
    expected: int

    @property
    def counts(self) -> OutcomeCounts:
        """How many universes have each outcome."""
        counted = Counter(cell.outcome for cell in self.cells)
        return {outcome: counted[outcome] for outcome in OUTCOMES}

    @property
    def sensitivity(self) -> str:
        """How the universes decide, in words.

        Universes in which nothing can be computed count as undecided.
        """
        if not self.cells:
            return ""
        if len(self.cells) == 1:
            return "1 universe"
        counts = [f"{count} {outcome}" for outcome, count in self.counts.items() if count]
        return f"{', '.join(counts)} of {len(self.cells)}"

    @property
    def is_untested(self) -> bool:
        """Whether the data could decide the claim and nothing has been computed."""
        return self.reason == NOT_COMPUTED

    @property
    def label(self) -> str:
        """The verdict in words."""
        return NOT_COMPUTED if self.is_untested else OUTCOMES[self.outcome]

    @property
    def value(self) -> str:
        """The statistic with its interval under the main choices."""
        return "" if self.main is None else format_evidence(self.main.evidence, self.claim.unit)

    def to_dict(self) -> JSON:
        """The claim for JSON."""
        claim, rule = self.claim, self.claim.rule
        return {
            "id": claim.id,
            "paper": claim.paper,
            "place": claim.place,
            "sentence": claim.sentence,
            "tested": claim.tested,
            "statistic": claim.statistic,
            "rule": {"kind": rule.kind, "threshold": rule.threshold, "margin": rule.margin},
            "unit": claim.unit,
            "verdict": self.label,
            "reason": self.reason,
            **_numbers(self.main.evidence if self.main else None),
            "member": self.main.member if self.main else "",
            "note": self.main.note if self.main else "",
            "pairs": self.main.pairs if self.main else 0,
            "universes": [cell.to_dict() for cell in self.cells],
        }

    def to_grid(self) -> Table:
        """One row per universe: its choices and its numbers."""
        columns = tuple(choice for choice in CHOICES if choice in self.claim.choices)
        rows: list[tuple[Cell, ...]] = [
            (
                *(dict(cell.universe.values)[choice] for choice in columns),
                cell.outcome,
                format_evidence(cell.evidence, self.claim.unit) or cell.note,
                cell.member,
                cell.pairs,
            )
            for cell in self.cells
        ]
        headings = (*columns, "by itself", f"value ({UNITS[self.claim.unit]})", "member", "pairs")
        title = f"{self.claim.paper}, {self.claim.id}: {self.claim.tested}"
        return Table(headings, tuple(rows), title)


@dataclass(frozen=True)
class ClaimsReport(TableResult):
    """Verdicts on the claims of some papers.

    Attributes:
        collection, models, judgements: what they were tested on.
        pairs: number of pairs of the collection.
        verdicts: in the order of the papers.
        next_steps: commands that make more claims testable.
    """

    collection: str
    pairs: int
    models: tuple[str, ...]
    judgements: tuple[str, ...]
    verdicts: tuple[ClaimVerdict, ...]
    next_steps: tuple[NextStep, ...] = ()

    @property
    def counts(self) -> OutcomeCounts:
        """How many claims have each verdict."""
        counted = Counter(verdict.outcome for verdict in self.verdicts)
        return {outcome: counted[outcome] for outcome in OUTCOMES}

    @property
    def computed(self) -> tuple[int, int]:
        """How many universes are computed, and how many there are."""
        done = sum(len(verdict.cells) for verdict in self.verdicts)
        return done, sum(verdict.expected for verdict in self.verdicts)

    @property
    def testable(self) -> int:
        """How many claims the data at hand can test, tested or not."""
        return sum(bool(each.cells) or each.is_untested for each in self.verdicts)

    @property
    def uncomputed(self) -> int:
        """How many universes of the claims that can be decided here are missing."""
        return sum(
            verdict.expected - len(verdict.cells)
            for verdict in self.verdicts
            if verdict.cells or verdict.is_untested
        )

    def to_dict(self) -> JSON:
        """The document that `simcore claims --json` prints."""
        return {
            "collection": self.collection,
            "pairs": self.pairs,
            "models": list(self.models),
            "judgements": list(self.judgements),
            "counts": {OUTCOMES[outcome]: count for outcome, count in self.counts.items()},
            "claims": [verdict.to_dict() for verdict in self.verdicts],
            "next_steps": [step.to_dict() for step in self.next_steps],
        }

    def to_table(self) -> Table:
        """One row per claim."""
        rows: list[tuple[Cell, ...]] = [
            (
                verdict.claim.paper,
                verdict.claim.id,
                verdict.label,
                verdict.value,
                verdict.sensitivity,
                verdict.reason or verdict.claim.tested,
            )
            for verdict in self.verdicts
        ]
        counts = ", ".join(f"{count} {OUTCOMES[name]}" for name, count in self.counts.items())
        notes = (
            f"{len(self.verdicts)} claims: {counts}. Verdicts are corrected for the number of "
            "claims (Holm, 5 %); universes are not.",
            *(step.sentence for step in self.next_steps),
        )
        title = f"{self.collection}: {self.pairs:,} pairs, {len(self.models)} backbones"
        columns = (
            "paper",
            "claim",
            "verdict",
            "value [95 % CI]",
            "universes",
            "tested or why not",
        )
        return Table(columns, tuple(rows), title, notes)


UNITS: dict[Unit, str] = {
    "share": "%",
    "points": "percentage points",
    "ratio": "times",
    "r": "correlation",
    "size": "backbones",
}


FORMATS = {"ratio": ".2f", "r": "+.2f", "size": "+.1f"}


def format_evidence(evidence: Evidence | None, unit: Unit) -> str:
    """A statistic with its interval; "" without one.

    >>> format_evidence(Evidence(0.023, -0.01, 0.05, 0.5, 0.5), "points")
    '+2.3 [-1.0, +5.0]'
    """
    if evidence is None or not np.isfinite(evidence.value):
        return ""
    value, low, high = (
        format_value(number, unit) for number in (evidence.value, evidence.low, evidence.high)
    )
    return f"{value} [{low}, {high}]"


def format_value(value: float, unit: Unit) -> str:
    """A number in the unit of a claim.

    >>> format_value(0.305, "share"), format_value(2.07, "ratio")
    ('30.5', '2.07')
    """
    if unit == "points":
        return f"{100 * value:+.1f}"
    if unit == "share":
        return f"{100 * value:.1f}"
    return f"{value:{FORMATS[unit]}}"


def describe_rule(rule: Rule, unit: Unit) -> str:
    """When a claim holds and when it fails, in words.

    >>> describe_rule(Rule("more", margin=0.01), "points")
    'holds above +0.0, fails below +1.0 (percentage points)'
    """
    at, low, high = (
        format_value(rule.threshold + shift, unit) for shift in (0, -rule.margin, rule.margin)
    )
    text = {
        "more": f"holds above {at}, fails below {high}",
        "no less": f"holds above {low}, fails below {at}",
        "near": f"holds from {low} to {high}, fails outside",
    }[rule.kind]
    return f"{text} ({UNITS[unit]})"


def _numbers(evidence: Evidence | None) -> JSON:
    if evidence is None:
        return {"value": None, "ci95": None, "p_holds": None, "p_fails": None}
    numbers = {"value": evidence.value, "p_holds": evidence.p_holds, "p_fails": evidence.p_fails}
    finite = {name: float(v) if np.isfinite(v) else None for name, v in numbers.items()}
    ends = [float(end) if np.isfinite(end) else None for end in (evidence.low, evidence.high)]
    return finite | {"ci95": ends}
