"""What operations return: a JSON document for programs, a table for people, one serialiser."""

import dataclasses
import html
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simcore import csv_text, latex_text
from simcore.recipe import Recipe
from simcore.types import JSON, Direction, Score

if TYPE_CHECKING:
    import pandas as pd

Cell = str | int | float | None
Interval = tuple[float, float]  # ends of a 95 % confidence interval


class Result:
    """Base of the frozen dataclasses that operations return."""

    def to_dict(self) -> JSON:
        """The fields as JSON can hold them; results inside a result become dicts as well.

        >>> @dataclass(frozen=True)
        ... class Hits(Result):
        ...     hits: int
        >>> Hits(3).to_dict()
        {'hits': 3}
        """
        return _fields(self)


class TableResult(Result, ABC):
    """A result that people read as a table: in a terminal, on a page, in a notebook."""

    @abstractmethod
    def to_table(self) -> "Table":
        """The rows for people, numbers formatted."""

    def to_frame(self) -> "pd.DataFrame":
        """The rows of `to_table` as a pandas DataFrame."""
        return self.to_table().to_frame()

    def _repr_html_(self) -> str:
        return self.to_table()._repr_html_()


@dataclass(frozen=True)
class Table(Result):
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

    def to_csv(self) -> str:
        """Headings and rows as CSV.

        >>> print(Table(("name", "hits"), (("hog", 3),)).to_csv(), end="")
        name,hits
        hog,3
        """
        return csv_text.write(self.columns, self.rows)

    def to_latex(self) -> str:
        """A longtable with booktabs rules, captioned by the title; notes follow as comments."""
        rows = ([cell_text(cell) for cell in row] for row in self.rows)
        notes = [f"% {' '.join(note.split())}" for note in self.notes]
        return "\n".join([latex_text.table(self.columns, rows, self.title), *notes])

    def to_parquet(self) -> bytes:
        """A Parquet file; a column that mixes numbers and text becomes text.

        Headings that are empty or repeated are numbered, since Parquet finds columns by name.
        """
        import pyarrow as pa
        from pyarrow import parquet

        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        arrays = [_arrow_column(list(cells)) for cells in columns]
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.table(arrays, names=_distinct(self.columns)), sink)
        return sink.getvalue().to_pybytes()

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell_text(cell))}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


def _arrow_column(cells: list[Cell]) -> Any:
    import pyarrow as pa

    if all(isinstance(cell, int | float | None) for cell in cells):
        return pa.array(cells, pa.int64() if _whole(cells) else pa.float64())
    return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _whole(cells: list[Cell]) -> bool:
    return all(cell is None or isinstance(cell, int) for cell in cells)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names without repetition.

    >>> _distinct(["side", "row", "side", ""])
    ['side', 'row', 'side 2', 'column 4']
    """
    distinct: list[str] = []
    for number, name in enumerate(names, start=1):
        candidate, repetition = name or f"column {number}", 2
        while candidate in distinct:
            candidate, repetition = f"{name or 'column'} {repetition}", repetition + 1
        distinct.append(candidate)
    return distinct


def cell_text(cell: Cell) -> str:
    """A cell for people: None is empty, whole numbers get thousands separators.

    >>> cell_text(None), cell_text(1234), cell_text("hog")
    ('', '1,234', 'hog')
    """
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def to_dict(value: Any) -> Any:
    """A value as JSON can hold it.

    A `Result` becomes what its own `to_dict` returns, any other dataclass a dict of its fields (a
    `Score` its value and interval), tuples and arrays become lists, paths text, and NaN and
    infinity null.

    >>> to_dict((np.float32(0.5), float("nan"), {"k": (1, 2)}))
    [0.5, None, {'k': [1, 2]}]
    """
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, Score):
        return {name: to_dict(getattr(value, name)) for name in ("value", "low", "high")}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
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


def _fields(value: Any) -> JSON:
    return {item.name: to_dict(getattr(value, item.name)) for item in dataclasses.fields(value)}


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
class RecallRow(Result):
    """Recall of one recipe: {k: Score}, values in 0..1."""

    recipe: Recipe
    recall: dict[int, Score]

    def hits(self, k: int) -> int:
        """How many queries rank their mate among the first k."""
        return round(float(self.recall[k].per_item.sum()))

    def to_dict(self) -> JSON:
        """The row for JSON; weights and post-processing only where they are not the default."""
        recipe = self.recipe
        document: JSON = {
            "recipe": list(recipe.backbones),
            "combine": recipe.combine,
            "metric": recipe.metric,
            "recall": {str(k): score.value for k, score in self.recall.items()},
            "hits": {str(k): self.hits(k) for k in self.recall},
            "ci95": {str(k): [score.low, score.high] for k, score in self.recall.items()},
        }
        if recipe.post != "none":
            document["post"] = recipe.post
        if recipe.canonical.missing != "mean":
            document["missing"] = recipe.missing
        if any(part.weight != 1 for part in recipe.parts):
            document["weights"] = [part.weight for part in recipe.parts]
        return document


@dataclass(frozen=True)
class RecallTable(TableResult):
    """Recall of several recipes on the same pairs."""

    collection: str
    pairs: int
    metric: str
    direction: Direction
    rows: tuple[RecallRow, ...]
    subset: str = "all"

    def to_table(self) -> Table:
        """One row per recipe: hits at the first cut-off, recall in percent with its interval."""
        ks = list(self.rows[0].recall)
        rows: list[tuple[Cell, ...]] = []
        for row in self.rows:
            cells = [
                f"{100 * s.value:5.1f} [{100 * s.low:.1f}, {100 * s.high:.1f}]"
                for s in row.recall.values()
            ]
            rows.append((row.recipe.label, row.hits(ks[0]), *cells))
        columns = ("recipe", f"hits@{ks[0]}", *(f"recall@{k} %" for k in ks))
        title = f"{self.collection}: {self.pairs:,} pairs, {self.direction}"
        return Table(columns, tuple(rows), title)
