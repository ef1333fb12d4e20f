"""How each part grows with N: an SVG for RESULTS.md, and a page with everything inside."""

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np

from benchmarks.results_table import HEAD, Line
from simcore.lab import html_document

GROWTH = "growth: "  # how such a part begins; a chart needs no such word
WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 860, 460, 70, 250, 20, 50


def grown(lines: Sequence[Line]) -> list[Line]:
    """The lines that were measured at several sizes."""
    return [line for line in lines if len(line.points) > 1]


def power(points: Sequence[tuple[float, float]]) -> float:
    """The slope of log(seconds) over log(N), of the upper half of the sizes.

    >>> round(power([(100, 5.0), (200, 5.0), (400, 1.0), (800, 4.0)]), 3)
    2.0
    """
    upper = points[-max(2, (len(points) + 1) // 2) :]
    across, up = np.log([n for n, _ in upper]), np.log([s for _, s in upper])
    return float(np.polyfit(across, up, 1)[0])


def _label(line: Line) -> str:
    return f"{line.part.removeprefix(GROWTH)}, N^{power(line.points):.1f}"


def svg(lines: Sequence[Line]) -> str:
    """Seconds by N, both logarithmic, one line per curve; empty where nothing was measured so."""
    curves = grown(lines)
    if not curves:
        return ""
    xs = [math.log10(n) for line in curves for n, _ in line.points]
    ys = [math.log10(s) for line in curves for _, s in line.points]
    low_x, high_x, low_y, high_y = min(xs), max(xs), math.floor(min(ys)), math.ceil(max(ys))

    def at(n: float, seconds: float) -> tuple[float, float]:
        across = (math.log10(n) - low_x) / (high_x - low_x) * (WIDE - LEFT - RIGHT)
        up = (math.log10(seconds) - low_y) / max(high_y - low_y, 1) * (HIGH - TOP - BOTTOM)
        return LEFT + across, HIGH - BOTTOM - up

    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDE} {HIGH}' "
        "font-family='system-ui,sans-serif' font-size='13'>"
        f"<rect width='{WIDE}' height='{HIGH}' fill='#fff'/>"
    ]
    for power in range(low_y, high_y + 1):
        _, y = at(10**low_x, 10.0**power)
        parts.append(
            f"<path d='M{LEFT} {y:.1f}H{WIDE - RIGHT}' stroke='#d9dee4'/>"
            f"<text x='{LEFT - 8}' y='{y + 4:.1f}' text-anchor='end'>{10.0**power:g} s</text>"
        )
    for n in sorted({n for line in curves for n, _ in line.points}):
        x, _ = at(n, 10.0**low_y)
        parts.append(
            f"<text x='{x:.1f}' y='{HIGH - BOTTOM + 20}' text-anchor='middle'>{n:,.0f}</text>"
        )
    ends = [at(*line.points[-1])[1] for line in curves]
    for line, colour, place in zip(curves, _colours(len(curves)), _spaced(ends), strict=True):
        spots = [at(*point) for point in line.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
        dots = "".join(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3'/>" for x, y in spots)
        x, y = spots[-1]
        parts.append(
            f"<g fill='{colour}'><path d='M{path}' fill='none' stroke='{colour}' "
            f"stroke-width='2'/>{dots}"
            f"<path d='M{x:.1f} {y:.1f}L{WIDE - RIGHT + 12} {place:.1f}' stroke='{colour}' "
            f"stroke-width='.5'/><text x='{WIDE - RIGHT + 16}' y='{place + 4:.1f}'>"
            f"{escape(_label(line))}</text></g>"
        )
    middle = (LEFT + WIDE - RIGHT) / 2
    parts.append(f"<text x='{middle}' y='{HIGH - 8}' text-anchor='middle'>N</text></svg>\n")
    return "".join(parts)


def page(lines: Sequence[Line], head: str, command: str) -> str:
    """One HTML file: the table, the chart alive, and the command that gives the same."""
    blocks = [
        html_document.paragraph(head, soft=True),
        html_document.table(HEAD, [line.cells() for line in lines]),
    ]
    curves = grown(lines)
    if curves:
        import plotly.graph_objects as go

        figure = go.Figure(
            [
                go.Scatter(
                    x=[n for n, _ in line.points],
                    y=[s for _, s in line.points],
                    name=_label(line),
                    mode="lines+markers",
                    line={"color": colour},
                    hovertemplate="N = %{x:,}: %{y:.3g} s",
                )
                for line, colour in zip(curves, _colours(len(curves)), strict=True)
            ]
        )
        sizes = sorted({n for line in curves for n, _ in line.points})
        figure.update_xaxes(type="log", tickvals=sizes, ticktext=[f"{n:,.0f}" for n in sizes])
        figure.update_yaxes(type="log", dtick=1, ticksuffix=" s")
        figure.update_layout(margin={"t": 20})
        blocks += [
            html_document.heading("How each part grows"),
            html_document.chart(figure, x="N", y="", height=560),
        ]
    return html_document.document("Benchmarks", [*blocks, html_document.command(command)])


def _colours(count: int) -> list[str]:
    return [html_document.COLORS[n % len(html_document.COLORS)] for n in range(count)]


def _spaced(places: Sequence[float], step: float = 17.0) -> list[float]:
    """The same heights, moved apart so that words on them can be read.

    >>> _spaced([10.0, 12.0, 300.0])
    [10.0, 27.0, 300.0]
    """
    order = sorted(range(len(places)), key=lambda n: places[n])
    spaced = list(places)
    for before, current in pairwise(order):
        spaced[current] = max(spaced[current], spaced[before] + step)
    over = max(spaced) - (HIGH - BOTTOM)
    if over > 0:
        limit = float(HIGH - BOTTOM)
        for current in reversed(order):
            spaced[current] = min(spaced[current], limit)
            limit = spaced[current] - step
    return spaced
