"""Collections: add images, extract features, remove collections."""

from collections.abc import Sequence

import streamlit as st

from simcore.lab import doctor
from simcore.lab.library import collections, models
from simcore.lab.library.features import FeatureCount
from simcore.results import Table, format_bytes
from simcore.types import Collection
from simcore.ui import actions, gallery, job_progress, widgets
from simcore.ui.collections import add_collection
from simcore.ui.widgets import escape_markdown

N_SAMPLES = 6  # thumbnails per side of a collection


def show() -> None:
    """Draw the page."""
    st.title("Collections")
    st.caption("Sets of images, with or without known mates.")
    names = collections.names()
    if name := st.session_state.pop(add_collection.ADDED, ""):
        st.toast(f"Added {escape_markdown(name)}.", icon=":material/check_circle:")
    adding = job_progress.running("collections", "add") or job_progress.running("demo")
    expander = st.expander(
        "Add a collection",
        icon=":material/add:",
        expanded=not names or adding is not None,  # it shows the progress
        key="collections_add",
    )
    with expander, widgets.show_errors():
        add_collection.draw()
    for name in names:
        with st.container(border=True), widgets.show_errors():
            _card(name)
    if names:
        with widgets.show_errors():
            _cache_size()


def _card(name: str) -> None:
    collection, summary = collections.open_(name), collections.summary(name)
    count = f"{len(collection.left):,} {'images' if collection.right is None else 'pairs'}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(escape_markdown(name), anchor=False, width="content")
        st.badge(escape_markdown(collection.kind), color="gray")
        st.markdown(f"**{count}** · {format_bytes(summary.bytes)}", width="stretch")
        st.page_link(
            "pages/explore.py",
            label="Explore",
            icon=":material/image_search:",
            query_params={"collection": name},
        )
    _samples(collection)
    _features(collection)
    with st.container(horizontal=True, vertical_alignment="center"):
        if collection.skipped:
            with st.popover(f"{len(collection.skipped):,} left out", icon=":material/report:"):
                _skipped(collection)
        if summary.other_files:
            n_files = sum(files.count for files in summary.other_files)
            noun = "file" if n_files == 1 else "files"
            with st.popover(f"{n_files:,} other {noun}", icon=":material/draft:"):
                st.markdown("These files of the source are not used.")
                for files in summary.other_files:
                    st.markdown(f"- {escape_markdown(str(files))}")
        with st.popover("Remove", icon=":material/delete:"):
            st.markdown(
                f"Remove **{escape_markdown(name)}** from the list? Files and features stay."
            )
            st.button(
                "Remove",
                key=f"collections_remove_{name}",
                type="primary",
                on_click=actions.run_action,
                args=(collections.remove, name),
            )
        source = f"From {escape_markdown(collection.source)}"
        st.caption(" · ".join(filter(None, (source, summary.profiles_text.rstrip(".")))))
    widgets.credits(collection.credits)


def _samples(collection: Collection) -> None:
    tiles = []
    step = max(1, len(collection.left) // N_SAMPLES)
    for row in range(0, min(len(collection.left), step * N_SAMPLES), step):
        tiles.append(gallery.image_tile(collection.left, row, "left", collection))
        if collection.right is not None:
            tiles.append(gallery.image_tile(collection.right, row, "right", collection))
    gallery.grid(
        tiles,
        key=f"collections_samples_{collection.name}",
        on_pick=gallery.open_in_explore(collection.name),
    )


def _features(collection: Collection) -> None:
    """Which backbones are extracted, and a form for more."""
    name = collection.name
    counts = collections.feature_counts(name)
    badges = [
        f":green-badge[:material/check: {escape_markdown(count.backbone)}]"
        if count.complete
        else f":orange-badge[{escape_markdown(count.backbone)} {count.done:,} of {count.images:,}]"
        for count in counts
    ]
    st.markdown("Features: " + (" ".join(badges) or "none yet"))
    if job_progress.show(
        "extract", collection.name, ready=lambda: _complete(collections.feature_counts(name))
    ):
        return
    complete = _complete(counts)
    partial = [count.backbone for count in counts if count.backbone not in complete]
    ready = [info.name for info in models.listing() if info.ready or info.fetched_unasked]
    options = list(dict.fromkeys([*partial, *(name for name in ready if name not in complete)]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Backbones to extract",
            options,
            default=partial,
            key=f"collections_models_{collection.name}",
            accept_new_options=True,
            label_visibility="collapsed",
            placeholder="Choose backbones to extract, or timm:NAME",
        )
        st.button(
            "Resume" if partial else "Extract",
            icon=":material/play_arrow:",
            disabled=not chosen,
            key=f"collections_extract_{collection.name}",
            on_click=job_progress.start,
            args=(["extract", collection.name, "--models", ",".join(chosen), "--fetch"],),
        )


def _complete(counts: Sequence[FeatureCount]) -> frozenset[str]:
    return frozenset(count.backbone for count in counts if count.complete)


def _skipped(collection: Collection) -> None:
    rows = tuple((skipped.name, skipped.reason) for skipped in collection.skipped)
    table = Table(("file", "reason"), rows)
    st.markdown("These images, and their mates, are left out.")
    st.dataframe(
        table.to_frame(), width=640, height=240 if len(rows) > 6 else "auto", hide_index=True
    )
    widgets.csv_button(
        table.to_csv,
        f"{collection.name}-left-out.csv",
        key=f"collections_skipped_{collection.name}",
    )


def _cache_size() -> None:
    cache = doctor.cache_size()
    total, free = format_bytes(sum(cache.folders.values())), format_bytes(cache.free)
    folders = ", ".join(f"{name} {format_bytes(count)}" for name, count in cache.folders.items())
    st.caption(
        f"The cache in `{cache.root}` takes {total}; {free} are free on its disk.",
        help=f"{escape_markdown(folders)}.",
    )


show()
