"""The tabs of the page Combine: all combinations, ablation, participation, weights, geometry."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document, printed_values
from simcore.lab.evaluate import combinations, exclusive, learned_sums
from simcore.lab.evaluate.combinations import SubsetSearch
from simcore.lab.evaluate.exclusive import Measure
from simcore.recipe import Combination, Question
from simcore.types import QueryParams
from simcore.ui import actions, charts, commands, job_progress, widgets

SUMS: dict[Combination, str] = {"zsum": "z-sum (Eq. 5)", "sum": "Plain sum (Eq. 4)"}
MEASURES: dict[Measure, str] = {
    "agreement": "Agreement: found by both, of what either finds",
    "gain": "Gain: of what the row misses, the share that the column finds",
    "cka": "Linear CKA of the left images' features (none for faces)",
    "rsa": "RSA: rank correlation of the left images' similarities",
}


def ranking(question: Question, search: SubsetSearch, combine: Combination) -> None:
    """Every combination: sort, filter, download, or open one in Explore."""
    subsets = combinations.ranking(search, combine)
    left, middle, right = st.columns([2, 2, 1])
    required = set(
        left.multiselect("Containing", search.models, key="combine_holding", placeholder="Any")
    )
    excluded = set(
        middle.multiselect("Without", search.models, key="combine_without", placeholder="None")
    )
    sizes = right.multiselect(
        "Of size", range(1, len(search.models) + 1), key="combine_sizes", placeholder="Any"
    )
    subsets = [
        subset
        for subset in subsets
        if required <= set(subset.models)
        and not excluded & set(subset.models)
        and (not sizes or len(subset.models) in sizes)
    ]
    table = pd.DataFrame(
        [(subset.hits, len(subset.models), " + ".join(subset.models)) for subset in subsets],
        columns=["hits", "size", "members"],
    )
    st.caption(
        f"{len(table):,} combinations; hits of {search.pairs:,} pairs. Click one to open it."
    )
    event = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"combine_table_{combine}",
        column_config={
            "hits": st.column_config.NumberColumn(width="small"),
            "size": st.column_config.NumberColumn(width="small"),
            "members": st.column_config.TextColumn(width=820),
        },
    )
    rows = event["selection"]["rows"]
    if rows and rows[0] < len(subsets):
        models = subsets[rows[0]].models
        st.page_link(
            "pages/explore.py",
            label=f"Open {widgets.escape_markdown(' + '.join(models))} in Explore",
            icon=":material/image_search:",
            query_params=explore_params(question, models, combine),
        )
    widgets.csv_button(lambda: widgets.frame_csv(table), f"{question.collection}-{combine}.csv")


def explore_params(question: Question, models: Sequence[str], combine: str) -> QueryParams:
    """The address of a combination on Explore."""
    return {
        "collection": question.collection,
        "models": ",".join(models),
        "combine": combine if len(models) > 1 else "none",
        "metric": question.metric,
        "direction": question.direction,
        "missing": question.missing,
    }


def ablation(question: Question, search: SubsetSearch, combine: Combination) -> None:
    """The best combination without each of its members, beside the paper's Table 1."""
    result = combinations.ablation(search, combine)
    best, table = result.best, printed_values.ABLATION
    left, right = st.columns(2)
    members = widgets.escape_markdown(" + ".join(best.models))
    left.markdown(f"The best combination is **{members}**: {best.hits:,} of {search.pairs:,}.")
    rows = [(row.without, row.hits, row.lost) for row in result.rows]
    left.dataframe(pd.DataFrame(rows, columns=["without", "hits", "lost"]), hide_index=True)
    right.markdown(f"As printed in {table.paper}, {table.place} (other networks, 6,016 pairs).")
    right.dataframe(table.to_frame(), hide_index=True)
    right.caption(table.remark)
    commands.show(commands.evaluate(question, "ablation", "--combine", combine))


