"""The clickable gallery: one component for comparisons (a row per recipe) and for browsing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import streamlit as st

from pages import record
from simcore.lab import report

ASSETS = Path(__file__).resolve().parents[1] / "assets"

HTML = '<div class="g">\n</div>'
CSS = (ASSETS / "gallery.css").read_text("utf-8")
JS = (ASSETS / "gallery.js").read_text("utf-8")
_gallery = st.components.v2.component("simcore_gallery", html=HTML, css=CSS, js=JS)


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

    record.add(key, lambda: [report.live(HTML, CSS, JS, record.inside(data))])
    _gallery(data=data, key=key, on_picked_change=picked)
