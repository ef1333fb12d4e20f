"""A report on a paper: sections with one's own numbers and the printed ones beside them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from simcore.errors import SimError
from simcore.lab.printed_values import PrintedTable
from simcore.types import Monitor

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


Cell = str | int | float


def page(found: "Report") -> str:
    """The report as one HTML document with everything inside."""
    from simcore.lab import html_document
    from simcore.lab.library import collections

    models = ", ".join(found.models)
    said = f"Backbones: {models}. Printed values are of other networks and galleries."
    blocks = [html_document.paragraph(said)]
    for section in found.sections:
        blocks.append(html_document.heading(section.title))
        if section.note:
            blocks.append(html_document.paragraph(section.note))
        if section.lines or section.bars:
            blocks.append(html_document.chart(_chart(section), height=420))
        for row in section.pictures:
            sources = [
                html_document.data_url(collections.thumbnail(key).read_bytes()) for key in row.keys
            ]
            blocks.append(html_document.paragraph(row.caption))
            blocks.append(html_document.pictures(sources, row.labels, mate=row.mate))
        tables = []
        if section.rows:
            tables.append(html_document.table(section.columns, section.rows, caption="here"))
        if section.printed is not None:
            printed = section.printed
            caption = f"as printed ({printed.place})"
            tables.append(html_document.table(printed.columns, printed.rows, caption=caption))
        blocks.append(html_document.side_by_side(*tables))
        if section.printed is not None and section.printed.remark:
            blocks.append(html_document.paragraph(section.printed.remark, soft=True))
    title = f"{found.paper} on {found.collection}: {found.pairs:,} {found.unit}"
    return html_document.document(title, blocks)


def _chart(section: "Section") -> "Figure":
    import plotly.graph_objects as go

    from simcore.lab import html_document

    drawn = [
        go.Scatter(x=section.x, y=values, name=label, mode="lines")
        for label, values in section.lines.items()
    ]
    drawn += [
        go.Bar(x=section.blocks, y=values, name=label) for label, values in section.bars.items()
    ]
    return go.Figure(drawn).update_layout(margin={"t": 20}, colorway=html_document.COLORS)


@dataclass(frozen=True)
class Pictures:
    """A line of pictures by content key; `mate` is the place of the true one, -1 = none."""

    caption: str
    keys: tuple[str, ...]
    labels: tuple[str, ...]
    mate: int = -1


@dataclass(frozen=True)
class Section:
    """One table or figure.

    Attributes:
        title: which one of the paper it is. note: what to know before comparing.
        columns, rows: one's own numbers; empty where it could not be made, and `note` says why.
        printed: the paper's.
        lines: {label: values}, drawn over `x`; empty for tables.
        bars: {label: values}, one for each of `blocks`; empty for tables.
        pictures: lines of examples, for figures that show some.
    """

    title: str
    note: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    printed: PrintedTable | None = None
    x: tuple[float, ...] = ()
    lines: dict[str, tuple[float, ...]] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()
    bars: dict[str, tuple[float, ...]] = field(default_factory=dict)
    pictures: tuple[Pictures, ...] = ()


@dataclass(frozen=True)
class Report:
    """A paper reproduced on a collection, or on sets of judgements: `pairs` are then trials."""

    paper: str
    collection: str
    pairs: int
    models: tuple[str, ...]
    sections: tuple[Section, ...]
    subset: str = "all"
    unit: str = "pairs"

    def to_dict(self) -> dict:
        """The document that `simcore reproduce --json` prints."""
        return {
            "paper": self.paper,
            "collection": self.collection,
            self.unit: self.pairs,
            "subset": self.subset,
            "models": list(self.models),
            "sections": [
                {
                    "title": one.title,
                    "note": one.note,
                    "rows": [dict(zip(one.columns, row, strict=True)) for row in one.rows],
                    "printed": None
                    if one.printed is None
                    else [dict(zip(one.printed.columns, r, strict=True)) for r in one.printed.rows],
                    "pictures": [asdict(row) for row in one.pictures],
                }
                for one in self.sections
            ],
        }


Step = tuple[str, Callable[[], Section]]


def make(
    steps: Sequence[Step],
    monitor: Monitor,
) -> tuple[Section, ...]:
    """All sections; one that cannot be made says why in its note.

    Raises:
        SimError: it was stopped, which is asked before each section.
    """
    sections = []
    for number, (title, step) in enumerate(steps):
        if monitor.stopped:
            raise SimError(f"stopped before {title}; nothing is kept of the report; start it again")
        monitor.report(title, number, len(steps))
        try:
            sections.append(step())
        except SimError as error:
            sections.append(Section(title, f"Left out: {error}."))
    monitor.report("done", len(steps), len(steps))
    return tuple(sections)


def curves(title: str, lines: dict[str, tuple[float, ...]]) -> Section:
    """Lines over 1, 2, 3, ..., and a table of a few places."""
    length = max(len(values) for values in lines.values())
    marks = [k for k in (1, 5, 10, 20, 50, 100) if k <= length]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (label, *(round(values[k - 1], 4) for k in marks)) for label, values in lines.items()
    )
    head = ("representation", *(f"@{k}" for k in marks))
    return Section(title, "", head, rows, x=tuple(range(1, length + 1)), lines=lines)
