"""The clickable gallery: one component for comparisons (one row per recipe) and for browsing."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar

import streamlit as st

from simcore.lab import html_document
from simcore.lab.judgements.sets import JudgementSet
from simcore.types import Collection, Direction, ImageSet
from simcore.ui import actions, components, page_export, thumbnails
from simcore.ui.actions import run_action
from simcore.ui.widgets import escape_markdown

T = TypeVar("T")
PAGE_SIZE = 12
SIDES: dict[str, Direction] = {"left": "lr", "right": "rl"}  # side of a query -> direction
WHY = "why"  # the side of a pick that asks about a row; its id is the row's title
OPEN_IN_EXPLORE = ". Open it in Explore."  # ends the alt text of images that do so


class Tile(TypedDict, total=False):
    """One image. A click returns `id` and `side`; `alt` is read aloud; `current` gets a frame.

    `large` is the text below its larger view.
    """

    id: str
    large: str
    side: str
    src: str
    alt: str
    rank: str
    score: str
    caption: str
    tag: str
    mate: bool
    current: bool
    step: int


class Row(TypedDict, total=False):
    """The result of one recipe; `place` is the mate's rank on a log scale, 0 first to 1 last.

    With `why` a button asks why the mate is not first (a pick with the side WHY); `badge` is a
    warning about this row; one that is `loading` has empty places for its tiles.
    """

    title: str
    badge: str
    why: bool
    loading: bool
    sub: str
    chip: str
    tone: str
    place: float | None
    note: str
    mix: bool
    tiles: list[Tile]


class Pick(TypedDict):
    """A click; `step` counts the earlier queries from 0, and is None for other images."""

    id: str
    side: str
    step: int | None


def comparison(
    query: Tile | None,
    mate: Tile | None,
    rows: Sequence[Row],
    *,
    key: str,
    on_pick: Callable[[Pick], None],
    lead: str = "",
    more: str = "",
    trail: Sequence[Tile] = (),
    k: int = 1,
    action: str = "Make it the query",
) -> None:
    """The query, its mate, and the hits of each recipe, aligned by rank.

    Args:
        query: None where the page shows it itself (an upload).
        lead, more: a sentence that sums up the rows, and a smaller one below it.
        trail: the queries before this one, oldest first.
        k: places in a row that is still loading.
        action: what a click does, in words.
    """
    data = {
        "k": max([len(row["tiles"]) for row in rows] + [k]),
        "action": action,
        "query": query,
        "mate": mate,
        "rows": list(rows),
        "lead": lead,
        "more": more,
        "trail": list(trail),
        "say": f"The query is now {query['id']}. {lead}" if query else lead,
    }
    _show(data, key, on_pick)


def grid(
    tiles: Sequence[Tile],
    *,
    key: str,
    on_pick: Callable[[Pick], None] | None = None,
    action: str = "Open it in Explore",
    columns: int = 0,
    exported: bool = True,
) -> None:
    """Images in lines; without `on_pick` a click shows the image larger.

    Args:
        columns: images per line, as large as fit; 0 for as many small ones as fit.
        exported: whether the page's HTML export contains it.
    """
    data = {"tiles": list(tiles), "action": action if on_pick else "", "columns": columns}
    _show(data, key, on_pick or (lambda _pick: None), exported=exported)


def _show(
    data: dict[str, Any], key: str, on_pick: Callable[[Pick], None], *, exported: bool = True
) -> None:
    actions.follow_link()

    def picked() -> None:
        value = st.session_state[key].get("picked")
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            step = value.get("step")
            on_pick(Pick(id=value["id"], side=str(value.get("side", "")), step=step))

    if exported:
        page_export.add(
            key,
            lambda: [html_document.embed(*components.GALLERY.sources, page_export.inline(data))],
        )
    components.GALLERY.mount(data=data, key=key, on_picked_change=picked)


def open_in_explore(
    collection: str, *, models: Sequence[str] = (), metric: str = "own"
) -> Callable[[Pick], None]:
    """An `on_pick` that makes the clicked image the query on Explore.

    A callback cannot switch pages, so the next gallery that is drawn does it.
    """

    def open_(pick: Pick) -> None:
        params = {
            "collection": collection,
            "query": pick["id"],
            "direction": SIDES.get(pick["side"], "lr"),
            "metric": metric,
        } | ({"models": ",".join(models)} if models else {})
        actions.open_later("pages/explore.py", params)

    return open_


def paged(rows: Sequence[T], key: str, count: int = PAGE_SIZE) -> Sequence[T]:
    """Draw page numbers; the rows of the current page, `count` on each."""
    pages = -(-len(rows) // count)
    page = st.pagination(pages, key=key) if pages > 1 else 1
    return rows[(page - 1) * count : page * count]


def pair_tile(image: str, side: str, thumb: str, alt_end: str) -> Tile:
    """One image of a pair; `alt_end` ends its alt text."""
    return Tile(
        id=image,
        side=side,
        src=thumbnails.source(thumb),
        caption=f"{side} {image}",
        alt=f"{side} image {image}{alt_end}",
    )


def pair_grid(
    pairs: Sequence[Sequence[Tile]],
    *,
    key: str,
    on_pick: Callable[[Pick], None],
    heads: Sequence[str] = (),
    actions: Sequence[tuple[str, tuple]] = (),
    on_action: Callable[..., None] | None = None,
) -> None:
    """Pairs in frames, so that a line break never separates the two images.

    Args:
        heads: a caption above each pair.
        actions: the label of a button below each pair, and the arguments of `on_action` for it.
    """
    with st.grid("auto", min_column_width=260):
        for n, pair in enumerate(pairs):
            with st.container(border=True):
                if heads:
                    st.caption(escape_markdown(heads[n]))
                grid(pair, key=f"{key}_{n}", on_pick=on_pick, columns=len(pair))
                if actions and on_action:
                    label, args = actions[n]
                    st.button(
                        label,
                        key=f"{key}_action_{n}",
                        on_click=run_action,
                        args=(on_action, *args),
                        width="stretch",
                    )


def trial_tiles(judged: JudgementSet, trial: int, alt_end: str = "") -> list[Tile]:
    """Reference, left and right of a triplet; the side that the majority chose is marked.

    Args:
        trial: row of the triplet.
        alt_end: ends the alt text.
    """
    triplets = judged.triplets
    vote = float(triplets.vote[trial])
    tiles = [_trial_tile(triplets.images, triplets.ref[trial], "reference", "reference", alt_end)]
    for side, row, share in (
        ("left", triplets.left[trial], 1 - vote),
        ("right", triplets.right[trial], vote),
    ):
        caption = f"{side} {share:.0%}" if judged.votes == "human" else side
        tiles.append(_trial_tile(triplets.images, row, side, caption, alt_end, chosen=share > 0.5))
    return tiles


def _trial_tile(
    images: ImageSet, row: int, side: str, caption: str, alt_end: str, *, chosen: bool = False
) -> Tile:
    name = images.ids[row]
    nearer = ", chosen as nearer" if chosen else ""
    return Tile(
        id=name,
        side=side,
        src=thumbnails.large(images.keys[row]),
        caption=caption,
        current=chosen,
        alt=f"{caption} image {name}{nearer}{alt_end}",
    )


def votes_label(vote: float, votes: str) -> str:
    """The side that people, or the known order, chose.

    >>> votes_label(0.8, "human")
    'people: **right**'
    """
    voters = "people" if votes == "human" else "known order"
    return f"{voters}: **{side_word(vote)}**"


def side_word(share: float) -> str:
    """The chosen side, from the share of votes for the right one."""
    return "a tie" if share == 0.5 else "right" if share > 0.5 else "left"


def query_side(collection: Collection, direction: Direction) -> str:
    """ "left" or "right": the side that queries come from; "left" in a collection without mates."""
    return "left" if collection.right is None or direction == "lr" else "right"


def gallery_side(collection: Collection, direction: Direction) -> str:
    """ "left" or "right": the side that is searched; "left" in a collection without mates."""
    return "left" if collection.right is None or direction == "rl" else "right"


def side_label(collection: Collection, side: str) -> str:
    """A side in words: "left image", "right image", or just "image"."""
    return "image" if collection.right is None else f"{side} image"


def image_tile(images: ImageSet, row: int, side: str, collection: Collection) -> Tile:
    """One image of a collection for the gallery."""
    name = images.ids[row]
    return Tile(
        id=name,
        side=side,
        src=thumbnails.source(images.keys[row]),
        alt=f"{side_label(collection, side)} {name}",
    )


def tiles_to_browse(
    images: ImageSet,
    rows: Sequence[int],
    current: int,
    side: str,
    collection: Collection,
    *,
    key: str,
    count: int,
) -> list[Tile]:
    """The tiles of one page of images with their ids, and the control that turns pages.

    Args:
        rows: of the images to browse. current: the row that gets a frame; its page comes first.
        key: of the control. count: tiles per page.
    """
    first = rows.index(current) // count + 1 if current in rows else 1
    pages = -(-len(rows) // count)
    page = st.pagination(pages, default=first, key=key) if pages > 1 else 1
    tiles = []
    for row in rows[(page - 1) * count : page * count]:
        tile = image_tile(images, row, side, collection)
        tile["caption"], tile["current"] = images.ids[row], row == current
        tiles.append(tile)
    return tiles


def format_score(score: float) -> str:
    """A score short enough to read below a thumbnail.

    >>> [format_score(x) for x in (0.12345, 123.45, -1234.5)]
    ['0.123', '123.5', '-1,234']
    """
    digits = 3 if abs(score) < 10 else 1 if abs(score) < 1000 else 0
    return f"{score:,.{digits}f}"
