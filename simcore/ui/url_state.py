"""The state of a page in its address (query parameters)."""

from collections.abc import Mapping

import streamlit as st

from simcore.ui.explore.explore_view import ExploreView


def number(name: str, usual: float, most: float) -> float:
    """A number of the address between 0 and `most`, or the usual one."""
    try:
        asked = float(st.query_params.get(name, usual))
    except ValueError:
        return usual
    return asked if 0 <= asked <= most else usual


def write(page: str, params: Mapping[str, str]) -> None:
    """Put what is shown into the address, and remember that it was us."""
    if dict(st.query_params) != dict(params):
        st.query_params.from_dict(dict(params))
    st.session_state[f"_{page}_address"] = dict(params)


def add(page: str, params: Mapping[str, str]) -> None:
    """Put more into the address."""
    write(page, st.session_state.get(f"_{page}_address", {}) | dict(params))


def read_params() -> bool:
    """Whether the address is one that this page did not write itself."""
    return dict(st.query_params) != st.session_state.get("_address")


def last_view() -> ExploreView | None:
    """What Explore showed when this visitor left it for another page."""
    return st.session_state.get("_view")
