"""Exclusive: the pairs that only one backbone finds, and any "found by these, missed by those"."""

import streamlit as st

from simcore.lab import recipes
from simcore.lab.evaluate import combinations, exclusive
from simcore.lab.evaluate.combinations import SubsetSearch
from simcore.lab.library import collections
from simcore.recipe import Question
from simcore.ui import commands, gallery, sidebar, url_state, widgets
from simcore.ui.exclusive.overlap_charts import counts_chart, sets_chart
from simcore.ui.gallery import Pick

ORDERS = {"collection": "As in the collection", "disputed": "Most disputed first"}


def show() -> None:
    """Draw the page."""
    st.title("Exclusive")
    st.caption(
        "What each backbone sees that no other does: isolation, oracle and exclusive retrievals "
        "(rosenfeld2019, 4.4.1), and the pairs themselves."
    )
    with widgets.show_errors():
        wanted = {k: st.query_params.get(k, "") for k in ("by", "not")}
        asked = sidebar.select_question(
            "exclusive", fewest=2, options=("s", "m", "d", "post"), own={"order": list(ORDERS)}
        )
        if asked is None:
            return
        with st.spinner("Looking who finds what"):
            found = combinations.search(
                asked.collection,
                asked.backbones,
                subset=asked.subset,
                metric=asked.metric,
                direction=asked.direction,
                post=asked.post,
            )
            told = exclusive.exclusives(found)
        counts_chart(told)
        sets_chart(found, told)
        commands.show(commands.evaluate(asked, "exclusive"))
        _pairs(asked, found, wanted)


@st.fragment
def _pairs(asked: Question, found: SubsetSearch, wanted: dict[str, str]) -> None:
    with widgets.show_errors():  # a fragment's errors do not reach the page's own
        _listed(asked, found, wanted)


def _listed(asked: Question, found: SubsetSearch, wanted: dict[str, str]) -> None:
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
    put.setdefault(
        key,
        rest
        if by != start or not wanted["not"]
        else [m for m in wanted["not"].split(",") if m in rest],
    )
    put[key] = [m for m in put[key] if m in rest]
    missed = right.multiselect("Missed by all of", rest, key=key)
    order = st.segmented_control(
        "Order",
        list(ORDERS),
        format_func=ORDERS.__getitem__,
        key="exclusive_order",
        required=True,
        label_visibility="collapsed",
    )
    url_state.add(
        "exclusive",
        {
            "by": ",".join(by) or "none",
            "not": ",".join(missed) or "none",
            "order": order or "collection",
        },
    )
    rows = exclusive.found_and_missed(
        asked.collection,
        found,
        by=by,
        missed=missed,
        subset=asked.subset,
        direction=asked.direction,
    )
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
    listed = gallery.paged(rows, "exclusive_page")
    first, second = ("left", "right") if asked.direction == "lr" else ("right", "left")
    say = " of a pair. Open it in Explore."
    shown = [
        (
            gallery.pair_tile(row["query"], first, row["query_key"], say),
            gallery.pair_tile(row["mate"], second, row["mate_key"], say),
        )
        for row in listed
    ]

    def open_(pick: Pick) -> None:
        put["_exclusive_open"] = {
            "c": asked.collection,
            "q": pick["id"],
            "d": gallery.SIDES[pick["side"]],
            "m": asked.metric,
            "models": ",".join(models),
        }

    gallery.pair_grid(
        shown,
        key="exclusive_grid",
        on_pick=open_,
        heads=[told[row["query"]] for row in listed] if told else (),
    )
    if there := put.pop("_exclusive_open", None):
        st.switch_page("pages/explore.py", query_params=there)
    widgets.credits(collections.open_(asked.collection).credits)


def _disputes(asked: Question, models: list[str]) -> dict[str, str]:
    """{query: who puts its mate first and who last}, the most disputed pair first."""
    singles = recipes.parse(models, metric=asked.metric, post=asked.post)
    found = exclusive.disagreements(
        asked.collection, singles, subset=asked.subset, direction=asked.direction
    )
    return {one.query: one.told for one in found}


show()
