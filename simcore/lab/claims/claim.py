"""A claim of a paper: its sentence, what is tested, and the choices that the paper leaves open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from simcore.errors import SimError
from simcore.evaluate.claims.verdicts import Rule

Data = Literal["pairs", "judgements", "training", "people"]
Unit = Literal["share", "points", "ratio", "r", "size"]  # points: percentage points
POINT = 0.01  # one percentage point: the default margin of a difference in recall


DEFAULT_RULE = Rule("more", margin=POINT)


class UndecidableError(SimError):
    """The data at hand cannot decide a claim; the message is what it needs.

    Attributes:
        backbones: whose features would make it testable.
        training: whether a run that trains would.
    """

    def __init__(
        self, needs: str, *, backbones: Sequence[str] = (), training: bool = False
    ) -> None:
        super().__init__(needs)
        self.backbones = tuple(backbones)
        self.training = training


@dataclass(frozen=True)
class Claim:
    """One testable claim.

    Attributes:
        id: short name, unique over all papers; part of links and of stored results.
        paper, place, sentence: the paper's own words, exactly, and where they are.
        tested: what is tested, in one sentence.
        statistic: name in `STATISTICS` of a module of this folder; "" where no data of a kind that
            simcore reads can decide it.
        rule: when it holds and when it fails.
        unit: of the statistic.
        choices: names of `choices.CHOICES` that it is repeated under.
        data: what it is computed from.
        parameters: of the statistic.
        needs: what is missing where it cannot be decided.
    """

    id: str
    paper: str
    place: str
    sentence: str
    tested: str
    statistic: str = ""
    rule: Rule = DEFAULT_RULE
    unit: Unit = "points"
    choices: tuple[str, ...] = ()
    data: Data = "pairs"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""
