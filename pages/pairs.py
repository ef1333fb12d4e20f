"""Two pictures side by side, many times: the pairs of Exclusive, the twins of Duplicates."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

from pages import gallery, thumbs
from pages.gallery import Pick, Tile
from pages.widgets import attempt, plain

T = TypeVar("T")
A_PAGE = 12


def paged(rows: Sequence[T], key: str, count: int = A_PAGE) -> Sequence[T]:
    """The rows of the page that a person is on, `count` on each."""
    pages = -(-len(rows) // count)
    page = st.pagination(pages, key=key) if pages > 1 else 1
    return rows[(page - 1) * count : page * count]


def tile(image: str, side: str, thumb: str, say: str) -> Tile:
    """One picture of a pair; `say` ends what is read aloud."""
    return Tile(id=image, side=side, src=thumbs.source(thumb), caption=f"{side} {image}",
                alt=f"{side} image {image}{say}")  # fmt: skip


def show(
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
                    st.caption(plain(heads[n]))
                gallery.grid([one, other], key=f"{key}_{n}", on_pick=on_pick)
                if deeds and on_deed:
                    label, given = deeds[n]
                    st.button(label, key=f"{key}_deed_{n}", on_click=attempt,
                              args=(on_deed, *given), width="stretch")  # fmt: skip
