"""Where a page finds the small picture of a content key."""

import base64
from pathlib import Path

import streamlit as st

from simcore.lab import collections

served = False  # True once pages/serve.py runs in this process and answers /thumb


def path(key: str) -> Path:
    """The WebP file of a content key; it may not exist."""
    return collections.thumb(key)


def large_path(key: str) -> Path:
    """The WebP file of a content key as large as we have it; it may not exist."""
    return collections.picture(key)


def large(key: str) -> str:
    """As `source`, for a picture that is looked at alone."""
    return source(key, room="picture")


def source(key: str, *, room: str = "thumb") -> str:
    """What goes into an image's `src`: a short address, or the picture itself where none serves."""
    if served:
        base = str(st.get_option("server.baseUrlPath") or "").strip("/")
        return f"{'/' + base if base else ''}/{room}/{key}"
    return inline(key, room)


@st.cache_data(max_entries=4096, show_spinner=False)
def inline(key: str, room: str = "thumb") -> str:
    """The picture itself as an address; "" where it is gone."""
    file = path(key) if room == "thumb" else large_path(key)
    return _uri(file.read_bytes()) if file.is_file() else ""


def _uri(data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")
