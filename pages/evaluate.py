"""Evaluate: the papers' tables and curves on one's own pairs, the printed values beside them."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages import charts, choices, record, tables, takeaway, widgets
from pages.choices import Choice
from pages.tables import Shown
from simcore.lab import recipes, selection
from simcore.lab.papers import Printed

WHAT: dict[str, tuple[str, Callable[..., Shown]]] = {
    "recall": ("Recall at 1, 5, 10, ... (Table 1)", tables.recall),
    "curve": ("Recall at every k (Fig. 2b)", tables.curve),
    "minus": ("Cosine minus L2 (Fig. 2a)", tables.minus),
    "associative": ("Associative recall (Table 2a)", tables.associative),
    "votes": ("Votes and similarity (4.2)", tables.votes),
    "faces": ("Faces (Fig. 5c)", tables.faces),
    "lifts": ("What each lift adds", tables.lifts),
    "compare": ("Is A better than B? (McNemar)", tables.compare),
}
WITH = {"zsum": "z-sum of all", "sum": "Plain sum of all", "none": "None"}


def show() -> None:
    """Draw the page."""
    st.title("Evaluate")
    st.caption("How well do the backbones agree with people's pairs, and how sure is each number?")
    with widgets.sentences():
        asked = choices.choose(
            "evaluate", options=("s", "m", "d", "lift"),
            own={"what": list(WHAT), "with": list(WITH)},
        )  # fmt: skip
        if asked is None:
            return
        left, right = st.columns([2, 1])
        what = left.selectbox(
            "Evaluation", list(WHAT), format_func=lambda key: WHAT[key][0], key="evaluate_what"
        )
        how = right.selectbox(
            "Combination as well", list(WITH), format_func=WITH.__getitem__, key="evaluate_with"
        )
        more = _detector(right) if what == "faces" else {}
        choices.add("evaluate", {"what": what, "with": how})
        rows = recipes.parse(asked.models, how, metric=asked.metric, lift=asked.lift)
        with st.spinner("Evaluating"):
            found = WHAT[what][1](asked, rows, how, **more)
        _draw(asked, what, found)


def _detector(place: DeltaGenerator) -> dict[str, str]:
    chosen = place.selectbox(
        "Detector", list(selection.DETECTORS), key="evaluate_detector",
        format_func=lambda name: f"{name}: {selection.DETECTORS[name]}",
        help="Run one with `simcore extract NAME --models face-cnn` or `haar` first.",
    )  # fmt: skip
    return {"detector": chosen}


def _draw(asked: Choice, what: str, found: Shown) -> None:
    if found.figure is not None:
        charts.show(found.figure, f"evaluate_{what}", title=found.title, x=found.x, y=found.y)
    else:
        st.markdown(f"**{found.title}**")
    if found.remark:
        st.caption(found.remark)
    st.dataframe(found.shown, hide_index=True, placeholder="–", key=f"evaluate_table_{what}")
    name = f"{asked.collection}-{asked.subset}-{what}"
    with st.container(horizontal=True):
        st.download_button(
            "Download as CSV", lambda: found.frame.to_csv(index=False).encode(), f"{name}.csv",
            mime="text/csv", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Download as one HTML file", lambda: takeaway.page(asked, WHAT[what][0], found),
            f"{name}.html", mime="text/html", icon=":material/article:", on_click="ignore",
        )  # fmt: skip
    choices.by_hand(found.hand)
    if found.printed is not None:
        _printed(found.printed)
    record.forget()  # the button above takes more along


def _printed(table: Printed) -> None:
    with st.expander(f"As printed in {table.paper}, {table.place}", expanded=True):
        st.caption(takeaway.about(table))
        st.dataframe(takeaway.printed(table), hide_index=True, placeholder="–")
        if table.remark:
            st.caption(table.remark)


show()
