"""Map: a whole collection as points in the plane; one backbone beside another, or a morph."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from simcore.lab import html_document
from simcore.lab.library import collections
from simcore.lab.search import cluster_names, map_colors, maps, morph
from simcore.lab.search.maps import Map
from simcore.recipe import Question, split_subset
from simcore.types import Array, Collection
from simcore.ui import (
    commands,
    gallery,
    job_progress,
    kiosk,
    page_export,
    sidebar,
    thumbnails,
    url_state,
    widgets,
)
from simcore.ui.gallery import Tile
from simcore.ui.map import (
    map_canvas,
    map_controls,
    map_downloads,
    map_photo,
    map_selection,
    set_panels,
)
from simcore.ui.map.map_canvas import METHOD_NAMES, Scene
from simcore.ui.map.map_controls import MORPH, Choice
from simcore.ui.widgets import escape_markdown

PAGE_SIZE = 48


def show() -> None:
    """Draw the page."""
    st.title("Map")
    st.caption("Each point is an image; similar images are close together. Zoom in to see them.")
    with widgets.show_errors():
        question = sidebar.select_question(
            "map",
            options=("subset", "metric", "post", "missing"),
            without_mates=True,
            fields=map_controls.FIELDS,
        )
        if question is None:
            return
        # A filter shows fewer points of the same map, instead of a map of fewer images.
        subset, where = split_subset(question.subset)
        question = replace(question, subset=subset)
        choice = map_controls.draw(question)
        views = _morph(question, choice) if choice.is_morph else _single_maps(question, choice)
        if views:
            _maps(question, views, choice, where)
        set_panels.show(question)


def _single_maps(question: Question, choice: Choice) -> list[Map]:
    """One or two maps; those that are not made yet are missing."""
    views = [_load(question, *shown) for shown in choice.shown]
    return [view for view in views if view is not None]


def _load(question: Question, name: str, method: str) -> Map | None:
    """The map, or None while it is not made yet; PCA of few images is made at once."""
    recipe, settings = map_controls.recipe(question, name), maps.projection_settings(method)
    shown = question.with_recipes(recipe)
    view = maps.load(shown, settings)
    if view is not None:
        return view
    if _is_quick(question, method):
        with widgets.placeholder("Projecting", 640):
            return maps.make(shown, settings)
    title = f"{METHOD_NAMES[method]} of {recipe.title}"
    _offer(question, name, method, f"**{escape_markdown(title)}** is not computed yet.")
    return None


def _is_quick(question: Question, method: str) -> bool:
    """Whether a visitor can wait for a map."""
    return method == "pca" and maps.is_quick(question)


def _morph(question: Question, choice: Choice) -> list[Map]:
    """The aligned maps of all backbones and their z-sum, without those that are not made yet."""
    settings = maps.projection_settings(choice.method)
    every_stop = map_controls.morph_question(question)
    recipes = every_stop.recipes
    missing = morph.missing(every_stop, settings)
    if missing and _is_quick(question, choice.method):
        with job_progress.progress_bar("Projecting") as monitor:
            return list(morph.make(every_stop, settings, monitor=monitor).maps)
    if missing:
        title = f"{len(missing)} of {len(recipes)} maps by {METHOD_NAMES[choice.method]}"
        verb = "is" if len(missing) == 1 else "are"
        reason = f"**{escape_markdown(title)}** {verb} not computed yet."
        _offer(question, MORPH, choice.method, reason)
    ready = [recipe for recipe in recipes if recipe not in missing]
    if len(ready) < morph.FEWEST:
        return []
    stored = morph.load(every_stop.with_recipes(*ready), settings)
    return [] if stored is None else list(stored.maps)


def _offer(question: Question, name: str, method: str, reason: str) -> None:
    """The job that makes maps: why it is needed, and its button or its progress."""
    if kiosk.enabled():
        st.info(reason)
        return
    settings = maps.projection_settings(method)

    def missing() -> int:
        return len(morph.missing(map_controls.morph_question(question), settings))

    args = map_controls.command(question, name, method).args
    with st.container(border=True):
        st.markdown(
            reason,
            help="Seconds for a thousand pairs, a minute or two for six thousand; then cached.",
        )
        if not job_progress.show(*args, ready=missing if name == MORPH else None):
            st.button(
                "Compute these maps" if name == MORPH else "Compute this map",
                icon=":material/play_arrow:",
                type="primary",
                key=f"map_{name}_{method}",
                on_click=job_progress.start,
                args=(args,),
            )


@st.fragment
def _maps(question: Question, views: Sequence[Map], choice: Choice, where: str) -> None:
    """The maps and the selected images below them; a selection reruns only this."""
    with widgets.show_errors():  # the page's own block does not see errors of a fragment
        key = f"map_canvas_{question.collection}_{question.subset}"
        canvas = st.container()  # stays as it is while an image is being placed
        own_image = map_photo.place(question, views)
        shown = map_colors.fitting(views[0], where=where, tag=choice.tag)
        stop = _stop(views) if choice.is_morph else None
        scene = Scene(
            views,
            _coloring(question, views[0], choice.by),
            is_morph=choice.is_morph,
            stop=stop,
            shown=shown,
            names=[cluster_names.name_clusters(view, choice.names, shown) for view in views],
            takes_images=True,
            own_image=own_image,
        )
        collection = collections.open_(question.collection)
        with canvas:
            rows = map_canvas.show(
                scene,
                key=key,
                on_select=_first_page,
                on_stop=lambda number: _remember_stop(views[number]),
                on_photo=lambda: map_photo.receive(key, collection.left.trim),
            )
        number = (len(views) - 1 if stop is None else stop) if choice.is_morph else 0
        view = views[number]
        map_downloads.show(view, scene.by)
        if own_image is not None:
            map_photo.nearest(question, view, own_image, number)
        _selection(question, view, _shown_rows(rows, scene.shown))
    name = MORPH if choice.is_morph else choice.shown[0][0]
    commands.show(map_controls.command(question, name, choice.method))
    widgets.credits(collections.open_(question.collection).credits)


def _stop(views: Sequence[Map]) -> int | None:
    """The map of a morph that the address names; None if it names none of them."""
    name = url_state.bind(map_controls.PAGE, [map_controls.STOP])["stop"]
    names = [map_controls.stop_name(view.recipe) for view in views]
    return names.index(name) if name in names else None


def _remember_stop(view: Map) -> None:
    """Put the map that a morph rests on into the address; before the page runs again."""
    st.session_state[map_controls.STOP.key(map_controls.PAGE, {})] = map_controls.stop_name(
        view.recipe
    )


def _coloring(question: Question, view: Map, by: str) -> str:
    """What the points are colored by: what was chosen, or else what there is data for."""
    possible = map_colors.choices(view)
    if by in possible:
        return by
    labels = map_colors.labels(question.collection)
    st.info(
        f"No data on “{labels[by].lower()}” here, so the color is “{labels[possible[0]].lower()}”."
    )
    return possible[0]


def _shown_rows(rows: Sequence[int], shown: Array | None) -> list[int]:
    """The selected images that a filter shows."""
    return [row for row in rows if shown is None or shown[row]]


def _first_page() -> None:
    st.session_state.pop("map_page", None)


def _selection(question: Question, view: Map, rows: list[int]) -> None:
    """The selected images, mates next to each other."""
    for key in ("map_selected", "map_grid"):
        page_export.drop(key)
    if not rows:
        st.caption(
            "Select points with the lasso, the box or a search, or click one to see its neighbors."
        )
        return
    n_left = len(view.sides[0])
    paired = len(view.sides) > 1
    text = f"**{len(rows):,}** selected"
    if paired:
        left = {row for row in rows if row < n_left}
        pairs = left & {row - n_left for row in rows}
        text += f": {len(left):,} left, {len(rows) - len(left):,} right, {len(pairs):,} pair"
        text += "" if len(pairs) == 1 else "s"
        rows = sorted(rows, key=lambda row: (row % n_left, row))
    page_export.add("map_selected", lambda: [html_document.paragraph(text.replace("**", "") + ".")])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{text}. Click an image to open it in Explore.", width="content")
        widgets.csv_button(
            lambda: view.to_table(rows).to_csv(), f"{question.collection}-selected.csv"
        )
    if paired and not kiosk.enabled():
        map_selection.save_form(question, view, rows)
    if len(rows) == 1:
        map_selection.neighbors(question, view, rows[0])
    collection = collections.open_(question.collection)
    tiles = [_tile(collection, view, row) for row in gallery.paged(rows, "map_page", PAGE_SIZE)]
    open_ = gallery.open_in_explore(
        question.collection, models=question.backbones, metric=question.metric
    )
    gallery.grid(tiles, key="map_grid", on_pick=open_)


def _tile(collection: Collection, view: Map, row: int) -> Tile:
    side = "right" if row >= len(view.sides[0]) else "left"
    name = view.ids[row]
    return Tile(
        id=name,
        side=side,
        src=thumbnails.source(view.keys[row]),
        caption=f"{side} {name}" if collection.right is not None else name,
        alt=f"{gallery.side_label(collection, side)} {name}{gallery.OPEN_IN_EXPLORE}",
    )


show()
