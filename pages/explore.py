"""Explore: one picture, and what each network finds most alike, side by side."""

from dataclasses import replace

import streamlit as st

from simcore.lab.library import collections, features
from simcore.lab.search import search
from simcore.lab.search.search import Query
from simcore.recipe import Question
from simcore.types import Collection
from simcore.ui import job_progress, kiosk, widgets
from simcore.ui.explore import (
    explore_sidebar,
    explore_view,
    image_browser,
    query_bar,
    search_results,
    text_panel,
)
from simcore.ui.explore.explore_view import ExploreView


def show() -> None:
    """Draw the page."""
    names = collections.names()
    if not names:
        welcome()
        return
    with widgets.show_errors():
        explore_sidebar.arrive(names)
        view = explore_sidebar.sidebar(names)
        collection = collections.open_(view.collection)
        explore(collection, _with_query(collection, view))


def welcome() -> None:
    """What a newcomer sees before there is any collection."""
    st.title("Which pictures look alike?")
    st.markdown(
        "Pick a picture and see, row by row, what each network finds most alike. There is no "
        "collection yet. The demo has about 1,400 emoji, each drawn by two design houses: which "
        "network knows a drawing again in the other style?"
    )
    if job_progress.show("demo"):
        return
    with st.container(horizontal=True):
        st.button(
            "Make the demo collection",
            type="primary",
            icon=":material/auto_awesome:",
            on_click=job_progress.start,
            args=(["demo", "--no-serve"],),
            key="x_demo",
        )
        if st.button("Add pictures of your own", icon=":material/add_photo_alternate:"):
            st.switch_page("pages/collections.py")
    st.caption("The same in a terminal:")
    st.code("simcore demo", language="bash")


def _with_query(collection: Collection, view: ExploreView) -> ExploreView:
    """The view with a query that exists; says so where the one asked for does not."""
    images = collection.sides(view.direction)[0]
    if view.query in images.row_of:
        return view
    if view.query:
        wanted = widgets.escape_markdown(view.query[:80])
        st.warning(
            f"From the link: no image {wanted} on this side; showing the first.",
            icon=":material/link_off:",
        )
    st.session_state["x_q"] = images.ids[0]
    return replace(view, query=images.ids[0])


def explore(collection: Collection, view: ExploreView) -> None:
    """The question, the answers, and what to take away."""
    explore_view.write(view)
    ready = [m for m in view.models if features.is_ready(collection, m)]
    missing = [m for m in view.models if m not in ready]
    rows = search_results.recipes_of(view, ready)
    panel = query_bar.bar(collection, view, rows)
    if said := st.session_state.pop("x_said", ""):
        st.info(widgets.escape_markdown(said))
    own = image_browser.uploads(collection.left.trim) if panel == "own" else None
    if panel == "browse":
        image_browser.show(collection, view)
    if panel == "words":
        text_panel.panel(collection, view)
    if missing:
        _extract(collection, missing)
    if not rows:
        if not missing:
            st.info("Choose at least one backbone in the sidebar.")
        return
    asked = Query(image=own[1]) if own else Query(id=view.query)
    with st.spinner("Comparing", show_time=False):
        question = Question(view.collection, tuple(rows.values()), view.direction)
        hits = search.search(question, asked, k=view.k)
    found = list(zip(rows, hits, strict=True))
    search_results.show(collection, view, own, found)
    search_results.downloads(collection, view, own[0] if own else None, found, ready)


def _extract(collection: Collection, missing: list[str]) -> None:
    if kiosk.enabled():
        st.info(f"There are no features of {widgets.escape_markdown(', '.join(missing))} here.")
        return
    with st.container(border=True):
        if job_progress.show("extract", collection.name):
            return
        names, they = ", ".join(missing), "them" if len(missing) > 1 else "it"
        st.markdown(
            f"No features of **{widgets.escape_markdown(names)}** for all of "
            f"{widgets.escape_markdown(collection.name)} yet: {they} will get a row, and a part in the "
            "combinations, once every picture has been looked at."
        )
        st.button(
            "Extract now",
            type="primary",
            icon=":material/play_arrow:",
            key="x_extract",
            on_click=job_progress.start,
            args=(["extract", collection.name, "--models", ",".join(missing)],),
        )


show()
