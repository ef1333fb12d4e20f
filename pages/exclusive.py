"""Exclusive: the pairs that only one backbone finds, and any "found by these, missed by those"."""

import plotly.graph_objects as go
import streamlit as st

from pages import charts, choices, gallery, query, thumbs, widgets
from pages.choices import Choice
from simcore.lab import collections, combine
from simcore.lab.combine import Search

A_PAGE = 12


def show() -> None:
    """Draw the page."""
    st.title("Exclusive")
    st.caption(
        "What each backbone sees that no other does: isolation, oracle and exclusive retrievals "
        "(rosenfeld2019, 4.4.1), and the pairs themselves."
    )
    with widgets.sentences():
        asked = choices.choose("exclusive", fewest=2)
        if asked is None:
            return
        with st.spinner("Looking who finds what"):
            found = combine.search(
                asked.collection, asked.models, subset=asked.subset, metric=asked.metric
            )
        told = combine.exclusives(found)
        _counts(told)
        _sets(found, told)
        st.code(asked.by_hand("exclusive"), language="bash")
        _pairs(asked, found)


def _counts(told: dict) -> None:
    columns = st.columns(3)
    columns[0].metric("Found by someone (oracle)", f"{told['oracle']:,} of {told['pairs']:,}")
    columns[1].metric("Found by exactly one", f"{told['exclusive_total']:,}")
    columns[2].metric("Found by nobody", f"{told['pairs'] - told['oracle']:,}")
    names = sorted(told["isolation"], key=told["isolation"].get, reverse=True)
    alone = [told["by_model"][name] for name in names]
    shared = [told["isolation"][name] - told["by_model"][name] for name in names]
    figure = go.Figure(
        [
            go.Bar(x=names, y=alone, name="nobody else finds it", marker_color=charts.COLOURS[1]),
            go.Bar(x=names, y=shared, name="others find it too", marker_color=charts.COLOURS[4]),
        ]
    ).update_layout(barmode="stack")
    charts.show(figure, "isolation", x="", y=f"mates found first, of {told['pairs']:,}")


def _sets(found: Search, told: dict) -> None:
    """An UpSet plot: bars over a matrix of dots (Lex et al. 2014)."""
    rows = [row for row in told["sets"] if row["models"]][:25]
    if not rows:
        st.info("No backbone finds any mate first.")
        return
    names = sorted(found.models, key=lambda n: told["isolation"][n])
    height = {name: number for number, name in enumerate(names)}
    x = list(range(len(rows)))
    figure = go.Figure()
    figure.add_bar(
        x=x, y=[row["pairs"] for row in rows], marker_color=charts.COLOURS[0], showlegend=False,
        customdata=[" + ".join(row["models"]) for row in rows],
        hovertemplate="%{y} pairs found by exactly<br>%{customdata}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[i for i in x for _ in names], y=[height[n] for _ in x for n in names], yaxis="y2",
        mode="markers", marker={"color": "rgba(128,128,128,0.25)", "size": 9}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    dots = [(i, height[name]) for i, row in zip(x, rows, strict=True) for name in row["models"]]
    figure.add_scatter(
        x=[i for i, _ in dots], y=[j for _, j in dots], yaxis="y2", mode="markers",
        marker={"color": charts.COLOURS[0], "size": 11}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    dots_share = min(0.7, 28 * len(names) / (260 + 28 * len(names)))
    figure.update_layout(
        xaxis={"showticklabels": False, "zeroline": False},
        yaxis={"domain": [dots_share + 0.04, 1]},
        yaxis2={"domain": [0, dots_share], "anchor": "x", "tickvals": list(height.values()),
                "ticktext": list(height), "showgrid": False, "zeroline": False},
    )  # fmt: skip
    st.subheader("Found by exactly these", anchor=False)
    charts.show(figure, "upset", x="", y="pairs", height=260 + 28 * len(names))
    st.caption(f"The {len(rows)} most frequent of {len(told['sets'])} sets.")


def _pairs(asked: Choice, found: Search) -> None:
    st.subheader("The pairs", anchor=False)
    left, right = st.columns(2)
    by = left.multiselect("Found by all of", found.models, key="exclusive_by",
                          default=found.models[:1])  # fmt: skip
    rest = [name for name in found.models if name not in by]
    missed = right.multiselect("Missed by all of", rest, default=rest, key=f"exclusive_not_{by}")
    rows = combine.filtered(asked.collection, found, by=by, missed=missed, subset=asked.subset)
    if not rows:
        st.info("No pair is found and missed like that.")
        return
    st.markdown(f"**{len(rows):,}** of {found.pairs:,} pairs. Click one to open it in Explore.")
    pages = -(-len(rows) // A_PAGE)
    page = st.pagination(pages, key="exclusive_page") if pages > 1 else 1
    tiles: list[gallery.Tile] = []
    for row in rows[(page - 1) * A_PAGE : page * A_PAGE]:
        for side, name, key in (
            ("left", row["query"], row["query_key"]),
            ("right", row["mate"], row["mate_key"]),
        ):
            tiles.append(
                gallery.Tile(
                    id=name,
                    side=side,
                    src=thumbs.source(key),
                    caption=name,
                    alt=f"{side} image {name} of a pair. Open it in Explore.",
                )
            )

    def open_(pick: gallery.Pick) -> None:
        st.session_state["_exclusive_open"] = {
            "c": asked.collection, "q": pick["id"], "d": query.SIDES[pick["side"]],
            "models": ",".join(found.models),
        }  # fmt: skip

    gallery.grid(tiles, key="exclusive_grid", on_pick=open_)
    if there := st.session_state.pop("_exclusive_open", None):
        st.switch_page("pages/explore.py", query_params=there)
    widgets.credits(collections.open_(asked.collection).credits)


show()