def participation(question: Question, search: SubsetSearch, combine: Combination) -> None:
    """Which backbones the leading combinations contain (Fig. 4)."""
    count = len(search.models)
    size = st.slider("Backbones in a combination", 1, count, min(4, count), key="combine_size")
    result = combinations.participation(search, combine, size)
    figure = go.Figure()
    for number, name in enumerate(result.models):
        share = result.of(name)
        figure.add_scatter(
            x=list(range(1, len(share) + 1)),
            y=share,
            name=name,
            mode="lines",
            line=charts.line(number),
        )
    figure.update_xaxes(type="log").update_yaxes(range=[-0.03, 1.03])
    charts.show(
        figure,
        "participation",
        x="q",
        y="share",
        title=f"Share of the first q of {len(result.share):,} combinations of {size} that contain "
        "each backbone",
    )
    commands.show(
        commands.evaluate(question, "participation", "--size", str(size), "--combine", combine)
    )


def weights(question: Question, _search: SubsetSearch, _combine: Combination) -> None:
    """Non-negative weights, cross-validated, beside the best subset."""
    with job_progress.progress_bar("Learning weights") as monitor:
        result = learned_sums.learned_weights(question, monitor=monitor)
    rows = [
        ("learned weights", result.same_pairs, result.held_out),
        ("best z-sum", result.best_subset_same_pairs, result.best_subset_held_out),
    ]
    frame = pd.DataFrame(
        {
            "method": method,
            "same pairs": same_pairs,
            "held-out": None if held_out is None else held_out.hits,
            "95 % confidence interval": None
            if held_out is None
            else f"{held_out.ci95[0]:.0f} to {held_out.ci95[1]:.0f}",
        }
        for method, same_pairs, held_out in rows
    )
    st.markdown(
        f"Hits at 1, of {result.pairs:,}:",
        help="Same pairs: chosen and evaluated on all pairs, optimistically biased. Held-out: "
        "chosen on four fifths of the pairs, evaluated on the rest (5 folds).",
    )
    st.dataframe(frame, hide_index=True, placeholder="–")
    names = sorted(result.weights, key=result.weights.__getitem__)
    figure = go.Figure(
        go.Bar(
            x=[result.weights[name] for name in names],
            y=names,
            orientation="h",
            marker_color=html_document.COLORS[0],
        )
    )
    charts.show(
        figure,
        "weights",
        x="share of the weight",
        height=70 + 24 * len(names),
        title="Weights learned on all pairs",
    )
    commands.show(commands.evaluate(question, "weights"))


def complementarity(question: Question, _search: SubsetSearch, _combine: Combination) -> None:
    """How similar the backbones are: one heat map, similar ones next to each other."""
    with job_progress.progress_bar("Comparing backbones") as monitor:
        result = exclusive.complementarity(question, monitor=monitor)
    measure = st.selectbox(
        "Measure", list(MEASURES), format_func=MEASURES.__getitem__, key="combine_alike"
    )
    names = result.ordered_models
    charts.show(
        charts.heat(result.ordered(measure), names),
        "alike",
        height=160 + 38 * len(names),
        title=f"{MEASURES[measure]}; sorted by RSA",
        on_click=lambda cell: _compare_cell(question, cell),
    )
    st.caption("Click a cell to compare a pair that its column finds and its row misses.")
    commands.show(commands.evaluate(question, "complementarity"))


def _compare_cell(question: Question, cell: str) -> None:
    """Open Compare on the pair on which the two backbones of a cell disagree most."""
    row, _, column = cell.partition(charts.SEPARATOR)
    pairs = exclusive.found_and_missed(question, found=[column], missed=[row], order="disagreement")
    if not pairs:
        actions.show_error_later(f"{row} misses no pair that {column} finds. Click another cell.")
        return
    side, other_side = ("left", "right") if question.direction == "lr" else ("right", "left")
    params = {
        "collection": question.collection,
        "models": f"{row},{column}",
        "metric": question.metric,
        "first": f"{side}:{pairs[0].query}",
        "second": f"{other_side}:{pairs[0].mate}",
    }
    actions.open_later("pages/compare.py", params)
