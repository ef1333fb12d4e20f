"""Workshop mode (`simcore app --kiosk`): visitors look and answer, and change nothing.

`simcore.lab.permissions` refuses what a visitor may not do; pages offer none of it.
"""

import functools
import os
import re
from collections.abc import Sequence
from urllib.parse import urlencode

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from simcore.lab import permissions
from simcore.ui import components

# Set by the command line: seconds without input until the app starts over, and its collection.
VARIABLE, COLLECTION = "SIMCORE_KIOSK", "SIMCORE_KIOSK_COLLECTION"
HIDDEN_PAGES = {"collections", "models", "review"}  # pages where everything is the host's
# A single line of all pages would hide most of them behind "more"; the others stand alone.
SECTIONS = {
    **dict.fromkeys(
        (
            "combine",
            "exclusive",
            "evaluate",
            "leaderboard",
            "invariance",
            "claims",
            "reproduce",
            "learn",
        ),
        "Analyze",
    ),
    **dict.fromkeys(("judgements", "experiments", "duel", "review"), "People"),
    **dict.fromkeys(("duplicates", "collections", "models"), "Library"),
}
# A path in quotes may contain spaces; one without quotes ends at the first.
PATHS = re.compile(
    r"(?<=['\"`])(?:[A-Za-z]:)?[/\\][^'\"`\n]+|(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}"
)


def enabled() -> bool:
    """Whether the app runs in workshop mode."""
    return bool(os.environ.get(VARIABLE))


@functools.cache  # every run of the script calls it
def restrict() -> None:
    """In workshop mode, refuse what visitors may not do, as long as this process lives."""
    if enabled():
        permissions.restrict()


def collection() -> str:
    """The collection that the host chose for workshop mode; "" for the first one."""
    return os.environ.get(COLLECTION, "") if enabled() else ""


def upload_limits() -> tuple[int, int]:
    """How many images a visitor may upload as queries, and the MB of each."""
    return (3, 5) if enabled() else (12, 20)


def navigation(pages: Sequence[StreamlitPage]) -> StreamlitPage:
    """The page of the address; participants and the wall of a duel see no other pages."""
    sections: dict[str, list[StreamlitPage]] = {}
    for page in pages:
        if not (enabled() and page.url_path in HIDDEN_PAGES):
            sections.setdefault(SECTIONS.get(page.url_path, ""), []).append(page)
    # On a phone the pages are in the sidebar; expanded, since it would cut them off after ten.
    alone = _stands_alone()
    page = st.navigation(sections, position="hidden" if alone else "top", expanded=True)
    if not alone and (section := SECTIONS.get(page.url_path)):
        st.html(
            _marked_section(len(sections.get("", ())) + [*filter(None, sections)].index(section))
        )
    return page


def _stands_alone() -> bool:
    """Whether the page is a participant's, or the wall of a duel."""
    return "participant" in st.query_params or st.query_params.get("view") == "wall"


def _marked_section(position: int) -> str:
    """A style for a section of the navigation: Streamlit marks the page, but not its section."""
    item = f'[data-testid="stTopNav"] > :nth-child({position + 1}) [data-testid="stTopNavSection"]'
    return (
        f"<style>{item} {{ background: rgba(128, 138, 148, .2); }} "
        f"{item} p {{ font-weight: 650; }}</style>"
    )


def hide_paths(text: str) -> str:
    """In workshop mode, a text without the server's folders.

    >>> os.environ[VARIABLE] = "60"
    >>> hide_paths("sqlite:////srv/x.db or '/srv/my own/x' or /srv/me; left/a.png is fine")
    "sqlite:///(on the server) or '(on the server)' or (on the server); left/a.png is fine"
    >>> del os.environ[VARIABLE]
    """
    return PATHS.sub("(on the server)", text) if enabled() else text


def watch(page: StreamlitPage) -> None:
    """In workshop mode, start over after a while without input.

    The wall of a duel stays, and so do the phones of its players, which are their own.
    """
    if not enabled() or (page.url_path == "duel" and _stands_alone()):
        return
    address = "/" + str(st.get_option("server.baseUrlPath") or "").strip("/")
    if name := collection():
        address += f"?{urlencode({'collection': name})}"
    if "participant" in st.query_params:
        experiment = st.query_params.get("experiment", "")
        query = urlencode({"experiment": experiment, "participant": "new"})
        address = f"{address.partition('?')[0].rstrip('/')}/experiments?{query}"
    components.KIOSK_IDLE.mount(
        data={"seconds": int(os.environ[VARIABLE]), "to": address}, key="kiosk_idle"
    )
