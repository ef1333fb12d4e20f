"""Charts in one style: colours that colour-blind people can tell apart, readable light and dark."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.html_document import COLORS
from simcore.lab.printed_values import PrintedTable
from simcore.ui import page_export

DASHES = ("solid", "dash", "dot", "dashdot")


def spread(figure: go.Figure, label: str, told: dict, number: int) -> None:
    """Add a mean curve and, where there are several runs, the band of two deviations."""
    mean, deviation = told["curve"], told["curve_deviation"]
    x, look = list(range(1, len(mean) + 1)), line(number)
    if any(deviation):
        edges = [m + 2 * d for m, d in zip(mean, deviation, strict=True)]
        edges += [m - 2 * d for m, d in zip(mean[::-1], deviation[::-1], strict=True)]
        figure.add_scatter(
            x=x + x[::-1],
            y=edges,
            fill="toself",
            fillcolor=look["color"],
            opacity=0.15,
            mode="none",
            showlegend=False,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=x,
        y=mean,
        name=label,
        line=look,
        hovertemplate="aR@%{x}: %{y:.3f}<extra>" + label + "</extra>",
    )


def line(number: int) -> dict[str, Any]:
    """Colour and dash of the n-th line; all colours come before the next dash."""
    return {
        "color": COLORS[number % len(COLORS)],
        "dash": DASHES[number // len(COLORS) % len(DASHES)],
        "width": 2,
    }


def show(
    figure: go.Figure, key: str, *, title: str = "", x: str = "", y: str = "", height: int = 380
) -> None:
    """Draw a figure as wide as the page: what is counted out of what above it, its axes named."""
    if title:
        st.markdown(f"**{title}**")
    named = sum(trace.showlegend is not False and bool(trace.name) for trace in figure.data)
    figure.update_layout(
        height=height + (9 * named if named > 1 else 0),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": ""},
        hovermode="closest",
        xaxis_title=x,
        yaxis_title=y,
    )
    figure.update_xaxes(automargin=True).update_yaxes(automargin=True)
    heading = [html_document.heading(title, 3)] if title else []
    drawn = figure.layout.height
    page_export.add(key, lambda: [*heading, html_document.chart(figure, height=int(drawn))])
    st.plotly_chart(figure, key=key, width="stretch", config={"displaylogo": False})


def level(figure: go.Figure, value: float, name: str) -> None:
    """A line across at one value, with its name at its end."""
    figure.add_hline(
        y=value,
        line={"color": "#7F7F7F", "dash": "dot", "width": 1.5},
        annotation={"text": name, "xanchor": "right", "x": 1, "font": {"color": "#7F7F7F"}},
        annotation_position="top right",
    )


def heat(values: Sequence[Sequence[float | None]], names: Sequence[str]) -> go.Figure:
    """A square of numbers, each written into its cell; below 0 only as far as they go."""
    text = [["" if v is None else f"{v:.2f}" for v in row] for row in values]
    least = min((v for row in values for v in row if v is not None), default=0.0)
    return go.Figure(
        go.Heatmap(
            z=[list(row) for row in values],
            x=list(names),
            y=list(names),
            text=text,
            texttemplate="%{text}",
            hovertemplate="row %{y}<br>column %{x}<br>%{z:.3f}<extra></extra>",
            colorscale="Cividis",
            zmin=min(0.0, least),
            zmax=1,
        )
    ).update_yaxes(autorange="reversed")


def error_bars(rows: Sequence[dict], column: str = "hits") -> dict[str, Any]:
    """Plotly's error bars from rows with "ci95"."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [row["ci95"][1] - row[column] for row in rows],
        "arrayminus": [row[column] - row["ci95"][0] for row in rows],
    }


def losses(losses: list[float], checks: list[float], key: str) -> None:
    """Training loss of every step, validation loss where it was looked at."""
    figure = go.Figure()
    figure.add_scatter(y=losses, x=list(range(1, len(losses) + 1)), name="training", line=line(0))
    # Fine-tuning looks once an epoch and once before; an adaptation after every step.
    steps = len(losses) / max(len(checks) - 1, 1) if len(checks) < len(losses) else 1
    start = 0 if len(checks) < len(losses) else 1
    figure.add_scatter(
        y=checks, x=[start + n * steps for n in range(len(checks))], name="validation", line=line(1)
    )
    show(figure, key, title="Loss", x="step", y="loss", height=260)


def about(table: PrintedTable) -> str:
    """What the printed numbers count, and why they are not one's own."""
    head = table.about[:1].upper() + table.about[1:]
    return f"{head}. Other networks and another gallery than yours: read the shape, not the height."


def printed(table: PrintedTable) -> pd.DataFrame:
    """A printed table as it is shown."""
    return pd.DataFrame(table.rows, columns=list(table.columns))
