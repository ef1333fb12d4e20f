"""The page Claims: a list of verdicts, and the multiverse grid of one claim."""

from collections import Counter
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.claims import claims_report
from simcore.lab.claims.choices import CHOICES
from simcore.lab.claims.claims_report import (
    NOT_COMPUTED,
    OUTCOMES,
    ClaimsReport,
    ClaimVerdict,
    UniverseResult,
)
from simcore.ui import charts, page_export, widgets
from simcore.ui.widgets import escape_markdown

MARKS = {"holds": "✓", "fails": "✕", "undecided": "?"}
THREE_LINES = 57  # px; Streamlit wraps texts in rows higher than four times the font size
SHORT = {"lr": "L→R", "rl": "R→L"}  # values on the axes
# Blue and vermillion differ for all kinds of color vision; the marks say the same without color.
COLORS = {"holds": "#0072B2", "fails": "#D55E00", "undecided": "#9A9A9A"}
ICONS = {
    "holds": ":material/check_circle:",
    "fails": ":material/cancel:",
    "undecided": ":material/help:",
}


TERMS = (
    (
        ":material/format_quote: **Claim**: a sentence as a number",
        "A sentence of a paper, restated as something that can be measured on pairs: hits of the "
        "best combination minus hits of the best single backbone, say.",
    ),
    (
        ":material/gavel: **Verdict**: holds, fails or undecided",
        "By a paired bootstrap over your pairs. Whatever is chosen (the best combination, say) is "
        "chosen on one half of the pairs and tested on the other.",
    ),
    (
        ":material/grid_on: **Sensitivity**: under other choices",
        "The same claim under every combination of the choices that its paper leaves open: ties, "
        "metric, near-duplicates, missing faces. A verdict that changes there is fragile.",
    ),
)


def terms() -> None:
    """What the words of this page mean."""
    with st.container(horizontal=True):
        for text, explanation in TERMS:
            st.caption(text, help=explanation, width="content")


def claims_table(verdicts: Sequence[ClaimVerdict], key: str) -> int | None:
    """The claims before they are tested as rows; the index of the one that is clicked.

    The papers' sentences are too long for rows: `detail` shows that of one claim.
    """
    rows = [
        {
            "tested": verdict.claim.tested,
            "paper": f"{verdict.claim.paper}, {verdict.claim.place}",
            "can be tested": "yes" if verdict.is_untested else verdict.reason,
        }
        for verdict in verdicts
    ]
    event = st.dataframe(
        rows,
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        height=420,
        row_height=THREE_LINES,
        column_config={
            "tested": st.column_config.Column(width=480),
            "paper": st.column_config.Column(width=220),
            "can be tested": st.column_config.Column(width=280),
        },
    )
    selected = event.selection.rows
    return selected[0] if selected else None


def summary(report: ClaimsReport) -> None:
    """How many claims have each verdict, and how many have none yet."""
    counted = Counter(verdict.label for verdict in report.verdicts)
    labels = [*OUTCOMES.values(), *([NOT_COMPUTED] if counted[NOT_COMPUTED] else [])]
    for column, label in zip(st.columns(len(labels)), labels, strict=True):
        column.metric(label[:1].upper() + label[1:], counted[label], border=True)


def verdict_table(report: ClaimsReport, verdicts: Sequence[ClaimVerdict], key: str) -> int | None:
    """The claims as rows; the index of the one that is clicked."""
    rows = [
        {
            "verdict": f"{'…' if verdict.is_untested else MARKS[verdict.outcome]} {verdict.label}",
            "tested": verdict.claim.tested,
            "value [95 % CI]": _value(verdict),
            "universes": verdict.sensitivity,
            "why not": "" if verdict.is_untested else verdict.reason,
            "paper": f"{verdict.claim.paper}, {verdict.claim.place}",
            "id": verdict.claim.id,
        }
        for verdict in verdicts
    ]
    event = st.dataframe(
        rows,
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        height=420,
        row_height=THREE_LINES,
        column_config={
            "verdict": st.column_config.Column(
                width=190,
                help="Corrected for the number of claims (Holm): the chance that any verdict is "
                "wrong is at most 5 %.",
            ),
            "tested": st.column_config.Column(width=400),
            "universes": st.column_config.Column(
                width=190,
                help="The same claim under every combination of the choices that its paper leaves "
                "open, each by its own 95 % interval.",
            ),
            "why not": st.column_config.Column(width=220),
        },
    )
    widgets.csv_button(lambda: report.to_table().to_csv(), f"{report.collection}-claims.csv")
    selected = event.selection.rows
    return selected[0] if selected else None


def detail(verdict: ClaimVerdict) -> None:
    """One claim: the paper's sentence, the verdict, and every universe."""
    claim = verdict.claim
    st.header(escape_markdown(claim.tested), anchor=False)
    st.markdown(
        f"> {escape_markdown(claim.sentence)}  \n> {claim.paper}, {escape_markdown(claim.place)}"
    )
    label = verdict.label
    text = f"**{label[:1].upper()}{label[1:]}**"
    if verdict.main is not None and verdict.main.evidence is not None:
        unit = claims_report.UNITS[claim.unit]
        text += f": {escape_markdown(verdict.value)} {unit}"
        text += f", {verdict.main.pairs:,} {'trials' if claim.data == 'judgements' else 'pairs'}"
        if verdict.main.member:
            text += f"; least for {escape_markdown(verdict.main.member)}"
    if verdict.reason and not verdict.is_untested:  # whose label says so
        text += f". {escape_markdown(verdict.reason[:1].upper() + verdict.reason[1:])}"
    st.markdown(
        f"{ICONS[verdict.outcome]} {text}.",
        help=claims_report.describe_rule(claim.rule, claim.unit).capitalize()
        + ". "
        + (verdict.main.note if verdict.main else ""),
    )
    if len(verdict.cells) > 1:
        _grid(verdict)


