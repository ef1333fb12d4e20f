"""Review: failure cases one by one, annotators' tags, and recall without bad pairs."""

from dataclasses import replace

import streamlit as st

from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections
from simcore.lab.people import review
from simcore.ui import sidebar, widgets
from simcore.ui.review import failure_case, review_results
from simcore.ui.sidebar import COMBINATION_NAMES
from simcore.ui.url_state import Field, TextField

PARTS = {"queue": "Queue", "results": "Results"}
SUMS = ("zsum", "sum")
AFTER = {"next": "Next case", "stay": "Stay"}  # what follows a tag
FIELDS = [
    Field("after", list(AFTER), label="choice for after a tag"),
    Field("combine", SUMS, label="combination"),
    Field("view", list(PARTS)),
    TextField("annotator", limit=60),
    TextField("query"),
]


def show() -> None:
    """Draw the page."""
    st.title("Review")
    st.caption(
        "Review the failures of a recipe, largest margin first: tag what makes two images alike."
    )
    with widgets.show_errors():
        question = sidebar.select_question(
            "review", options=("metric", "post", "missing"), fields=FIELDS
        )
        if question is None:
            return
        with st.sidebar:
            combine = st.selectbox(
                "Combination",
                SUMS,
                format_func=COMBINATION_NAMES.__getitem__,
                key="review_combine",
                disabled=len(question.backbones) < 2,
            )
            name = st.text_input(
                "Your name",
                key="review_annotator",
                max_chars=60,
                placeholder="or a nickname",
                help="Stored with your reviews, so that annotators can be compared.",
            )
            after = st.segmented_control(
                "After a tag",
                list(AFTER),
                format_func=AFTER.__getitem__,
                key="review_after",
                required=True,
                width="stretch",
                help="Stay to give a pair several tags.",
            )
        part = st.segmented_control(
            "Show",
            list(PARTS),
            format_func=PARTS.__getitem__,
            key="review_view",
            label_visibility="collapsed",
            required=True,
        )
        rows = recipes.parse(
            question.backbones,
            combine,
            metric=question.metric,
            post=question.post,
            missing=question.missing,
        )
        needed = question.with_recipes(*rows)
        if not recall.is_quick(needed):
            sidebar.offer_job("review", needed, "recall")
            return
        if part == "results" and not review.is_quick(needed):
            sidebar.offer_job("review", replace(needed, subset="reviewed"), "recall")
        elif part == "results":
            review_results.show(question, rows, combine)
        else:
            who = " ".join(name.split())
            failure_case.show(question.collection, rows[-1], who, advance=after == "next")
        widgets.credits(collections.open_(question.collection).credits)


show()
