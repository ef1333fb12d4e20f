"""What a section of a report consists of: tables, charts, pictures, printed and own numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from simcore.lab.papers.comparisons import BEST_SINGLE, Compared
from simcore.lab.printed_values import PrintedTable
from simcore.results import Cell, Result, Table, to_dict
from simcore.types import JSON

KS = (1, 5, 10, 20, 50, 100)  # cut-offs of the table of a curve


@dataclass(frozen=True)
class Series(Result):
    """One line, or the bars of one color.

    Attributes:
        label: in the legend.
        x: positions: numbers of a line, names of bars.
        y: values; NaN leaves a gap.
        low, high: 95 % confidence interval of each value; empty without one.
        color: number of its color; None takes the next one.
        dash: of a line, such as "solid"; "" takes one that differs from its neighbors.
    """

    label: str
    x: tuple[float | str, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    color: int | None = field(default=None, kw_only=True)
    dash: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Level(Result):
    """A horizontal line at a value."""

    label: str
    value: float


@dataclass(frozen=True)
class Chart(Result):
    """A chart with titles on both axes.

    Attributes:
        kind: "lines" or "bars".
        x_title, y_title: quantity and unit.
        series: one per line or color.
        title: one line above it.
        log_x: whether the x axis is logarithmic.
        levels: values to compare with.
    """

    kind: Literal["lines", "bars"]
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    title: str = ""
    log_x: bool = False
    levels: tuple[Level, ...] = ()


@dataclass(frozen=True)
class Pictures(Result):
    """A row of pictures.

    Attributes:
        caption: one line above them.
        keys: content keys.
        labels: one per picture.
        mate: index of the true mate, -1 = none.
    """

    caption: str
    keys: tuple[str, ...]
    labels: tuple[str, ...]
    mate: int = -1


@dataclass(frozen=True)
class Section(Result):
    """One table or figure of a paper, made from one's own data.

    Attributes:
        title: which table or figure it is.
        note: what to know before comparing; the reason where it could not be made.
        table: the measured numbers.
        printed: the numbers of the paper.
        compared: printed and own numbers side by side.
        charts: drawn above the tables.
        pictures: rows of examples.
        left_out: whether it could not be made.
        baseline: what the ratios of `compared` are to.
    """

    title: str
    note: str = ""
    table: Table | None = None
    printed: PrintedTable | None = None
    compared: tuple[Compared, ...] = ()
    charts: tuple[Chart, ...] = ()
    pictures: tuple[Pictures, ...] = ()
    left_out: bool = False
    baseline: str = BEST_SINGLE

    def to_dict(self) -> JSON:
        """Title, note, pictures, and the tables as one dict per row; charts are left out."""
        return {
            "title": self.title,
            "note": self.note,
            "rows": _records(self.table) if self.table is not None else [],
            "printed": None if self.printed is None else _records(self.printed),
            "compared": to_dict(self.compared),
            "pictures": to_dict(self.pictures),
        }


TRAINED = " (trained on these pictures)"


def mark_trained(section: Section, names: Sequence[str]) -> Section:
    """The section with a remark at each row and line of a backbone trained on its pictures.

    >>> table = Table(("", "@1"), (("zsum(hog + learned:a)", 3), ("learned:ab", 4)))
    >>> mark_trained(Section("", table=table), ["learned:a"]).table.rows
    (('zsum(hog + learned:a) (trained on these pictures)', 3), ('learned:ab', 4))
    """
    if not names:
        return section
    pattern = re.compile(rf"(?<![\w:.-])(?:{'|'.join(map(re.escape, names))})(?![\w:.-])")

    def mark(label: Cell) -> Cell:
        return label + TRAINED if isinstance(label, str) and pattern.search(label) else label

    table = section.table
    if table is not None:
        table = replace(table, rows=tuple((mark(row[0]), *row[1:]) for row in table.rows))
    charts = tuple(
        replace(
            chart, series=tuple(replace(line, label=str(mark(line.label))) for line in chart.series)
        )
        for chart in section.charts
    )
    return replace(section, title=str(mark(section.title)), table=table, charts=charts)


def _records(table: Table | PrintedTable) -> list[JSON]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]
