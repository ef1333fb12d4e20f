"""What an experiment found: Table 2b, Figures 5a and 5b, position bias, the participants."""

import json
import shlex
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.library import collections
from simcore.lab.people import analysis, export
from simcore.lab.printed_values import HUMANS
from simcore.ui import charts, gallery, kiosk, sidebar, thumbnails, widgets
from simcore.ui.gallery import Tile
from simcore.ui.learn.judgement_training import PAGE
from simcore.ui.widgets import escape_markdown

QUESTIONS = 4  # on a page
SHOWN = 4  # machines beside people, until others are chosen
SHARE = "share of the most frequent choice, %"
TENTHS = [f"{n * 10}-{n * 10 + 10}" for n in range(10)]


@dataclass(frozen=True)
class Drawn:
    """A chart with its words; on the page and in the report."""

    key: str
    title: str
    figure: go.Figure
    x: str = ""
    y: str = ""
    height: int = 300


def show(name: str, row: dict) -> None:
    """Everything; a sentence where nobody has answered.

    Raises:
        SimError: it cannot be analysed.
    """
    if not row["answers"]:
        st.info("Nobody has answered yet. The address for participants is under Invite.")
        return
    machines, attentive = _options(row["collection"])
    told = analysis.analyse(name, machines, attentive=attentive)
    if len(told["conditions"]) == 2:
        told = told | {"conditions": told["conditions"][:1]}  # the only one is all there is
    if told["left_out"]:
        st.caption(f"Left out for a failed catch trial: {len(told['left_out'])} participants.")
    if any(row["human"] for row in told["conditions"]):
        _draw(_accuracy(told))
    else:
        st.caption("No mates are known here, so nothing is right or wrong: see who agrees.")
    st.dataframe(_table(told), hide_index=True, placeholder="–", key="findings_table")
    words = ["simcore", "experiment", "analyse", name, "--models", ",".join(machines) or "none"]
    hand = shlex.join([*words, *(["--attentive"] if attentive else [])])
    st.code(hand, language="bash", wrap_lines=True)
    with st.expander(f"As printed in {HUMANS.paper}, {HUMANS.place}"):
        st.caption(charts.about(HUMANS))
        st.dataframe(charts.printed(HUMANS), hide_index=True, placeholder="–")
        st.caption(HUMANS.remark)
    _agreement(told)
    _questions(told)
    st.subheader("Does the place matter?", anchor=False)
    _draw(_places(told))
    st.subheader("Participants", anchor=False)
    st.dataframe(_people(told["people"]), hide_index=True, placeholder="–", key="findings_people")
    _downloads(name, told, hand)
    if not kiosk.enabled():
        offer(name)


def _options(collection: str) -> tuple[list[str], bool]:
    ready = sidebar.ready(collection) if collection in collections.names() else []
    with st.sidebar:
        machines = st.multiselect(
            "Machines", ready, default=ready[:SHOWN], key=f"findings_machines_{collection}"
        )
        attentive = st.toggle(
            "Without the inattentive",
            key="findings_attentive",
            help="Leaves out participants who failed a catch trial.",
        )
    return machines, attentive


def _accuracy(told: dict) -> Drawn:
    """Bars a condition: people, and each machine (Table 2b)."""
    rows = [row for row in told["conditions"] if row["human"]]
    names = [row["condition"] for row in rows]
    figure = go.Figure()
    series = [("people", [row["human"] for row in rows])]
    for n, machine in enumerate(rows[0]["machines"]):
        own = [row["machines"][n] for row in rows]
        series.append((machine["model"], [{"value": m["right"], "ci95": m["ci95"]} for m in own]))
    for n, (label, scores) in enumerate(series):
        shares = [
            {"share": 100 * s["value"], "ci95": [100 * end for end in s["ci95"]]} for s in scores
        ]
        figure.add_bar(
            x=names,
            y=[s["share"] for s in shares],
            name=label,
            marker_color=html_document.COLORS[n % len(html_document.COLORS)],
            error_y=charts.error_bars(shares, "share"),
            hovertemplate="%{x}, " + label + ": %{y:.1f} %<extra></extra>",
        )
    figure.update_layout(barmode="group", yaxis_range=[0, 100])
    charts.level(figure, 100 / told["choices"], "by chance")
    title = f"Correct choices among {told['choices']}, by where the distractors come from"
    return Drawn("accuracy", f"{title} (Table 2b); bars: 95 %", figure, y="% correct", height=380)


