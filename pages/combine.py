"""Combine: which backbones complement each other, and how good the best combination really is."""

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import printed_values
from simcore.lab.evaluate import combinations, exclusive, recall
from simcore.lab.evaluate.combinations import SubsetReport, SubsetSearch
from simcore.lab.evaluate.exclusive import ExclusiveReport
from simcore.recipe import COMBINATION_TITLES, Question
from simcore.ui import actions, charts, commands, sidebar, widgets
from simcore.ui.combine import combination_tabs

TABS = {
    "All combinations": combination_tabs.ranking,
    "Ablation": combination_tabs.ablation,
    "Participation": combination_tabs.participation,
    "Weights": combination_tabs.weights,
    "Complementarity": combination_tabs.complementarity,
}


def show() -> None:
    """Draw the page."""
    st.title("Combine")
    st.caption(
        "Hits at 1 of every combination of the backbones, as plain sum and z-sum (rosenfeld2019)."
    )
    with widgets.show_errors():
        question = sidebar.select_question(
            "combine",
            min_backbones=2,
            options=("subset", "metric", "direction", "post", "missing"),
        )
        if question is None:
            return
        if not combinations.is_quick(question):
            sidebar.offer_job("combine", question, "subsets")
            return
        if not recall.is_quick(question):
            sidebar.offer_job("combine", question, "exclusive")
            return
        count = 2 ** len(question.backbones) - 1
        text = f"Evaluating {count:,} combinations as plain sum and z-sum"
        with widgets.placeholder(text, 90, 400, 300):
            search = combinations.search(question)
            report, overlap = combinations.report(search), exclusive.report(question)
        _best(report, overlap)
        _by_size(question, report, overlap)
        commands.show(commands.evaluate(question, "subsets"))
        _details(question, search)


def _best(report: SubsetReport, overlap: ExclusiveReport) -> None:
    single = report.best_single
    columns = st.columns(4)
    columns[0].metric(
        "Best single backbone",
        f"{single.hits:,}",
        " + ".join(single.models),
        delta_color="off",
        delta_arrow="off",
    )
    for column, combine in zip(columns[1:3], combination_tabs.SUMS, strict=True):
        best, held_out = report.best_of(combine), report.held_out.get(combine)
        if held_out is None:
            column.metric(
                f"Best {COMBINATION_TITLES[combine]}",
                f"{best.hits:,}",
                help=" + ".join(best.models),
            )
            continue
        low, high = held_out.ci95
        column.metric(
            f"Best {COMBINATION_TITLES[combine]}",
            f"{best.hits:,}",
            f"{held_out.hits:,} held-out",
            delta_color="off",
            delta_arrow="off",
            help=f"{' + '.join(best.models)}. Held-out: 95 % confidence interval {low:.0f} to "
            f"{high:.0f} of {report.pairs:,}.",
        )
    columns[3].metric(
        "Oracle",
        f"{overlap.oracle:,}",
        "by any backbone",
        delta_color="off",
        delta_arrow="off",
    )
    st.caption(
        f"Hits at 1, of {report.pairs:,} pairs.",
        help=f"The large number is the best of {report.evaluated:,} combinations, chosen on these "
        "pairs and so optimistically biased."
        + (
            " Held-out: chosen on four fifths of the pairs, evaluated on the rest (5 folds)."
            if report.held_out
            else ""
        ),
    )


def _by_size(question: Question, report: SubsetReport, overlap: ExclusiveReport) -> None:
    figure = go.Figure()

    def open_(point: str) -> None:
        combine, _, members = point.partition(charts.SEPARATOR)
        params = combination_tabs.explore_params(question, members.split(" + "), combine)
        actions.open_later("pages/explore.py", params)

    for number, (combine, label) in enumerate(combination_tabs.SUMS.items()):
        best = report.best_by_size[combine]
        figure.add_scatter(
            x=[subset.size for subset in best],
            y=[subset.hits for subset in best],
            name=label,
            mode="lines+markers",
            line=charts.line(number),
            error_y=charts.error_bars([subset.to_dict() for subset in best]),
            customdata=[combine + charts.SEPARATOR + " + ".join(row.models) for row in best],
            text=[" + ".join(subset.models) for subset in best],
            hovertemplate="%{y} of " + f"{report.pairs:,}" + "<br>%{text}<extra></extra>",
        )
    charts.level(figure, report.best_single.hits, "best single backbone")
    charts.level(figure, overlap.oracle, "oracle")
    figure.update_xaxes(dtick=1)
    charts.show(
        figure,
        "by_size",
        x="backbones in the combination",
        y="hits at 1",
        title=f"The best of each size: hits at 1, of {report.pairs:,}, with 95 % confidence "
        "intervals",
        on_click=open_,
    )
    printed = ", ".join(f"{row[0]}: {row[1]:,}" for row in printed_values.COMBINATIONS.rows)
    st.caption(
        f"Click a point to open it in Explore. As printed in rosenfeld2019, {printed}.",
        help="Printed: other networks and another gallery of 6,016 images.",
    )


@st.fragment
def _details(question: Question, search: SubsetSearch) -> None:
    with widgets.show_errors():
        combine = st.segmented_control(
            "Combination",
            list(combination_tabs.SUMS),
            format_func=combination_tabs.SUMS.__getitem__,
            default="zsum",
            key="combine_kind",
            required=True,
        )
        tabs = st.tabs(list(TABS), on_change="rerun", key="combine_tabs")
        for tab, draw in zip(tabs, TABS.values(), strict=True):
            if tab.open:
                with tab:
                    draw(question, search, combine)


show()
