"""Choosing the two images that Compare shows."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from simcore.lab.library import collections
from simcore.lab.search import pair
from simcore.lab.search.pair import Picture
from simcore.recipe import Question
from simcore.types import Collection
from simcore.ui import gallery, sidebar, uploads
from simcore.ui.url_state import MISSING, Field, Values
from simcore.ui.widgets import escape_markdown

PAGE = "compare"
UPLOAD = "upload"
SIDE_NAMES = {"left": "Left side", "right": "Right side", UPLOAD: "Upload"}
PAGE_SIZE = 24  # thumbnails
LABELS = {"first": "First image", "second": "Second image"}


@dataclass(frozen=True)
class ImageField(Field):
    """One of the two images as "SIDE:ID": a widget for the side, thumbnails for the id.

    Uploads are left out.
    """

    side: str = "left"  # unless a link names another

    def initial(self, values: Values) -> tuple[str, str]:
        """The first image of the side; the second one where both images are from one side."""
        collection = collections.open_(values["collection"])
        if self.side == "right" and collection.right is None:
            return "left", collection.left.ids[min(1, len(collection.left) - 1)]
        ids = ids_of(collection, self.side)
        return self.side, sidebar.first_image(collection.name, ids)

    def parse(self, text: str, values: Values) -> tuple[tuple[str, str], list[str]]:
        """Side and id of a link, if the collection contains this image."""
        collection = collections.open_(values["collection"])
        side, _, name = text.partition(":")
        if side in sides_of(collection) and side != UPLOAD and name in ids_of(collection, side):
            return (side, name), []
        default = self.initial(values)
        return default, [f"No image {text[:80]}. Showing {':'.join(default)}."]

    def format(self, value: Any) -> str:
        """ "SIDE:ID", or "" for an upload."""
        return "" if value[0] == UPLOAD else ":".join(value)

    def validate(self, value: Any, values: Values) -> tuple[str, str]:
        """Side and id of the widgets, or the first image of the side."""
        collection = collections.open_(values["collection"])
        side, name = value
        if side == UPLOAD:
            return value
        if side not in sides_of(collection):
            return self.initial(values)
        ids = ids_of(collection, side)
        return side, name if name in ids else ids[0]

    def load(self, page: str, values: Values) -> Any:
        """Side and id of the widgets."""
        side, name = (st.session_state.get(key) for key in keys_of(self.name))
        return MISSING if side is None else (side, name or "")

    def store(self, page: str, values: Values, value: Any) -> list[str]:
        """Set both widgets."""
        keys = keys_of(self.name)
        for key, part in zip(keys, value, strict=True):
            if st.session_state.get(key) != part:
                st.session_state[key] = part
        return list(keys)


FIELDS = [ImageField("first"), ImageField("second", side="right")]


def keys_of(name: str) -> tuple[str, str]:
    """The keys of the widgets for side and id."""
    return f"{PAGE}_{name}_side", f"{PAGE}_{name}_id"


def sides_of(collection: Collection) -> list[str]:
    """The choices of a side."""
    return [side for side in SIDE_NAMES if side != "right" or collection.right is not None]


def ids_of(collection: Collection, side: str) -> Sequence[str]:
    """The ids on one side."""
    return (collection.left if side == "left" else collection.pairs().gallery).ids


def draw(question: Question, collection: Collection) -> list[Picture | None]:
    """Draw two pickers side by side; None for an upload that is still missing."""
    with st.container(horizontal=True):
        st.button("Random pair", icon=":material/shuffle:", on_click=_random, args=(collection,))
        if collection.right is not None:
            st.button(
                "Mate of the first",
                icon=":material/join:",
                on_click=_mate,
                args=(collection,),
                help="Shows the known mate of the first image as the second one.",
            )
    pictures = []
    for column, name in zip(st.columns(2), LABELS, strict=True):
        with column:
            pictures.append(_picker(question, collection, name))
    return pictures


def _picker(question: Question, collection: Collection, name: str) -> Picture | None:
    side_key, id_key = keys_of(name)
    side = st.segmented_control(
        LABELS[name],
        sides_of(collection),
        format_func=SIDE_NAMES.__getitem__,
        key=side_key,
        required=True,
    )
    if side != UPLOAD:
        image = st.session_state[id_key]
        _thumbnails(collection, name, str(side), image)
        return pair.open_picture(question.collection, str(side), image)
    file = st.file_uploader(
        f"Image file, at most {uploads.MAX_MB} MB",
        type=uploads.TYPES,
        max_upload_size=uploads.MAX_MB,
        key=f"{PAGE}_{name}_file",
        help="It stays in memory and is not part of a link.",
    )
    if file is None:
        return None
    images = collection.left
    data = uploads.receive(file.name, file.getvalue(), images.trim)
    return Picture(file.name, data, trim=images.trim, ignore_profile=images.ignore_profiles)


def _thumbnails(collection: Collection, name: str, side: str, image: str) -> None:
    """A panel with the images of a side as thumbnails; a click chooses one."""
    images = collection.left if side == "left" else collection.pairs().gallery
    key = f"{PAGE}_{name}_find"
    with st.popover(
        f"{image}: choose another",
        icon=":material/photo_library:",
        width="stretch",
        key=f"{PAGE}_{name}_thumbnails",
    ):
        text = st.text_input(
            f"Search the ids of {len(images):,} images", key=key, max_chars=200, placeholder="All"
        )
        text = text.strip().lower()
        rows = [row for row, other in enumerate(images.ids) if text in other.lower()]
        if not rows:
            st.info(f"No id contains {escape_markdown(text)}.")
            return
        chosen = images.row_of[image]
        tiles = gallery.tiles_to_browse(
            images,
            rows,
            chosen,
            side,
            collection,
            key=f"{key}_page_{collection.name}_{side}_{text}",
            count=PAGE_SIZE,
        )
        gallery.grid(
            tiles,
            key=f"{PAGE}_{name}_grid",
            on_pick=lambda pick: _set(name, side, pick["id"]),
            action="Compare it",
            exported=False,
        )


def _set(name: str, side: str, image: str) -> None:
    for key, part in zip(keys_of(name), (side, image), strict=True):
        st.session_state[key] = part


def _random(collection: Collection) -> None:
    row = random.randrange(len(collection.left))
    _set("first", "left", collection.left.ids[row])
    if collection.right is not None:
        _set("second", "right", collection.right.ids[row])
    else:
        _set("second", "left", random.choice(collection.left.ids))


def _mate(collection: Collection) -> None:
    side, name = (st.session_state.get(key) for key in keys_of("first"))
    left, right = collection.left.ids, collection.pairs().gallery.ids
    if side == "left" and name in left:
        _set("second", "right", right[left.index(name)])
    elif side == "right" and name in right:
        _set("second", "left", left[right.index(name)])
