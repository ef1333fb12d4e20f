"""Explore's query bar: ways to another query, from the collection or from a file."""

import random
from collections.abc import Mapping, Sequence

import streamlit as st

from simcore.lab.evaluate import recall
from simcore.lab.library import collections
from simcore.recipe import Recipe
from simcore.types import Collection, Direction, QueryParams
from simcore.ui import actions, gallery
from simcore.ui.explore.explore_view import PAGE, ExploreView
from simcore.ui.gallery import SIDES, Pick, Tile
from simcore.ui.widgets import escape_markdown

MAX_TRAIL = 8  # earlier queries to go back to
PANELS = {
    "browse": ":material/grid_view: Browse",
    "upload": ":material/upload: Your images",
    "text": ":material/abc: Text",
}
# Session state of callbacks, which run before the page is drawn.
VIEW, RECIPES, MESSAGE = f"_{PAGE}_view", f"_{PAGE}_recipes", f"_{PAGE}_message"
TRAIL, UPLOAD = f"{PAGE}_trail", f"{PAGE}_upload"


def set_query(query: str, direction: Direction | None = None) -> None:
    """Make an image of the collection the query; for callbacks."""
    state = st.session_state
    state[f"{PAGE}_query"], state[UPLOAD] = query, None
    if direction is not None:
        state[f"{PAGE}_direction"] = direction


def follow(pick: Pick) -> None:
    """Make a clicked image the query, searched from the side that it is on."""
    state, view = st.session_state, st.session_state[VIEW]
    if pick["side"] == gallery.WHY:
        _ask_why(view, pick["id"])
        return
    trail: list[tuple[Direction, str]] = state.setdefault(TRAIL, [])
    if pick["step"] is not None and 0 <= pick["step"] < len(trail):
        direction, query = trail[pick["step"]]
        state[TRAIL] = trail[: pick["step"]]
        set_query(query, direction)
        return
    if state.get(UPLOAD) is None:
        state[TRAIL] = [*trail, (view.direction, view.query)][-MAX_TRAIL:]
    set_query(pick["id"], SIDES.get(pick["side"]))


def _ask_why(view: ExploreView, backbone: str) -> None:
    """Open Compare on the query and its mate, with the explanation of a backbone's rank."""
    collection = collections.open_(view.collection)
    models = [name for recipe in st.session_state[RECIPES].values() for name in recipe.backbones]
    params = compare_params(collection, view, list(dict.fromkeys(models)))
    actions.open_later("pages/compare.py", params | {"backbone": backbone, "view": "why"})


def compare_params(collection: Collection, view: ExploreView, models: Sequence[str]) -> QueryParams:
    """The address of Compare for the query and its mate."""
    queries, mates = collection.sides(view.direction)
    mate = mates.ids[queries.row_of[view.query]]
    side, other_side = ("left", "right") if view.direction == "lr" else ("right", "left")
    return {
        "collection": collection.name,
        "models": ",".join(models),
        "metric": view.metric,
        "first": f"{side}:{view.query}",
        "second": f"{other_side}:{mate}",
    }


def back() -> None:
    """Return to the query before this one."""
    if trail := st.session_state.get(TRAIL, []):
        follow(Pick(id="", side="", step=len(trail) - 1))


def trail_tiles(collection: Collection) -> list[Tile]:
    """The earlier queries as small tiles."""
    tiles: list[Tile] = []
    for step, (direction, query) in enumerate(st.session_state.get(TRAIL, [])):
        images = collection.sides(direction)[0]
        if query in images.row_of:
            side = gallery.query_side(collection, direction)
            tile = gallery.image_tile(images, images.row_of[query], side, collection)
            label = gallery.side_label(collection, side)
            tiles.append(Tile(**tile, step=step) | {"alt": f"Back to {label} {query}"})
    return tiles


def draw(collection: Collection, view: ExploreView, recipes: Mapping[str, Recipe]) -> str | None:
    """Draw the ways to another query: back, neighbors, random, a failure of a recipe, panels.

    Args:
        recipes: by the titles of their rows.

    Returns:
        The open panel, of `PANELS`, or None.
    """
    state = st.session_state
    state[VIEW], state[RECIPES] = view, recipes
    images = collection.sides(view.direction)[0]
    row = images.row_of[view.query]
    buttons = {
        "Previous": (":material/chevron_left:", images.ids[row - 1]),
        "Next": (":material/chevron_right:", images.ids[(row + 1) % len(images)]),
        "Random": (":material/shuffle:", random.choice(images.ids)),
    }
    st.button(
        "Back",
        icon=":material/arrow_back:",
        on_click=back,
        disabled=not state.get(TRAIL),
        key=f"{PAGE}_back",
        help="The query before this one.",
    )
    for label, (icon, name) in buttons.items():
        key = f"{PAGE}_{label.lower()}"
        st.button(label, icon=icon, on_click=set_query, args=(name,), key=key)
    if collection.right is not None and recipes:
        st.menu_button(
            "Failure of",
            list(recipes),
            key=f"{PAGE}_failure",
            icon=":material/target:",
            format_func=escape_markdown,
            on_click=actions.run_action,
            args=(_random_failure,),
            help="A random query for which this row does not rank the mate first.",
        )
    return st.pills(
        "Other queries",
        list(PANELS),
        format_func=PANELS.__getitem__,
        key=f"{PAGE}_panel",
        label_visibility="collapsed",
    )


def _random_failure() -> None:
    state = st.session_state
    view, recipe = state[VIEW], state[RECIPES].get(state[f"{PAGE}_failure"])
    if recipe is None:
        return
    failures = recall.failed_queries(view.collection, recipe, view.direction)
    if names := [name for name in failures if name != view.query]:
        set_query(random.choice(names))
    else:
        state[MESSAGE] = f"{recipe.title} ranks every other mate first: it has no failure."
