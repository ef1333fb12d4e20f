"""Charts in one style: colors for all kinds of color vision, readable in light and dark."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.printed_values import PrintedTable
from simcore.types import JSON
from simcore.ui import actions, page_export, widgets

SEPARATOR = " | "  # between row and column in the customdata of a cell
GRAY = "#7F7F7F"  # as readable on white as on black
CELL_POINT, CELLS_WIDTH = 34, 1000  # px: of a point that answers clicks, and of a wide heat map
# Height of a name in the legend, px: names share lines, except on a phone, where a plot would lose
# its height to them.
LEGEND_NAME, LEGEND_LINE = 9, 20
DASHES = ("dot", "dash", "longdashdot")  # of the horizontal lines of one chart


def spread(figure: go.Figure, label: str, recall: dict, number: int) -> None:
    """Add a mean curve and, for several runs, a band of two standard deviations.

    Args:
        recall: {"curve": mean recall@1, 2, ..., "curve_deviation": its standard deviation}.
        number: of the curve in the figure, for its color.
    """
    mean, deviation = recall["curve"], recall["curve_deviation"]
    x, style = list(range(1, len(mean) + 1)), line(number)
    if any(deviation):
        edges = [m + 2 * d for m, d in zip(mean, deviation, strict=True)]
        edges += [m - 2 * d for m, d in zip(mean[::-1], deviation[::-1], strict=True)]
        figure.add_scatter(
            x=x + x[::-1],
            y=edges,
            fill="toself",
            fillcolor=style["color"],
            opacity=0.15,
            mode="none",
            showlegend=False,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=x,
        y=mean,
        name=label,
        line=style,
        hovertemplate="aR@%{x}: %{y:.3f}<extra>" + label + "</extra>",
    )


def line(number: int) -> JSON:
    """Plotly's color, dash and width of the n-th line."""
    return html_document.line_style(number)


def show(
    figure: go.Figure,
    key: str,
    *,
    title: str = "",
    x: str = "",
    y: str = "",
    height: int = 380,
    on_click: Callable[[str], None] | None = None,
) -> None:
    """Draw a figure as wide as the page, with a title above it and labels on its axes.

    Args:
        on_click: called with the clicked point's `customdata`, or the first part of it, before the
            page is drawn again.
    """
    if title:
        st.markdown(f"**{title}**")
    n_labels = sum(trace.showlegend is not False and bool(trace.name) for trace in figure.data)
    label_height = LEGEND_LINE if widgets.is_phone() else LEGEND_NAME
    figure.update_layout(
        height=height + (label_height * n_labels if n_labels > 1 else 0),
        # Names beside the plot need a wider margin than axes, which make room by themselves.
        margin={"l": 10, "r": figure.layout.margin.r or 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": ""},
        hovermode="closest",
        xaxis_title=x,
        yaxis_title=y,
    )
    figure.update_xaxes(automargin=True).update_yaxes(automargin=True)
    heading = [html_document.heading(title, 3)] if title else []
    full_height = int(figure.layout.height)
    page_export.add(key, lambda: [*heading, html_document.chart(figure, height=full_height)])
    config = download_config(key)
    actions.follow_link()
    if on_click is None:
        st.plotly_chart(
            figure, key=key, width="stretch", height=full_height, config=config, alt=title or None
        )
        return

    def clicked() -> None:
        if (value := selected(st.session_state.get(key))) is not None:
            on_click(value)

    st.plotly_chart(
        figure,
        key=key,
        width="stretch",
        height=full_height,  # also while the library is loading
        config=config,
        alt=title or None,
        on_select=clicked,
        selection_mode="points",
    )


def download_config(name: str) -> JSON:
    """Plotly's toolbar with one button, which the browser shows on hover: download as SVG."""
    return {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "svg", "filename": f"simcore-{name}"},
    }


def selected(state: Any) -> str | None:
    """The customdata of the point that a chart's state names; None without one.

    >>> selected({"selection": {"points": [{"customdata": ["hog", 3]}]}})
    'hog'
    """
    points = (state or {}).get("selection", {}).get("points", [])
    value = points[0].get("customdata") if points else None
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return None if value is None else str(value)


