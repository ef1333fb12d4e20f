"""A report on a paper: sections with measured numbers and the printed ones beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from simcore.errors import SimError, Stopped
from simcore.lab.printed_values import PrintedTable
from simcore.recipe import Question
from simcore.results import Cell, Result, Table, to_dict
from simcore.types import JSON, Monitor

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from simcore.lab.html_document import Block

KS = (1, 5, 10, 20, 50, 100)  # cut-offs of the table of a curve


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
        x, lines: a line chart: {label: values}, one value per x.
        groups, bars: a bar chart: {label: values}, one value per group.
        pictures: rows of examples.
    """

    title: str
    note: str = ""
    table: Table | None = None
    printed: PrintedTable | None = None
    x: tuple[float, ...] = ()
    lines: dict[str, tuple[float, ...]] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    bars: dict[str, tuple[float, ...]] = field(default_factory=dict)
    pictures: tuple[Pictures, ...] = ()

    def to_dict(self) -> JSON:
        """Title, note, pictures, and both tables as one dict per row; charts are left out."""
        return {
            "title": self.title,
            "note": self.note,
            "rows": _records(self.table) if self.table is not None else [],
            "printed": None if self.printed is None else _records(self.printed),
            "pictures": to_dict(self.pictures),
        }


@dataclass(frozen=True)
class Report(Result):
    """A paper reproduced on a collection or on sets of judgements.

    Attributes:
        paper: its name.
        collection: name of the collection, or of the sets.
        pairs: number of pairs, or of trials.
        models: the backbones used.
        sections: in the order of the paper.
        subset: which of the pairs.
        unit: what `pairs` counts.
    """

    paper: str
    collection: str
    pairs: int
    models: tuple[str, ...]
    sections: tuple[Section, ...]
    subset: str = "all"
    unit: str = "pairs"

    def to_dict(self) -> JSON:
        """The document that `simcore reproduce --json` prints."""
        return {
            "paper": self.paper,
            "collection": self.collection,
            self.unit: self.pairs,
            "subset": self.subset,
            "models": list(self.models),
            "sections": to_dict(self.sections),
        }

    def to_html(self) -> str:
        """The report as one self-contained HTML file."""
        from simcore.lab import html_document

        intro = (
            f"Backbones: {', '.join(self.models)}. "
            "The printed values are about other networks and galleries."
        )
        blocks = [html_document.paragraph(intro)]
        for section in self.sections:
            blocks += _blocks(section)
        title = f"{self.paper} on {self.collection}: {self.pairs:,} {self.unit}"
        return html_document.document(title, blocks)


Step = tuple[str, Callable[[], Section]]  # title, what makes the section
PairStep = tuple[str, Callable[[Question], Section]]  # the same for any question


def ask(steps: Sequence[PairStep], question: Question) -> list[Step]:
    """The steps of a paper for one question."""
    return [(title, partial(function, question)) for title, function in steps]


def make(steps: Sequence[Step], monitor: Monitor) -> tuple[Section, ...]:
    """All sections; the note of one that cannot be made says why.

    Raises:
        Stopped: `monitor` asked to stop, which is checked before each section.
    """
    sections = []
    for number, (title, step) in enumerate(steps):
        monitor.check(f"Stopped before {title}. No part of the report is kept; start it again.")
        monitor.report(title, number, len(steps))
        try:
            sections.append(step())
        except Stopped:
            raise
        except SimError as error:
            sections.append(Section(title, f"Left out: {str(error).removesuffix('.')}."))
    monitor.report("done", len(steps), len(steps))
    return tuple(sections)


def curves(title: str, lines: dict[str, tuple[float, ...]]) -> Section:
    """Lines over 1, 2, 3, ..., and a table of them at a few cut-offs."""
    length = max(len(values) for values in lines.values())
    ks = [k for k in KS if k <= length]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (label, *(round(values[k - 1], 4) for k in ks)) for label, values in lines.items()
    )
    table = Table(("representation", *(f"@{k}" for k in ks)), rows)
    return Section(title, table=table, x=tuple(range(1, length + 1)), lines=lines)


def _records(table: Table | PrintedTable) -> list[JSON]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def _blocks(section: Section) -> "list[Block]":
    from simcore.lab import html_document
    from simcore.lab.library import collections

    blocks = [html_document.heading(section.title)]
    if section.note:
        blocks.append(html_document.paragraph(section.note))
    if section.lines or section.bars:
        blocks.append(html_document.chart(_chart(section), height=420))
    for row in section.pictures:
        urls = [html_document.data_url(collections.thumbnail(key).read_bytes()) for key in row.keys]
        blocks.append(html_document.paragraph(row.caption))
        blocks.append(html_document.pictures(urls, row.labels, mate=row.mate))
    tables = []
    if section.table is not None:
        tables.append(
            html_document.table(section.table.columns, section.table.rows, caption="measured here")
        )
    if section.printed is not None:
        printed = section.printed
        caption = f"as printed ({printed.place})"
        tables.append(html_document.table(printed.columns, printed.rows, caption=caption))
    blocks.append(html_document.side_by_side(*tables))
    if section.printed is not None and section.printed.remark:
        blocks.append(html_document.paragraph(section.printed.remark, soft=True))
    return blocks


def _chart(section: Section) -> "Figure":
    import plotly.graph_objects as go

    from simcore.lab import html_document

    traces = [
        go.Scatter(x=section.x, y=values, name=label, mode="lines")
        for label, values in section.lines.items()
    ]
    traces += [
        go.Bar(x=section.groups, y=values, name=label) for label, values in section.bars.items()
    ]
    return go.Figure(traces).update_layout(margin={"t": 20}, colorway=html_document.COLORS)
