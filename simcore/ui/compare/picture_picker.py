"""Choosing the two pictures that Compare shows."""

import random

import streamlit as st

from simcore.lab.search import pair
from simcore.lab.search.pair import Picture
from simcore.recipe import Question
from simcore.types import Collection
from simcore.ui import uploads, url_state, widgets

SIDES = {"left": "Left side", "right": "Right side", "own": "My own picture"}


def pick(
    asked: Question, collection: Collection, wanted: dict[str, str]
) -> tuple[Picture | None, Picture | None]:
    """Two pickers beside each other; both into the address."""
    _follow(collection, wanted)
    sides = {k: v for k, v in SIDES.items() if k != "right" or collection.right is not None}
    with st.container(horizontal=True):
        st.button("Random pair", icon=":material/shuffle:", on_click=_random, args=(collection,))
        if collection.right is not None:
            st.button(
                "The left one's mate", icon=":material/join:", on_click=_mate, args=(collection,)
            )
    found: list[Picture | None] = []
    for column, name in zip(st.columns(2), ("a", "b"), strict=True):
        with column:
            found.append(_one(asked, collection, name, sides))
    kept = {
        name: f"{one.side}:{one.name}"
        for name, one in zip(("a", "b"), found, strict=True)
        if one is not None and one.side
    }
    url_state.add("compare", kept)
    return found[0], found[1]


def _one(
    asked: Question, collection: Collection, name: str, sides: dict[str, str]
) -> Picture | None:
    word = {"a": "First picture", "b": "Second picture"}[name]
    where = st.segmented_control(
        word, list(sides), format_func=sides.__getitem__, key=f"compare_side_{name}", required=True
    )
    if where == "own":
        file = st.file_uploader(
            f"{word}, {uploads.MOST_MB} MB at most; it stays in memory and is part of no link",
            type=uploads.TYPES,
            max_upload_size=uploads.MOST_MB,
            key=f"compare_file_{name}",
        )
        if file is None:
            return None
        data = uploads.check(file.name, file.getvalue(), collection.left.trim)
        return Picture(file.name, data, trim=collection.left.trim)
    ids = (collection.left if where == "left" else collection.pairs().gallery).ids
    key = f"compare_id_{name}"
    if st.session_state.get(key) not in ids:
        st.session_state[key] = ids[0]
    return pair.open_picture(asked.collection, str(where), st.selectbox("Image", ids, key=key))


def _follow(collection: Collection, wanted: dict[str, str]) -> None:
    """Let the pickers begin as the address says."""
    put = st.session_state
    usual = {"a": "left", "b": "left" if collection.right is None else "right"}
    for name, side in usual.items():
        if f"compare_side_{name}" in put:
            continue
        asked, _, image = wanted[name].partition(":")
        known = asked == "left" or (asked == "right" and collection.right is not None)
        put[f"compare_side_{name}"] = asked if known else side
        held = (
            collection.left if put[f"compare_side_{name}"] == "left" else collection.pairs().gallery
        )
        if wanted[name] and not (known and image in held.row_of):
            st.warning(
                f"From the link: no image {widgets.escape_markdown(wanted[name][:80])} here; showing "
                "another.",
                icon=":material/link_off:",
            )
        second = 1 if name == "b" and collection.right is None and len(held) > 1 else 0
        put[f"compare_id_{name}"] = image if image in held.row_of else held.ids[second]


def _random(collection: Collection) -> None:
    right = collection.left if collection.right is None else collection.right
    put, row = st.session_state, random.randrange(len(collection.left))
    put["compare_side_a"], put["compare_id_a"] = "left", collection.left.ids[row]
    other = row if collection.right is not None else random.randrange(len(right))
    put["compare_side_b"] = "left" if collection.right is None else "right"
    put["compare_id_b"] = right.ids[other]


def _mate(collection: Collection) -> None:
    put, right = st.session_state, collection.pairs().gallery
    if put.get("compare_side_a") == "left" and put.get("compare_id_a") in collection.left.row_of:
        row = collection.left.row_of[put["compare_id_a"]]
        put["compare_side_b"], put["compare_id_b"] = "right", right.ids[row]
