"""Explore's panels: all images of a side by thumbnail, and pictures of one's own."""

import streamlit as st

from simcore.types import Collection
from simcore.ui import gallery
from simcore.ui.explore import query_bar
from simcore.ui.explore.explore_view import ExploreView
from simcore.ui.uploads import MOST_FILES, MOST_MB, TYPES, check
from simcore.ui.widgets import escape_markdown, show_errors

PAGE = 60  # thumbnails


def show(collection: Collection, view: ExploreView) -> None:
    """All images of the asking side, with a search by id, a page at a time."""
    images = collection.sides(view.direction)[0]
    where = gallery.side(collection, view.direction)
    with st.container(border=True, key="x_shelf"):
        wanted = st.text_input(
            f"Find one of {len(images):,} {gallery.side_label(collection, where)}s by its id",
            key="x_find",
            max_chars=200,
            placeholder="Part of an id",
        )
        wanted = wanted.strip().lower()
        rows = [i for i, name in enumerate(images.ids) if wanted in name.lower()]
        if not rows:
            some = escape_markdown(", ".join(images.ids[:3]))
            st.info(f"No id holds {escape_markdown(wanted)}; ids here look like {some}.")
            return
        here = images.row_of[view.query]
        begin = rows.index(here) // PAGE + 1 if here in rows else 1
        pages = -(-len(rows) // PAGE)
        key = f"x_page_{view.collection}_{where}_{wanted}"
        page = st.pagination(pages, default=begin, key=key) if pages > 1 else 1
        tiles = []
        for i in rows[(page - 1) * PAGE : page * PAGE]:
            one = gallery.image_tile(images, i, where, collection)
            one["caption"], one["here"] = images.ids[i], i == here
            tiles.append(one)
        gallery.grid(tiles, key="x_browser", on_pick=lambda pick: query_bar.set_query(pick["id"]))


def uploads(trim: int) -> tuple[str, bytes] | None:
    """Files of one's own; the one that is asked about, or None while it is the collection's turn.

    Args:
        trim: rows that this collection cuts from the bottom of each image, in px.
    """
    put = st.session_state
    with st.container(border=True, key="x_own"):
        files = st.file_uploader(
            f"Ask with up to {MOST_FILES} pictures of your own, {MOST_MB} MB each. They stay in "
            "memory while this panel is open, and are part of no link.",
            type=TYPES,
            accept_multiple_files=True,
            max_upload_size=MOST_MB,
            key="x_files",
            on_change=_uploaded,
        )
        good: dict[int, tuple[str, bytes]] = {}
        for number, file in enumerate(files[:MOST_FILES]):
            with show_errors():
                good[number] = (file.name, check(file.name, file.getvalue(), trim))
        if len(files) > MOST_FILES:
            st.warning(f"{len(files)} pictures were given; the first {MOST_FILES} are used.")
        if not good:
            put["x_upload"] = None
            return None
        if put.get("x_upload") is not None and put["x_upload"] not in good:
            put["x_upload"] = max(good)
        st.pills(
            "Ask with",
            list(good),
            key="x_upload",
            format_func=lambda n: escape_markdown(good[n][0]),
        )
    return good.get(put["x_upload"])


def _uploaded() -> None:
    st.session_state["x_upload"] = -1  # none of them yet: the newest
