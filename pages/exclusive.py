"""Exclusive: the pairs that only one backbone finds, and any "found by these, missed by those"."""

from collections.abc import Sequence

import streamlit as st

from simcore.lab.evaluate import exclusive, recall
from simcore.lab.evaluate.exclusive import FoundPair, Order
from simcore.lab.library import collections
from simcore.recipe import Question
from simcore.ui import commands, gallery, sidebar, url_state, widgets
from simcore.ui.exclusive.overlap_charts import SHARED, counts_chart, sets_chart
from simcore.ui.gallery import Tile
from simcore.ui.url_state import Field, ListField

ORDERS: dict[Order, str] = {
    "collection": "As in the collection",
    "disagreement": "Largest disagreement first",
}
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
    st.caption("Pairs that only one backbone finds (rosenfeld2019, section 4.4.1).")
    with widgets.show_errors():
        question = sidebar.select_question(
            "exclusive",
            min_backbones=2,
            options=("subset", "metric", "direction", "post", "missing"),
            fields=FIELDS,
        )
        if question is None:
            return
        if not recall.is_quick(question):
            sidebar.offer_job("exclusive", question, "exclusive")
            return
        with widgets.placeholder("Evaluating the backbones", 300, 400):
            report = exclusive.report(question)
        counts_chart(report, lambda name: _filter_by_bar(question, name))
        sets_chart(report, lambda names: _filter_by_set(question, names.split(" + ")))
        st.caption("Click a bar to see its pairs below.")
        commands.show(commands.evaluate(question, "exclusive"))
        _pairs(question)


def _filter_by_bar(question: Question, name: str) -> None:
    """Show the hits of one backbone: those of it alone, or all of them."""
    if name.startswith(SHARED):
        _set_filter(question, [name.removeprefix(SHARED)], [])
    else:
        _filter_by_set(question, [name])


def _filter_by_set(question: Question, names: Sequence[str]) -> None:
    """Show the pairs that exactly these backbones find."""
    _set_filter(question, names, [name for name in question.backbones if name not in names])


def _set_filter(question: Question, finders: Sequence[str], missed: Sequence[str]) -> None:
    state = st.session_state
    ordered = [name for name in question.backbones if name in finders]
    state["exclusive_found"] = ordered
    state[MISSED.key("exclusive", {"found": ordered})] = list(missed)


@st.fragment
def _pairs(question: Question) -> None:
    with widgets.show_errors():  # the page's own block does not see errors of a fragment
        st.header("Pairs", anchor=False)
        finders, missed, order = _filter(question)
        rows = exclusive.found_and_missed(question, found=finders, missed=missed, order=order)
        if not rows:
            st.info("No pair passes this filter.")
            return
        ranks = " Above each, the first and the last rank of its mate." if rows[0].ranks else ""
        total = len(sidebar.open_question(question).left)
        st.markdown(
            f"**{len(rows):,}** of {total:,} pairs.{ranks} Click one to open it in Explore."
        )
        _grid(question, gallery.paged(rows, "exclusive_page"))
        widgets.credits(collections.open_(question.collection).credits)


def _filter(question: Question) -> tuple[list[str], list[str], Order]:
    """Backbones that find the pairs, backbones that miss them, and the order."""
    values = url_state.bind("exclusive", FIELDS)
    left, right = st.columns(2)
    left.multiselect("Found by all of", question.backbones, key="exclusive_found")
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
    return values["found"], missed, order or "collection"


def _grid(question: Question, rows: Sequence[FoundPair]) -> None:
    query_side, mate_side = ("left", "right") if question.direction == "lr" else ("right", "left")

    def tile(image: str, side: str, key: str) -> Tile:
        return gallery.pair_tile(image, side, key, f" of a pair{gallery.OPEN_IN_EXPLORE}")

    gallery.pair_grid(
        [
            (tile(row.query, query_side, row.query_key), tile(row.mate, mate_side, row.mate_key))
            for row in rows
        ],
        key="exclusive_grid",
        on_pick=gallery.open_in_explore(
            question.collection, models=question.backbones, metric=question.metric
        ),
        heads=[row.ranks for row in rows] if rows[0].ranks else (),
    )


show()
