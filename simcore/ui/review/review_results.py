"""Results tab of Review: recall without bad pairs, tags, agreement between annotators."""

import shlex

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.people import review
from simcore.recipe import Question, Recipe
from simcore.ui import charts

RECALLS = {
    "as_it_is": "as it is",
    "without_bad_pairs": "without bad pairs",
    "others_accepted": "other mates accepted",
}
# What a backbone is worth to a facet: its name, whether more is better, how it is written.
SERVES = {
    "median_rank": ("Median rank of the mate", -1, lambda value: value),
    "recall_10": ("Recall at 10, %", 1, lambda value: round(100 * value, 1)),
    "hits": ("Mates found first", 1, lambda value: value),
}


def results_tab(asked: Question, rows: list[Recipe], how: str) -> None:
    with st.spinner("Counting"):
        told = review.summary(asked.collection, rows)
    columns = st.columns(4)
    columns[0].metric("Reviewed", f"{told['reviewed']:,} of {told['pairs']:,}")
    columns[1].metric("Annotators", f"{len(told['annotators']):,}")
    columns[2].metric("Left out as bad", f"{told['left_out']:,}")
    columns[3].download_button(
        "Judgements as CSV",
        lambda: review.export(asked.collection).encode(),
        f"{asked.collection}-review.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    if not told["reviewed"]:
        st.info("Nobody has said anything yet; the cases are under Queue.")
        return
    _recall(told)
    words = [
        "simcore",
        "review",
        "summary",
        asked.collection,
        "--models",
        ",".join(asked.backbones),
    ]
    words += ["--combine", how] if len(asked.backbones) > 1 else []
    words += ["--metric", asked.metric] if asked.metric != "own" else []
    if asked.post == "none":
        st.code(shlex.join(words), language="bash", wrap_lines=True)
    _facets(told, asked)
    _agreement(told)


def _recall(told: dict) -> None:
    st.subheader("Recall, with what people say", anchor=False)
    st.caption(
        "A pair is left out where at least half of its annotators call it bad or doubled; another "
        "mate or a copy counts as a hit in the same way. Annotators saw the failures of one "
        "recipe, so accepted mates help that recipe most: compare recipes by the first two columns."
    )
    st.dataframe(
        [
            {"recipe": row["recipe"]}
            | {
                f"{label} @{k} %": None
                if k not in row[kind]["recall"]
                else f"{100 * row[kind]['recall'][k]:.1f}  "
                f"[{100 * row[kind]['ci95'][k][0]:.1f}, {100 * row[kind]['ci95'][k][1]:.1f}]"
                for kind, label in RECALLS.items()
                for k in ("1", "10")
            }
            for row in told["recall"]
        ],
        hide_index=True,
        key="review_recall",
    )


def _facets(told: dict, asked: Question) -> None:
    rows = [row for row in told["facets"] if row["backbones"]]
    if not rows:
        return
    st.subheader("Which backbone serves which facet", anchor=False)
    what = st.segmented_control(
        "What",
        list(SERVES),
        format_func=lambda key: SERVES[key][0],
        default="median_rank",
        key="review_serves",
        label_visibility="collapsed",
        required=True,
    )
    _, sign, say = SERVES[what or "median_rank"]
    served = {
        row["tag"]: {b: say(one[what or "median_rank"]) for b, one in row["backbones"].items()}
        for row in rows
    }
    st.dataframe(
        [
            {
                "facet": row["tag"],
                "pairs": row["pairs"],
                "served best by": _best(served[row["tag"]], sign),
            }
            | served[row["tag"]]
            for row in rows
        ],
        hide_index=True,
        key="review_facets",
    )
    total = told["pairs"]
    figure = go.Figure()
    for n, model in enumerate(asked.backbones):
        look = charts.line(n)
        figure.add_scatter(
            y=[f"{row['tag']} ({row['pairs']})" for row in rows],
            mode="markers",
            name=model,
            x=[row["backbones"][model]["median_rank"] for row in rows],
            marker={
                "color": look["color"],
                "size": 11,
                "symbol": ("circle", "square", "diamond", "cross")[
                    n // len(html_document.COLORS) % 4
                ],
            },
            hovertemplate="%{y}: %{x}<extra>" + model + "</extra>",
        )
    figure.update_xaxes(type="log")
    figure.update_yaxes(autorange="reversed", type="category")
    charts.show(
        figure,
        "review_ranks",
        x=f"median rank of the mate, of {total:,}",
        height=120 + 34 * len(rows),
        title="Median rank by facet (pairs)",
    )


def _best(served: dict[str, float], sign: int) -> str:
    """The backbones that serve best, all of a tie; nobody where nobody finds any."""
    best = max(sign * value for value in served.values())
    names = [model for model, value in served.items() if sign * value == best]
    return "nobody" if sign > 0 and best == 0 else ", ".join(names)


def _agreement(told: dict) -> None:
    st.subheader("Do annotators agree?", anchor=False)
    if not told["agreement"]:
        st.info("No pair was judged by two annotators yet.")
        return
    st.dataframe(
        [
            {
                "tag": row["tag"],
                "pairs with two annotators or more": row["pairs"],
                "all say the same %": round(100 * row["same"], 1),
                "Krippendorff's alpha": None if row["alpha"] is None else round(row["alpha"], 2),
            }
            for row in told["agreement"]
        ],
        hide_index=True,
        key="review_agreement",
    )
