"""Charts of which backbones find the same pairs: exclusive hits and an UpSet plot."""

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.evaluate.exclusive import ExclusiveReport, HitSet
from simcore.ui import charts

SHARED = "+"  # before the name of a backbone: its hits that others share
MAX_SETS = 25
ROW_HEIGHT = 26  # px per backbone in the matrix of dots
BARS_HEIGHT = 220  # px


def counts_chart(report: ExclusiveReport, on_click: Callable[[str], None]) -> None:
    """Oracle and exclusive hits, and the hits of each backbone split into exclusive and shared.

    Args:
        on_click: called with the backbone whose bar is clicked, before it "+" if the bar is that
            of the hits it shares with others.
    """
    columns = st.columns(3)
    low, high = report.oracle_ci95
    columns[0].metric(
        "Oracle",
        f"{report.oracle:,}",
        help=f"Of {report.pairs:,} pairs, those that at least one backbone finds; 95 % confidence "
        f"interval {low:.0f} to {high:.0f}.",
    )
    columns[1].metric(
        "Exclusive hits",
        f"{report.exclusive_total:,}",
        help="Pairs that exactly one backbone finds.",
    )
    columns[2].metric("Missed by all", f"{report.pairs - report.oracle:,}")
    names = sorted(report.isolation, key=report.isolation.__getitem__)
    exclusive = [report.by_model[name] for name in names]
    shared = [report.isolation[name] - report.by_model[name] for name in names]
    figure = go.Figure()
    for label, values, color, mark in (
        ("exclusive hits", exclusive, html_document.COLORS[1], ""),
        ("shared hits", shared, html_document.COLORS[4], SHARED),
    ):
        figure.add_bar(
            y=names,
            x=values,
            name=label,
            orientation="h",
            marker_color=color,
            customdata=[mark + name for name in names],
            hovertemplate="%{y}: %{x} " + label + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    charts.show(
        figure,
        "isolation",
        x="hits at 1",
        height=90 + 24 * len(names),
        title=f"Each backbone alone: hits at 1, of {report.pairs:,}",
        on_click=on_click,
    )


def sets_chart(report: ExclusiveReport, on_click: Callable[[str], None]) -> None:
    """An UpSet plot: bars above a matrix of dots (Lex et al. 2014).

    Args:
        on_click: called with the backbones of the bar that is clicked, joined by " + ".
    """
    all_sets = [hit_set for hit_set in report.sets if hit_set.models]
    sets = all_sets[:MAX_SETS]
    if not sets:
        st.info("No backbone ranks any mate first.")
        return
    names = sorted(report.isolation, key=report.isolation.__getitem__)
    pairs = sum(hit_set.pairs for hit_set in sets)
    charts.show(
        _upset(sets, names),
        "upset",
        y="pairs",
        height=BARS_HEIGHT + ROW_HEIGHT * len(names),
        title=f"Pairs found by exactly these backbones: {pairs:,} of {report.oracle:,}, in the "
        f"{len(sets)} most frequent of {len(all_sets)} sets",
        on_click=on_click,
    )


def _upset(sets: list[HitSet], names: list[str]) -> go.Figure:
    row_of = {name: number for number, name in enumerate(names)}
    figure = go.Figure()
    figure.add_bar(
        x=list(range(len(sets))),
        y=[hit_set.pairs for hit_set in sets],
        marker_color=html_document.COLORS[0],
        showlegend=False,
        customdata=[" + ".join(hit_set.models) for hit_set in sets],
        hovertemplate="%{y} pairs found by exactly<br>%{customdata}<extra></extra>",
    )
    background = [(x, row) for x in range(len(sets)) for row in row_of.values()]
    members = [(x, row_of[name]) for x, hit_set in enumerate(sets) for name in hit_set.models]
    stems: list[tuple[int | None, int | None]] = []  # None ends a line
    for x, hit_set in enumerate(sets):
        rows = [row_of[name] for name in hit_set.models]
        stems += [(x, min(rows)), (x, max(rows)), (None, None)]
    color = html_document.COLORS[0]
    for points, mode, style in (
        (background, "markers", {"marker": {"color": "rgba(128,128,128,0.25)", "size": 9}}),
        (stems, "lines", {"line": {"color": color, "width": 2}}),
        (members, "markers", {"marker": {"color": color, "size": 11}}),
    ):
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[row for _, row in points],
            yaxis="y2",
            mode=mode,
            hoverinfo="skip",
            showlegend=False,
            **style,
        )
    matrix = ROW_HEIGHT * len(names)
    share = min(0.7, matrix / (BARS_HEIGHT + matrix))  # of the height
    return figure.update_layout(
        xaxis={"showticklabels": False, "zeroline": False, "showgrid": False},
        yaxis={"domain": [share + 0.03, 1]},
        yaxis2={
            "domain": [0, share],
            "anchor": "x",
            "tickvals": list(row_of.values()),
            "ticktext": names,
            "showgrid": False,
            "zeroline": False,
        },
    )
