"""Evaluate: the papers' tables and curves on one's own pairs, the printed values beside them."""

from collections.abc import Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pages import charts, choices, widgets
from pages.choices import Choice
from simcore.lab import combine, evaluate, papers, recipes
from simcore.lab.papers import Printed
from simcore.specs import Recipe

WHAT = {
    "recall": "Recall at 1, 5, 10, ... (Table 1)",
    "curve": "Recall at every k (Fig. 2b)",
    "minus": "Cosine minus L2 (Fig. 2a)",
    "associative": "Associative recall (Table 2a)",
    "votes": "Votes and similarity",
    "faces": "Faces (Fig. 5c)",
    "compare": "Is A better than B?",
}
KS = (1, 5, 10, 20, 50, 100)
Shown = tuple[pd.DataFrame, go.Figure | None, Printed | None, str]


def show() -> None:
    """Draw the page."""
    st.title("Evaluate")
    st.caption("How well do the backbones agree with people's pairs, and how sure is each number?")
    with widgets.sentences():
        here = st.query_params.get("what", "recall")
        asked = choices.choose("evaluate", lift=True)
        if asked is None:
            return
        left, right = st.columns([2, 1])
        start = list(WHAT).index(here) if here in WHAT else 0
        what = left.selectbox(
            "Evaluation", list(WHAT), index=start, format_func=WHAT.__getitem__, key="evaluate_what"
        )
        how = right.selectbox("Combination as well", ["none", "zsum", "sum"], 1, key="evaluate_mix")
        st.query_params["what"] = what
        rows = recipes.parse(asked.models, how, metric=asked.metric, lift=asked.lift)
        with st.spinner("Evaluating"):
            frame, figure, printed, hand = _run(what, asked, rows, how)
        if figure is not None:
            x, y = ("", "") if what == "faces" else ("k", "share")
            charts.show(figure, f"evaluate_{what}", x=x, y=y)
        st.dataframe(frame, hide_index=True, key=f"evaluate_table_{what}")
        _take_away(asked, what, frame, figure)
        st.code(hand, language="bash")
        if printed is not None:
            _printed(printed)


def _run(what: str, asked: Choice, rows: Sequence[Recipe], how: str) -> Shown:
    more = [] if how == "none" else ["--combine", how]
    more += [] if asked.metric == "own" else ["--metric", asked.metric]
    lifted = [] if asked.lift == "none" else ["--lift", asked.lift]
    if what == "recall":
        return _recall(asked, rows, asked.by_hand("recall", *more, *lifted, "--k", "1,5,10"))
    if what == "curve":
        told = evaluate.curve(asked.collection, rows, subset=asked.subset)
        return *_curves(told["rows"], "recall"), papers.RECALL, asked.by_hand("curve", *more)
    if what == "minus":
        told = evaluate.cosine_minus_l2(asked.collection, asked.models, subset=asked.subset)
        return *_curves(told["rows"], "difference"), None, asked.by_hand("curve", "--minus-l2")
    if what == "associative":
        return _associative(asked, rows, asked.by_hand("associative", *more))
    if what == "votes":
        return _votes(asked, rows, asked.by_hand("votes", *more))
    if what == "faces":
        return _faces(asked)
    return _compare(asked, rows, asked.by_hand("compare", *more))


def _recall(asked: Choice, rows: Sequence[Recipe], hand: str) -> Shown:
    size = len(choices.opened(asked).left)
    ks = [k for k in KS if k <= size]
    table = evaluate.recall(asked.collection, rows, ks=ks, subset=asked.subset)
    lines = []
    for row in table.rows:
        line: dict[str, object] = {"recipe": row.recipe.label, "hits@1": row.hits(1)}
        for k, score in row.recall.items():
            low, high = 100 * score.low, 100 * score.high
            line[f"@{k} %"] = f"{100 * score.value:.2f}  [{low:.1f}, {high:.1f}]"
        lines.append(line)
    return pd.DataFrame(lines), None, papers.RECALL, hand


