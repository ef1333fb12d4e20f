"""Explore's question: the picture to start from, out of the collection or from a file."""

import random
from collections.abc import Mapping

import streamlit as st

from simcore.errors import SimError
from simcore.lab.evaluate import recall
from simcore.recipe import Recipe
from simcore.types import Collection, Direction
from simcore.ui.explore.explore_view import ExploreView
from simcore.ui.gallery import SIDES, Pick, Tile, image_tile, side, side_label
from simcore.ui.widgets import escape_markdown

TRAIL = 8  # pictures remembered to go back to
PANELS = {
    "browse": ":material/grid_view: Browse",
    "own": ":material/upload: Your pictures",
    "words": ":material/abc: Words",
}


def set_query(query: str, direction: Direction | None = None) -> None:
    """Make an image of the collection the query; for callbacks."""
    put = st.session_state
    put["x_q"], put["x_upload"] = query, None
    if direction is not None:
        put["x_d"] = direction


def follow(pick: Pick) -> None:
    """A click in the comparison: its picture becomes the query, asked from the side it is on."""
    put, view = st.session_state, st.session_state["_view"]
    trail: list[tuple[Direction, str]] = put.setdefault("x_trail", [])
    if pick["step"] is not None and 0 <= pick["step"] < len(trail):
        direction, query = trail[pick["step"]]
        put["x_trail"] = trail[: pick["step"]]
        set_query(query, direction)
        return
    if put.get("x_upload") is None:
        put["x_trail"] = [*trail, (view.direction, view.query)][-TRAIL:]
    set_query(pick["id"], SIDES.get(pick["side"]))


def back() -> None:
    """The picture before this one, asked as it was then."""
    trail = st.session_state.get("x_trail", [])
    if trail:
        follow(Pick(id="", side="", step=len(trail) - 1))


def trail(collection: Collection) -> list[Tile]:
    """The pictures one came from, as small tiles."""
    tiles: list[Tile] = []
    for step, (direction, query) in enumerate(st.session_state.get("x_trail", [])):
        images = collection.sides(direction)[0]
        if query in images.row_of:
            where = side(collection, direction)
            one = image_tile(images, images.row_of[query], where, collection)
            tiles.append(
                Tile(**one, step=step) | {"alt": f"Back to {side_label(collection, where)} {query}"}
            )
    return tiles


def bar(collection: Collection, view: ExploreView, recipes: Mapping[str, Recipe]) -> str | None:
    """Ways to another query: back, neighbours, chance, where a recipe fails, or a panel.

    Args:
        recipes: by what their rows are called.

    Returns:
        The panel that is open, of `PANELS`, or None.
    """
    images = collection.sides(view.direction)[0]
    row = images.row_of[view.query]
    ways = {
        "Previous": (":material/chevron_left:", images.ids[row - 1]),
        "Next": (":material/chevron_right:", images.ids[(row + 1) % len(images)]),
        "Random": (":material/shuffle:", random.choice(images.ids)),
    }
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(
            "Back",
            icon=":material/arrow_back:",
            on_click=back,
            disabled=not st.session_state.get("x_trail"),
            key="x_back",
            help="The query before this one, asked from its side.",
        )
        for word, (icon, name) in ways.items():
            st.button(word, icon=icon, on_click=set_query, args=(name,), key=f"x_{word.lower()}")
        if collection.right is not None and recipes:
            st.session_state["_recipes"] = recipes
            st.menu_button(
                "A failure of",
                list(recipes),
                key="x_failure",
                icon=":material/target:",
                format_func=escape_markdown,
                on_click=_failure,
                help="A random query whose mate this recipe does not put first.",
            )
        return st.pills(
            "More ways to a query",
            list(PANELS),
            format_func=PANELS.__getitem__,
            key="x_panel",
            label_visibility="collapsed",
        )


def _failure() -> None:
    put = st.session_state
    view, recipe = put["_view"], put.get("_recipes", {}).get(put["x_failure"])
    if recipe is None:
        return
    try:
        every = recall.failed_queries(view.collection, recipe, view.direction)
    except SimError as error:
        put["x_said"] = str(error)
        return
    if found := [name for name in every if name != view.query]:
        set_query(random.choice(found))
    else:
        put["x_said"] = f"{recipe.label} puts every other mate first: there is no failure."
