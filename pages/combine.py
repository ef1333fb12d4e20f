"""Combine: which backbones complete each other, and whether the best sum is more than luck."""

import plotly.graph_objects as go
import streamlit as st

from simcore.lab import printed_values
from simcore.lab.evaluate import combinations, exclusive
from simcore.lab.evaluate.combinations import SubsetSearch
from simcore.recipe import Question
from simcore.ui import charts, commands, sidebar, widgets
from simcore.ui.combine import combination_tabs

TABS = {
    "All combinations": combination_tabs.ranking,
    "What a member is worth": combination_tabs.ablation,
    "Participation": combination_tabs.participation,
    "Weights": combination_tabs.weights,
    "Alike": combination_tabs.complementarity,
}


def show() -> None:
    """Draw the page."""
    st.title("Combine")
    st.caption(
        "Every combination of the backbones, added as they are and brought to one scale first: "
        "which finds most mates, and what each member is worth (rosenfeld2019)."
    )
    with widgets.show_errors():
        asked = sidebar.select_question(
            "combine", min_backbones=2, options=("subset", "metric", "direction", "post")
        )
        if asked is None:
            return
        with st.spinner(f"Trying all {2 ** len(asked.backbones) - 1:,} combinations, both ways"):
            found = combinations.search(
                asked.collection,
                asked.backbones,
                subset=asked.subset,
                metric=asked.metric,
                direction=asked.direction,
                post=asked.post,
            )
            told, apart = found.to_dict(), exclusive.exclusives(found)
        _best(found, told, apart)
        _by_size(found, told, apart)
        commands.show(commands.evaluate(asked, "subsets"))
        _details(asked, found)


def _single(told: dict) -> dict:
    return next(row for row in told["best_by_size"]["zsum"] if row["size"] == 1)


def _best(found: SubsetSearch, told: dict, apart: dict) -> None:
    single = _single(told)
    columns = st.columns(4)
    columns[0].metric(
        "Best single backbone",
        f"{single['hits']:,}",
        " + ".join(single["models"]),
        delta_color="off",
        delta_arrow="off",
    )
    for column, (kind, label) in zip(
        columns[1:3], {"zsum": "Best z-sum", "sum": "Best plain sum"}.items(), strict=True
    ):
        best = max(told["best_by_size"][kind], key=lambda row: row["hits"])
        fair = told["held_out"][kind]
        low, high = fair["ci95"]
        column.metric(
            label,
            f"{best['hits']:,}",
            f"{fair['hits']:,} chosen on other pairs",
            delta_color="off",
            delta_arrow="off",
            help=f"{' + '.join(best['models'])}. Chosen on other pairs: 95 % interval "
            f"{low:.0f} to {high:.0f} of {found.pairs:,}.",
        )
    columns[3].metric(
        "Oracle",
        f"{apart['oracle']:,}",
        "found by at least one backbone",
        delta_color="off",
        delta_arrow="off",
    )
    st.caption(
        f"Mates found first among {found.pairs:,} pairs. A best of {told['evaluated']:,} that is "
        "chosen on these pairs, the large number, is flattered; the small one is what such a "
        "choice finds on other pairs, which had no say in it (5 folds)."
    )


def _by_size(found: SubsetSearch, told: dict, apart: dict) -> None:
    figure = go.Figure()
    for n, (kind, label) in enumerate(combination_tabs.KINDS.items()):
        rows = told["best_by_size"][kind]
        figure.add_scatter(
            x=[row["size"] for row in rows],
            y=[row["hits"] for row in rows],
            name=label,
            mode="lines+markers",
            line=charts.line(n),
            error_y=charts.error_bars(rows),
            customdata=[" + ".join(row["models"]) for row in rows],
            hovertemplate="%{y} of " + f"{found.pairs:,}" + "<br>%{customdata}<extra></extra>",
        )
    charts.level(figure, _single(told)["hits"], "best single backbone")
    charts.level(figure, apart["oracle"], "oracle")
    figure.update_xaxes(dtick=1)
    charts.show(
        figure,
        "by_size",
        x="backbones in the sum",
        y="mates found first",
        title=f"The best of each size: mates found first, of {found.pairs:,}, with 95 % intervals",
    )
    printed = ", ".join(f"{row[0]} {row[1]:,}" for row in printed_values.COMBINATIONS.rows)
    st.caption(f"As printed in rosenfeld2019, other networks, another gallery (6,016): {printed}.")


@st.fragment
def _details(asked: Question, found: SubsetSearch) -> None:
    with widgets.show_errors():
        kind = st.segmented_control(
            "Sum",
            list(combination_tabs.KINDS),
            format_func=combination_tabs.KINDS.__getitem__,
            default="zsum",
            key="combine_kind",
            required=True,
        )
        tabs = st.tabs(list(TABS), on_change="rerun", key="combine_tabs")
        for tab, draw in zip(tabs, TABS.values(), strict=True):
            if tab.open:
                with tab:
                    draw(asked, found, kind)


show()
