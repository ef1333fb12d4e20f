"""Combine: which backbones complete each other, and whether the best sum is more than luck."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pages import charts, choices, widgets
from pages.choices import Choice
from simcore.lab import combine, complement, papers
from simcore.lab.combine import Search
from simcore.types import Combine

KINDS: dict[Combine, str] = {"zsum": "Normalised (Eq. 5)", "sum": "Plain (Eq. 4)"}


def show() -> None:
    """Draw the page."""
    st.title("Combine")
    st.caption(
        "Every combination of the backbones, added as they are and brought to one scale first: "
        "which finds most mates, and what each member is worth (rosenfeld2019)."
    )
    with widgets.sentences():
        asked = choices.choose("combine", fewest=2, lift=True)
        if asked is None:
            return
        with st.spinner(f"Trying all {2 ** len(asked.models) - 1:,} combinations, both ways"):
            found = combine.search(
                asked.collection, asked.models, subset=asked.subset, metric=asked.metric,
                lift=asked.lift,
            )  # fmt: skip
        told = found.json()
        _best(found, told)
        _by_size(found, told)
        st.code(_by_hand(asked), language="bash")
        _details(asked, found)


def _by_hand(asked: Choice) -> str:
    more = [] if asked.metric == "own" else ["--metric", asked.metric]
    return asked.by_hand(
        "subsets", *more, *([] if asked.lift == "none" else ["--lift", asked.lift])
    )


def _best(found: Search, told: dict) -> None:
    single = max(row["hits"] for row in told["best_by_size"]["zsum"] if row["size"] == 1)
    columns = st.columns(4)
    columns[0].metric("Best single backbone", f"{single:,}", help=f"of {found.pairs:,} pairs")
    for column, kind in zip(columns[1:3], KINDS, strict=True):
        most = max(row["hits"] for row in told["best_by_size"][kind])
        fair = told["held_out"][kind]["hits"]
        column.metric(
            f"Best {'z-sum' if kind == 'zsum' else 'plain sum'}", f"{most:,}",
            f"{fair:,} when chosen on other pairs", delta_color="off", delta_arrow="off",
        )  # fmt: skip
    apart = combine.exclusives(found)
    columns[3].metric("Oracle", f"{apart['oracle']:,}", help="found by at least one backbone")
    st.caption(
        f"Mates found first among {found.pairs:,} pairs. A best of {told['evaluated']:,} is chosen "
        "on the pairs it is scored on; the small number is what such a choice finds on pairs that "
        "had no say (5 folds)."
    )


def _by_size(found: Search, told: dict) -> None:
    figure = go.Figure()
    for number, (kind, label) in enumerate(KINDS.items()):
        rows = told["best_by_size"][kind]
        figure.add_scatter(
            x=[row["size"] for row in rows], y=[row["hits"] for row in rows], name=label,
            mode="lines+markers", line=charts.line(number), error_y=charts.error_bars(rows),
            customdata=[" + ".join(row["models"]) for row in rows],
            hovertemplate="%{y} of " + f"{found.pairs:,}" + "<br>%{customdata}<extra></extra>",
        )  # fmt: skip
    st.subheader("The best of each size", anchor=False)
    charts.show(figure, "by_size", x="backbones in the sum", y="mates found first")
    printed = {row[0]: row[1] for row in papers.COMBINATIONS.rows}
    st.caption(
        "rosenfeld2019, with other networks and a gallery of 6,016: "
        + ", ".join(f"{name} {value:,}" for name, value in printed.items())
        + "."
    )


def _details(asked: Choice, found: Search) -> None:
    kind: Combine = st.segmented_control(
        "Sum", list(KINDS), format_func=KINDS.__getitem__, default="zsum", key="combine_kind"
    ) or "zsum"  # fmt: skip
    names = ["All combinations", "What a member is worth", "Participation", "Weights", "Alike"]
    tabs = st.tabs(names, on_change="rerun", key="combine_tabs")
    drawn = (_ranking, _ablation, _participation, _weights, _alike)
    for tab, draw in zip(tabs, drawn, strict=True):
        if tab.open:
            with tab:
                draw(asked, found, kind)


def _ranking(asked: Choice, found: Search, kind: Combine) -> None:
    frame = pd.DataFrame(combine.ranking(found, kind))
    frame["members"] = frame["models"].map(" + ".join)
    needed = st.multiselect("Holding", found.models, key="combine_holding")
    for name in needed:
        frame = frame[frame["models"].map(lambda models, name=name: name in models)]
    table = frame[["hits", "size", "members"]]
    event = st.dataframe(
        table, hide_index=True, on_select="rerun", selection_mode="single-row", key="combine_table"
    )
    st.download_button(
        "Download as CSV", table.to_csv(index=False), f"{asked.collection}-combinations.csv",
        icon=":material/download:",
    )  # fmt: skip
    rows = event["selection"]["rows"]
    if rows and rows[0] < len(frame):
        models = frame.iloc[rows[0]]["models"]
        st.page_link(
            "pages/explore.py", label=f"Open {' + '.join(models)} in Explore",
            icon=":material/image_search:",
            query_params={"c": asked.collection, "models": ",".join(models), "mix": kind},
        )  # fmt: skip


def _ablation(_asked: Choice, found: Search, kind: Combine) -> None:
    told = combine.ablation(found, kind)
    best = told["best"]
    st.markdown(
        f"The best holds **{widgets.plain(' + '.join(best['models']))}**: {best['hits']:,}."
    )
    rows = [
        {"without": r["without"], "best of that size": " + ".join(r["models"]),
         "hits": r["hits"], "lost": r["lost"]} for r in told["rows"]
    ]  # fmt: skip
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    with st.expander("As printed in rosenfeld2019, Table 1"):
        table = papers.ABLATION
        st.dataframe(pd.DataFrame(table.rows, columns=list(table.columns)), hide_index=True)
        st.caption(table.remark)


def _participation(_asked: Choice, found: Search, kind: Combine) -> None:
    most = len(found.models)
    size = st.slider("Members", 1, most, min(4, most), key="combine_size") if most > 1 else 1
    told = combine.participation(found, kind, size)
    figure = go.Figure()
    for number, name in enumerate(told["models"]):
        share = [row[number] for row in told["share"]]
        figure.add_scatter(x=list(range(1, len(share) + 1)), y=share, name=name,
                           mode="lines", line=charts.line(number))  # fmt: skip
    charts.show(
        figure, "participation", x=f"leading combinations of {size}", y="share that hold it"
    )


def _weights(asked: Choice, found: Search, _kind: Combine) -> None:
    with st.spinner("Learning weights"):
        told = complement.learned_weights(asked.collection, found.models, subset=asked.subset)
    fair, plain_fair = told["held_out"], told["best_subset_held_out"]
    st.markdown(
        f"With learned weights of 0 or more, **{fair['hits']:,}** of {told['pairs']:,} on pairs "
        f"that had no say; in or out, chosen the same way, {plain_fair['hits']:,}."
    )
    names = list(told["weights"])
    figure = go.Figure(go.Bar(x=names, y=list(told["weights"].values()),
                              marker_color=charts.COLOURS[0]))  # fmt: skip
    charts.show(figure, "weights", x="", y="share of the weight", height=300)
    st.code(asked.by_hand("weights"), language="bash")


def _alike(asked: Choice, found: Search, _kind: Combine) -> None:
    with st.spinner("Comparing geometries"):
        told = complement.complementary(asked.collection, found.models, subset=asked.subset)
    kinds = {
        "agreement": "Found by both, of what either finds",
        "gain": "Of what the row misses, the share that the column finds",
        "cka": "Linear CKA of the left images' features (none for faces)",
        "rsa": "RSA: rank correlation of the left images' similarities",
    }
    which = st.selectbox("Compare by", list(kinds), format_func=kinds.__getitem__, key="alike_by")
    order = told["order"]
    values = [[told[which][i][j] for j in order] for i in order]
    names = [told["models"][i] for i in order]
    charts.show(charts.heat(values, names), "alike", x="", y="", height=120 + 45 * len(names))
    st.code(asked.by_hand("complementarity"), language="bash")


show()
