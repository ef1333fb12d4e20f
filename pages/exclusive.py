"""Exclusive: the pairs that only one backbone finds, and any "found by these, missed by those"."""

import streamlit as st

from simcore.lab import recipes
from simcore.lab.evaluate import combinations, exclusive
from simcore.lab.evaluate.combinations import SubsetSearch
from simcore.lab.library import collections
from simcore.recipe import Question
from simcore.ui import commands, gallery, sidebar, url_state, widgets
from simcore.ui.exclusive.overlap_charts import counts_chart, sets_chart
from simcore.ui.url_state import Field, ListField

ORDERS = {"collection": "As in the collection", "disagreement": "Largest disagreement first"}
FOUND = ListField(
    "found",
    lambda values: values["models"],
    default=lambda values: values["models"][:1],
    label="backbone",
    keep_empty=True,
)
MISSED = ListField(
    "missed",
    lambda values: [name for name in values["models"] if name not in values["found"]],
    default=lambda values: [name for name in values["models"] if name not in values["found"]],
    label="backbone",
    keep_empty=True,
    per="found",
)
FIELDS = [FOUND, MISSED, Field("order", list(ORDERS))]


def show() -> None:
    """Draw the page."""
    st.title("Exclusive")
    st.caption(
        "What each backbone sees that no other does: isolation, oracle and exclusive retrievals "
        "(rosenfeld2019, 4.4.1), and the pairs themselves."
    )
    with widgets.show_errors():
        asked = sidebar.select_question(
            "exclusive",
            min_backbones=2,
            options=("subset", "metric", "direction", "post"),
            fields=FIELDS,
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
        _pairs(asked, found)


@st.fragment
def _pairs(asked: Question, found: SubsetSearch) -> None:
    with widgets.show_errors():  # a fragment's errors do not reach the page's own
        _listed(asked, found)


def _listed(asked: Question, found: SubsetSearch) -> None:
    st.subheader("The pairs", anchor=False)
    models = list(found.models)
    values = url_state.bind("exclusive", FIELDS)
    by = values["found"]
    left, right = st.columns(2)
    left.multiselect("Found by all of", models, key="exclusive_found")
    missed = right.multiselect(
        "Missed by all of", MISSED.choices(values), key=MISSED.key("exclusive", values)
    )
    order = st.segmented_control(
        "Order",
        list(ORDERS),
        format_func=ORDERS.__getitem__,
        key="exclusive_order",
        required=True,
        label_visibility="collapsed",
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
    if order == "disagreement":
        told = _disputes(asked, models)
        place = {query: n for n, query in enumerate(told)}
        rows = sorted(rows, key=lambda row: place[row["query"]])
    ranks = "Above each the first and the last rank of its mate. " if told else ""
    st.markdown(
        f"**{len(rows):,}** of {found.pairs:,} pairs. {ranks}Click one to open it in Explore."
    )
    listed = gallery.paged(rows, "exclusive_page")
    first, second = ("left", "right") if asked.direction == "lr" else ("right", "left")
    alt_end = f" of a pair{gallery.OPEN_IN_EXPLORE}"
    shown = [
        (
            gallery.pair_tile(row["query"], first, row["query_key"], alt_end),
            gallery.pair_tile(row["mate"], second, row["mate_key"], alt_end),
        )
        for row in listed
    ]

    gallery.pair_grid(
        shown,
        key="exclusive_grid",
        on_pick=gallery.open_in_explore(asked.collection, models=models, metric=asked.metric),
        heads=[told[row["query"]] for row in listed] if told else (),
    )
    widgets.credits(collections.open_(asked.collection).credits)


def _disputes(asked: Question, models: list[str]) -> dict[str, str]:
    """{query: who puts its mate first and who last}, the most disputed pair first."""
    singles = recipes.parse(models, metric=asked.metric, post=asked.post)
    found = exclusive.disagreements(
        asked.collection, singles, subset=asked.subset, direction=asked.direction
    )
    return {one.query: one.told for one in found}


show()
