"""Explore's panel for words: what a CLIP model finds nearest to a text."""

import streamlit as st

from simcore.lab.search import search
from simcore.types import Collection
from simcore.ui import gallery
from simcore.ui.explore import query_bar, search_results
from simcore.ui.explore.explore_view import ExploreView
from simcore.ui.gallery import Row
from simcore.ui.widgets import escape_markdown

COMMAND = "simcore extract {} --models open_clip:ViT-B-32/laion2b_s34b_b79k"


def panel(collection: Collection, view: ExploreView) -> None:
    """Ask by words, or say plainly what is missing for it."""
    with st.container(border=True, key="x_words"):
        ready = search.searchable_backbones(collection.name)
        if not ready:
            st.markdown(
                "Words need a CLIP model. Its weights come from a model hub or by hand (Models "
                "says where they belong); then its features are made once:"
            )
            st.code(COMMAND.format(collection.name), language="bash", wrap_lines=True)
            return
        asked = st.text_input(
            "Find pictures by words",
            max_chars=search.MAX_TEXT,
            key="x_words_text",
            placeholder="a smiling face made of clouds",
        )
        if not asked.strip():
            return
        rows: list[Row] = []
        with st.spinner("Reading", show_time=False):
            for name in ready:
                hits = search.search_text(
                    collection.name, asked, name, direction=view.direction, k=view.k
                )
                rows.append(search_results.row(collection, view, name, hits))
        where = gallery.side(collection, view.direction, asked=False)
        place = f"{where} side" if collection.right is not None else "collection"
        gallery.comparison(None, None, rows, key="x_words_found", on_pick=query_bar.follow)
        st.caption(
            f"Nearest to “{escape_markdown(asked)}” on the {place}; a click makes a picture the query."
        )
