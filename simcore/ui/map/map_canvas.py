"""The map on the screen: one component for one map or two beside each other."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from simcore.lab import html_document
from simcore.lab.search import maps
from simcore.lab.search.maps import Map
from simcore.ui import components, page_export, thumbnails

FULL = 16384  # as in map.js
MOST_SENT = 480  # pictures inside the page, where no server answers for them
SCALE = ("#7B3FD0", "#C23E9A", "#E8663F", "#D9A400")  # like plasma, readable on both grounds
QUIET = "#8C96A1"  # what is missed: there, but not in front


def show(found: Sequence[Map], by: str, *, key: str, on_choose: Callable[[], None]) -> list[int]:
    """Draw maps of the same images beside each other.

    Args:
        by: what the points are coloured by, of `colours.BY`.
        key: another for other images, since the choice is kept by position.
        on_choose: called before the next run when another choice was made.

    Returns:
        Positions of the chosen images among `Map.ids`, sorted.
    """
    first = found[0]
    count = len(first.xy)
    faces = first.faces()
    data = {
        "base": thumbnails.base(),
        "thumbs": {} if thumbnails.base() else _sent(first, key),
        "ids": first.ids,
        "keys": first.keys,
        "left": len(first.sides[0]),
        "mates": len(first.sides) > 1,
        "faces": None if faces is None else faces.tolist(),
        "maps": [_map(one, by) for one in found],
    }

    def want() -> None:
        asked = st.session_state[key].get("want")
        if isinstance(asked, list):
            put = st.session_state.setdefault(f"{key}_sent", {})
            put.update({k: None for k in asked if isinstance(k, str)})
            for old in list(put)[:-MOST_SENT]:
                del put[old]

    components.MAP.mount(
        data=data, key=key, default={"chosen": []}, on_chosen_change=on_choose, on_want_change=want
    )
    rows = chosen(key, count)
    page_export.add(key, lambda: [html_document.embed(*components.MAP.sources, _taken(data, rows))])
    return rows


def chosen(key: str, count: int) -> list[int]:
    """What the component says is chosen, checked: it comes from a browser."""
    value = (st.session_state.get(key) or {}).get("chosen")
    if not isinstance(value, list):
        return []
    return sorted({row for row in value if type(row) is int and 0 <= row < count})


def _sent(found: Map, key: str) -> dict[str, str]:
    """Pictures that the maps asked for, for servers without a route for them."""
    known = set(found.keys)
    asked = st.session_state.get(f"{key}_sent", {})
    return {k: thumbnails.source(k) for k in asked if k in known}


def _taken(data: dict[str, Any], rows: Sequence[int]) -> dict[str, Any]:
    """What a file holds: all points, and the pictures of those that are chosen, else of some."""
    count = len(data["keys"])
    some = list(rows)[:MOST_SENT] or range(0, count, -(-count // MOST_SENT))
    keys = {data["keys"][row] for row in some}
    if data["mates"]:
        left = data["left"]
        keys |= {data["keys"][row + left if row < left else row - left] for row in some}
    sent = {key: thumbnails.inline(key) for key in sorted(keys)}
    return data | {"base": "", "thumbs": sent, "chosen": list(rows)}


def _map(found: Map, by: str) -> dict[str, Any]:
    groups, ranks = maps.color_groups(found, by), found.ranks()
    x, y = maps.to_pixels(found.xy, FULL)
    names = zip(groups.names, groups.counts, strict=True)
    legend = [
        {
            "name": name,
            "count": count,
            "colour": point_color(groups, number),
            "shape": "square" if by == "side" and number else "",
        }
        for number, (name, count) in enumerate(names)
    ]
    placed = len(found.xy) - found.missing
    return {
        "made": found.digest,
        "title": found.recipe.label,
        "sub": sub(found),
        "say": f"{placed:,} pictures; arrows walk from one to the next, Enter chooses, v chooses "
        "what is in view, plus and minus zoom, 0 shows all, Escape clears.",
        "x": x,
        "y": y,
        "colour": list(groups.group),
        "rank": None if ranks is None else ranks.tolist(),
        "legend": legend,
    }


def point_color(groups: maps.Colors, number: int) -> str:
    """The colour of one group: a scale where the groups are steps of one."""
    if groups.quiet and number == len(groups.names) - 1:
        return QUIET
    colours = SCALE if groups.ordered else html_document.COLORS
    return colours[number % len(colours)]


def sub(found: Map) -> str:
    """How a map was made, and what is not on it."""
    names = {"umap": "UMAP", "pca": "PCA", "tsne": "t-SNE"}
    said = [names[found.settings.method]]
    if found.variance is not None:
        first, second = found.variance
        said.append(f"{100 * (first + second):.0f} % of the variance")
    if found.missing:
        said.append(f"{found.missing:,} without evidence are not on it")
    return ", ".join(said)
