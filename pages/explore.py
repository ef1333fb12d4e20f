"""Explore: one picture, and what each network finds most alike, side by side."""

from dataclasses import replace

import streamlit as st

from pages import controls, gallery, query, results, state, widgets
from pages.gallery import Row, Tile
from pages.state import View
from simcore.lab import collections, features, retrieve
from simcore.lab.retrieve import Hits, Query
from simcore.types import Collection


def show() -> None:
    """Draw the page."""
    names = collections.names()
    if not names:
        welcome()
        return
    with widgets.sentences():
        controls.arrive(names)
        view = controls.sidebar(names)
        collection = collections.open_(view.collection)
        explore(collection, _with_query(collection, view))


def welcome() -> None:
    """What a newcomer sees before there is any collection."""
    st.title("Which pictures look alike?")
    st.markdown(
        "Pick a picture and see, row by row, what each network finds most alike. "
        "There is no collection yet. The demo has about 1,400 emoji, each drawn by two design houses: "
        "which network recognises a drawing in the other style?"
    )
    if widgets.job("demo"):
        return
    with st.container(horizontal=True):
        st.button(
            "Make the demo collection",
            type="primary",
            icon=":material/auto_awesome:",
            on_click=widgets.launch,
            args=(["demo", "--no-serve"],),
            key="x_demo",
        )
        if st.button("Add pictures of your own", icon=":material/add_photo_alternate:"):
            st.switch_page("pages/collections.py")
    st.caption("The same in a terminal:")
    st.code("simcore demo", language="bash")


def _with_query(collection: Collection, view: View) -> View:
    """The view with a query that exists; says so where the one asked for does not."""
    images = collection.sides(view.direction)[0]
    if view.query in images.ids:
        return view
    if view.query:
        wanted = widgets.plain(view.query[:80])
        st.warning(
            f"From the link: no image {wanted} on this side; showing the first.",
            icon=":material/link_off:",
        )
    st.session_state["x_q"] = images.ids[0]
    return replace(view, query=images.ids[0])


def explore(collection: Collection, view: View) -> None:
    """The question, the answers, and what to take away."""
    state.write(view)
    ready = [m for m in view.models if features.ready(collection, m)]
    missing = [m for m in view.models if m not in ready]
    rows = results.recipes_of(view, ready)
    query.bar(collection, view, list(rows.values()))
    if said := st.session_state.pop("x_said", ""):
        st.info(widgets.plain(said))
    query.browser(collection, view)
    own = query.uploads(collection.left.trim)
    if missing:
        _extract(collection, missing)
    if not rows:
        if not missing:
            st.info("Choose at least one backbone in the sidebar.")
        return
    asked = Query(image=own[1]) if own else Query(id=view.query)
    with st.spinner("Comparing", show_time=False):
        hits = retrieve.search(
            view.collection, asked, list(rows.values()), direction=view.direction, k=view.k
        )
    found = list(zip(rows, hits, strict=True))
    _compare(collection, view, own, found)
    _take_away(collection, view, own[0] if own else None, found, ready)


def _extract(collection: Collection, missing: list[str]) -> None:
    names = ", ".join(missing)
    with st.container(border=True):
        if widgets.job("extract", collection.name):
            return
        st.markdown(
            f"**{widgets.plain(names)}** {'has' if len(missing) == 1 else 'have'} not looked at all "
            f"of {widgets.plain(collection.name)} yet, so there is no row for "
            f"{'it' if len(missing) == 1 else 'them'}, and combinations leave {'it' if len(missing) == 1 else 'them'} out."
        )
        st.button(
            f"Extract {len(missing)} now",
            type="primary",
            icon=":material/play_arrow:",
            key="x_extract",
            on_click=widgets.launch,
            args=(["extract", collection.name, "--models", ",".join(missing)],),
        )


def _compare(
    collection: Collection, view: View, own: tuple[str, bytes] | None, found: list[tuple[str, Hits]]
) -> None:
    images, others = collection.sides(view.direction)
    row = images.ids.index(view.query)
    where, there = (query.side(collection, view.direction, asked=a) for a in (True, False))
    first, second = results.lead(found)
    rows: list[Row] = [results.row(collection, view, name, hits) for name, hits in found]
    if own:
        left, right = st.columns([1, 4], vertical_alignment="center")
        left.image(own[1], width=172, output_format="JPEG", alt=f"Your picture {own[0]}")
        right.markdown(
            f"**{widgets.plain(own[0])}**  \n{widgets.plain(first)} {widgets.plain(second)}"
        )
        gallery.comparison(
            None, None, rows, key="x_gallery", on_pick=query.follow, trail=query.trail(collection)
        )
        return
    asked = query.tile(images, row, where, collection)
    asked["tag"] = f"Query, {where}" if collection.right is not None else "Query"
    mate: Tile | None = None
    if collection.right is not None:
        mate = query.tile(others, row, there, collection)
        mate["tag"], mate["caption"] = f"True mate, {there}", others.ids[row]
        mate["alt"] = f"True mate: {mate['alt']}. Make it the query."
    ways = f"Looking from the {where} side into {len(others):,} {there} images. " if mate else ""
    back = (
        f"A click on a {there} image turns the direction round: it becomes the query."
        if mate
        else ""
    )
    gallery.comparison(
        asked,
        mate,
        rows,
        key="x_gallery",
        on_pick=query.follow,
        lead=first,
        more=f"{second} {ways}{back}".strip(),
        trail=query.trail(collection),
    )


def _take_away(
    collection: Collection,
    view: View,
    file: str | None,
    found: list[tuple[str, Hits]],
    models: list[str],
) -> None:
    st.caption("The same numbers in a terminal:")
    st.code(results.by_hand(view, models, file), language="bash", wrap_lines=True)
    name = file or view.query
    st.download_button(
        "Download these results (CSV)",
        results.table(view, name, found),
        on_click="ignore",
        file_name=f"{collection.name}.csv",
        mime="text/csv",
        icon=":material/download:",
        key="x_csv",
    )
    widgets.credits(collection.credits)


show()
