"""Explore's text panel: the images that a CLIP model finds nearest to a text."""

import streamlit as st

from simcore.lab.search import search
from simcore.types import Collection
from simcore.ui import commands, gallery, kiosk
from simcore.ui.explore import query_bar, search_results
from simcore.ui.explore.explore_view import PAGE, ExploreView
from simcore.ui.gallery import Row
from simcore.ui.widgets import escape_markdown

CLIP = "open_clip:ViT-B-32/laion2b_s34b_b79k"


def panel(collection: Collection, view: ExploreView) -> None:
    """Search by text, or say how to get a model that can."""
    with st.container(border=True, key=f"{PAGE}_text_panel"):
        backbones = search.searchable_backbones(collection.name)
        if not backbones:
            if kiosk.enabled():
                st.info("There is no text search here.")
                return
            st.markdown("Text search needs the features of a CLIP model. Extract them once:")
            commands.show(("extract", collection.name, "--models", CLIP))
            st.caption("Its weights are downloaded from a model hub; see the page Models.")
            return
        text = st.text_input(
            "Search by text",
            max_chars=search.MAX_TEXT,
            key=f"{PAGE}_text",
            placeholder="a smiling face made of clouds",
        )
        if not text.strip():
            return
        rows: list[Row] = []
        with st.spinner("Searching", show_time=False):
            for name in backbones:
                result = search.search_text(
                    collection.name, text, name, direction=view.direction, k=view.k
                )
                rows.append(search_results.result_row(collection, view, name, result))
        side = gallery.gallery_side(collection, view.direction)
        place = f"{side} side" if collection.right is not None else "collection"
        gallery.comparison(None, None, rows, key=f"{PAGE}_text_results", on_pick=query_bar.follow)
        st.caption(
            f"Nearest to “{escape_markdown(text)}” on the {place}. "
            "Click an image to make it the query."
        )
