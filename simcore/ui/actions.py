"""What buttons do: run an action, start a job. Their errors are shown by the next run."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from simcore.errors import SimError
from simcore.lab import jobs

ERROR = "_error"  # session state: an error of a callback, shown by the next run
LINK = "_link"  # session state: a page that a callback opens, and its query parameters
OWN_JOB = "_job"  # session state: the job that this visitor started or watched last


def run_action(action: Callable[..., object], *args: object) -> None:
    """Run the action of a button; the next `widgets.show_errors` shows its error."""
    try:
        action(*args)
    except SimError as error:
        show_error_later(str(error))


def show_error_later(message: str) -> None:
    """Let the next `widgets.show_errors` show a message; for callbacks, which cannot draw."""
    st.session_state[ERROR] = message


def take_error() -> str:
    """The error that the last callback left, once; "" if there is none."""
    return str(st.session_state.pop(ERROR, ""))


def open_later(page: str, params: Mapping[str, str]) -> None:
    """Let the next `follow_link` open a page; for callbacks, which cannot switch pages."""
    st.session_state[LINK] = (page, dict(params))


def follow_link() -> None:
    """Open the page that the last callback asked for."""
    if link := st.session_state.pop(LINK, None):
        page, params = link
        st.switch_page(page, query_params=params)


def start_job(args: Sequence[str]) -> None:
    """Start a job and remember it, so that the page shows how it ended; for buttons."""
    run_action(_start, args)


def _start(args: Sequence[str]) -> None:
    st.session_state[OWN_JOB] = jobs.start(list(args)).id
