"""Charts of which backbones find the same pairs: exclusive hits and an UpSet plot."""

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.evaluate.combinations import SubsetSearch
from simcore.ui import charts

SETS = 25


def counts_chart(told: dict) -> None:
    columns = st.columns(3)
    low, high = told["oracle_ci95"]
    columns[0].metric(
        "Found by someone (oracle)",
        f"{told['oracle']:,} of {told['pairs']:,}",
        help=f"95 % interval {low:.0f} to {high:.0f}",
    )
    columns[1].metric("Found by exactly one", f"{told['exclusive_total']:,}")
    columns[2].metric("Found by nobody", f"{told['pairs'] - told['oracle']:,}")
    names = sorted(told["isolation"], key=told["isolation"].get)
    alone = [told["by_model"][name] for name in names]
    shared = [told["isolation"][name] - told["by_model"][name] for name in names]
    figure = go.Figure()
    for name, values, colour in (
        ("nobody else finds it", alone, html_document.COLORS[1]),
        ("others find it too", shared, html_document.COLORS[4]),
    ):
        figure.add_bar(
            y=names,
            x=values,
            name=name,
            orientation="h",
            marker_color=colour,
            hovertemplate="%{y}: %{x}, " + name + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    charts.show(
        figure,
        "isolation",
        x="mates found first",
        height=90 + 24 * len(names),
        title=f"Each backbone in isolation: mates found first, of {told['pairs']:,}",
    )


def sets_chart(found: SubsetSearch, told: dict) -> None:
    """An UpSet plot: bars over a matrix of dots (Lex et al. 2014)."""
    every = [row for row in told["sets"] if row["models"]]
    rows = every[:SETS]
    if not rows:
        st.info("No backbone finds any mate first.")
        return
    names = sorted(found.models, key=lambda n: told["isolation"][n])
    height = {name: number for number, name in enumerate(names)}
    x = list(range(len(rows)))
    figure = go.Figure()
    figure.add_bar(
        x=x,
        y=[row["pairs"] for row in rows],
        marker_color=html_document.COLORS[0],
        showlegend=False,
        customdata=[" + ".join(row["models"]) for row in rows],
        hovertemplate="%{y} pairs found by exactly<br>%{customdata}<extra></extra>",
    )
    every_dot = [(i, height[name]) for i in x for name in names]
    dots = [(i, height[name]) for i, row in zip(x, rows, strict=True) for name in row["models"]]
    stems: list[tuple[int | None, int | None]] = []
    for i, row in zip(x, rows, strict=True):
        at = [height[name] for name in row["models"]]
        stems += [(i, min(at)), (i, max(at)), (None, None)]
    for points, mode, look in (
        (every_dot, "markers", {"marker": {"color": "rgba(128,128,128,0.25)", "size": 9}}),
        (stems, "lines", {"line": {"color": html_document.COLORS[0], "width": 2}}),
        (dots, "markers", {"marker": {"color": html_document.COLORS[0], "size": 11}}),
    ):
        figure.add_scatter(
            x=[i for i, _ in points],
            y=[j for _, j in points],
            yaxis="y2",
            mode=mode,
            hoverinfo="skip",
            showlegend=False,
            **look,
        )
    share = min(0.7, 26 * len(names) / (220 + 26 * len(names)))
    figure.update_layout(
        xaxis={"showticklabels": False, "zeroline": False, "showgrid": False},
        yaxis={"domain": [share + 0.03, 1]},
        yaxis2={
            "domain": [0, share],
            "anchor": "x",
            "tickvals": list(height.values()),
            "ticktext": list(height),
            "showgrid": False,
            "zeroline": False,
        },
    )
    these = sum(row["pairs"] for row in rows)
    charts.show(
        figure,
        "upset",
        y="pairs",
        height=220 + 26 * len(names),
        title=f"Found by exactly these: {these:,} of the {told['oracle']:,} pairs that anybody "
        f"finds, in the {len(rows)} most frequent of {len(every)} sets",
    )
