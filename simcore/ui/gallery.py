"""The clickable gallery: one component for comparisons (a row per recipe) and for browsing."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar

import streamlit as st

from simcore.lab import html_document
from simcore.lab.judgements.sets import JudgementSet
from simcore.types import Collection, Direction, ImageSet
from simcore.ui import components, page_export, thumbnails
from simcore.ui.widgets import escape_markdown, run_action

T = TypeVar("T")
A_PAGE = 12
SIDES: dict[str, Direction] = {"left": "lr", "right": "rl"}


class Tile(TypedDict, total=False):
    """One picture. `id` and `side` come back when it is clicked; `alt` is read aloud."""

    id: str
    side: str
    src: str
    alt: str
    rank: str
    score: str
    caption: str
    tag: str
    mate: bool
    here: bool
    step: int


class Row(TypedDict, total=False):
    """One recipe's answer. `place` is the mate's rank, 0 = first to 1 = last, on a log scale."""

    title: str
    sub: str
    chip: str
    tone: str
    place: float | None
    note: str
    mix: bool
    tiles: list[Tile]


class Pick(TypedDict):
    """What was clicked; `step` counts the trail's pictures from 0, else None."""

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
) -> None:
    """The query, its mate, and what each recipe finds, aligned by rank.

    Args:
        query: None where it is shown elsewhere (an upload).
        lead, more: a sentence on what the rows say, and a smaller one under it.
        trail: the queries one came from, oldest first.
    """
    data = {
        "k": max([len(row["tiles"]) for row in rows], default=1),
        "query": query,
        "mate": mate,
        "rows": list(rows),
        "lead": lead,
        "more": more,
        "trail": list(trail),
        "say": f"The query is now {query['id']}. {lead}" if query else lead,
    }
    _show(data, key, on_pick)


def grid(tiles: Sequence[Tile], *, key: str, on_pick: Callable[[Pick], None] | None = None) -> None:
    """Pictures in lines; without `on_pick` a click does nothing."""
    _show({"tiles": list(tiles)}, key, on_pick or (lambda _pick: None))


def _show(data: dict[str, Any], key: str, on_pick: Callable[[Pick], None]) -> None:
    def picked() -> None:
        value = st.session_state[key].get("picked")
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            step = value.get("step")
            on_pick(Pick(id=value["id"], side=str(value.get("side", "")), step=step))

    page_export.add(
        key, lambda: [html_document.live(*components.GALLERY.sources, page_export.inside(data))]
    )
    components.GALLERY.mount(data=data, key=key, on_picked_change=picked)


def paged(rows: Sequence[T], key: str, count: int = A_PAGE) -> Sequence[T]:
    """The rows of the page that a person is on, `count` on each."""
    pages = -(-len(rows) // count)
    page = st.pagination(pages, key=key) if pages > 1 else 1
    return rows[(page - 1) * count : page * count]


def pair_tile(image: str, side: str, thumb: str, say: str) -> Tile:
    """One picture of a pair; `say` ends what is read aloud."""
    return Tile(
        id=image,
        side=side,
        src=thumbnails.source(thumb),
        caption=f"{side} {image}",
        alt=f"{side} image {image}{say}",
    )


def pair_grid(
    pairs: Sequence[tuple[Tile, Tile]],
    *,
    key: str,
    on_pick: Callable[[Pick], None],
    heads: Sequence[str] = (),
    deeds: Sequence[tuple[str, tuple]] = (),
    on_deed: Callable[..., None] | None = None,
) -> None:
    """Each pair in a frame of its own, so that it is never torn apart.

    Args:
        heads: a word above each pair.
        deeds: a button below each pair, and what `on_deed` is given when it is pressed.
    """
    with st.container(horizontal=True):
        for n, (one, other) in enumerate(pairs):
            with st.container(border=True, width=292):
                if heads:
                    st.caption(escape_markdown(heads[n]))
                grid([one, other], key=f"{key}_{n}", on_pick=on_pick)
                if deeds and on_deed:
                    label, given = deeds[n]
                    st.button(
                        label,
                        key=f"{key}_deed_{n}",
                        on_click=run_action,
                        args=(on_deed, *given),
                        width="stretch",
                    )


def trial_tiles(judged: JudgementSet, trial: int, say: str = "") -> list[Tile]:
    """Reference, left and right of a triplet; the side that most people chose is marked.

    Args:
        trial: row of the triplet.
        say: ends what is read aloud.
    """
    triplets = judged.triplets
    vote = float(triplets.vote[trial])
    tiles = [_trial_tile(triplets.images, triplets.ref[trial], "reference", "reference", say)]
    for side, row, share in (
        ("left", triplets.left[trial], 1 - vote),
        ("right", triplets.right[trial], vote),
    ):
        caption = f"{side} {share:.0%}" if judged.votes == "human" else side
        tiles.append(_trial_tile(triplets.images, row, side, caption, say, chosen=share > 0.5))
    return tiles


def _trial_tile(
    images: ImageSet, row: int, side: str, caption: str, say: str, *, chosen: bool = False
) -> Tile:
    name = images.ids[row]
    nearer = ", chosen as nearer" if chosen else ""
    return Tile(
        id=name,
        side=side,
        src=thumbnails.source(images.keys[row]),
        caption=caption,
        here=chosen,
        alt=f"{caption} image {name}{nearer}{say}",
    )


def votes_label(vote: float, votes: str) -> str:
    """The side that most people chose, or the known order."""
    source = "people" if votes == "human" else "known order"
    return f"{source}: **{side_word(vote)}**"


def side_word(share: float) -> str:
    """The side that a share of votes for right speaks for."""
    return "a tie" if share == 0.5 else "right" if share > 0.5 else "left"


def side(collection: Collection, direction: Direction, *, asked: bool = True) -> str:
    """ "left" or "right": where the query comes from, or with `asked` False, where it looks."""
    if collection.right is None:
        return "left"
    return "left" if (direction == "lr") is asked else "right"


def side_label(collection: Collection, where: str) -> str:
    """A side for people: "left image", "right image", or just "image"."""
    return "image" if collection.right is None else f"{where} image"


def image_tile(images: ImageSet, row: int, where: str, collection: Collection) -> Tile:
    """One image of a collection for the gallery."""
    name = images.ids[row]
    return Tile(
        id=name,
        side=where,
        src=thumbnails.source(images.keys[row]),
        alt=f"{side_label(collection, where)} {name}",
    )


def format_score(score: float) -> str:
    """A score with as many figures as can be read under a thumbnail."""
    return (
        f"{score:.3f}"
        if abs(score) < 10
        else f"{score:.1f}"
        if abs(score) < 1000
        else f"{score:,.0f}"
    )
