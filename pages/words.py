"""Explore's panel for words: what a CLIP model finds nearest to a text."""

import streamlit as st

from pages import gallery, query, results
from pages.gallery import Row
from pages.state import View
from pages.widgets import plain
from simcore.lab import words
from simcore.types import Collection

COMMAND = "simcore extract {} --models open_clip:ViT-B-32/laion2b_s34b_b79k"


def panel(collection: Collection, view: View) -> None:
    """Ask by words, or say plainly what is missing for it."""
    with st.container(border=True, key="x_words"):
        ready = words.ready(collection.name)
        if not ready:
            st.markdown(
                "Words need a CLIP model. Its weights come from a model hub or by hand (Models "
                "says where they belong); then its features are made once:"
            )
            st.code(COMMAND.format(collection.name), language="bash", wrap_lines=True)
            return
        asked = st.text_input(
            "Find pictures by words", max_chars=words.MOST, key="x_words_text",
            placeholder="a smiling face made of clouds",
        )  # fmt: skip
        if not asked.strip():
            return
        rows: list[Row] = []
        with st.spinner("Reading", show_time=False):
            for name in ready:
                hits = words.search(
                    collection.name, asked, name, direction=view.direction, k=view.k
                )
                rows.append(results.row(collection, view, name, hits))
        where = query.side(collection, view.direction, asked=False)
        place = f"{where} side" if collection.right is not None else "collection"
        gallery.comparison(None, None, rows, key="x_words_found", on_pick=query.follow)
        st.caption(
            f"Nearest to “{plain(asked)}” on the {place}; a click makes a picture the query."
        )
