"""Exclusive: the pairs that only one backbone finds, and any "found by these, missed by those"."""

import plotly.graph_objects as go
import streamlit as st

from pages import charts, choices, pairs, query, widgets
from pages.choices import Choice
from pages.gallery import Pick
from simcore.lab import collections, combine, disputes, recipes
from simcore.lab.combine import Search

SETS = 25
ORDERS = {"collection": "As in the collection", "disputed": "Most disputed first"}


def show() -> None:
    """Draw the page."""
    st.title("Exclusive")
    st.caption(
        "What each backbone sees that no other does: isolation, oracle and exclusive retrievals "
        "(rosenfeld2019, 4.4.1), and the pairs themselves."
    )
    with widgets.sentences():
        wanted = {k: st.query_params.get(k, "") for k in ("by", "not")}
        asked = choices.choose("exclusive", fewest=2, options=("s", "m", "d", "lift"),
                               own={"order": list(ORDERS)})  # fmt: skip
        if asked is None:
            return
        with st.spinner("Looking who finds what"):
            found = combine.search(
                asked.collection, asked.models, subset=asked.subset, metric=asked.metric,
                direction=asked.direction, lift=asked.lift,
            )  # fmt: skip
            told = combine.exclusives(found)
        _counts(told)
        _sets(found, told)
        choices.by_hand(asked.by_hand("exclusive"))
        _pairs(asked, found, wanted)


def _counts(told: dict) -> None:
    columns = st.columns(3)
    low, high = told["oracle_ci95"]
    columns[0].metric("Found by someone (oracle)", f"{told['oracle']:,} of {told['pairs']:,}",
                      help=f"95 % interval {low:.0f} to {high:.0f}")  # fmt: skip
    columns[1].metric("Found by exactly one", f"{told['exclusive_total']:,}")
    columns[2].metric("Found by nobody", f"{told['pairs'] - told['oracle']:,}")
    names = sorted(told["isolation"], key=told["isolation"].get)
    alone = [told["by_model"][name] for name in names]
    shared = [told["isolation"][name] - told["by_model"][name] for name in names]
    figure = go.Figure()
    for name, values, colour in (("nobody else finds it", alone, charts.COLOURS[1]),
                                 ("others find it too", shared, charts.COLOURS[4])):  # fmt: skip
        figure.add_bar(y=names, x=values, name=name, orientation="h", marker_color=colour,
                       hovertemplate="%{y}: %{x}, " + name + "<extra></extra>")  # fmt: skip
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    charts.show(
        figure, "isolation", x="mates found first", height=90 + 24 * len(names),
        title=f"Each backbone in isolation: mates found first, of {told['pairs']:,}",
    )  # fmt: skip


def _sets(found: Search, told: dict) -> None:
    """An UpSet plot: bars over a matrix of dots (Lex et al. 2014)."""
    every = [row for row in told["sets"] if row["models"]]
    rows = every[:SETS]
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
    every_dot = [(i, height[name]) for i in x for name in names]
    dots = [(i, height[name]) for i, row in zip(x, rows, strict=True) for name in row["models"]]
    stems: list[tuple[int | None, int | None]] = []
    for i, row in zip(x, rows, strict=True):
        at = [height[name] for name in row["models"]]
        stems += [(i, min(at)), (i, max(at)), (None, None)]
    for points, mode, look in (
        (every_dot, "markers", {"marker": {"color": "rgba(128,128,128,0.25)", "size": 9}}),
        (stems, "lines", {"line": {"color": charts.COLOURS[0], "width": 2}}),
        (dots, "markers", {"marker": {"color": charts.COLOURS[0], "size": 11}}),
    ):
        figure.add_scatter(
            x=[i for i, _ in points], y=[j for _, j in points], yaxis="y2", mode=mode,
            hoverinfo="skip", showlegend=False, **look,
        )  # fmt: skip
    share = min(0.7, 26 * len(names) / (220 + 26 * len(names)))
    figure.update_layout(
        xaxis={"showticklabels": False, "zeroline": False, "showgrid": False},
        yaxis={"domain": [share + 0.03, 1]},
        yaxis2={"domain": [0, share], "anchor": "x", "tickvals": list(height.values()),
                "ticktext": list(height), "showgrid": False, "zeroline": False},
    )  # fmt: skip
    these = sum(row["pairs"] for row in rows)
    charts.show(
        figure, "upset", y="pairs", height=220 + 26 * len(names),
        title=f"Found by exactly these: {these:,} of the {told['oracle']:,} pairs that anybody "
        f"finds, in the {len(rows)} most frequent of {len(every)} sets",
    )  # fmt: skip


