"""The current page as one HTML file: each chart and component registers itself as it is drawn.

The file is built when somebody downloads it, not before.
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
PARTS = "_export_parts"  # session state: key -> what builds this part of the file


def begin() -> None:
    """Start a new view, without any part yet."""
    st.session_state[PARTS] = {}


def add(key: str, make: Make) -> None:
    """Register a part of the page; drawn again with the same key it keeps its place."""
    st.session_state.setdefault(PARTS, {})[key] = make


def drop(key: str) -> None:
    """Remove a part that the page no longer shows."""
    st.session_state.get(PARTS, {}).pop(key, None)


def forget() -> None:
    """Remove all parts; for pages that offer a file of their own."""
    begin()


def download_button(title: str) -> None:
    """The button at the end of a page, if the page shows anything."""
    parts: dict[str, Make] = st.session_state.get(PARTS, {})
    if not set(parts) - {"credits"}:
        return
    params = st.query_params.to_dict()
    st.download_button(
        "Download this view as one HTML file",
        lambda: page(title, params, parts),
        f"simcore-{title.lower()}.html",
        mime="text/html",
        icon=":material/article:",
        on_click="ignore",
        key="_export_button",
        help="Contains the charts, maps and images; opens without a network.",
    )


def page(title: str, params: dict[str, str], parts: dict[str, Make]) -> bytes:
    """The file: all parts, with collection, date, version and the address of the view."""
    name = f"{title}: {params['collection']}" if "collection" in params else title
    day = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    footer = f"Made by simcore {version('simcore')} on {day}."
    if params:
        footer += f" The same view in the app: ?{urlencode(params, safe=',:')}"
    keys = sorted(parts, key=lambda key: key == "credits")  # else in the order of the page
    blocks = [block for key in keys for block in parts[key]()]
    return html_document.document(
        name, [*blocks, html_document.paragraph(footer, soft=True)]
    ).encode()


def inline(value: Any) -> Any:
    """The same data with each image's address replaced by the image itself."""
    if isinstance(value, dict):
        return {k: inline_image(v) if k == "src" else inline(v) for k, v in value.items()}
    return [inline(item) for item in value] if isinstance(value, list) else value


def inline_image(source: str) -> str:
    """An image's `src` that needs no server."""
    base = thumbnails.base()
    return (
        thumbnails.inline(source.removeprefix(base)) if base and source.startswith(base) else source
    )
