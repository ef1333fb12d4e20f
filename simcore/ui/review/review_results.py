"""Results of reviews: recall without bad pairs, backbones by tag, annotators' agreement."""

from collections.abc import Callable, Mapping

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document
from simcore.lab.people import review
from simcore.lab.people.review import RecallAtKs, ReviewSummary
from simcore.recipe import Question, Recipe
from simcore.ui import charts, commands, widgets

RECALLS = {  # field of ReviewedRecall -> heading
    "as_it_is": "as it is",
    "without_bad_pairs": "without bad pairs",
    "others_accepted": "other mates accepted",
}
# Measure of a backbone on a facet -> heading, sign of better, how it is written.
MEASURES: dict[str, tuple[str, int, Callable[[float], float]]] = {
    "median_rank": ("Median rank of the mate", -1, lambda value: value),
    "recall_10": ("Recall at 10, %", 1, lambda value: round(100 * value, 1)),
    "hits": ("Hits at 1", 1, lambda value: value),
}
SYMBOLS = ("circle", "square", "diamond", "cross")


def show(question: Question, recipes: list[Recipe], combine: str) -> None:
    """The results tab."""
    with widgets.placeholder("Computing recall", 90, 200, 260):
        summary = review.summary(question.collection, recipes)
    columns = st.columns(4)
    columns[0].metric("Reviewed", f"{summary.reviewed:,} of {summary.pairs:,}")
    columns[1].metric("Annotators", f"{len(summary.annotators):,}")
    columns[2].metric("Left out as bad", f"{summary.left_out:,}")
    columns[3].download_button(
        "Reviews as CSV",
        lambda: review.export(question.collection).to_csv().encode(),
        f"{question.collection}-review.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    if not summary.reviewed:
        st.info("Nothing has been reviewed yet; the cases are under Queue.")
        return
    _recall(summary)
    args = ["review", "summary", question.collection, "--models", ",".join(question.backbones)]
    args += ["--combine", combine] if len(question.backbones) > 1 else []
    args += ["--metric", question.metric] if question.metric != "own" else []
    args += ["--missing", question.missing] if question.missing != "mean" else []
    if question.post == "none":
        commands.show(args)
    _facets(summary, question)
    _agreement(summary)


def _recall(summary: ReviewSummary) -> None:
    st.header(
        "Recall with reviews",
        anchor=False,
        help="A pair is left out if at least half of its annotators tagged it as bad or duplicate; "
        "another mate or a copy counts as a hit by the same rule. Annotators reviewed the failures "
        "of one recipe, so accepted mates favor that recipe: compare recipes by the first columns.",
    )
    rows: list[dict[str, str | None]] = []
    for row in summary.recall:
        cells: dict[str, str | None] = {"recipe": row.recipe}
        for field, label in RECALLS.items():
            for k in ("1", "10"):
                cells[f"{label} @{k} %"] = _interval(getattr(row, field), k)
        rows.append(cells)
    st.dataframe(
        rows,
        hide_index=True,
        key="review_recall",
    )


def _interval(recall: RecallAtKs, k: str) -> str | None:
    if k not in recall.recall:
        return None
    low, high = (100 * end for end in recall.ci95[k])
    return f"{100 * recall.recall[k]:.1f}  [{low:.1f}, {high:.1f}]"


def _facets(summary: ReviewSummary, question: Question) -> None:
    facets = [facet for facet in summary.facets if facet.backbones]
    if not facets:
        return
    st.header("Backbones by tag", anchor=False)
    measure = (
        st.segmented_control(
            "Measure",
            list(MEASURES),
            format_func=lambda key: MEASURES[key][0],
            default="median_rank",
            key="review_serves",
            label_visibility="collapsed",
            required=True,
        )
        or "median_rank"
    )
    _, sign, convert = MEASURES[measure]
    values: dict[str, dict[str, float]] = {
        facet.tag: {b: convert(getattr(row, measure)) for b, row in facet.backbones.items()}
        for facet in facets
    }
    st.dataframe(
        [
            {"tag": facet.tag, "pairs": facet.pairs, "best": _best(values[facet.tag], sign)}
            | values[facet.tag]
            for facet in facets
        ],
        hide_index=True,
        key="review_facets",
    )
    figure = go.Figure()
    for n, model in enumerate(question.backbones):
        figure.add_scatter(
            y=[f"{facet.tag} ({facet.pairs})" for facet in facets],
            mode="markers",
            name=model,
            x=[facet.backbones[model].median_rank for facet in facets],
            marker={
                "color": charts.line(n)["color"],
                "size": 11,
                "symbol": SYMBOLS[n // len(html_document.COLORS) % len(SYMBOLS)],
            },
            hovertemplate="%{y}: %{x}<extra>" + model + "</extra>",
        )
    figure.update_xaxes(type="log")
    figure.update_yaxes(autorange="reversed", type="category")
    charts.show(
        figure,
        "review_ranks",
        x=f"median rank of the mate, of {summary.pairs:,}",
        height=120 + 34 * len(facets),
        title="Median rank by tag (pairs)",
    )


def _best(values: Mapping[str, float], sign: int) -> str:
    """The best backbones, all of a tie; "none" if no backbone has a hit."""
    best = max(sign * value for value in values.values())
    names = [model for model, value in values.items() if sign * value == best]
    return "none" if sign > 0 and best == 0 else ", ".join(names)


def _agreement(summary: ReviewSummary) -> None:
    st.header("Agreement between annotators", anchor=False)
    if not summary.agreement:
        st.info("No pair has been reviewed by two annotators yet.")
        return
    st.dataframe(
        [
            {
                "tag": row.tag,
                "pairs with two annotators or more": row.pairs,
                "all agree %": round(100 * row.same, 1),
                "Krippendorff's alpha": None if row.alpha is None else round(row.alpha, 2),
            }
            for row in summary.agreement
        ],
        hide_index=True,
        key="review_agreement",
    )
