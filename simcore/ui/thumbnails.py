"""The address of an image on a page, by its content key."""

from pathlib import Path

import streamlit as st

from simcore import memory
from simcore.lab import html_document
from simcore.lab.library import collections

served = False  # True once simcore/ui/serve.py runs in this process and answers /thumb


def path(key: str, *, route: str = "thumb") -> Path:
    """The WebP file of a content key; it may not exist.

    Args:
        route: "thumb", or "picture" for the larger size.
    """
    return collections.thumbnail(key) if route == "thumb" else collections.picture(key)


def large(key: str) -> str:
    """As `source`, for an image that is shown alone."""
    return source(key, route="picture")


def source(key: str, *, route: str = "thumb") -> str:
    """An image's `src`: an address of our server, or the image itself where none runs."""
    return f"{base(route)}{key}" if served else inline(key, route)


def base(route: str = "thumb") -> str:
    """The part of the address before the content key; "" without our server."""
    if not served:
        return ""
    root = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{'/' + root if root else ''}/{route}/"


def inline(key: str, route: str = "thumb") -> str:
    """The image itself as a data: address; "" if the file does not exist."""
    file = path(key, route=route)
    if not file.is_file():
        return ""
    return memory.get(
        ("inline image", key, route), lambda: html_document.data_url(file.read_bytes())
    )
