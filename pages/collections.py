"""Collections: add pictures, look through them with every network, remove them again."""

import streamlit as st

from simcore.lab import doctor
from simcore.lab.library import collections, models
from simcore.types import Collection
from simcore.ui import gallery, job_progress, widgets
from simcore.ui.collections import add_collection
from simcore.ui.widgets import escape_markdown

SAMPLES = 6  # thumbnails on a card, a side


def show() -> None:
    """Draw the page."""
    st.title("Collections")
    st.caption(
        "Sets of pictures, with or without known look-alikes. "
        "Files given by path stay where they are."
    )
    names = collections.names()
    if name := st.session_state.pop("_added", ""):
        st.toast(f"Added {escape_markdown(name)}.", icon=":material/check_circle:")
    shelf = st.expander("Add a collection", icon=":material/add:", expanded=not names, key="c_add")
    with shelf, widgets.show_errors():
        add_collection.form()
    for name in names:
        with st.container(border=True), widgets.show_errors():
            _card(name)
    if names:
        with widgets.show_errors():
            _cache()


def _card(name: str) -> None:
    found, told = collections.open_(name), collections.summary(name)
    count = f"{len(found.left):,} {'images' if found.right is None else 'pairs'}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape_markdown(name), anchor=False, width="content")
        st.badge(escape_markdown(found.kind), color="gray")
        st.markdown(f"**{count}** · {widgets.format_bytes(told['bytes'])}", width="stretch")
        st.page_link(
            "pages/explore.py",
            label="Explore",
            icon=":material/image_search:",
            query_params={"c": name},
        )
    _samples(found)
    _features(found)
    with st.container(horizontal=True, vertical_alignment="center"):
        if found.skipped:
            with st.popover(f"{len(found.skipped):,} left out", icon=":material/report:"):
                _skipped(found)
        with st.popover("Remove", icon=":material/delete:"):
            st.markdown(
                f"Forget **{escape_markdown(name)}**? Your files stay, and so do its features."
            )
            st.button(
                "Yes, forget it",
                key=f"c_remove_{name}",
                type="primary",
                on_click=widgets.run_action,
                args=(collections.remove, name),
            )
        st.caption(f"From {escape_markdown(found.source)}")
    widgets.credits(found.credits)


def _samples(found: Collection) -> None:
    tiles = []
    step = max(1, len(found.left) // SAMPLES)
    for row in range(0, min(len(found.left), step * SAMPLES), step):
        tiles.append(gallery.image_tile(found.left, row, "left", found))
        if found.right is not None:
            tiles.append(gallery.image_tile(found.right, row, "right", found))

    def open_(pick: gallery.Pick) -> None:
        st.session_state["_open"] = {
            "c": found.name,
            "q": pick["id"],
            "d": gallery.SIDES[pick["side"]],
        }

    gallery.grid(tiles, key=f"c_samples_{found.name}", on_pick=open_)
    if wanted := st.session_state.pop("_open", None):
        st.switch_page("pages/explore.py", query_params=wanted)


def _features(found: Collection) -> None:
    counts = collections.cached(found.name)
    marks = [
        f":green-badge[:material/check: {escape_markdown(c['backbone'])}]"
        if c["done"] == c["images"]
        else f":orange-badge[{escape_markdown(c['backbone'])} {c['done']:,} of {c['images']:,}]"
        for c in counts
    ]
    st.markdown("Features: " + (" ".join(marks) or "none yet"))
    if job_progress.show("extract", found.name):
        return
    full = {c["backbone"] for c in counts if c["done"] == c["images"]}
    part = [c["backbone"] for c in counts if c["backbone"] not in full]
    known = [b.name for b in models.listing() if b.ready and b.name not in full]
    options = list(dict.fromkeys([*part, *known]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Extract",
            options,
            default=part,
            key=f"c_models_{found.name}",
            accept_new_options=True,
            label_visibility="collapsed",
            placeholder="Choose backbones to extract, or type timm:NAME",
        )
        st.button(
            "Resume" if part else "Extract",
            icon=":material/play_arrow:",
            disabled=not chosen,
            key=f"c_extract_{found.name}",
            on_click=job_progress.start,
            args=(["extract", found.name, "--models", ",".join(chosen)],),
        )


def _skipped(found: Collection) -> None:
    lines = [f"{one.name}\t{one.reason}" for one in found.skipped]
    st.markdown("Left out, with their mates; everything else is used.")
    st.dataframe(
        {"file": [s.name for s in found.skipped], "why": [s.reason for s in found.skipped]},
        height=240,
    )
    st.download_button(
        "Download the list",
        "\n".join(["file\treason", *lines]),
        on_click="ignore",
        file_name=f"{found.name}-left-out.tsv",
        key=f"c_skipped_{found.name}",
    )


def _cache() -> None:
    cache = doctor.cache_size()
    folders = " · ".join(
        f"{name} {widgets.format_bytes(count)}" for name, count in cache["folders"].items()
    )
    free = widgets.format_bytes(cache["free"])
    st.caption(f"Cache at `{cache['root']}`: {escape_markdown(folders)} · {free} free on its disk")


show()
