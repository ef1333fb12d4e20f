"""Bar chart of how well similarities agree with judgements (margaritescu2024, Fig. 5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.judgements import agreement, pair_similarities
from simcore.lab.judgements.agreement import ALL, AgreementTable
from simcore.types import Score
from simcore.ui import charts
from simcore.ui.judgements.judgement_sidebar import METRIC_LABELS, PAGE
from simcore.ui.widgets import escape_markdown

# Color and pattern of each similarity, in order: all colors plain, then hatched, dotted, crossed.
STYLES = tuple(
    {"color": color, "pattern_shape": pattern}
    for pattern in ("", "/", ".", "x")
    for color in html_document.COLORS
)
BEST_COLOR = html_document.COLORS[2]
LINES = {"ceiling": "human ceiling", "person": "one more person"}  # key of `people` -> label


@dataclass(frozen=True)
class _Bar:
    """One bar: where it stands, whose it is, and its score."""

    x: float
    label: str
    metric: str
    score: Score


def show(table: AgreementTable, group: str) -> None:
    """Show the scores of a group, or of all, as bars that start at chance."""
    bars = _bars(table, group)
    if not bars:
        st.info("Nothing in this group can be scored.")
        return
    best = max(bars, key=lambda bar: bar.score.value)
    metric = METRIC_LABELS.get(best.metric, "")
    reference = "people" if table.judged.votes == "human" else "the known order"
    charts.show(
        score_bars(table, group),
        f"{PAGE}_bars",
        y=table.score,
        height=360,
        title=f"Best against {reference} in {escape_markdown(group_label(group, table))}: "
        f"▼ {escape_markdown(best.label)}{', ' + metric if metric else ''}, "
        f"{100 * best.score.value:.1f} % "
        f"[{100 * best.score.low:.1f}, {100 * best.score.high:.1f}]",
    )


def score_bars(table: AgreementTable, group: str) -> go.Figure:
    """Bars from chance upwards, one block per metric, with lines for chance and people."""
    bars = _bars(table, group)
    chance = agreement.CHANCE[type(table.judged.trials)]
    figure = go.Figure()
    for k, label in enumerate(dict.fromkeys(bar.label for bar in bars)):
        trace = _trace([bar for bar in bars if bar.label == label], chance)
        figure.add_trace(trace.update(name=label, marker=STYLES[k % len(STYLES)]))
    best = max(bar.score.value for bar in bars)
    winners = [bar for bar in bars if bar.score.value == best]
    figure.add_scatter(
        x=[bar.x for bar in winners],
        y=[bar.score.high + 0.015 for bar in winners],
        mode="markers",
        marker={"symbol": "triangle-down", "color": BEST_COLOR, "size": 11},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_layout(barmode="overlay")
    tick_positions, tick_labels = _ticks(bars)
    figure.update_xaxes(
        tickvals=tick_positions,
        ticktext=tick_labels,
        showgrid=False,
        zeroline=False,
        range=[-0.8, max(bar.x for bar in bars) + 0.8],
    )
    figure.update_yaxes(tickformat=".0%")
    charts.level(figure, chance, "chance" if chance else "")
    for key, label in LINES.items():
        if key in table.people:
            charts.level(figure, table.people[key][group].value, label)
    return figure


def _bars(table: AgreementTable, group: str) -> list[_Bar]:
    """The bars of a group that can be scored, blocks of a metric with a gap between them."""
    rows = [row for row in table.rows if not np.isnan(row.scores[group].value)]
    positions = _positions([row.metric for row in rows])
    return [
        _Bar(x, display_name(row.label), row.metric, row.scores[group])
        for x, row in zip(positions, rows, strict=True)
    ]


def _positions(metrics: Sequence[str]) -> list[float]:
    """The x of each bar, blocks in the order of METRIC_LABELS and distances last.

    >>> _positions(["l1", "cosine", "l1", "own"])
    [2.0, 0.0, 3.0, 5.0]
    """
    positions = [0.0] * len(metrics)
    x = 0.0
    for block in (*METRIC_LABELS, pair_similarities.OWN):
        members = [k for k, metric in enumerate(metrics) if metric == block]
        for k in members:
            positions[k] = x
            x += 1
        x += bool(members)  # the gap
    return positions


def _ticks(bars: Sequence[_Bar]) -> tuple[list[float], list[str]]:
    """The middle and the label of each block."""
    blocks: dict[str, list[float]] = {}
    for bar in sorted(bars, key=lambda bar: bar.x):
        blocks.setdefault(METRIC_LABELS.get(bar.metric, "Distances"), []).append(bar.x)
    return [(xs[0] + xs[-1]) / 2 for xs in blocks.values()], list(blocks)


def _trace(bars: Sequence[_Bar], chance: float) -> go.Bar:
    """The bars of one similarity, with their 95 % confidence intervals."""
    scores = [bar.score for bar in bars]
    return go.Bar(
        x=[bar.x for bar in bars],
        y=[score.value - chance for score in scores],
        base=chance,
        width=0.9,
        customdata=[
            (METRIC_LABELS.get(bar.metric, "own metric"), s.value, s.low, s.high)
            for bar, s in zip(bars, scores, strict=True)
        ],
        error_y={
            "type": "data",
            "symmetric": False,
            "thickness": 1,
            "width": 2,
            "color": charts.GRAY,
            "array": [score.high - score.value for score in scores],
            "arrayminus": [score.value - score.low for score in scores],
        },
        hovertemplate=f"{bars[0].label}, %{{customdata[0]}}<br>%{{customdata[1]:.1%}} "
        "[%{customdata[2]:.1%}, %{customdata[3]:.1%}]<extra></extra>",
    )


def display_name(label: str) -> str:
    """A label short enough for a legend.

    >>> display_name("zsum(hog + color)")
    'zsum of 2'
    """
    combine, _, members = label.partition("(")
    return f"{combine} of {members.count(' + ') + 1}" if members else label


def group_label(group: str, table: AgreementTable) -> str:
    """A group and its number of trials."""
    trials = f"{table.n_trials(group):,} trials"
    return f"all groups ({trials})" if group == ALL else f"{group} ({trials})"
