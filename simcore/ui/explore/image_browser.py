"""Explore's panels: browse all images of a side, or search with images of your own."""

import streamlit as st

from simcore.types import Collection
from simcore.ui import field_filter, gallery, uploads
from simcore.ui.explore import query_bar
from simcore.ui.explore.explore_view import PAGE, ExploreView
from simcore.ui.explore.query_bar import UPLOAD
from simcore.ui.widgets import escape_markdown, show_errors

PAGE_SIZE = 60  # thumbnails


def browse(collection: Collection, view: ExploreView) -> None:
    """All images on the side of the queries, with a search by id."""
    images = collection.sides(view.direction)[0]
    side = gallery.query_side(collection, view.direction)
    with st.container(border=True, key=f"{PAGE}_browse"):
        text = st.text_input(
            f"Search the ids of {len(images):,} {gallery.side_label(collection, side)}s",
            key=f"{PAGE}_find",
            max_chars=200,
            placeholder="Part of an id",
        )
        text = text.strip().lower()
        rows = [row for row, name in enumerate(images.ids) if text in name.lower()]
        fitting = field_filter.fitting_rows(PAGE, collection)
        if fitting is not None:
            rows = sorted(set(rows) & set(fitting.tolist()))
        if not rows:
            examples = escape_markdown(", ".join(images.ids[:3]))
            subject = "id that fits the filter" if fitting is not None else "id"
            st.info(f"No {subject} contains {escape_markdown(text)}. Ids look like {examples}.")
            return
        query = images.row_of[view.query]
        tiles = gallery.tiles_to_browse(
            images,
            rows,
            query,
            side,
            collection,
            key=f"{PAGE}_page_{view.collection}_{side}_{text}",
            count=PAGE_SIZE,
        )
        gallery.grid(
            tiles,
            key=f"{PAGE}_browser",
            on_pick=lambda pick: query_bar.set_query(pick["id"]),
            action="Make it the query",
        )


def upload(trim: int) -> tuple[str, bytes] | None:
    """Draw the upload panel; name and bytes of the file to search with, or None.

    Args:
        trim: rows that the collection cuts from the bottom of each image, in px.
    """
    state = st.session_state
    with st.container(border=True, key=f"{PAGE}_own"):
        files = st.file_uploader(
            f"Search with your own images (up to {uploads.MAX_FILES}, {uploads.MAX_MB} MB each)",
            type=uploads.TYPES,
            accept_multiple_files=True,
            max_upload_size=uploads.MAX_MB,
            key=f"{PAGE}_files",
            on_change=_uploaded,
            help="They stay in memory while this panel is open, and are not part of a link.",
        )
        received: dict[int, tuple[str, bytes]] = {}
        for number, file in enumerate(files[: uploads.MAX_FILES]):
            with show_errors():
                received[number] = (
                    file.name,
                    uploads.receive(file.name, file.getvalue(), trim),
                )
        if len(files) > uploads.MAX_FILES:
            st.warning(f"Only the first {uploads.MAX_FILES} of {len(files)} images are used.")
        if not received:
            state[UPLOAD] = None
            return None
        if state.get(UPLOAD) is not None and state[UPLOAD] not in received:
            state[UPLOAD] = max(received)
        st.pills(
            "Query",
            list(received),
            key=UPLOAD,
            format_func=lambda number: escape_markdown(received[number][0]),
        )
    return received.get(state[UPLOAD])


def _uploaded() -> None:
    st.session_state[UPLOAD] = -1  # no file has this number, so the newest becomes the query
