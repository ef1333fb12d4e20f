"""Workshop mode (`simcore app --kiosk`): visitors look and answer, and change nothing."""

import os
import re
from collections.abc import Sequence

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from simcore.ui import components

VARIABLE = "SIMCORE_KIOSK"  # seconds without input until the app starts over; set by the CLI
HIDDEN_PAGES = {"collections", "models"}  # pages that add, remove or download
# A single line of all pages would hide most of them behind "more"; the others stand alone.
SECTIONS = {
    **dict.fromkeys(("combine", "exclusive", "evaluate", "reproduce", "learn"), "Analyze"),
    **dict.fromkeys(("judgements", "experiments", "review"), "People"),
    **dict.fromkeys(("duplicates", "collections", "models"), "Library"),
}
# A path in quotes may contain spaces; one without quotes ends at the first.
PATHS = re.compile(
    r"(?<=['\"`])(?:[A-Za-z]:)?[/\\][^'\"`\n]+|(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}"
)


def enabled() -> bool:
    """Whether the app runs in workshop mode."""
    return bool(os.environ.get(VARIABLE))


def upload_limits() -> tuple[int, int]:
    """How many images a visitor may upload as queries, and the MB of each."""
    return (3, 5) if enabled() else (12, 20)


def navigation(pages: Sequence[StreamlitPage]) -> StreamlitPage:
    """The page of the address; participants of an experiment see no other pages."""
    sections: dict[str, list[StreamlitPage]] = {}
    for page in pages:
        if not (enabled() and page.url_path in HIDDEN_PAGES):
            sections.setdefault(SECTIONS.get(page.url_path, ""), []).append(page)
    # On a phone the pages are in the sidebar; expanded, since it would cut them off after ten.
    alone = "participant" in st.query_params
    return st.navigation(sections, position="hidden" if alone else "top", expanded=True)


def hide_paths(text: str) -> str:
    """In workshop mode, a text without the server's folders.

    >>> os.environ[VARIABLE] = "60"
    >>> hide_paths("sqlite:////srv/x.db or '/srv/my own/x' or /srv/me; left/a.png is fine")
    "sqlite:///(on the server) or '(on the server)' or (on the server); left/a.png is fine"
    >>> del os.environ[VARIABLE]
    """
    return PATHS.sub("(on the server)", text) if enabled() else text


def watch() -> None:
    """In workshop mode, start over after a while without input."""
    if not enabled():
        return
    address = "/" + str(st.get_option("server.baseUrlPath") or "").strip("/")
    if "participant" in st.query_params:
        experiment = st.query_params.get("experiment", "")
        address = f"{address.rstrip('/')}/experiments?experiment={experiment}&participant=new"
    components.KIOSK_IDLE.mount(
        data={"seconds": int(os.environ[VARIABLE]), "to": address}, key="kiosk_idle"
    )
