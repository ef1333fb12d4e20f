"""The buttons that download a map as a picture."""

from functools import partial

import streamlit as st

from simcore.lab.search import map_pictures
from simcore.lab.search.maps import Map
from simcore.ui import widgets

MIME = {".svg": "image/svg+xml", ".png": "image/png"}


def show(view: Map, by: str) -> None:
    """A button per format; the picture is drawn when a button is clicked."""

    with st.container(horizontal=True), widgets.show_errors():
        for suffix, mime in MIME.items():
            st.download_button(
                f"Map as {suffix[1:].upper()}",
                partial(map_pictures.picture, view, by, suffix),
                f"{view.collection}-map{suffix}",
                mime=mime,
                icon=":material/image:",
                on_click="ignore",
                key=f"map_download_{suffix[1:]}",
            )
