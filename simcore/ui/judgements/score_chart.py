"""Bar chart of how well similarities agree with judgements."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.judgements import agreement, pair_similarities
from simcore.lab.judgements.agreement import Table
from simcore.types import Score
from simcore.ui import charts
from simcore.ui.judgements import judgement_sidebar
from simcore.ui.judgements.judgement_sidebar import PAGE
from simcore.ui.widgets import escape_markdown

ALL = agreement.ALL
CHANCE = {"triplets": 0.5, "odd": 1 / 3, "same": 0.0}
PATTERNS = ("", "/", ".", "x")


def score_bars(found: Table, group: str, chance: float) -> None:
    """Bars from chance upwards, a block a metric, as in Fig. 5.1."""
    rows = [(row, row.whole if group == ALL else row.groups[group]) for row in found.rows]
    rows = [(row, score) for row, score in rows if score.value == score.value]
    if not rows:
        st.info("Nothing in this group can be scored.")
        return
    labels = list(dict.fromkeys(display_name(row.label) for row, _ in rows))
    best, top = max(rows, key=lambda pair: pair[1].value)
    place, ticks = _places([row.metric for row, _ in rows])
    figure = go.Figure()
    for n, label in enumerate(labels):
        mine = [
            (x, row.metric, score)
            for x, (row, score) in zip(place, rows, strict=True)
            if display_name(row.label) == label
        ]
        figure.add_bar(
            x=[x for x, _, _ in mine],
            y=[s.value - chance for _, _, s in mine],
            base=chance,
            width=0.9,
            name=label,
            marker={
                "color": html_document.COLORS[n % len(html_document.COLORS)],
                "pattern_shape": PATTERNS[n // len(html_document.COLORS) % len(PATTERNS)],
            },
            customdata=[
                (judgement_sidebar.NAMES.get(m, "own metric"), s.value, s.low, s.high)
                for _, m, s in mine
            ],
            error_y={
                "type": "data",
                "symmetric": False,
                "thickness": 1,
                "width": 2,
                "color": "#7F7F7F",
                "array": [s.high - s.value for _, _, s in mine],
                "arrayminus": [s.value - s.low for _, _, s in mine],
            },
            hovertemplate=f"{label}, %{{customdata[0]}}<br>%{{customdata[1]:.1%}} "
            "[%{customdata[2]:.1%}, %{customdata[3]:.1%}]<extra></extra>",
        )
    figure.add_scatter(
        x=[x for x, (_, s) in zip(place, rows, strict=True) if s.value == top.value],
        y=[s.high + 0.015 for _, s in rows if s.value == top.value],
        mode="markers",
        marker={"symbol": "triangle-down", "color": html_document.COLORS[2], "size": 11},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(
        tickvals=list(ticks.values()),
        ticktext=list(ticks),
        showgrid=False,
        zeroline=False,
        range=[-0.8, max(place) + 0.8],
    )
    figure.update_yaxes(tickformat=".0%")
    charts.level(figure, chance, "chance" if chance else "")
    if ceiling := found.people.get("ceiling"):
        charts.level(figure, ceiling[group].value, "ceiling of the votes")
    if person := found.people.get("person"):
        charts.level(figure, person[group].value, "one more person")
    metric = judgement_sidebar.NAMES.get(best.metric, "")
    who = "the known order" if found.judged.votes != "human" else "people"
    charts.show(
        figure,
        f"{PAGE}_bars",
        y=found.score,
        height=360,
        title=f"Best against {who} in {escape_markdown(group_label(group, found))}: ▼ {escape_markdown(display_name(best.label))}"
        f"{', ' + metric if metric else ''}, {100 * top.value:.1f} % "
        f"[{100 * top.low:.1f}, {100 * top.high:.1f}]",
    )


def _places(metrics: Sequence[str]) -> tuple[list[float], dict[str, float]]:
    """Where each bar stands, blocks of a metric with a gap between, and each block's middle."""
    place: list[float] = [0.0] * len(metrics)
    ticks: dict[str, float] = {}
    x = 0.0
    for metric in (*judgement_sidebar.NAMES, pair_similarities.OWN):
        mine = [k for k, m in enumerate(metrics) if m == metric]
        for k in mine:
            place[k], x = x, x + 1
        if mine:
            name = judgement_sidebar.NAMES.get(metric, "Distances")
            ticks[name] = (place[mine[0]] + place[mine[-1]]) / 2
            x += 1
    return place, ticks


def display_name(label: str) -> str:
    """A label that fits a legend."""
    kind, _, inner = label.partition("(")
    return f"{kind} of {inner.count(' + ') + 1}" if inner else label


def group_label(group: str, found: Table) -> str:
    trials = f"{trial_count(group, found):,} trials"
    return f"all groups ({trials})" if group == ALL else f"{group} ({trials})"


def trial_count(group: str, found: Table) -> int:
    return sum(found.groups.values()) if group == ALL else found.groups[group]


def percent_label(score: Score, *, wide: bool) -> str:
    if score.value != score.value:  # NaN: nothing to score
        return ""
    text = f"{100 * score.value:.1f}"
    return text + (f"  [{100 * score.low:.1f}, {100 * score.high:.1f}]" if wide else "")
