"""A visitor's own image on the map: received from the browser, placed, and its nearest images."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from simcore.errors import SimError
from simcore.lab import html_document
from simcore.lab.library import collections
from simcore.lab.search import map_placement, pair
from simcore.lab.search.maps import Map
from simcore.lab.search.pair import Picture
from simcore.recipe import Question
from simcore.ui import actions, gallery, job_progress, thumbnails, uploads
from simcore.ui.gallery import Row, Tile
from simcore.ui.map import map_canvas
from simcore.ui.map.map_canvas import OwnImage
from simcore.ui.widgets import escape_markdown

STATE = "_map_photo"  # session state: the `Photo` of this visitor
PREVIEW = 128  # px


@dataclass(frozen=True)
class Photo:
    name: str
    data: bytes


def receive(key: str, trim: int) -> None:
    """Store the image that was dropped onto the map, or forget it; for the component's callback.

    Args:
        key: of the component. trim: as for `uploads.receive`.
    """
    sent = map_canvas.photo(key)
    if sent is None:
        return
    st.session_state.pop(STATE, None)
    try:
        if sent.get("data"):
            st.session_state[STATE] = decode(sent, trim)
    except SimError as error:
        actions.show_error_later(str(error))


def decode(sent: dict[str, object], trim: int) -> Photo:
    """The image in what a browser sent, checked.

    Raises:
        SimError: it is too large, or no image.
    """
    name, text = str(sent.get("name") or "image")[:80], sent["data"]
    # Checked before it is decoded; base64 has four characters for three bytes.
    if not isinstance(text, str) or len(text) > 4 * (uploads.MAX_MB * 2**20 // 3 + 2):
        raise SimError(f"{name} is left out: the limit is {uploads.MAX_MB} MB.")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SimError(f"{name} is left out: the browser sent no image.") from error
    return Photo(name, uploads.receive(name, data, trim))


def place(question: Question, views: Sequence[Map]) -> OwnImage | None:
    """The stored image on some maps; None without one, or where it cannot be placed."""
    photo: Photo | None = st.session_state.get(STATE)
    if photo is None:
        return None
    trim = collections.open_(question.collection).left.trim
    try:
        with job_progress.progress_bar(f"Placing {photo.name}") as monitor:
            placement = map_placement.place(question, views, photo.data, monitor=monitor)
    except SimError as error:
        st.session_state.pop(STATE)
        actions.show_error_later(str(error))
        return None
    preview = pair.preview(Picture(photo.name, photo.data, trim=trim), PREVIEW)
    return OwnImage(photo.name, html_document.data_url(preview), placement)


def nearest(question: Question, view: Map, own: OwnImage, number: int) -> None:
    """The images nearest to the visitor's own under the recipe of one map.

    Args:
        number: of the map among those that the image was placed on.
    """
    if reason := own.placement.left_out[number]:
        st.info(f"Not on the map of {escape_markdown(view.recipe.title)}: {reason}.")
        return
    collection = collections.open_(question.collection)
    n_left = len(view.sides[0])
    tiles = [
        Tile(
            id=view.ids[row],
            side="right" if row >= n_left else "left",
            src=thumbnails.source(view.keys[row]),
            rank=str(rank),
            alt=f"{gallery.side_label(collection, 'right' if row >= n_left else 'left')} "
            f"{view.ids[row]}{gallery.OPEN_IN_EXPLORE}",
        )
        for rank, row in enumerate(own.placement.nearest[number], 1)
    ]
    note = ""
    if own.placement.same_file is not None:
        note = f"The collection contains this file as {view.ids[own.placement.same_file]}."
    gallery.comparison(
        None,
        None,
        [Row(title=f"Nearest to {own.name}", sub=view.recipe.title, note=note, tiles=tiles)],
        key="map_photo_row",
        on_pick=gallery.open_in_explore(
            question.collection, models=question.backbones, metric=question.metric
        ),
        action="Open it in Explore",
    )
