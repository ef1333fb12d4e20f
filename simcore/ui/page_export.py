"""What the page at hand shows, remembered piece by piece, to be taken away as one HTML file.

Charts and components tell of themselves as they are drawn; the file is made when it is asked for.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from simcore.lab import html_document
from simcore.lab.html_document import Block
from simcore.ui import thumbnails

Make = Callable[[], Sequence[Block]]
PARTS = "_report_parts"


def begin() -> None:
    """A new view: nothing is on it yet."""
    st.session_state[PARTS] = {}


def add(key: str, make: Make) -> None:
    """Something is on the page; drawn again with the same key it takes the same place."""
    st.session_state.setdefault(PARTS, {})[key] = make


def drop(key: str) -> None:
    """Something is no longer on the page."""
    st.session_state.get(PARTS, {}).pop(key, None)


def forget() -> None:
    """This page has a file of its own."""
    begin()


def download_button(title: str) -> None:
    """The button at the end of a page that shows anything."""
    parts: dict[str, Make] = st.session_state.get(PARTS, {})
    if not set(parts) - {"credits"}:
        return
    here = st.query_params.to_dict()
    st.download_button(
        "This view as one HTML file",
        lambda: page(title, here, parts),
        f"simcore-{title.lower()}.html",
        mime="text/html",
        icon=":material/article:",
        on_click="ignore",
        key="_report_button",
        help="Charts, maps and pictures inside; it opens anywhere, without a network.",
    )


def page(title: str, here: dict[str, str], parts: dict[str, Make]) -> bytes:
    """The file: what is shown, of which collection, made when and by what."""
    name = f"{title}: {here['c']}" if "c" in here else title
    day = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    said = f"Made by simcore {version('simcore')} on {day}."
    if here:
        said += f" The same view in the app: ?{urlencode(here, safe=',:')}"
    last = sorted(parts, key=lambda key: key == "credits")  # otherwise as they stand on the page
    blocks = [block for key in last for block in parts[key]()]
    return html_document.document(
        name, [*blocks, html_document.paragraph(said, soft=True)]
    ).encode()


def inside(value: Any) -> Any:
    """The same data with every picture's address replaced by the picture."""
    if isinstance(value, dict):
        return {k: picture(v) if k == "src" else inside(v) for k, v in value.items()}
    return [inside(one) for one in value] if isinstance(value, list) else value


def picture(source: str) -> str:
    """An image's `src` that needs no server."""
    base = thumbnails.base()
    return (
        thumbnails.inline(source.removeprefix(base)) if base and source.startswith(base) else source
    )
