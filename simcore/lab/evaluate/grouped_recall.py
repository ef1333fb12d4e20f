"""Recall by the values of a field of the collection's table, such as its categories."""

from collections.abc import Sequence
from dataclasses import dataclass

from simcore.evaluate.retrieval import recall as retrieval_recall
from simcore.lab.evaluate import recall
from simcore.lab.library import fields, subsets
from simcore.recipe import Question
from simcore.results import Cell, RecallRow, Result, Table, TableResult
from simcore.types import JSON, Direction


@dataclass(frozen=True)
class GroupRecall(Result):
    """Recall of one recipe on the pairs with one value of a field."""

    value: str
    pairs: int
    row: RecallRow

    def to_dict(self) -> JSON:
        """One row of the document that `simcore evaluate recall --by --json` prints."""
        return {"value": self.value, "pairs": self.pairs} | self.row.to_dict()


@dataclass(frozen=True)
class GroupedRecall(TableResult):
    """Recall of several recipes by the values of a field, largest groups first.

    Attributes:
        pairs: in all groups, which share one gallery.
    """

    collection: str
    field: str
    pairs: int
    direction: Direction
    subset: str
    rows: tuple[GroupRecall, ...]

    def to_table(self) -> Table:
        """One row per recipe and value, in percent with intervals."""
        rows: list[tuple[Cell, ...]] = []
        for group in self.rows:
            scores = group.row.recall.items()
            cells = [
                f"{100 * s.value:5.1f} [{100 * s.low:.1f}, {100 * s.high:.1f}]" for _, s in scores
            ]
            rows.append((group.row.recipe.label, group.value, group.pairs, *cells))
        ks = list(self.rows[0].row.recall)
        columns = ("recipe", self.field, "pairs", *(f"recall@{k} %" for k in ks))
        title = f"{self.collection}: {self.pairs:,} pairs, {self.direction}, by {self.field}"
        return Table(columns, tuple(rows), title)


def recall_by(question: Question, field: str, *, ks: Sequence[int] | None = None) -> GroupedRecall:
    """Recall of the pairs with each value of a field; the gallery is that of all pairs.

    Args:
        field: of the collection's table, such as "category".
        ks: cut-offs as for `recall`.

    Raises:
        UnknownNameError: no such field. BadDataError: as `recall`, or the collection has no fields.
    """
    collection = subsets.open_subset(question.collection, question.subset)
    pairs = len(collection.pairs(question.direction))
    grouping = fields.group(collection, field)
    cut_offs = list(ks) if ks is not None else [k for k in recall.DEFAULT_KS if k <= pairs] or [1]
    rows = []
    for recipe, ranks in zip(question.recipes, recall.ranks_of_each(question), strict=True):
        for number, value in enumerate(grouping.names):
            selected = ranks[grouping.group == number]
            scores = {k: retrieval_recall.recall_at(selected, k) for k in cut_offs}
            rows.append(GroupRecall(value, len(selected), RecallRow(recipe, scores)))
    return GroupedRecall(
        question.collection, field, pairs, question.direction, question.subset, tuple(rows)
    )
