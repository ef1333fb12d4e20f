"""Exclusive: the pairs that only one backbone finds, and any "found by these, missed by those"."""

from collections.abc import Sequence

import streamlit as st

from simcore.lab.evaluate import combinations, exclusive
from simcore.lab.evaluate.exclusive import FoundPair, Order
from simcore.lab.library import collections
from simcore.recipe import Question
from simcore.ui import commands, gallery, sidebar, url_state, widgets
from simcore.ui.exclusive.overlap_charts import counts_chart, sets_chart
from simcore.ui.gallery import Pick, Tile

ORDERS: dict[Order, str] = {
    "collection": "As in the collection",
    "disagreement": "Largest disagreement first",
}


def show() -> None:
    """Draw the page."""
    st.title("Exclusive")
    st.caption("Pairs that only one backbone finds (rosenfeld2019, section 4.4.1).")
    with widgets.show_errors():
        link = {name: st.query_params.get(name, "") for name in ("by", "not")}
        question = sidebar.select_question(
            "exclusive", fewest=2, options=("s", "m", "d", "post"), own={"order": list(ORDERS)}
        )
        if question is None:
            return
        with st.spinner("Evaluating the backbones"):
            report = exclusive.report(combinations.search(question))
        counts_chart(report)
        sets_chart(report)
        commands.show(commands.evaluate(question, "exclusive"))
        _pairs(question, link)


@st.fragment
def _pairs(question: Question, link: dict[str, str]) -> None:
    with widgets.show_errors():  # the page's own block does not see errors of a fragment
        st.subheader("Pairs", anchor=False)
        finders, missed, order = _filter(question, link)
        rows = exclusive.found_and_missed(question, found=finders, missed=missed, order=order)
        if not rows:
            st.info("No pair passes this filter.")
            return
        ranks = " Above each, the first and the last rank of its mate." if rows[0].ranks else ""
        total = len(sidebar.opened(question).left)
        st.markdown(
            f"**{len(rows):,}** of {total:,} pairs.{ranks} Click one to open it in Explore."
        )
        _grid(question, gallery.paged(rows, "exclusive_page"))
        widgets.credits(collections.open_(question.collection).credits)


def _filter(question: Question, link: dict[str, str]) -> tuple[list[str], list[str], Order]:
    """Backbones that find the pairs, backbones that miss them, and the order."""
    state, backbones = st.session_state, list(question.backbones)
    linked = [name for name in link["by"].split(",") if name in backbones]
    if "exclusive_by" not in state:
        state["exclusive_by"] = linked or ([] if link["by"] == "none" else backbones[:1])
    state["exclusive_by"] = [name for name in state["exclusive_by"] if name in backbones]
    left, right = st.columns(2)
    finders = left.multiselect("Found by all of", backbones, key="exclusive_by")
    rest = [name for name in backbones if name not in finders]
    key = f"exclusive_not_{','.join(finders)}"
    if key not in state:
        # The second half of a link belongs to its first half; otherwise all others miss the pair.
        from_link = finders == linked and link["not"]
        state[key] = link["not"].split(",") if from_link else rest
    state[key] = [name for name in state[key] if name in rest]
    missed = right.multiselect("Missed by all of", rest, key=key)
    order = st.segmented_control(
        "Order",
        list(ORDERS),
        format_func=ORDERS.__getitem__,
        key="exclusive_order",
        required=True,
        label_visibility="collapsed",
    )
    params = {
        "by": ",".join(finders) or "none",
        "not": ",".join(missed) or "none",
        "order": order or "collection",
    }
    url_state.add("exclusive", params)
    return finders, missed, order or "collection"


def _grid(question: Question, rows: Sequence[FoundPair]) -> None:
    query_side, mate_side = ("left", "right") if question.direction == "lr" else ("right", "left")

    def tile(image: str, side: str, key: str) -> Tile:
        return gallery.pair_tile(image, side, key, " of a pair. Open it in Explore.")

    def open_in_explore(pick: Pick) -> None:
        st.session_state["_exclusive_open"] = {
            "c": question.collection,
            "q": pick["id"],
            "d": gallery.SIDES[pick["side"]],
            "m": question.metric,
            "models": ",".join(question.backbones),
        }

    gallery.pair_grid(
        [
            (tile(row.query, query_side, row.query_key), tile(row.mate, mate_side, row.mate_key))
            for row in rows
        ],
        key="exclusive_grid",
        on_pick=open_in_explore,
        heads=[row.ranks for row in rows] if rows[0].ranks else (),
    )
    if params := st.session_state.pop("_exclusive_open", None):
        st.switch_page("pages/explore.py", query_params=params)


show()