def level(figure: go.Figure, value: float, name: str) -> None:
    """Add a horizontal line at a value. The legend names it: a label at the line would cover data.

    Args:
        name: "" for a line without a name.
    """
    style = {"color": GRAY, "dash": DASHES[len(figure.layout.shapes) % len(DASHES)], "width": 1.5}
    figure.add_hline(y=value, line=style)
    if name:
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="lines",
            name=name,
            line=style,
            showlegend=True,
            hoverinfo="skip",
        )


def heat(values: Sequence[Sequence[float | None]], names: Sequence[str]) -> go.Figure:
    """A square heat map with the numbers in its cells; the color scale covers 0 to 1."""
    text = [["" if v is None else f"{v:.2f}" for v in row] for row in values]
    labels = [
        [
            f"row {row}<br>column {column}<br>" + ("none" if v is None else f"{v:.3f}")
            for column, v in zip(names, line_values, strict=True)
        ]
        for row, line_values in zip(names, values, strict=True)
    ]
    lowest = min((v for row in values for v in row if v is not None), default=0.0)
    places = list(range(len(names)))
    figure = go.Figure(
        go.Heatmap(
            z=[list(row) for row in values],
            x=places,
            y=places,
            text=text,
            texttemplate="%{text}",
            hovertext=labels,
            hoverinfo="text",
            colorscale="Cividis",
            zmin=min(0.0, lowest),
            zmax=1,
        )
    )
    axis = {"tickvals": places, "ticktext": list(names), "zeroline": False, "showgrid": False}
    ends = [-0.5, len(names) - 0.5]
    figure.update_xaxes(range=ends, **axis).update_yaxes(range=ends[::-1], **axis)
    # Cells of a heat map do not answer clicks, but points above them do: in a row, as cells are
    # wider than high.
    count = math.ceil(CELLS_WIDTH / max(len(names), 1) / CELL_POINT)
    offsets = [(number + 0.5) / count - 0.5 for number in range(count)]
    cells = [(row, column) for row in places for column in places if row != column]
    points = [(row, column, x) for row, column in cells for x in offsets]
    return figure.add_scatter(
        x=[column + x for _, column, x in points],
        y=[row for row, _, _ in points],
        mode="markers",
        marker={"size": CELL_POINT, "symbol": "square", "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[f"{names[row]}{SEPARATOR}{names[column]}" for row, column, _ in points],
        text=[labels[row][column] for row, column, _ in points],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def error_bars(rows: Sequence[JSON], column: str = "hits", color: str | None = None) -> JSON:
    """Plotly's error bars from rows with a 95 % confidence interval "ci95".

    Args:
        color: that of the line unless given; those of bars are black unless given.
    """
    return {
        "type": "data",
        "symmetric": False,
        "color": color,
        "array": [row["ci95"][1] - row[column] for row in rows],
        "arrayminus": [row[column] - row["ci95"][0] for row in rows],
    }


def losses(training: list[float], validation: list[float], key: str) -> None:
    """Training loss of every step, and the validation loss where it was computed.

    Fine-tuning validates before the first and after each epoch; an adaptation after every step.
    """
    figure = go.Figure()
    steps = list(range(1, len(training) + 1))
    figure.add_scatter(y=training, x=steps, name="training", line=line(0))
    per_epoch = len(validation) < len(training)
    stride = len(training) / max(len(validation) - 1, 1) if per_epoch else 1
    start = 0 if per_epoch else 1
    figure.add_scatter(
        y=validation,
        x=[start + n * stride for n in range(len(validation))],
        name="validation",
        line=line(1),
    )
    show(figure, key, title="Loss", x="step", y="loss", height=260)


def about(table: PrintedTable) -> str:
    """What the published numbers count, and why yours differ."""
    head = table.about[:1].upper() + table.about[1:]
    return f"{head}. The networks and the gallery differ from yours: compare trends, not values."


def show_printed(table: PrintedTable) -> None:
    """Draw a published table, each column with as many decimals as were printed at most."""
    decimals = [
        max((len(str(v).partition(".")[2]) for v in values if isinstance(v, float)), default=0)
        for values in zip(*table.rows, strict=True)
    ]
    config = {
        name: st.column_config.NumberColumn(format=f"%.{count}f")
        for name, count in zip(table.columns, decimals, strict=True)
        if count
    }
    st.dataframe(printed(table), hide_index=True, placeholder="–", column_config=config)


def printed(table: PrintedTable) -> pd.DataFrame:
    """A published table for the page."""
    return pd.DataFrame(table.rows, columns=list(table.columns))
