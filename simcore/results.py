"""Results of evaluations, and how they are serialised."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simcore.recipe import Recipe
from simcore.types import Direction, Score


def number(score: Score) -> Mapping[str, float | None]:
    """A score for JSON, which knows no NaN."""
    told = {"value": score.value, "low": score.low, "high": score.high}
    return {k: None if np.isnan(v) else float(v) for k, v in told.items()}


@dataclass(frozen=True)
class RecallRow:
    """Recall of one recipe: {k: Score}, values in 0..1."""

    recipe: Recipe
    recall: dict[int, Score]

    def hits(self, k: int) -> int:
        """How many queries found their mate among the first k."""
        return round(float(self.recall[k].per_item.sum()))


@dataclass(frozen=True)
class RecallTable:
    """Recall of several recipes on the same pairs."""

    collection: str
    pairs: int
    metric: str
    direction: Direction
    rows: tuple[RecallRow, ...]
    subset: str = "all"

    def json(self) -> dict:
        """The document that `simcore evaluate recall --json` prints."""
        return {
            "collection": self.collection,
            "pairs": self.pairs,
            "metric": self.metric,
            "direction": self.direction,
            "subset": self.subset,
            "rows": [_row_json(row) for row in self.rows],
        }


def _row_json(row: RecallRow) -> dict:
    recipe = row.recipe
    document: dict = {
        "recipe": list(recipe.backbones),
        "combine": recipe.combine,
        "recall": {str(k): score.value for k, score in row.recall.items()},
        "hits": {str(k): row.hits(k) for k in row.recall},
        "ci95": {str(k): [score.low, score.high] for k, score in row.recall.items()},
    }
    if recipe.post != "none":
        document["post"] = recipe.post
    if any(part.weight != 1 for part in recipe.parts):
        document["weights"] = [part.weight for part in recipe.parts]
    return document
