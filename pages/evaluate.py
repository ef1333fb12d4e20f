"""Evaluate: the papers' tables and curves on one's own pairs, the printed values beside them."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simcore.lab import recipes
from simcore.lab.library import subsets
from simcore.lab.printed_values import Printed
from simcore.recipe import Question
from simcore.ui import charts, commands, page_export, sidebar, widgets
from simcore.ui.evaluate import evaluation_views
from simcore.ui.evaluate.evaluation_views import EvaluationView
from simcore.ui.url_state import Field

WHAT: dict[str, tuple[str, Callable[..., EvaluationView]]] = {
    "recall": ("Recall at 1, 5, 10, ... (Table 1)", evaluation_views.recall),
    "curve": ("Recall at every k (Fig. 2b)", evaluation_views.curve),
    "minus": ("Cosine minus L2 (Fig. 2a)", evaluation_views.cosine_minus_l2),
    "associative": ("Associative recall (Table 2a)", evaluation_views.associative),
    "votes": ("Votes and similarity (4.2)", evaluation_views.votes),
    "faces": ("Faces (Fig. 5c)", evaluation_views.faces),
    "post-processing": ("What each lift adds", evaluation_views.post_processing),
    "compare": ("Is A better than B? (McNemar)", evaluation_views.compare),
}
WITH = {"zsum": "z-sum of all", "sum": "Plain sum of all", "none": "None"}


def show() -> None:
    """Draw the page."""
    st.title("Evaluate")
    st.caption("How well do the backbones agree with people's pairs, and how sure is each number?")
    with widgets.show_errors():
        asked = sidebar.select_question(
            "evaluate",
            options=("subset", "metric", "direction", "post"),
            fields=[Field("view", list(WHAT)), Field("combine", list(WITH), label="combination")],
        )
        if asked is None:
            return
        left, right = st.columns([2, 1])
        what = left.selectbox(
            "Evaluation", list(WHAT), format_func=lambda key: WHAT[key][0], key="evaluate_view"
        )
        how = right.selectbox(
            "Combination as well", list(WITH), format_func=WITH.__getitem__, key="evaluate_combine"
        )
        more = _detector(right) if what == "faces" else {}
        rows = recipes.parse(asked.backbones, how, metric=asked.metric, post=asked.post)
        with st.spinner("Evaluating"):
            found = WHAT[what][1](asked, rows, how, **more)
        _draw(asked, what, found)


def _detector(place: DeltaGenerator) -> dict[str, str]:
    chosen = place.selectbox(
        "Detector",
        list(subsets.DETECTORS),
        key="evaluate_detector",
        format_func=lambda name: f"{name}: {subsets.DETECTORS[name]}",
        help="Run one with `simcore extract NAME --models face-cnn` or `haar` first.",
    )
    return {"detector": chosen}


def _draw(asked: Question, what: str, found: EvaluationView) -> None:
    if found.figure is not None:
        charts.show(found.figure, f"evaluate_{what}", title=found.title, x=found.x, y=found.y)
    else:
        st.markdown(f"**{found.title}**")
    if found.remark:
        st.caption(found.remark)
    st.dataframe(found.shown, hide_index=True, placeholder="–", key=f"evaluate_table_{what}")
    name = f"{asked.collection}-{asked.subset}-{what}"
    with st.container(horizontal=True):
        widgets.csv_button(lambda: found.frame.to_csv(index=False), f"{name}.csv")
        st.download_button(
            "Download as one HTML file",
            lambda: evaluation_views.page(asked, WHAT[what][0], found),
            f"{name}.html",
            mime="text/html",
            icon=":material/article:",
            on_click="ignore",
        )
    commands.show(found.hand)
    if found.printed is not None:
        _printed(found.printed)
    page_export.forget()  # the button above takes more along


def _printed(table: Printed) -> None:
    with st.expander(f"As printed in {table.paper}, {table.place}", expanded=True):
        st.caption(charts.about(table))
        st.dataframe(charts.printed(table), hide_index=True, placeholder="–")
        if table.remark:
            st.caption(table.remark)


show()