def _curves(rows: Sequence[dict], column: str) -> tuple[pd.DataFrame, go.Figure]:
    figure = go.Figure()
    lines = []
    for number, row in enumerate(rows):
        name = row.get("label") or " + ".join(row["recipe"])
        values = row[column]
        figure.add_scatter(x=list(range(1, len(values) + 1)), y=values, name=name, mode="lines",
                           line=charts.line(number))  # fmt: skip
        lines.append(
            {"recipe": name} | {f"@{k} %": 100 * values[k - 1] for k in KS if k <= len(values)}
        )
    figure.update_xaxes(type="log")
    return pd.DataFrame(lines), figure


def _associative(asked: Choice, rows: Sequence[Recipe], hand: str) -> Shown:
    figure, lines = go.Figure(), []
    for number, recipe in enumerate(rows):
        told = evaluate.associative_recall(asked.collection, recipe, subset=asked.subset)["rows"]
        figure.add_scatter(x=[r["m"] for r in told], y=[r["exact"] for r in told],
                           name=recipe.label, line=charts.line(number))  # fmt: skip
        lines += [
            {"recipe": recipe.label, "m": r["m"], "exact %": 100 * r["exact"],
             "simulated %": 100 * r["simulated"], "spread": 100 * r["spread"]} for r in told
        ]  # fmt: skip
    figure.update_xaxes(type="log")
    return pd.DataFrame(lines), figure, papers.ASSOCIATIVE, hand


def _votes(asked: Choice, rows: Sequence[Recipe], hand: str) -> Shown:
    lines = [
        {"recipe": recipe.label, "votes": kind, "correlation": c["name"], "r": c["value"],
         "low": c["low"], "high": c["high"], "p": c["p"]}
        for recipe in rows
        for kind, found in evaluate.votes(
            asked.collection, recipe, subset=asked.subset)["votes"].items()
        for c in found
    ]  # fmt: skip
    return pd.DataFrame(lines), None, papers.VOTES, hand


def _faces(asked: Choice) -> Shown:
    told = evaluate.faces(asked.collection)
    labels = ["0", "1", "2", "3 or more"]
    figure = go.Figure(go.Bar(x=labels, y=told["histogram"], marker_color=charts.COLOURS[0]))
    frame = pd.DataFrame(told["table"], columns=[f"right {n}" for n in labels])
    frame.insert(0, "faces", [f"left {n}" for n in labels])
    return frame, figure, None, f"simcore evaluate faces {asked.collection}"


def _compare(asked: Choice, rows: Sequence[Recipe], hand: str) -> Shown:
    found = combine.search(asked.collection, asked.models, subset=asked.subset)
    extra = [row for row in rows if row.combine != "none"]
    told = combine.compare(found, extra, name=asked.collection, subset=asked.subset)
    frame = pd.DataFrame(told).rename(
        columns={"only_a": "only A", "only_b": "only B", "p_corrected": "p corrected (Holm)"}
    )
    return frame, None, None, hand


def _printed(table: Printed) -> None:
    with st.expander(f"As printed in {table.paper}, {table.place}", expanded=True):
        st.caption(f"{table.about}. Other networks and another gallery than yours.")
        st.dataframe(pd.DataFrame(table.rows, columns=list(table.columns)), hide_index=True)
        if table.remark:
            st.caption(table.remark)


def _take_away(asked: Choice, what: str, frame: pd.DataFrame, figure: go.Figure | None) -> None:
    name = f"{asked.collection}-{what}"
    left, right = st.columns(2)
    left.download_button("Download as CSV", frame.to_csv(index=False), f"{name}.csv",
                         icon=":material/download:")  # fmt: skip
    chart = "" if figure is None else figure.to_html(full_html=False, include_plotlyjs=True)
    title = escape(f"{WHAT[what]}: {asked.collection}, {asked.subset}")
    page = (
        f"<!doctype html><meta charset='utf-8'><title>{title}</title><h1>{title}</h1>"
        f"{frame.to_html(index=False)}{chart}"
    )
    right.download_button("Download as one HTML file", page, f"{name}.html", mime="text/html",
                          icon=":material/article:")  # fmt: skip


show()
