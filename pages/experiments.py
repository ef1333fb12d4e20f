"""Experiments: build one, invite people, take part, see what they agree on."""

import streamlit as st

from pages import sitting


def show() -> None:
    """Draw the page."""
    code, name = st.query_params.get("sitting", ""), st.query_params.get("e", "")
    if code:
        sitting.show(name[:64], code[:64])
        return
    st.title("Experiments")


show()
