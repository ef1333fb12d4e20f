"""Map: a whole collection as points in the plane, one backbone beside another."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from simcore.lab import html_document
from simcore.lab.library import collections, models
from simcore.lab.search import maps
from simcore.lab.search.maps import Map
from simcore.recipe import Question, Recipe
from simcore.types import Collection
from simcore.ui import (
    commands,
    gallery,
    job_progress,
    kiosk,
    page_export,
    sidebar,
    thumbnails,
    widgets,
)
from simcore.ui.commands import Command
from simcore.ui.gallery import Tile
from simcore.ui.map import map_canvas, map_downloads, map_selection
from simcore.ui.map.map_canvas import METHOD_NAMES
from simcore.ui.url_state import Field, Values
from simcore.ui.widgets import escape_markdown

COMBINATION_NAMES = {"zsum": "z-sum of all", "sum": "Sum of all"}
NONE = "none"
PAGE_SIZE = 48


def _map_options(values: Values) -> list[str]:
    """The backbones, and the combinations of several."""
    return [*values["models"], *(COMBINATION_NAMES if len(values["models"]) > 1 else [])]


def _default_map(values: Values) -> str | None:
    return models.default_network(values["models"]) if values["models"] else None


FIELDS = [
    Field("map", _map_options, default=_default_map),
    Field("method", list(METHOD_NAMES)),
    Field("second", lambda values: [NONE, *_map_options(values)], label="second map"),
    Field("method2", list(METHOD_NAMES), default="umap", label="method"),
    Field("color", lambda values: list(maps.color_labels(values["collection"]))),
]


def show() -> None:
    """Draw the page."""
    st.title("Map")
    st.caption("Each point is an image; similar images are close together. Zoom in to see them.")
    with widgets.show_errors():
        question = sidebar.select_question(
            "map",
            options=("subset", "metric", "post", "missing"),
            without_mates=True,
            fields=FIELDS,
        )
        if question is None:
            return
        chosen, by = _controls(question)
        views = [_load(question, *choice) for choice in chosen]
        if ready := [view for view in views if view is not None]:
            _maps(question, ready, by)


def _controls(question: Question) -> tuple[list[tuple[str, str]], str]:
    """Draw the controls; one or two maps (backbone or combination, method), and the coloring."""
    options = _map_options({"models": question.backbones})
    labels = {NONE: "None", **COMBINATION_NAMES}

    def label(option: str) -> str:
        return labels.get(option, option)

    with st.container(horizontal=True):
        first = st.selectbox("Map of", options, format_func=label, key="map_map")
        method = st.selectbox(
            "Method",
            METHOD_NAMES,
            format_func=METHOD_NAMES.__getitem__,
            key="map_method",
            help="PCA is a linear projection; UMAP and t-SNE preserve neighborhoods.",
        )
        second = st.selectbox("Second map", [NONE, *options], format_func=label, key="map_second")
        chosen = [(first, method)]
        if second != NONE:
            method2 = st.selectbox(
                "Its method", METHOD_NAMES, format_func=METHOD_NAMES.__getitem__, key="map_method2"
            )
            chosen.append((second, method2))
        colors = maps.color_labels(question.collection)
        by = st.selectbox("Color by", colors, format_func=colors.__getitem__, key="map_color")
    return chosen, by


def _recipe(question: Question, name: str) -> Recipe:
    """The recipe of one backbone or one combination."""
    models_, combine = (
        (question.backbones, name) if name in COMBINATION_NAMES else ((name,), "none")
    )
    return maps.single_recipe(
        models_,
        combine,
        metric=question.metric,
        post=question.post,
        missing=question.missing,
    )


def _command(question: Question, name: str, method: str) -> Command:
    """The command line that makes the map; its job is recognized by these arguments."""
    args = ["map", question.collection, "--models"]
    if name in COMBINATION_NAMES:
        args += [",".join(question.backbones), "--combine", name]
    else:
        args.append(name)
    args += ["--method", method]
    for option, value in question.options():
        args += [f"--{option}", value]
    if question.subset != "all":
        args += ["--subset", question.subset]
    return Command(tuple(args))


def _load(question: Question, name: str, method: str) -> Map | None:
    """The map, or None while it is not made yet; PCA is fast enough to be made at once."""
    recipe, settings = _recipe(question, name), maps.projection_settings(method)
    shown = replace(question, recipes=(recipe,))
    view = maps.load(shown, settings)
    if view is not None:
        return view
    if method == "pca":
        with widgets.placeholder("Projecting", 640):
            return maps.make(shown, settings)
    if kiosk.enabled():
        st.info(f"There is no {METHOD_NAMES[method]} of {escape_markdown(recipe.title)} here.")
        return None
    args = _command(question, name, method).args
    with st.container(border=True):
        st.markdown(
            f"**{METHOD_NAMES[method]} of {escape_markdown(recipe.title)}** is not computed yet.",
            help="Seconds for a thousand pairs, a minute or two for six thousand; then cached.",
        )
        if not job_progress.show(*args):
            st.button(
                "Compute this map",
                icon=":material/play_arrow:",
                type="primary",
                key=f"map_{name}_{method}",
                on_click=job_progress.start,
                args=(args,),
            )
    return None


@st.fragment
def _maps(question: Question, views: Sequence[Map], by: str) -> None:
    """The maps and the selected images below them; a selection reruns only this."""
    possible = maps.color_choices(views[0])
    if by not in possible:
        labels = maps.color_labels(question.collection)
        st.info(
            f"No data on “{labels[by].lower()}” here, so the color is "
            f"“{labels[possible[0]].lower()}”."
        )
        by = possible[0]
    key = f"map_canvas_{question.collection}_{question.subset}"
    rows = map_canvas.show(views, by, key=key, on_select=_first_page)
    map_downloads.show(views[0], by)
    with widgets.show_errors():  # the page's own block does not see errors of a fragment
        _selection(question, views[0], rows)
    state = st.session_state
    commands.show(_command(question, state["map_map"], state["map_method"]))
    widgets.credits(collections.open_(question.collection).credits)


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
        text += f": {len(left):,} left, {len(rows) - len(left):,} right, {len(pairs):,} pairs"
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
