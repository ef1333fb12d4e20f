"""The filter by a collection's fields: one line in the sidebar, `where` in the address."""

import streamlit as st

from simcore.lab.library import fields
from simcore.types import Array, Collection
from simcore.ui.url_state import TextField
from simcore.ui.widgets import escape_markdown

MAX_CHARACTERS = 1000
FILTER = TextField("where", limit=MAX_CHARACTERS, shared=True, per="collection")


def draw(page: str, collection: str) -> str:
    """Draw the filter of a collection that has fields; the expression, "" for all images."""
    names = fields.names(collection)
    if not names:
        return ""
    listing = ", ".join(f"`{escape_markdown(name)}`" for name in names[:30])
    text = st.text_input(
        "Filter",
        key=FILTER.key(page, {"collection": collection}),
        max_chars=MAX_CHARACTERS,
        placeholder=f"{names[0]} = '...'",
        help=f"An SQL expression, such as `year > 2000 and category = 'face'`. Fields: {listing}.",
    )
    return (text or "").strip()


def current(page: str, collection: str) -> str:
    """The expression that `draw` shows."""
    if not fields.names(collection):
        return ""
    text = st.session_state.get(FILTER.key(page, {"collection": collection}), "")
    return str(text or "").strip()


def fitting_rows(page: str, collection: Collection) -> Array | None:
    """The rows of a collection that fit the filter; None without one."""
    where = current(page, collection.name)
    return fields.matching_rows(collection, where) if where else None
