"""How each part grows with N: an SVG for the docs, and a page with everything inside."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.results_table import HEAD, Line
from simcore.lab import html_document

GROWTH = "growth: "  # how such a part begins; a chart needs no such word
DOCS_CHART = Path(__file__).resolve().parents[1] / "docs" / "growth.svg"
WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 900, 460, 80, 250, 20, 56


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
    """Seconds by N, and below them GB where these were measured, both logarithmic.

    One line per curve; empty where nothing was measured at several sizes.
    """
    curves = grown(lines)
    if not curves:
        return ""
    sizes = [n for line in curves for n, _ in line.points]
    panels = [_Panel("CPU seconds", "s", [line.points for line in curves], 0)]
    if any(len(line.memory) > 1 for line in curves):
        panels.append(_Panel("memory", "GB", [line.memory for line in curves], HIGH))
    labels = [[_label(line) for line in curves]]
    labels += [[line.part.removeprefix(GROWTH) for line in curves]]
    body = "".join(
        panel.svg(names, (min(sizes), max(sizes)))
        for panel, names in zip(panels, labels, strict=False)
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDE} {HIGH * len(panels)}' "
        "font-family='system-ui,sans-serif' font-size='13'>"
        f"<rect width='{WIDE}' height='{HIGH * len(panels)}' fill='#fff'/>{body}</svg>\n"
    )


@dataclass(frozen=True)
class _Panel:
    """One quantity by N.

    Attributes:
        title, unit: of the quantity.
        curves: (N, value) points of each curve.
        top: where it begins, in px.
    """

    title: str
    unit: str
    curves: Sequence[Sequence[tuple[float, float]]]
    top: float

    def svg(self, labels: Sequence[str], sizes: tuple[float, float]) -> str:
        """The axes, the curves and their names."""
        ys = [math.log10(max(value, 1e-9)) for curve in self.curves for _, value in curve]
        low, high = math.floor(min(ys)), math.ceil(max(ys))

        def at(n: float, value: float) -> tuple[float, float]:
            span = max(math.log10(sizes[1] / sizes[0]), 1e-9)
            across = math.log10(n / sizes[0]) / span * (WIDE - LEFT - RIGHT)
            share = (math.log10(max(value, 1e-9)) - low) / max(high - low, 1)
            return LEFT + across, self.top + HIGH - BOTTOM - share * (HIGH - TOP - BOTTOM)

        parts = [self._axes(at, low, high)]
        ends = [at(*curve[-1])[1] - self.top for curve in self.curves]
        colors = _colors(len(self.curves))
        rows = zip(self.curves, labels, colors, _spaced(ends), strict=True)
        for curve, label, color, place in rows:
            spots = [at(*point) for point in curve]
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
            dots = "".join(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3'/>" for x, y in spots)
            x, y = spots[-1]
            edge, height = WIDE - RIGHT + 12, self.top + place
            parts.append(
                f"<g fill='{color}'><path d='M{path}' fill='none' stroke='{color}' "
                f"stroke-width='2'/>{dots}<path d='M{x:.1f} {y:.1f}L{edge} {height:.1f}' "
                f"stroke='{color}' stroke-width='.5'/><text x='{edge + 4}' "
                f"y='{height + 4:.1f}'>{escape(label)}</text></g>"
            )
        return "".join(parts)

    def _axes(self, at: Callable[[float, float], tuple[float, float]], low: int, high: int) -> str:
        parts = []
        for exponent in range(low, high + 1):
            value = 10.0**exponent
            x, y = at(self.curves[0][0][0], value)
            parts.append(
                f"<path d='M{LEFT} {y:.1f}H{WIDE - RIGHT}' stroke='#d9dee4'/><text x='{LEFT - 8}' "
                f"y='{y + 4:.1f}' text-anchor='end'>{value:g} {self.unit}</text>"
            )
        bottom, last = self.top + HIGH - BOTTOM, -math.inf
        for n in sorted({n for curve in self.curves for n, _ in curve}):
            x, _ = at(n, 10.0**low)
            if x - last > 50:  # px, so that numbers do not overlap
                last = x
                parts.append(
                    f"<text x='{x:.1f}' y='{bottom + 20}' text-anchor='middle'>{n:,.0f}</text>"
                )
        middle = (LEFT + WIDE - RIGHT) / 2
        parts.append(
            f"<text x='{middle}' y='{bottom + 42}' text-anchor='middle'>N: {self.title}</text>"
        )
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
                    line={"color": color},
                    hovertemplate="N = %{x:,}: %{y:.3g} s",
                )
                for line, color in zip(curves, _colors(len(curves)), strict=True)
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


def _colors(count: int) -> list[str]:
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