@st.fragment
def _pairs(asked: Choice, found: Search, wanted: dict[str, str]) -> None:
    with widgets.sentences():  # a fragment's errors do not reach the page's own
        _listed(asked, found, wanted)


def _listed(asked: Choice, found: Search, wanted: dict[str, str]) -> None:
    st.subheader("The pairs", anchor=False)
    put, models = st.session_state, list(found.models)
    start = [m for m in wanted["by"].split(",") if m in models]
    if "exclusive_by" not in put:
        put["exclusive_by"] = start or ([] if wanted["by"] == "none" else models[:1])
    put["exclusive_by"] = [m for m in put["exclusive_by"] if m in models]
    left, right = st.columns(2)
    by = left.multiselect("Found by all of", models, key="exclusive_by")
    rest = [m for m in models if m not in by]
    key = f"exclusive_not_{','.join(by)}"
    put.setdefault(key, rest if by != start or not wanted["not"]
                   else [m for m in wanted["not"].split(",") if m in rest])  # fmt: skip
    put[key] = [m for m in put[key] if m in rest]
    missed = right.multiselect("Missed by all of", rest, key=key)
    order = st.segmented_control(
        "Order", list(ORDERS), format_func=ORDERS.__getitem__, key="exclusive_order",
        required=True, label_visibility="collapsed",
    )  # fmt: skip
    choices.add("exclusive", {"by": ",".join(by) or "none", "not": ",".join(missed) or "none",
                              "order": order or "collection"})  # fmt: skip
    rows = combine.filtered(asked.collection, found, by=by, missed=missed, subset=asked.subset,
                            direction=asked.direction)  # fmt: skip
    if not rows:
        st.info("No pair is found and missed like that.")
        return
    told: dict[str, str] = {}
    if order == "disputed":
        told = _disputes(asked, models)
        place = {query: n for n, query in enumerate(told)}
        rows = sorted(rows, key=lambda row: place[row["query"]])
    ranks = "Above each the first and the last rank of its mate. " if told else ""
    st.markdown(
        f"**{len(rows):,}** of {found.pairs:,} pairs. {ranks}Click one to open it in Explore."
    )
    listed = pairs.paged(rows, "exclusive_page")
    first, second = ("left", "right") if asked.direction == "lr" else ("right", "left")
    say = " of a pair. Open it in Explore."
    shown = [
        (pairs.tile(row["query"], first, row["query_key"], say),
         pairs.tile(row["mate"], second, row["mate_key"], say))
        for row in listed
    ]  # fmt: skip

    def open_(pick: Pick) -> None:
        put["_exclusive_open"] = {
            "c": asked.collection, "q": pick["id"], "d": query.SIDES[pick["side"]],
            "m": asked.metric, "models": ",".join(models),
        }  # fmt: skip

    pairs.show(shown, key="exclusive_grid", on_pick=open_,
               heads=[told[row["query"]] for row in listed] if told else ())  # fmt: skip
    if there := put.pop("_exclusive_open", None):
        st.switch_page("pages/explore.py", query_params=there)
    widgets.credits(collections.open_(asked.collection).credits)


def _disputes(asked: Choice, models: list[str]) -> dict[str, str]:
    """{query: who puts its mate first and who last}, the most disputed pair first."""
    singles = recipes.parse(models, metric=asked.metric, lift=asked.lift)
    found = disputes.disputes(
        asked.collection, singles, subset=asked.subset, direction=asked.direction
    )
    return {one.query: one.told for one in found}


show()
