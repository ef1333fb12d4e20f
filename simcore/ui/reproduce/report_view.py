"""A report on a page: its header, and each section with charts, pictures and tables."""

import pandas as pd
import streamlit as st

from simcore.lab.papers import paper_charts, report_files, report_header
from simcore.lab.papers.report_header import ReportHeader
from simcore.lab.papers.sections import Pictures, Section
from simcore.results import Table, cell_text
from simcore.ui import charts, gallery, thumbnails
from simcore.ui.gallery import Tile
from simcore.ui.widgets import escape_markdown

FORMATS = report_files.FORMATS
MANY_CHARTS = 2  # more are panels of one figure, drawn in two columns
MANY_COLUMNS = 9  # of two tables; with more, they are beneath each other


def header(facts: ReportHeader) -> None:
    """What the report is about, folded, and what was left out."""
    for fact in facts.facts:
        if fact.name.startswith(report_header.LEFT_OUT):
            st.info(escape_markdown(f"{fact.name[:1].upper()}{fact.name[1:]}. {fact.value}"))
    with st.expander("To cite: paper, software, data, networks"):
        _table(facts.to_table())
    st.caption(
        "Brackets are 95 % confidence intervals.",
        help=report_files.CAUTION,
    )


def section(content: Section, number: int) -> None:
    """One table or figure of the paper.

    Args:
        content: what it consists of.
        number: of the section in the report, for keys.
    """
    st.header(content.title, anchor=False)
    if content.left_out:
        st.info(escape_markdown(content.note))
    elif content.note:
        st.caption(escape_markdown(content.note))
    panels = st.columns(2) if len(content.charts) > MANY_CHARTS else [st.container()]
    for place, chart in enumerate(content.charts):
        with panels[place % len(panels)]:
            charts.show(
                paper_charts.figure(chart),
                f"reproduce_chart_{number}_{place}",
                title=chart.title,
                x=chart.x_title,
                y=chart.y_title,
            )
    for place, row in enumerate(content.pictures):
        st.caption(escape_markdown(row.caption))
        gallery.grid(_tiles(row), key=f"reproduce_pictures_{number}_{place}")
    tables = report_files.tables_of(content)
    if content.compared:
        _table(tables.pop(0))
    is_narrow = len(tables) > 1 and sum(len(table.columns) for table in tables) <= MANY_COLUMNS
    places = st.columns(len(tables)) if is_narrow else [st.container() for _ in tables]
    for column, table in zip(places, tables, strict=True):
        with column:
            st.caption(escape_markdown(table.title[:1].upper() + table.title[1:]))
            _table(table)
    if content.printed is not None:
        st.caption(escape_markdown(report_files.about(content.printed)))


def _tiles(row: Pictures) -> list[Tile]:
    return [
        Tile(
            id=label,
            src=thumbnails.source(key),
            caption="" if label == "mate" else label,  # a mate is labeled anyway
            alt=label,
            mate=place == row.mate,
        )
        for place, (key, label) in enumerate(zip(row.keys, row.labels, strict=True))
    ]


def _table(table: Table) -> None:
    """A table whose long cells wrap; nothing in it is read as Markdown."""
    rows = [[escape_markdown(cell_text(cell)) for cell in row] for row in table.rows]
    columns = [escape_markdown(name) for name in table.columns]
    st.table(pd.DataFrame(rows, columns=columns), hide_index=True, border="horizontal")
