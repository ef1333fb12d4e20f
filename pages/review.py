"""Review: failure cases one by one, annotators' tags, and recall without bad pairs."""

import streamlit as st

from simcore.lab import recipes
from simcore.lab.library import collections
from simcore.ui import sidebar, url_state, widgets
from simcore.ui.review import failure_case, review_results

PARTS = {"queue": "Queue", "results": "Results"}
WITH = {"zsum": "z-sum", "sum": "Plain sum"}


def show() -> None:
    """Draw the page."""
    st.title("Review")
    st.caption(
        "Review the failures of a recipe, largest margin first: tag what makes two pictures alike."
    )
    with widgets.show_errors():
        who, query = (st.query_params.get(key, "")[:500] for key in ("who", "q"))
        asked = sidebar.select_question(
            "review", options=("m", "post"), own={"with": list(WITH), "show": list(PARTS)}
        )
        if asked is None:
            return
        st.session_state.setdefault("reviewer_name", who[:60])
        with st.sidebar:
            how = st.selectbox(
                "Combined by",
                list(WITH),
                format_func=WITH.__getitem__,
                key="review_with",
                disabled=len(asked.backbones) < 2,
            )
            name = st.text_input(
                "Your name",
                key="reviewer_name",
                max_chars=60,
                placeholder="or a nickname",
                help="Stored with your reviews, so that annotators can be compared.",
            )
        part = st.segmented_control(
            "Show",
            list(PARTS),
            format_func=PARTS.__getitem__,
            key="review_show",
            label_visibility="collapsed",
            required=True,
        )
        url_state.add("review", {"with": how, "show": part or "queue", "who": name})
        rows = recipes.parse(asked.backbones, how, metric=asked.metric, post=asked.post)
        if part == "results":
            review_results.show(asked, rows, how)
        else:
            failure_case.show(asked.collection, rows[-1], " ".join(name.split()), query)
        widgets.credits(collections.open_(asked.collection).credits)


show()
