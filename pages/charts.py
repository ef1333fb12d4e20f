"""Charts in one style: colours that colour-blind people can tell apart, readable light and dark."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

# Okabe and Ito 2008, without its yellow, which vanishes on white; black is left to the theme.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7F7F7F")
DASHES = ("solid", "dash", "dot", "dashdot")


def line(number: int) -> dict[str, Any]:
    """Colour and dash of the n-th line; all colours come before the next dash."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "dash": DASHES[number // len(COLOURS) % len(DASHES)],
        "width": 2,
    }


def show(figure: go.Figure, key: str, *, x: str, y: str, height: int = 380) -> None:
    """Draw a figure as wide as the page, with its axes named."""
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        legend={"orientation": "h", "y": -0.25},
        hovermode="closest",
        xaxis_title=x,
        yaxis_title=y,
    )
    st.plotly_chart(figure, key=key, width="stretch")


def heat(values: Sequence[Sequence[float | None]], names: Sequence[str]) -> go.Figure:
    """A square of numbers, each written into its cell."""
    text = [["" if v is None else f"{v:.2f}" for v in row] for row in values]
    return go.Figure(
        go.Heatmap(
            z=[[None if v is None else v for v in row] for row in values],
            x=list(names),
            y=list(names),
            text=text,
            texttemplate="%{text}",
            colorscale="Cividis",
            zmin=0,
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
