"""The page Leaderboard: the table, quality against cost, links, and files to download."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.leaderboard import board_entries, board_files
from simcore.lab.leaderboard.board import Board, PlacesByRow
from simcore.lab.leaderboard.board_entries import COSTS, Entry
from simcore.lab.leaderboard.board_tasks import MEASURES, Task
from simcore.lab.library import models
from simcore.types import Labels
from simcore.ui import actions, charts, page_export, widgets
from simcore.ui.leaderboard import name_places
from simcore.ui.leaderboard.name_places import Interval
from simcore.ui.widgets import escape_markdown

LEVEL, WORSE = html_document.COLORS[0], "#9A9A9A"
FRONT = html_document.COLORS[1]
LOG_RATIO = 20  # of the highest to the lowest cost from which their axis is logarithmic
HEADROOM = 1.05  # of the chart's axis over the highest interval or name
LINE = 0.09  # of a name's height to the highest interval's
HEIGHT, MAX_ROWS = 460, 10  # px; a table with more rows scrolls
Cells = dict[str, Any]  # heading -> value, or how its column is shown


def table(board: Board, key: str) -> Entry | None:
    """The rows, those without a score last and gray; returns the one that is clicked."""
    import pandas as pd

    numbers = list(board.order)
    places = board.places()
    rows = [_cells(board, number, places) for number in numbers]
    frame = pd.DataFrame(rows)
    gray = [not board.entries[number].outcomes for number in numbers]
    styled = frame.style.apply(
        lambda row: ["color: gray" if gray[int(row.name)] else ""] * len(row), axis=1
    ).format(_formats(board), na_rep="")
    event = st.dataframe(
        styled,
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        placeholder="",
        height=HEIGHT if len(rows) > MAX_ROWS else "auto",
        column_config=_column_config(board),
    )
    static = board.to_table()
    page_export.add(key, lambda: [html_document.table(static.columns, static.rows)])
    selected = event.selection.rows
    return board.entries[numbers[selected[0]]] if selected else None


def _cells(board: Board, number: int, places: PlacesByRow) -> Cells:
    entry = board.entries[number]
    place, by = places.get(number), board.column()
    cells: Cells = {
        "rank": None if place is None else place.rank,
        "rank, 95 %": "" if place is None else f"{place.low} to {place.high}",
        "best": "" if place is None or not place.level_with_best else "★",
        "backbone": entry.backbone,
        "metric": entry.metric if entry.outcomes else "",
        "post": entry.post if entry.outcomes else "",
    }
    for column in sorted(board.columns, key=lambda column: column != by):
        score = board.scores[column.name].get(number)
        cells[column.name] = None if score is None else 100 * score.value
        if column == by:
            interval = "" if score is None else f"{100 * score.low:.1f} to {100 * score.high:.1f}"
            cells[f"{column.name}, 95 %"] = interval
    for name, heading in COSTS.items():
        cells[heading] = board_entries.cost_value(entry.cost, name)
    reasons = dict.fromkeys(filter(None, (entry.reason(task) for task in board.tasks)))
    return {
        **cells,
        "license": entry.license,
        "printed": entry.printed,
        "why missing": "; ".join(reasons),
    }


def _formats(board: Board) -> Labels:
    """How numbers of each column are written; what is unknown stays empty."""
    scores = dict.fromkeys((column.name for column in board.columns), "{:.1f}")
    costs = {"milliseconds": "{:.1f}", "bytes": "{:.1f}", "parameters": "{:.2f}", "dim": "{:,.0f}"}
    return {"rank": "{:.0f}", **scores, **{COSTS[name]: text for name, text in costs.items()}}


def _column_config(board: Board) -> Cells:
    number = st.column_config.NumberColumn
    config: Cells = {
        "best": st.column_config.Column(
            width=40, help="★: not significantly worse than the best (5 %, Holm's correction)."
        ),
        "rank, 95 %": st.column_config.Column(
            "95 %",
            width=80,  # measured from its first rows, it would be too narrow for two digits
            help="Interval of the rank: other pairs or trials could have been sampled.",
        ),
        "backbone": widgets.name_column(entry.backbone for entry in board.entries),
        "why missing": st.column_config.Column(width=320),
        "printed": st.column_config.Column(help="What a paper prints about this backbone."),
        "ms per image": number(help="One decoded image to features, measured on this computer."),
    }
    for column in board.columns:
        config[column.name] = number(
            f"{column.measure} % ({column.task.name})",
            help=MEASURES[column.measure] + _ceiling(column.task),
        )
        config[f"{column.name}, 95 %"] = st.column_config.Column("95 % interval")
    return config


def _ceiling(task: Task) -> str:
    if task.ceiling is None:
        return ""
    return f". People's own votes reach {100 * task.ceiling:.1f} %"


def links(entry: Entry, collection: str) -> None:
    """Explore and Compare with the clicked backbone."""
    if not models.is_known(entry.backbone):
        st.caption(f"{escape_markdown(entry.backbone)} is a backbone of another computer.")
        return
    query = _address(entry, collection)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escape_markdown(entry.label)}**")
        for page, label in (("explore", "Explore"), ("compare", "Compare")):
            st.page_link(
                f"pages/{page}.py",
                label=f"Open in {label}",
                icon=":material/arrow_forward:",
                query_params=query,
            )


def _address(entry: Entry, collection: str) -> Labels:
    return {"collection": collection, "models": entry.backbone, "metric": entry.metric}


def scatter(board: Board, cost: str, collection: str, key: str) -> None:
    """Quality against cost, with the line of what no other backbone beats in both.

    A click on a point opens Explore.
    """
    column = board.column()
    scores, places = board.scores[column.name], board.places()
    priced = [n for n in scores if getattr(board.entries[n].cost, cost) is not None]
    if not priced:
        name = escape_markdown(column.name)
        st.info(
            "The cost of these backbones is unknown." if scores else f"No scores of {name} yet."
        )
        return
    front = board.pareto(column.name, cost)
    figure = go.Figure()
    figure.add_scatter(
        x=[board_entries.cost_value(board.entries[n].cost, cost) for n in front],
        y=[100 * scores[n].value for n in front],
        mode="lines",
        line={"color": FRONT, "width": 1.5, "dash": "dot", "shape": "hv"},
        name="Pareto front",
        hoverinfo="skip",
    )
    levels = {n for n in priced if n in places and places[n].level_with_best}
    _points(figure, board, cost, [n for n in priced if n not in levels])
    _points(figure, board, cost, [n for n in priced if n in levels], level=True)
    costs = [board_entries.cost_value(board.entries[n].cost, cost) or 0.0 for n in priced]
    lowest, highest = min(costs), max(costs)
    is_log = lowest > 0 and highest > LOG_RATIO * lowest
    if is_log:
        ticks = [digit * 10.0**power for power in range(-2, 7) for digit in (1, 2, 5)]
        names = [f"{tick:,.10g}" for tick in ticks]
        figure.update_xaxes(type="log", tickvals=ticks, ticktext=names)
    else:
        figure.update_xaxes(rangemode="tozero")
    shares = _shares(costs, is_log=is_log)
    intervals = {
        n: Interval(share, 100 * scores[n].low, 100 * scores[n].high)
        for n, share in zip(priced, shares, strict=True)
    }
    top = _names(figure, board, cost, front, intervals)
    figure.update_yaxes(range=[0, HEADROOM * top])
    entries = {board.entries[n].label: board.entries[n] for n in priced}

    def open_(label: str) -> None:
        entry = entries[label]
        if models.is_known(entry.backbone):
            actions.open_later("pages/explore.py", _address(entry, collection))

    charts.show(
        figure,
        key,
        title=f"{column.measure} on {escape_markdown(column.task.name)} against cost",
        x=COSTS[cost],
        y=f"{column.measure}, %",
        height=400,
        on_click=open_,
    )


def _points(
    figure: go.Figure,
    board: Board,
    cost: str,
    rows: Sequence[int],
    *,
    level: bool = False,
) -> None:
    if not rows:
        return
    scores = [board.scores[board.column().name][n] for n in rows]
    labels = [board.entries[n].label for n in rows]
    costs = [board_entries.cost_value(board.entries[n].cost, cost) or 0.0 for n in rows]
    figure.add_scatter(
        x=costs,
        y=[100 * score.value for score in scores],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [100 * (score.high - score.value) for score in scores],
            "arrayminus": [100 * (score.value - score.low) for score in scores],
            "thickness": 1,
            "width": 3,
        },
        mode="markers",
        marker={
            "size": 10,
            "color": LEVEL if level else WORSE,
            "symbol": "star" if level else "circle",
        },
        name="not worse than the best" if level else "significantly worse",
        customdata=labels,
        hovertemplate="%{customdata}<br>%{y:.1f} % at %{x:.3g}<br>click to open in Explore"
        "<extra></extra>",
    )


def _shares(costs: Sequence[float], *, is_log: bool) -> list[float]:
    """Where costs are on their axis: 0 at its left end, 1 at its right."""
    lowest, highest = min(costs), max(costs)
    if is_log:
        return [math.log(cost / lowest) / math.log(highest / lowest) for cost in costs]
    return [cost / highest if highest else 0.0 for cost in costs]


def _names(
    figure: go.Figure,
    board: Board,
    cost: str,
    front: Sequence[int],
    intervals: Mapping[int, Interval],
) -> float:
    """Name the backbones of the front above their intervals; returns the upper end of all, in %."""
    highest = max(interval.high for interval in intervals.values())
    texts = [board.entries[n].backbone for n in front]
    others = [interval for n, interval in intervals.items() if n not in front]
    names = name_places.place(texts, [intervals[n] for n in front], others, LINE * highest)
    figure.add_scatter(
        x=[board_entries.cost_value(board.entries[n].cost, cost) or 0.0 for n in front],
        y=[name.bottom for name in names],
        mode="text",
        text=texts,
        textposition=[
            "top right" if name.left == intervals[n].x else "top left"
            for n, name in zip(front, names, strict=True)
        ],
        cliponaxis=False,
        showlegend=False,
        hoverinfo="skip",
    )
    return max(highest, *(name.bottom + LINE * highest for name in names))


def _encoded(make: Callable[[], str]) -> Callable[[], bytes]:
    """The text of a file as bytes, made when it is downloaded."""
    return lambda: make().encode()


def downloads(board: Board, name: str) -> None:
    """The board as CSV, LaTeX, HTML, and as a file that another computer can merge."""
    files = {
        "CSV": ("csv", "text/csv", lambda: board.to_wide_table().to_csv()),
        "LaTeX": ("tex", "text/x-tex", lambda: board_files.to_latex(board)),
        "HTML": ("html", "text/html", lambda: board_files.to_html(board)),
        "JSON": ("json", "application/json", lambda: board_files.dump(board)),
    }
    with st.container(horizontal=True):
        for label, (suffix, mime, make) in files.items():
            st.download_button(
                label,
                _encoded(make),
                f"{name}-leaderboard.{suffix}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"leaderboard_download_{suffix}",
                help="Ranks and credits without images, to merge with leaderboards of others."
                if suffix == "json"
                else None,
            )


def missing(board: Board) -> None:
    """How many backbones have no score."""
    count = len({entry.backbone for entry in board.missing})
    if count:
        noun = "backbone has" if count == 1 else "backbones have"
        st.caption(
            f"{count} {noun} no score: see the gray rows.",
            help="Scroll down in the table; the column “why missing” says what each needs.",
        )


def notes(board: Board) -> None:
    """What to know about the rows."""
    for note in (*board.remarks, *board.notes):
        st.caption(widgets.escape_markdown(note))
