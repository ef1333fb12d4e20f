"""Charts of sections as plotly figures: distinct colors and dashes, titled axes, intervals."""

from typing import TYPE_CHECKING

from simcore.lab import html_document
from simcore.lab.papers.sections import Chart, Series
from simcore.types import JSON

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_MARKED = 20  # lines with more points have no markers, and a band instead of error bars


def figure(chart: Chart) -> "Figure":
    """A chart as a plotly figure."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, series in enumerate(chart.series):
        if chart.kind == "bars":
            figure.add_bar(
                x=series.x,
                y=series.y,
                name=series.label,
                marker=html_document.bar_style(number),
                error_y=_error_bars(series),
            )
        else:
            _add_line(figure, series, number)
    for level in chart.levels:
        figure.add_hline(
            y=level.value,
            line={"color": "#5a6570", "dash": "dot", "width": 1.5},
            annotation={"text": level.label, "xanchor": "left", "yanchor": "middle", "x": 1},
        )
    figure.update_layout(
        margin={"l": 10, "r": _right_margin(chart), "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis_title=chart.x_title,
        yaxis_title=chart.y_title,
        showlegend=len(chart.series) > 1,
        barmode="group",
    )
    if chart.kind == "bars":
        figure.update_xaxes(type="category").update_yaxes(rangemode="tozero")
    elif chart.log_x:
        figure.update_xaxes(type="log", dtick=1)
    return figure.update_xaxes(automargin=True).update_yaxes(automargin=True)


def _right_margin(chart: Chart) -> int:
    """In px: the names of levels are beside their lines, where no bar covers them."""
    return 10 + 7 * max((len(level.label) for level in chart.levels), default=0)


def height(chart: Chart) -> int:
    """The height in px: legends of many series take more than one line."""
    return 400 + 8 * len(chart.series)


def _add_line(figure: "Figure", series: Series, number: int) -> None:
    style = html_document.line_style(number if series.color is None else series.color)
    style |= {"dash": series.dash} if series.dash else {}
    marked = len(series.x) <= MAX_MARKED
    if series.low and not marked:
        figure.add_scatter(
            x=(*series.x, *series.x[::-1]),
            y=(*series.high, *series.low[::-1]),
            fill="toself",
            fillcolor=style["color"],
            opacity=0.12,
            mode="none",
            legendgroup=series.label,
            showlegend=False,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=series.x,
        y=series.y,
        name=series.label,
        mode="lines+markers" if marked else "lines",
        line=style,
        legendgroup=series.label,
        error_y=_error_bars(series) if marked else None,
    )


def _error_bars(series: Series) -> JSON | None:
    if not series.low:
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - y for y, high in zip(series.y, series.high, strict=True)],
        "arrayminus": [y - low for y, low in zip(series.y, series.low, strict=True)],
        "thickness": 1.2,
    }
