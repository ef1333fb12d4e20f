"""Combine's lower half: all combinations, and what each member of them is worth."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import html_document, printed_values
from simcore.lab.evaluate import combinations, exclusive
from simcore.lab.evaluate.combinations import SubsetSearch
from simcore.recipe import Combination, Question
from simcore.ui import charts, commands, widgets

KINDS: dict[Combination, str] = {"zsum": "Normalised (Eq. 5)", "sum": "Plain (Eq. 4)"}
COMPARED = {
    "agreement": "Agreement: found by both, of what either finds",
    "gain": "Gain: of what the row misses, the share that the column finds",
    "cka": "Linear CKA of the left images' features (none for faces)",
    "rsa": "RSA: rank correlation of the left images' similarities",
}


def ranking(asked: Question, found: SubsetSearch, kind: Combination) -> None:
    """Every combination: sort, filter, download, or open one in Explore."""
    frame = pd.DataFrame(combinations.ranking(found, kind))
    frame["members"] = frame["models"].map(" + ".join)
    left, middle, right = st.columns([2, 2, 1])
    needed = left.multiselect("Holding", found.models, key="combine_holding")
    barred = middle.multiselect("Without", found.models, key="combine_without")
    sizes = right.multiselect("Of size", range(1, len(found.models) + 1), key="combine_sizes")
    keep = frame["models"].map(lambda m: set(needed) <= set(m) and not set(barred) & set(m))
    frame = frame[keep & frame["size"].isin(sizes)] if sizes else frame[keep]
    table = frame[["hits", "size", "members"]]
    st.caption(f"{len(table):,} combinations; hits of {found.pairs:,} pairs. Click one to open it.")
    event = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"combine_table_{kind}",
        column_config={
            "hits": st.column_config.NumberColumn(width="small"),
            "size": st.column_config.NumberColumn(width="small"),
            "members": st.column_config.TextColumn(width="large"),
        },
    )
    rows = event["selection"]["rows"]
    if rows and rows[0] < len(frame):
        models = frame.iloc[rows[0]]["models"]
        st.page_link(
            "pages/explore.py",
            label=f"Open {widgets.escape_markdown(' + '.join(models))} in Explore",
            icon=":material/image_search:",
            query_params={
                "collection": asked.collection,
                "models": ",".join(models),
                "combine": kind if len(models) > 1 else "none",
                "metric": asked.metric,
                "direction": asked.direction,
            },
        )
    widgets.csv_button(lambda: table.to_csv(index=False), f"{asked.collection}-{kind}.csv")


def ablation(asked: Question, found: SubsetSearch, kind: Combination) -> None:
    """What each member of the best is worth, beside the paper's Table 1."""
    told = combinations.ablation(found, kind)
    best = told["best"]
    left, right = st.columns(2)
    names = widgets.escape_markdown(" + ".join(best["models"]))
    left.markdown(f"The best holds **{names}**: {best['hits']:,} of {found.pairs:,}.")
    rows = [{"without": r["without"], "hits": r["hits"], "lost": r["lost"]} for r in told["rows"]]
    left.dataframe(pd.DataFrame(rows, columns=["without", "hits", "lost"]), hide_index=True)
    table = printed_values.ABLATION
    right.markdown(f"As printed in {table.paper}, {table.place} (other networks, 6,016 pairs).")
    right.dataframe(pd.DataFrame(table.rows, columns=list(table.columns)), hide_index=True)
    right.caption(table.remark)
    commands.show(commands.evaluate(asked, "ablation", "--combine", kind))


def participation(asked: Question, found: SubsetSearch, kind: Combination) -> None:
    """Which backbones the leading combinations hold (Fig. 4)."""
    most = len(found.models)
    size = st.slider("Members", 1, most, min(4, most), key="combine_size")
    told = combinations.participation(found, kind, size)
    figure = go.Figure()
    for n, name in enumerate(told["models"]):
        share = [row[n] for row in told["share"]]
        figure.add_scatter(
            x=list(range(1, len(share) + 1)), y=share, name=name, mode="lines", line=charts.line(n)
        )
    figure.update_xaxes(type="log").update_yaxes(range=[-0.03, 1.03])
    charts.show(
        figure,
        "participation",
        x="q",
        y="share",
        title=f"Share of the q leading combinations of {size} that hold each backbone, of "
        f"{len(told['share']):,} combinations of that size",
    )
    hand = commands.evaluate(asked, "participation", "--size", str(size), "--combine", kind)
    commands.show(hand)


def weights(asked: Question, found: SubsetSearch, _kind: Combination) -> None:
    """Non-negative weights, cross-validated, beside the best subset."""
    with st.spinner("Learning weights"):
        told = combinations.learned_weights(
            asked.collection,
            found.models,
            subset=asked.subset,
            metric=asked.metric,
            direction=asked.direction,
            post=asked.post,
        )
    fair, chosen, total = told["held_out"], told["best_subset_held_out"], told["pairs"]
    rows = [
        ("learned weights", told["same_pairs"]["hits"], fair),
        ("best subset (z-sum)", told["best_subset_same_pairs"], chosen),
    ]
    frame = pd.DataFrame(
        {
            "how": how,
            "chosen on these pairs": same,
            "chosen on other pairs": other["hits"],
            "95 % interval": f"{other['ci95'][0]:.0f} to {other['ci95'][1]:.0f}",
        }
        for how, same, other in rows
    )
    st.markdown(f"Mates found first, of {total:,}:")
    st.dataframe(frame, hide_index=True, placeholder="–")
    names = sorted(told["weights"], key=lambda name: told["weights"][name])
    figure = go.Figure(
        go.Bar(
            x=[told["weights"][name] for name in names],
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
    commands.show(commands.evaluate(asked, "weights"))


def complementarity(asked: Question, found: SubsetSearch, _kind: Combination) -> None:
    """Who resembles whom: four heatmaps, like by like."""
    with st.spinner("Comparing geometries"):
        told = exclusive.complementary(
            asked.collection,
            found.models,
            subset=asked.subset,
            metric=asked.metric,
            direction=asked.direction,
            post=asked.post,
        )
    which = st.selectbox(
        "Compare by", list(COMPARED), format_func=COMPARED.__getitem__, key="combine_alike"
    )
    order = told["order"]
    values = [[told[which][i][j] for j in order] for i in order]
    names = [told["models"][i] for i in order]
    charts.show(
        charts.heat(values, names),
        "alike",
        height=160 + 38 * len(names),
        title=f"{COMPARED[which]}; neighbours are alike by RSA",
    )
    commands.show(commands.evaluate(asked, "complementarity"))
