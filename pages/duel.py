"""Duel: beat the machine, a live game; and who you look like."""

import streamlit as st

from simcore.ui import url_state, widgets
from simcore.ui.duel import home, look_alike, phone, wall
from simcore.ui.url_state import Field

VIEWS = {"duel": "Duel", "look-alike": "Who do you look like?"}


def show() -> None:
    """Draw the page; for a player the questions alone, on the wall the score alone."""
    name = st.query_params.get("experiment", "")[:64]
    if code := st.query_params.get("participant", ""):
        phone.show(name, code[:64])
    elif st.query_params.get("view", "") == wall.VIEW:
        wall.show(name)
    else:
        _choose()


def _choose() -> None:
    st.title("Duel")
    st.caption("Beat the machine: people and backbones answer the same questions, live.")
    with widgets.show_errors():
        values = url_state.bind("duel", [Field("view", list(VIEWS))])
        st.segmented_control(
            "Show",
            list(VIEWS),
            format_func=VIEWS.__getitem__,
            key="duel_view",
            label_visibility="collapsed",
            required=True,
        )
        if values["view"] == "look-alike":
            look_alike.show()
        else:
            home.show()


show()
