"""Workshop mode (`simcore app --kiosk`): people look and answer; nobody changes what is there."""

import os
import re
from collections.abc import Sequence

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from simcore.ui import components

VARIABLE = "SIMCORE_KIOSK"  # how many seconds nobody must be there; set by the command line
CLOSED = {"collections", "models"}  # pages that add, remove or fetch
# One line of thirteen would hide most pages behind "more"; those without a section stand alone.
SECTIONS = {
    **dict.fromkeys(("combine", "exclusive", "evaluate", "learn"), "Analyse"),
    **dict.fromkeys(("judgements", "experiments", "review"), "People"),
    **dict.fromkeys(("duplicates", "collections", "models"), "Library"),
}
# A path in quotes may have spaces; one without ends where it may not go on.
PATHS = re.compile(
    r"(?<=['\"`])(?:[A-Za-z]:)?[/\\][^'\"`\n]+|(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}"
)


def enabled() -> bool:
    """Whether the app runs in workshop mode."""
    return bool(os.environ.get(VARIABLE))


def uploads() -> tuple[int, int]:
    """How many pictures a visitor may ask with, and of how many MB each."""
    return (3, 5) if enabled() else (12, 20)


def navigation(pages: Sequence[StreamlitPage]) -> StreamlitPage:
    """The page that is asked for, of those that visitors may see.
    Who takes part in an experiment sees the questions alone.
    """
    seen: dict[str, list[StreamlitPage]] = {}
    for page in pages:
        if not (enabled() and page.url_path in CLOSED):
            seen.setdefault(SECTIONS.get(page.url_path, ""), []).append(page)
    # On a phone the list is in the sidebar, which would hide what is beyond its tenth.
    alone = "sitting" in st.query_params
    return st.navigation(seen, position="hidden" if alone else "top", expanded=True)


def hide_paths(text: str) -> str:
    """In workshop mode, a text without the server's folders.

    >>> os.environ[VARIABLE] = "60"
    >>> hide_paths("sqlite:////srv/x.db or '/srv/my own/x' or /srv/me; left/a.png is fine")
    "sqlite:///(on the server) or '(on the server)' or (on the server); left/a.png is fine"
    >>> del os.environ[VARIABLE]
    """
    return PATHS.sub("(on the server)", text) if enabled() else text


def watch() -> None:
    """Begin anew when nobody has touched anything for a while."""
    if not enabled():
        return
    to = "/" + str(st.get_option("server.baseUrlPath") or "").strip("/")
    if "sitting" in st.query_params:
        to = f"{to.rstrip('/')}/experiments?e={st.query_params.get('e', '')}&sitting=new"
    components.KIOSK_IDLE.mount(
        data={"seconds": int(os.environ[VARIABLE]), "to": to}, key="kiosk_idle"
    )