def _table(told: dict) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "condition": row["condition"],
                "questions": row["questions"],
                "answers": row["answers"],
                "people right %": _percent(row["human"]),
                "human ceiling %": _percent(row["ceiling"]),
                "majority share %": None
                if row["majority"] is None
                else f"{100 * row['majority']:.1f}",
                "median s": row["median_seconds"] and round(row["median_seconds"], 1),
            }
            | {
                f"{m['model']}: chose as people did %": _percent(m["with_people"])
                for m in row["machines"]
            }
            for row in told["conditions"]
        ]
    )


def _agreement(told: dict) -> None:
    found = told["agreement"]
    st.subheader("Do people agree?", anchor=False)
    if not found["questions"]:
        st.info("No question has two answers yet.")
        return
    shown = [
        (
            "Majority agrees",
            f"{100 * found['most']:.0f} %",
            "Questions on which more than half chose the same; 87 % in the paper.",
        ),
        ("All agree", f"{100 * found['unanimous']:.0f} %", "30 % in the paper."),
        (
            "Krippendorff's alpha",
            _number(found["alpha"]),
            "1: complete agreement; 0: as by chance. None where nothing varies.",
        ),
        (
            "Agreement and correctness, r",
            _number(found["correlation"]),
            "Pearson's r over questions; 0.94 in the paper.",
        ),
    ]
    for column, (label, value, help_) in zip(st.columns(4), shown, strict=True):
        column.metric(label, value, help=help_)
    for column, drawn in zip(st.columns(2), _agreements(told), strict=False):
        with column:
            _draw(drawn)


def _agreements(told: dict) -> list[Drawn]:
    """How many agree, and whether they are right then (Fig. 5a, 5b)."""
    found = told["agreement"]
    title = f"How many agree, on {found['questions']:,} questions (Fig. 5a)"
    drawn = [Drawn("majority", title, _tenths(found["histogram"]), x=SHARE, y="questions")]
    if any(share is not None for share in found["right"]):
        shares = [None if share is None else 100 * share for share in found["right"]]
        title = "How often the most frequent choice is right (Fig. 5b)"
        drawn.append(Drawn("right", title, _tenths(shares), x=SHARE, y="it is the mate, %"))
    return drawn


def _tenths(values: list) -> go.Figure:
    figure = go.Figure(go.Bar(x=TENTHS, y=values, marker_color=html_document.COLORS[0]))
    return figure.update_xaxes(type="category")


def _draw(drawn: Drawn) -> None:
    charts.show(
        drawn.figure,
        f"findings_{drawn.key}",
        title=drawn.title,
        x=drawn.x,
        y=drawn.y,
        height=drawn.height,
    )


@st.fragment
def _questions(told: dict) -> None:
    """The questions themselves, with how many chose what (Fig. 4)."""
    st.subheader("The questions", anchor=False)
    judged = [row for row in told["asked"] if row["mate"] >= 0]
    order = st.segmented_control(
        "Order",
        ["Most agreed on", "Most divided", *(["Most against the mate"] if judged else [])],
        default="Most agreed on",
        key="findings_order",
        label_visibility="collapsed",
        required=True,
    )
    rows = list(told["asked"])
    if order == "Most divided":
        rows.reverse()
    elif order == "Most against the mate":
        rows = sorted(judged, key=_against, reverse=True)
    for row in gallery.paged(rows, f"findings_page_{order}", QUESTIONS):
        total = sum(row["counts"])
        shown = [
            Tile(
                id=row["query"],
                side="left",
                src=thumbnails.source(row["query_key"]),
                here=True,
                caption="query",
                alt=f"Query {row['query']}",
            )
        ]
        for place in sorted(range(len(row["counts"])), key=lambda n: -row["counts"][n]):
            (name, key), count = row["options"][place], row["counts"][place]
            shown.append(
                Tile(
                    id=name,
                    side="right",
                    src=thumbnails.source(key),
                    mate=place == row["mate"],
                    caption=f"{count} of {total}",
                    alt=f"{name}, chosen by {count} of {total}",
                )
            )
        st.caption(f"Question {row['number']}, {escape_markdown(row['condition'])}")
        gallery.grid(shown, key=f"findings_question_{row['number']}")


def _against(row: dict) -> float:
    """How many more chose the most frequent option than the mate, as a share."""
    return (max(row["counts"]) - row["counts"][row["mate"]]) / sum(row["counts"])


