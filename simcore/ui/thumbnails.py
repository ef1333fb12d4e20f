"""Where a page finds the small picture of a content key."""

from pathlib import Path

import streamlit as st

from simcore.lab import html_document
from simcore.lab.library import collections

served = False  # True once simcore/ui/serve.py runs in this process and answers /thumb


def path(key: str) -> Path:
    """The WebP file of a content key; it may not exist."""
    return collections.thumbnail(key)


def large_path(key: str) -> Path:
    """The WebP file of a content key as large as we have it; it may not exist."""
    return collections.picture(key)


def large(key: str) -> str:
    """As `source`, for a picture that is looked at alone."""
    return source(key, room="picture")


def source(key: str, *, room: str = "thumb") -> str:
    """What goes into an image's `src`: a short address, or the picture itself where none serves."""
    return f"{base(room)}{key}" if served else inline(key, room)


def base(room: str = "thumb") -> str:
    """What stands before a content key in such an address; "" where none serves."""
    if not served:
        return ""
    root = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + root if root else ''}/{room}/"


@st.cache_data(max_entries=4096, show_spinner=False)
def inline(key: str, room: str = "thumb") -> str:
    """The picture itself, as a data address; "" where there is none."""
    file = path(key) if room == "thumb" else large_path(key)
    return html_document.data_url(file.read_bytes()) if file.is_file() else ""
