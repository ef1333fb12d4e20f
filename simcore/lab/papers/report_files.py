"""A report as a file: HTML with charts and pictures, Markdown and LaTeX with all tables."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from simcore import latex_text
from simcore.lab import html_document
from simcore.lab.html_document import Block
from simcore.lab.library import collections
from simcore.lab.papers import comparisons, paper_charts
from simcore.lab.papers.paper_report import Report
from simcore.lab.papers.sections import Section
from simcore.lab.printed_annex import DEVIATION
from simcore.lab.printed_values import PrintedTable
from simcore.results import Cell, Table, cell_text

CAUTION = (
    "Printed values are about other networks and another gallery: compare ratios and trends rather "
    "than hits. Brackets are 95 % confidence intervals."
)


@dataclass(frozen=True)
class FileFormat:
    """A kind of file that a report can be written to.

    Attributes:
        name: for people.
        suffix, mime: of the file.
        write: makes the content.
    """

    name: str
    suffix: str
    mime: str
    write: Callable[[Report], str]

    def content(self, report: Report) -> bytes:
        """The file of a report."""
        return self.write(report).encode()


def to_html(report: Report) -> str:
    """The report as one self-contained HTML file."""
    header = report.header.to_table()
    blocks = [html_document.table(header.columns, header.rows), html_document.paragraph(CAUTION)]
    for section in report.sections:
        blocks += _blocks(section)
    return html_document.document(report.title, blocks)


def _blocks(section: Section) -> list[Block]:
    blocks = [html_document.heading(section.title)]
    if section.note:
        blocks.append(html_document.paragraph(section.note))
    for chart in section.charts:
        if chart.title:
            blocks.append(html_document.heading(chart.title, 3))
        height = paper_charts.height(chart)
        blocks.append(html_document.chart(paper_charts.figure(chart), height=height))
    for row in section.pictures:
        urls = [html_document.data_url(collections.thumbnail(key).read_bytes()) for key in row.keys]
        blocks.append(html_document.paragraph(row.caption))
        blocks.append(html_document.pictures(urls, row.labels, mate=row.mate))
    tables = [
        html_document.table(
            table.columns,
            [[cell_text(cell) for cell in row] for row in table.rows],
            caption=table.title,
        )
        for table in tables_of(section)
    ]
    if section.compared:
        blocks.append(tables.pop(0))
    blocks.append(html_document.side_by_side(*tables))
    if section.printed is not None:
        blocks.append(html_document.paragraph(about(section.printed), soft=True))
    return blocks


def to_markdown(report: Report) -> str:
    """The report as Markdown, without charts and pictures."""
    header = report.header.to_table()
    parts = [f"# {_markdown(report.title)}", _markdown_table(header), _markdown(CAUTION)]
    for section in report.sections:
        parts.append(f"## {_markdown(section.title)}")
        if section.note:
            parts.append(_markdown(section.note))
        for row in section.pictures:
            parts.append(f"- {_markdown(row.caption)}: {_markdown(', '.join(row.labels))}")
        for table in tables_of(section):
            parts += [f"**{_markdown(table.title)}**", _markdown_table(table)]
        if section.printed is not None:
            parts.append(_markdown(about(section.printed)))
    return "\n\n".join(parts) + "\n"


def to_latex(report: Report) -> str:
    """All tables as LaTeX (booktabs and longtable), to be read by `\\input`."""
    parts = [
        latex_text.PACKAGES,
        *(f"% {row[0]}: {_one_line(row[1])}" for row in report.header.to_table().rows),
        _latex_table(report.header.to_table(), report.title),
    ]
    for section in report.sections:
        parts.append(f"% {_one_line(section.title)}")
        if section.left_out:
            parts.append(f"% {_one_line(section.note)}")
        for table in tables_of(section):
            parts.append(_latex_table(table, f"{section.title} ({table.title})"))
    return "\n\n".join(parts) + "\n"


FORMATS = {
    "html": FileFormat("HTML", ".html", "text/html", to_html),
    "markdown": FileFormat("Markdown", ".md", "text/markdown", to_markdown),
    "latex": FileFormat("LaTeX", ".tex", "application/x-tex", to_latex),
}


def tables_of(section: Section) -> list[Table]:
    """The tables of a section, titled: printed beside own, all own numbers, all printed ones."""
    tables = []
    if section.compared:
        table = comparisons.table(section.compared, section.baseline)
        tables.append(Table(table.columns, table.rows, "printed and measured here"))
    if section.table is not None:
        tables.append(Table(section.table.columns, section.table.rows, "measured here"))
    if section.printed is not None:
        printed = section.printed
        tables.append(Table(printed.columns, printed.rows, f"as printed ({printed.place})"))
    return [_with_deviations(table) for table in tables]


def _with_deviations(table: Table) -> Table:
    """The table with each mean and its deviation, columns "x" and "x ±", as one text.

    >>> _with_deviations(Table(("", "aR", "aR ±", "n"), (("a", 0.39, 0.0974, 30),))).rows
    (('a', '0.3900 ± 0.0974', 30),)
    """
    places = {
        table.columns.index(name.removesuffix(DEVIATION)): place
        for place, name in enumerate(table.columns)
        if name.endswith(DEVIATION) and name.removesuffix(DEVIATION) in table.columns
    }
    kept = [place for place in range(len(table.columns)) if place not in places.values()]

    def cell(row: Sequence[Cell], place: int) -> Cell:
        mean, deviation = row[place], row[places[place]] if place in places else None
        if not isinstance(mean, float) or not isinstance(deviation, float):
            return mean
        digits = max(len(f"{value}".partition(".")[2]) for value in (mean, deviation))
        return f"{mean:.{digits}f}{DEVIATION} {deviation:.{digits}f}"

    return replace(
        table,
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(tuple(cell(row, place) for place in kept) for row in table.rows),
    )


def about(printed: PrintedTable) -> str:
    """What the printed numbers are about, and what to know before comparing."""
    text = f"Printed: {printed.about}. {printed.remark}"
    return text.strip()


def _one_line(cell: Cell) -> str:
    return " ".join(cell_text(cell).split())


def _markdown(text: str) -> str:
    """Text in which no mark of Markdown or HTML has a meaning.

    >>> _markdown("a|b <i> resnet18_x")
    'a\\\\|b &lt;i&gt; resnet18\\\\_x'
    """
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", plain)


def _markdown_table(table: Table) -> str:
    lines: list[Sequence[str]] = [
        [_markdown(name) for name in table.columns],
        ["---"] * len(table.columns),
        *([_markdown(cell_text(cell)) for cell in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _latex_table(table: Table, caption: str) -> str:
    return replace(table, title=caption).to_latex()
