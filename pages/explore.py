"""Explore: search with one image; the nearest images of each backbone, side by side."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simcore.lab import app_files
from simcore.lab.library import collections, features, models
from simcore.types import Collection
from simcore.ui import commands, job_progress, kiosk, remedies, widgets
from simcore.ui.explore import (
    explore_sidebar,
    explore_view,
    image_browser,
    query_bar,
    row_by_row,
    search_results,
    text_panel,
)
from simcore.ui.explore.explore_view import ExploreView
from simcore.ui.widgets import escape_markdown


def show() -> None:
    """Draw the page."""
    names = collections.names()
    if not names:
        welcome()
        return
    head = st.container(horizontal=True, gap="small", vertical_alignment="center")
    head.title("Explore", anchor=False, width="content")
    with widgets.show_errors():
        view = explore_sidebar.draw(names)
        explore(collections.open_(view.collection), view, head)


def welcome() -> None:
    """What a new user sees before there is any collection."""
    st.title("Which images look alike?")
    st.markdown(
        "Choose an image and compare what each backbone finds most similar. There is no collection "
        "yet: the demo has about 1,400 emoji, each drawn in two styles."
    )
    # Explore opens as soon as there are images.
    if job_progress.show("demo", ready=lambda: len(collections.names())):
        return
    with st.container(horizontal=True):
        st.button(
            "Create the demo collection",
            type="primary",
            icon=":material/auto_awesome:",
            on_click=job_progress.start,
            args=(["demo", "--no-serve"],),
            key="explore_demo",
        )
        if st.button("Add your own images", icon=":material/add_photo_alternate:"):
            st.switch_page("pages/collections.py")
    commands.show(("demo",))
    st.image(
        str(app_files.root() / "assets" / "explore.png"),
        caption="What Explore will show: three backbones miss the mate, their sum finds it.",
        alt="A red mushroom as the query, and a row of similar images for each backbone; only the "
        "row of their sum begins with the mate, an outline drawing of a mushroom.",
    )


def explore(collection: Collection, view: ExploreView, head: DeltaGenerator) -> None:
    """Query, results, downloads; `head` is the line with the title."""
    needed = explore_view.needed_models(view)
    ready = [model for model in needed if features.is_ready(collection, model)]
    missing = [model for model in needed if model not in ready]
    recipes = search_results.recipes_of(view, ready)
    with head:
        panel = query_bar.draw(collection, view, recipes)
    if message := st.session_state.pop(query_bar.MESSAGE, ""):
        st.info(escape_markdown(message))
    upload = image_browser.upload(collection.left.trim) if panel == "upload" else None
    if panel == "browse":
        image_browser.browse(collection, view)
    if panel == "text":
        text_panel.panel(collection, view)
    if missing:
        _offer_extraction(collection, missing)
    if not recipes:
        if not missing:
            st.info("Choose at least one backbone in the sidebar.")
        return
    if waiting := row_by_row.unready(view, upload, recipes):
        search_results.offer_job(view, waiting, recipes[waiting[0]])
        recipes = {title: recipe for title, recipe in recipes.items() if title not in waiting}
    results = row_by_row.search_rows(view, upload, recipes)
    search_results.show(collection, view, upload, recipes, results)
    search_results.downloads(collection, view, upload[0] if upload else None, results, ready)
    row_by_row.continue_if(len(results) < len(recipes))


def _offer_extraction(collection: Collection, missing: Sequence[str]) -> None:
    if kiosk.enabled():
        names = escape_markdown(", ".join(missing))
        st.info(f"No features of {names} in this collection.")
        return

    def ready() -> tuple[str, ...]:
        return tuple(model for model in missing if features.is_ready(collection, model))

    with st.container(border=True):
        if collection.name == explore_view.DEMO and job_progress.show("demo", ready=ready):
            return
        if job_progress.show("extract", collection.name, ready=ready):
            return
        backbones = models.listing(missing)
        possible = [b.name for b in backbones if b.ready or b.fetched_unasked]
        if possible:
            st.markdown(
                f"No features of **{escape_markdown(', '.join(possible))}** for "
                f"{escape_markdown(collection.name)} yet. Extract them to get results."
            )
            st.button(
                "Extract now",
                type="primary",
                icon=":material/play_arrow:",
                key="explore_extract",
                on_click=job_progress.start,
                args=(["extract", collection.name, "--models", ",".join(possible), "--fetch"],),
            )
        if without_weights := [b.name for b in backbones if b.name not in possible]:
            st.markdown(
                f"**{escape_markdown(', '.join(without_weights))}** cannot be extracted before its "
                "weights are on this computer."
            )
            remedies.show([remedies.MODELS_PAGE], key="explore_weights", models=without_weights)


show()
