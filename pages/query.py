"""Explore's question: the picture to start from, out of the collection or from a file."""

import random
from collections.abc import Sequence

import streamlit as st

from pages import gallery, thumbs
from pages.gallery import Pick, Tile
from pages.state import View
from pages.widgets import plain, sentences
from simcore.errors import SimError
from simcore.lab import retrieve
from simcore.types import Collection, Direction, ImageSet, Recipe

PAGE = 60  # thumbnails a page of the browser
TRAIL = 8  # pictures remembered to go back to
SIDES: dict[str, Direction] = {"left": "lr", "right": "rl"}
TYPES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
MOST_FILES, MOST_MB = 12, 20


def side(collection: Collection, direction: Direction, *, asked: bool = True) -> str:
    """ "left" or "right": where the query comes from, or with `asked` False, where it looks."""
    if collection.right is None:
        return "left"
    return "left" if (direction == "lr") is asked else "right"


def place(collection: Collection, where: str) -> str:
    """A side for people: "left image", "right image", or just "image"."""
    return "image" if collection.right is None else f"{where} image"


def go(query: str, direction: Direction | None = None) -> None:
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
        go(query, direction)
        return
    if put.get("x_upload") is None:
        put["x_trail"] = [*trail, (view.direction, view.query)][-TRAIL:]
    go(pick["id"], SIDES.get(pick["side"]))


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
        if query in images.ids:
            where = side(collection, direction)
            one = tile(images, images.ids.index(query), where, collection)
            tiles.append(
                Tile(**one, step=step) | {"alt": f"Back to {place(collection, where)} {query}"}
            )
    return tiles


def tile(images: ImageSet, row: int, where: str, collection: Collection) -> Tile:
    """One image of a collection for the gallery."""
    name = images.ids[row]
    return Tile(
        id=name,
        side=where,
        src=thumbs.source(images.keys[row]),
        alt=f"{place(collection, where)} {name}",
    )


def bar(collection: Collection, view: View, recipes: Sequence[Recipe]) -> None:
    """Ways to another query: back, neighbours, chance, and where a recipe fails."""
    images = collection.sides(view.direction)[0]
    row = images.ids.index(view.query)
    steps = st.session_state.get("x_trail", [])
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Back",
            icon=":material/arrow_back:",
            on_click=back,
            disabled=not steps,
            key="x_back",
            help="The query before this one, asked from its side.",
        )
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            on_click=go,
            args=(images.ids[row - 1],),
            key="x_previous",
            help="The image before this one",
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            on_click=go,
            key="x_next",
            args=(images.ids[(row + 1) % len(images)],),
            help="The image after this one",
        )
        st.button(
            "Random",
            icon=":material/shuffle:",
            key="x_random",
            on_click=lambda: go(random.choice(images.ids)),
        )
        if collection.right is not None and recipes:
            labels = {recipe.label: recipe for recipe in recipes}
            st.menu_button(
                "A failure of",
                list(labels),
                key="x_failure",
                icon=":material/target:",
                format_func=plain,
                on_click=lambda: _failure(view, labels),
                help="A random query whose mate this recipe does not put first.",
            )


def _failure(view: View, labels: dict[str, Recipe]) -> None:
    recipe = labels.get(st.session_state["x_failure"])
    if recipe is None:
        return
    try:
        found = [
            q for q in retrieve.failures(view.collection, recipe, view.direction) if q != view.query
        ]
    except SimError as error:
        st.session_state["x_said"] = str(error)
        return
    if found:
        go(random.choice(found))
    else:
        st.session_state["x_said"] = f"{recipe.label} puts every mate first: there is no failure."


def browser(collection: Collection, view: View) -> None:
    """All images of the asking side, with a search by id, a page at a time."""
    images = collection.sides(view.direction)[0]
    where = side(collection, view.direction)
    shelf = st.expander(
        f"Browse all {len(images):,} {place(collection, where)}s, or find one by its id",
        icon=":material/grid_view:",
        key="x_browse",
        on_change="rerun",
    )
    if not shelf.open:
        return
    with shelf:
        wanted = (
            st.text_input("Find by id", key="x_find", max_chars=200, placeholder="Part of an id")
            .strip()
            .lower()
        )
        rows = [i for i, name in enumerate(images.ids) if wanted in name.lower()]
        if not rows:
            st.info(
                f"No id holds {plain(wanted)}. Ids look like {plain(', '.join(images.ids[:3]))}."
            )
            return
        pages = -(-len(rows) // PAGE)
        key = f"x_page_{view.collection}_{where}_{wanted}"
        here = images.ids.index(view.query)
        begin = rows.index(here) // PAGE + 1 if here in rows else 1
        page = st.pagination(pages, default=begin, key=key) if pages > 1 else 1
        tiles = []
        for i in rows[(page - 1) * PAGE : page * PAGE]:
            one = tile(images, i, where, collection)
            one["caption"], one["here"] = images.ids[i], i == here
            tiles.append(one)
        gallery.grid(tiles, key="x_browser", on_pick=lambda pick: go(pick["id"]))


def uploads(trim: int) -> tuple[str, bytes] | None:
    """Files of one's own; the one that is asked about, or None while it is the collection's turn.

    Args:
        trim: rows that this collection cuts from the bottom of each image, in px.
    """
    with st.expander("Ask with your own pictures", icon=":material/upload:", key="x_own"):
        files = st.file_uploader(
            f"Up to {MOST_FILES} pictures, {MOST_MB} MB each. They stay in memory and in no link.",
            type=TYPES,
            accept_multiple_files=True,
            max_upload_size=MOST_MB,
            key="x_files",
            on_change=_uploaded,
        )
        good: dict[int, tuple[str, bytes]] = {}
        for number, file in enumerate(files[:MOST_FILES]):
            with sentences():
                _check(file.name, file.size)
                data = file.getvalue()
                try:
                    retrieve.embed(data, (), trim=trim)
                except SimError as error:
                    raise SimError(f"{file.name} is left out: {error}") from error
                good[number] = (file.name, data)
        if len(files) > MOST_FILES:
            st.warning(f"{len(files)} pictures were given; the first {MOST_FILES} are used.")
        if not good:
            return None
        if st.session_state.get("x_upload") not in good:
            st.session_state["x_upload"] = (
                next(iter(good)) if st.session_state.pop("x_fresh", False) else None
            )
        chosen = st.pills(
            "Ask with", list(good), key="x_upload", format_func=lambda n: plain(good[n][0])
        )
    return good.get(chosen) if chosen is not None else None


def _uploaded() -> None:
    st.session_state["x_fresh"], st.session_state["x_upload"] = True, None


def _check(name: str, count: int) -> None:
    if count > MOST_MB * 1_000_000 * 1.05:
        raise SimError(
            f"{name} is left out: found {count / 1e6:.0f} MB; expected {MOST_MB} MB or less; make it smaller"
        )
