"""The map on the page: one component draws one map, or two side by side."""

from collections.abc import Callable, Sequence

import streamlit as st

from simcore.lab import html_document
from simcore.lab.search import map_pictures, maps
from simcore.lab.search.maps import Map
from simcore.types import JSON
from simcore.ui import components, page_export, thumbnails

FULL = 16384  # coordinates are whole numbers up to this, as in map_panel.js
MAX_INLINE = 480  # images sent inside the page where no server route serves them
METHOD_NAMES = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}  # the fastest first


def show(views: Sequence[Map], by: str, *, key: str, on_select: Callable[[], None]) -> list[int]:
    """Draw maps of the same images side by side.

    Args:
        by: what the points are colored by, of `maps.COLOR_BY`.
        key: another one for other images, since the component stores the selection by position.
        on_select: called before the next run when the selection changed.

    Returns:
        Positions of the selected images in `Map.ids`, sorted.
    """
    first = views[0]
    n_images = len(first.xy)
    faces = first.faces()
    data = {
        "base": thumbnails.base(),
        "thumbs": {} if thumbnails.base() else _requested_images(first, key),
        "ids": first.ids,
        "keys": first.keys,
        "left": len(first.sides[0]),
        "mates": len(first.sides) > 1,
        "faces": None if faces is None else faces.tolist(),
        "maps": [_map_data(view, by) for view in views],
    }

    def remember_request() -> None:
        keys = st.session_state[key].get("want")
        if isinstance(keys, list):
            sent = st.session_state.setdefault(f"{key}_sent", {})
            sent.update({k: None for k in keys if isinstance(k, str)})
            for old in list(sent)[:-MAX_INLINE]:
                del sent[old]

    components.MAP.mount(
        data=data,
        key=key,
        default={"chosen": []},
        on_chosen_change=on_select,
        on_want_change=remember_request,
    )
    rows = selected(key, n_images)
    page_export.add(
        key, lambda: [html_document.embed(*components.MAP.sources, _export_data(data, rows))]
    )
    return rows


def selected(key: str, n_images: int) -> list[int]:
    """The selection of the component, checked, since it comes from a browser."""
    value = (st.session_state.get(key) or {}).get("chosen")
    if not isinstance(value, list):
        return []
    return sorted({row for row in value if type(row) is int and 0 <= row < n_images})


def _requested_images(view: Map, key: str) -> JSON:
    """Images that the component requested, where no server route serves them."""
    keys = set(view.keys)
    return {k: thumbnails.source(k) for k in st.session_state.get(f"{key}_sent", {}) if k in keys}


def _export_data(data: JSON, rows: Sequence[int]) -> JSON:
    """What an HTML export contains: all points, and the selected images or else a sample."""
    n_images = len(data["keys"])
    sample = list(rows)[:MAX_INLINE] or range(0, n_images, -(-n_images // MAX_INLINE))
    keys = {data["keys"][row] for row in sample}
    if data["mates"]:
        left = data["left"]
        keys |= {data["keys"][row + left if row < left else row - left] for row in sample}
    images = {key: thumbnails.inline(key) for key in sorted(keys)}
    return data | {"base": "", "thumbs": images, "chosen": list(rows)}


def _map_data(view: Map, by: str) -> JSON:
    groups, ranks = maps.color_groups(view, by), view.ranks()
    x, y = maps.to_pixels(view.xy, FULL)
    legend = [
        {
            "name": name,
            "count": count,
            "color": map_pictures.point_color(groups, number),
            "shape": "square" if by == "side" and number else "",
        }
        for number, (name, count) in enumerate(zip(groups.names, groups.counts, strict=True))
    ]
    return {
        "made": view.digest,
        "title": view.recipe.title,
        "sub": subtitle(view),
        "say": f"{len(view.xy) - view.missing:,} images. Arrow keys go to the next image, Enter "
        "selects, v selects all in view, plus and minus zoom, 0 shows all, Escape clears.",
        "x": x,
        "y": y,
        "color": list(groups.group),
        "rank": None if ranks is None else ranks.tolist(),
        "legend": legend,
    }


def subtitle(view: Map) -> str:
    """The method of a map, and how many images it does not show."""
    parts = [METHOD_NAMES[view.settings.method]]
    if view.variance is not None:
        first, second = view.variance
        parts.append(f"{100 * (first + second):.0f} % of the variance")
    if view.missing:
        parts.append(f"{view.missing:,} without evidence not shown")
    return ", ".join(parts)
