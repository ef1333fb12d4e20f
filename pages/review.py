"""Review: failure cases one by one, annotators' tags, and recall without bad pairs."""

import streamlit as st

from simcore.lab import recipes
from simcore.lab.library import collections
from simcore.ui import sidebar, widgets
from simcore.ui.review import failure_case, review_results
from simcore.ui.url_state import Field, TextField

PARTS = {"queue": "Queue", "results": "Results"}
WITH = {"zsum": "z-sum", "sum": "Plain sum"}
FIELDS = [
    Field("combine", list(WITH), label="combination"),
    Field("view", list(PARTS)),
    TextField("annotator", limit=60),
    TextField("query"),
]


def show() -> None:
    """Draw the page."""
    st.title("Review")
    st.caption(
        "Review the failures of a recipe, largest margin first: tag what makes two pictures alike."
    )
    with widgets.show_errors():
        asked = sidebar.select_question("review", options=("metric", "post"), fields=FIELDS)
        if asked is None:
            return
        with st.sidebar:
            how = st.selectbox(
                "Combined by",
                list(WITH),
                format_func=WITH.__getitem__,
                key="review_combine",
                disabled=len(asked.backbones) < 2,
            )
            name = st.text_input(
                "Your name",
                key="review_annotator",
                max_chars=60,
                placeholder="or a nickname",
                help="Stored with your reviews, so that annotators can be compared.",
            )
        part = st.segmented_control(
            "Show",
            list(PARTS),
            format_func=PARTS.__getitem__,
            key="review_view",
            label_visibility="collapsed",
            required=True,
        )
        rows = recipes.parse(asked.backbones, how, metric=asked.metric, post=asked.post)
        if part == "results":
            review_results.show(asked, rows, how)
        else:
            failure_case.show(asked.collection, rows[-1], " ".join(name.split()))
        widgets.credits(collections.open_(asked.collection).credits)


show()