def _value(verdict: ClaimVerdict) -> str:
    unit = {"share": " %", "points": " points", "ratio": " ×"}.get(verdict.claim.unit, "")
    return f"{verdict.value}{unit}" if verdict.value else ""


def _grid(verdict: ClaimVerdict) -> None:
    """The multiverse grid; a click on a cell opens its numbers."""
    rows, columns = _axes(verdict.claim.choices, verdict.cells)
    done = f"{len(verdict.cells)} of {verdict.expected} universes"
    st.markdown(
        f"**Under every combination of open choices** ({done}; click a cell for its numbers)",
        help="Each cell is the same claim under other choices, judged by its own 95 % interval.",
    )
    figure = multiverse(verdict, rows, columns)
    key = f"claims_grid_{verdict.claim.paper}_{verdict.claim.id}"
    height = int(figure.layout.height)
    page_export.add(
        key,
        lambda: [
            html_document.heading(verdict.claim.tested, 3),
            html_document.paragraph(f"“{verdict.claim.sentence}” ({verdict.claim.paper})"),
            html_document.chart(figure, height=height),
        ],
    )
    event = st.plotly_chart(
        figure,
        key=key,
        width="stretch",
        on_select="rerun",
        selection_mode="points",
        config=charts.download_config(key),
    )
    table = verdict.to_grid()
    for point in event.selection.points[:1]:
        _cell(verdict, verdict.cells[point["point_index"]])
    with st.expander("All numbers as a table"):
        st.dataframe(table.to_frame(), hide_index=True, key=f"{key}_table")


def _cell(verdict: ClaimVerdict, cell: UniverseResult) -> None:
    """The numbers of one universe."""
    unit = verdict.claim.unit
    value = escape_markdown(claims_report.format_evidence(cell.evidence, unit))
    choices = "; ".join(f"{name}: {CHOICES[name][value]}" for name, value in cell.universe.values)
    st.markdown(
        f"{ICONS[cell.outcome]} **{value}** {claims_report.UNITS[unit]}, {cell.pairs:,} pairs. "
        f"{escape_markdown(choices)}. {escape_markdown(cell.member)}"
    )


def multiverse(verdict: ClaimVerdict, rows: Sequence[str], columns: Sequence[str]) -> go.Figure:
    """One square per universe; choices that vary are on the axes."""
    places = [_place(cell, rows, columns) for cell in verdict.cells]
    unit = verdict.claim.unit
    figure = go.Figure(
        go.Scatter(
            x=[x for x, _ in places],
            y=[y for _, y in places],
            mode="markers+text",
            marker={
                "symbol": "square",
                "size": 30,
                "color": [COLORS[cell.outcome] for cell in verdict.cells],
            },
            text=[MARKS[cell.outcome] for cell in verdict.cells],
            textfont={"color": "white", "size": 15},
            customdata=[
                (number, cell.outcome, claims_report.format_evidence(cell.evidence, unit))
                for number, cell in enumerate(verdict.cells)
            ],
            hovertemplate="%{y}<br>%{x}<br>%{customdata[1]}: %{customdata[2]}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.6}},
        )
    )
    labels_x, labels_y = (list(dict.fromkeys(place[axis] for place in places)) for axis in (0, 1))
    figure.update_xaxes(
        title=" · ".join(columns),
        side="top",
        type="category",
        categoryarray=labels_x,
        showgrid=False,
        automargin=True,
    )
    figure.update_yaxes(
        title=" · ".join(rows),
        type="category",
        categoryarray=labels_y[::-1],
        categoryorder="array",
        showgrid=False,
        automargin=True,
    )
    figure.update_layout(
        height=130 + 40 * len(labels_y),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        clickmode="event+select",
        dragmode=False,
    )
    return figure


def _axes(
    choices: Sequence[str], cells: Sequence[UniverseResult]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The choices that vary, on the rows and on the columns, so that neither gets long."""
    values = {
        choice: len({dict(cell.universe.values)[choice] for cell in cells})
        for choice in CHOICES
        if choice in choices
    }
    varying = [choice for choice, count in values.items() if count > 1]
    total = 1
    rows: list[str] = []
    target = max(1.0, len(cells) ** 0.5)
    for choice in varying:
        if total >= target or len(rows) == len(varying) - 1:
            break
        rows.append(choice)
        total *= values[choice]
    rows = rows or varying[:1]
    return tuple(rows), tuple(choice for choice in varying if choice not in rows)


def _place(cell: UniverseResult, rows: Sequence[str], columns: Sequence[str]) -> tuple[str, str]:
    """The labels of a cell's column and row."""
    values = dict(cell.universe.values)
    x, y = (
        " · ".join(SHORT.get(values[choice], values[choice]) for choice in axis)
        for axis in (columns, rows)
    )
    return x or " ", y or " "