def _places(told: dict) -> Drawn:
    """How often each place on the screen was chosen."""
    counts = told["places"]["counts"]
    names = [str(n) for n in range(1, len(counts) + 1)]
    figure = go.Figure(go.Bar(x=names, y=counts, marker_color=html_document.COLORS[4]))
    charts.level(figure, sum(counts) / len(counts), "equally often")
    found = f"chi-squared {told['places']['statistic']:.1f}, p = {told['places']['p']:.3g}"
    title = f"Pictures are shuffled for everybody: {found}"
    return Drawn("places", title, figure, x="place on the screen", y="answers", height=260)


def _downloads(name: str, told: dict, hand: str) -> None:
    files = [
        ("Answers as CSV", lambda: export.export(name).encode(), f"{name}.csv", "text/csv"),
        (
            "Triplets as CSV",
            lambda: export.triplets(name).encode(),
            f"{name}-triplets.csv",
            "text/csv",
        ),
        (
            "All of this as one HTML file",
            lambda: _report(name, told, hand),
            f"{name}.html",
            "text/html",
        ),
        (
            "Analysis as JSON",
            lambda: json.dumps(told, indent=2).encode(),
            f"{name}.json",
            "application/json",
        ),
    ]
    with st.container(horizontal=True):
        for label, data, file, mime in files:
            st.download_button(
                label, data, file, mime=mime, icon=":material/download:", on_click="ignore"
            )


def _report(name: str, told: dict, hand: str) -> bytes:
    """What the page shows, thumbnails inside; for those who have nothing installed."""
    drawn = [_accuracy(told)] if any(row["human"] for row in told["conditions"]) else []
    found = told["agreement"]
    parts = [
        html_document.words(
            f"{told['answers']:,} answers of {told['participants']:,} participants to "
            f"{told['questions']:,} questions with {told['choices']} choices, "
            f"from {told['collection']}."
        ),
        html_document.table(list(_table(told)), _table(told).to_numpy().tolist()),
        html_document.command(hand),
    ]
    if found["questions"]:
        drawn += _agreements(told)
        parts.append(
            html_document.words(
                f"The majority agrees on {100 * found['most']:.0f} % of {found['questions']:,} "
                f"questions, all on {100 * found['unanimous']:.0f} %; Krippendorff's alpha "
                f"{_number(found['alpha'])}; agreement and correctness: r "
                f"{_number(found['correlation'])}."
            )
        )
    for one in [*drawn, _places(told)]:
        parts += [
            html_document.heading(one.title),
            html_document.chart(one.figure, x=one.x, y=one.y),
        ]
    parts.append(html_document.heading("The questions, the most agreed on first"))
    for row in told["asked"]:
        order = sorted(range(len(row["counts"])), key=[-n for n in row["counts"]].__getitem__)
        keys = [row["query_key"], *(row["options"][n][1] for n in order)]
        counts = [f"{row['counts'][n]} of {sum(row['counts'])}" for n in order]
        mate = order.index(row["mate"]) + 1 if row["mate"] >= 0 else -1
        parts.append(html_document.words(f"Question {row['number']}, {row['condition']}"))
        sources = [thumbnails.inline(key) for key in keys]
        parts.append(html_document.pictures(sources, ["query", *counts], mate=mate))
    return html_document.document(f"Experiment {name}", parts).encode()


def _people(rows: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(rows).round({"median_seconds": 1})
    return frame.rename(columns=lambda name: name.replace("_", " "))


def _percent(score: dict | None) -> str | None:
    if score is None:
        return None
    low, high = (100 * end for end in score["ci95"])
    return f"{100 * score['value']:.1f}  [{low:.1f}, {high:.1f}]"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def offer(name: str) -> None:
    """An experiment's answers as judgements: to score similarities by, and to learn from."""
    st.subheader("Score and learn", anchor=False)
    st.caption(
        "Kept as judgements, the answers of now are comparisons of two that every similarity can "
        "be scored by, and that a network can learn from."
    )
    with st.container(horizontal=True):
        st.button(
            "Keep as judgements",
            icon=":material/balance:",
            key=f"{PAGE}_keep_{name}",
            on_click=widgets.run_action,
            args=(export.judgements, name, export.fresh(name)),
        )
        for one in export.existing_set(name):
            st.page_link(
                "pages/judgements.py",
                label=f"Score {escape_markdown(one)}",
                icon=":material/monitoring:",
                query_params={"judgements": one},
            )
            st.page_link(
                "pages/learn.py",
                label=f"Learn from {escape_markdown(one)}",
                icon=":material/school:",
                query_params={"from": "judged", "j": one},
            )
