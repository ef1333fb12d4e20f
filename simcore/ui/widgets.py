"""What several pages share: errors as sentences, safe text, sizes, and running jobs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from simcore.errors import SimError
from simcore.lab import html_document
from simcore.ui import kiosk, page_export

MARKS = str.maketrans({mark: "\\" + mark for mark in "\\`*_{}[]()<>#+-.!|~$:^"})


def escape_markdown(text: str) -> str:
    """People's words for places that read Markdown: every mark shows as itself.

    >>> plain("a*b*.png")
    'a\\\\*b\\\\*\\\\.png'
    """
    return " ".join(kiosk.hide_paths(text).split()).translate(MARKS)


@contextmanager
def show_errors() -> Iterator[None]:
    """Inside, anything a person can act on becomes one red sentence, and the page goes on."""
    if said := st.session_state.pop("_said", ""):
        st.error(escape_markdown(said), icon=":material/error:")
    try:
        yield
    except SimError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")


def run_action(action: Callable[..., object], *args: object) -> None:
    """For buttons: do it; what goes wrong is said by the next `sentences`."""
    try:
        action(*args)
    except SimError as error:
        st.session_state["_said"] = str(error)


def credits(lines: Sequence[str]) -> None:
    """The art's authors and licences, small and under the pictures."""
    if lines:
        page_export.add(
            "credits",
            lambda: [html_document.paragraph("Pictures: " + " · ".join(lines), soft=True)],
        )
        st.caption("Pictures: " + " · ".join(escape_markdown(line) for line in lines))
