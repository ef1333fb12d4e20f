"""What evaluations return: a table for people, a JSON document for programs, one serialiser."""

import csv
import dataclasses
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simcore.recipe import Recipe
from simcore.types import Direction, Score

if TYPE_CHECKING:
    import pandas as pd

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A result as rows: printed in a terminal, shown on a page and in a notebook, written to CSV.

    Attributes:
        columns: headings.
        rows: as many cells each as there are columns; None shows as an empty cell.
        title: one line above it.
        notes: sentences below it.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = field(default=())

    def to_frame(self) -> "pd.DataFrame":
        """The rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.columns))

    def to_dict(self) -> dict[str, Any]:
        """Title, columns, rows and notes for JSON."""
        return to_dict(self)

    def to_csv(self) -> str:
        """Headings and rows as CSV.

        >>> print(Table(("name", "hits"), (("hog", 3),)).to_csv(), end="")
        name,hits
        hog,3
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in self.rows)
        return out.getvalue()

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_text(cell))}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def to_dict(value: Any) -> Any:
    """A result as what JSON can hold.

    Dataclasses become dicts of their fields (a `Score` its value and interval), tuples and arrays
    lists, paths text, and NaN and infinity null.

    >>> to_dict((np.float32(0.5), float("nan"), {"k": (1, 2)}))
    [0.5, None, {'k': [1, 2]}]
    """
    if isinstance(value, Score):
        return {name: to_dict(getattr(value, name)) for name in ("value", "low", "high")}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {one.name: to_dict(getattr(value, one.name)) for one in fields}
    if isinstance(value, Mapping):
        return {str(key): to_dict(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return to_dict(value.tolist())
    if isinstance(value, np.generic):
        return to_dict(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [to_dict(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted(to_dict(inner) for inner in value)
    return str(value) if isinstance(value, Path) else value


def format_bytes(count: float) -> str:
    """A number of bytes in words; a KB is 1,000 bytes.

    >>> format_bytes(0), format_bytes(1_234_567), format_bytes(123_456_789)
    ('0 B', '1.2 MB', '123 MB')
    """
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"


@dataclass(frozen=True)
class RecallRow:
    """Recall of one recipe: {k: Score}, values in 0..1."""

    recipe: Recipe
    recall: dict[int, Score]

    def hits(self, k: int) -> int:
        """How many queries found their mate among the first k."""
        return round(float(self.recall[k].per_item.sum()))

    def to_dict(self) -> dict[str, Any]:
        """The row for JSON; weights and post-processing only where they are not the default."""
        recipe = self.recipe
        document: dict[str, Any] = {
            "recipe": list(recipe.backbones),
            "combine": recipe.combine,
            "recall": {str(k): score.value for k, score in self.recall.items()},
            "hits": {str(k): self.hits(k) for k in self.recall},
            "ci95": {str(k): [score.low, score.high] for k, score in self.recall.items()},
        }
        if recipe.post != "none":
            document["post"] = recipe.post
        if any(part.weight != 1 for part in recipe.parts):
            document["weights"] = [part.weight for part in recipe.parts]
        return document


@dataclass(frozen=True)
class RecallTable:
    """Recall of several recipes on the same pairs."""

    collection: str
    pairs: int
    metric: str
    direction: Direction
    rows: tuple[RecallRow, ...]
    subset: str = "all"

    def to_dict(self) -> dict[str, Any]:
        """The document that `simcore evaluate recall --json` prints."""
        return {
            "collection": self.collection,
            "pairs": self.pairs,
            "metric": self.metric,
            "direction": self.direction,
            "subset": self.subset,
            "rows": [row.to_dict() for row in self.rows],
        }
