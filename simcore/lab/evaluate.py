"""Running evaluations on a collection and putting the numbers into tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from simcore.evaluate.recall import recall_at
from simcore.lab import collections, retrieve
from simcore.types import Direction, Part, Recipe, Score


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

    def json(self) -> dict:
        """The document that `simcore evaluate recall --json` prints."""
        return {
            "collection": self.collection,
            "pairs": self.pairs,
            "metric": self.metric,
            "direction": self.direction,
            "rows": [_row_json(row) for row in self.rows],
        }


def recall(
    name: str,
    asked: Sequence[Recipe],
    *,
    direction: Direction = "lr",
    ks: Sequence[int] = (1, 5, 10),
    metric: str = "own",
) -> RecallTable:
    """Share of queries whose mate is among the first k, for every recipe and k.

    Args:
        name: a collection of pairs with features.
        asked: recipes, one row each.
        metric: only written into the table; the recipes decide.

    Raises:
        BadDataError: no known mates, features missing, or a k outside 1..G.
    """
    rows = []
    for recipe in asked:
        found = retrieve.ranks(name, recipe, direction)
        rows.append(RecallRow(recipe, {k: recall_at(found, k) for k in ks}))
    pairs = len(collections.open_(name).pairs(direction))
    return RecallTable(name, pairs, metric, direction, tuple(rows))


def best_combination(name: str, backbones: Sequence[str]) -> Recipe:
    """The z-sum of two or more backbones that finds the most mates first; the smaller of equals.

    Chosen on the very pairs it will be scored on, so its score is flattered.
    """
    best, most = None, -1
    for size in range(2, len(backbones) + 1):
        for chosen in combinations(backbones, size):
            recipe = Recipe(tuple(Part(b) for b in chosen), "zsum")
            hits = int((retrieve.ranks(name, recipe) == 1).sum())
            if hits > most:
                best, most = recipe, hits
    assert best is not None, "at least two backbones"
    return best


def _row_json(row: RecallRow) -> dict:
    recipe = row.recipe
    document: dict = {
        "recipe": list(recipe.backbones),
        "combine": recipe.combine,
        "recall": {str(k): score.value for k, score in row.recall.items()},
        "hits": {str(k): row.hits(k) for k in row.recall},
        "ci95": {str(k): [score.low, score.high] for k, score in row.recall.items()},
    }
    if any(part.weight != 1 for part in recipe.parts):
        document["weights"] = [part.weight for part in recipe.parts]
    return document
