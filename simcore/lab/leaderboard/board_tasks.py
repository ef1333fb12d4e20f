"""What a leaderboard ranks on: pairs whose mates are searched, and judgements."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore.evaluate.judgements import two_afc
from simcore.evaluate.retrieval import recall
from simcore.evaluate.statistics.ranking import Items
from simcore.types import Array, Score

Kind = Literal["pairs", "triplets", "odd one out"]
KINDS: tuple[Kind, ...] = ("pairs", "triplets", "odd one out")
RECALL_10, BOTH_WAYS, AGREEMENT = "recall@10", "aR@1", "agreement"
MEASURES = {  # measure -> what it is
    "recall@1": "share of left images whose mate comes first among all right images",
    RECALL_10: "share of left images whose mate is among the first ten right images",
    BOTH_WAYS: "share of pairs in which either image finds the other first",
    AGREEMENT: "share of people, or of the known order, that chooses as the similarity does",
}


@dataclass(frozen=True, eq=False)
class Task:
    """Pairs whose mates are searched, or judgements that a similarity should agree with.

    Attributes:
        digest: of the images, and of the votes or the order of pairs; names the task everywhere.
        items: kind and cluster of each pair or trial.
        votes: "human", or "known order"; "" for pairs.
        ceiling: what people's own votes reach; None for pairs and for a known order.
    """

    name: str
    kind: Kind
    digest: str
    items: Items
    votes: str = ""
    ceiling: float | None = None

    @property
    def count(self) -> int:
        """n, the number of pairs or trials."""
        return int(self.items.group.size)

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures of its kind."""
        if self.kind != "pairs":
            return (AGREEMENT,)
        return tuple(
            name for name in MEASURES if name != AGREEMENT and (name != RECALL_10 or self.count > 9)
        )

    def score(self, outcome: Array, measure: str) -> Score:
        """The score of one similarity, as the evaluations of its kind compute it.

        Args:
            outcome: (2, n) ranks of the mates from left to right and back; of trials (n,) credit.
        """
        if measure == AGREEMENT:
            if np.unique(self.items.group).size > 1:
                return two_afc.over_groups(outcome, [str(name) for name in self.items.group])
            return two_afc.mean(outcome, AGREEMENT)
        ranks = outcome.min(axis=0) if measure == BOTH_WAYS else outcome[0]
        return recall.recall_at(ranks, 10 if measure == RECALL_10 else 1)


@dataclass(frozen=True)
class Column:
    """One measure on one task."""

    task: Task
    measure: str

    @property
    def name(self) -> str:
        """As options and addresses name it, such as "mine:recall@1"."""
        return f"{self.task.name}:{self.measure}"
