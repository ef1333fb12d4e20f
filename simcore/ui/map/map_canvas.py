"""The map on the page: one component draws one map, two side by side, or a morph of several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from simcore.lab import html_document
from simcore.lab.search import map_colors, map_pictures, maps, morph
from simcore.lab.search.cluster_names import ClusterName
from simcore.lab.search.map_placement import Placement
from simcore.lab.search.maps import Map
from simcore.types import JSON, Array
from simcore.ui import components, page_export, thumbnails, uploads

Points = tuple[list[int], list[int]]  # x and y, -1 = not on the map
FULL = 16384  # coordinates are whole numbers up to this, as in map_drawing.js
MAX_INLINE = 480  # images sent inside the page where no server route serves them
MAX_DRAWN = 200_000  # points; of more, so many are sent to the browser
METHOD_NAMES = {"umap": "UMAP", "tsne": "t-SNE", "pca": "PCA"}


@dataclass(frozen=True, eq=False)
class OwnImage:
    """An image from outside, and where it is on each of the maps that are shown."""

    name: str
    source: str
    placement: Placement


@dataclass(frozen=True, eq=False)
class Scene:
    """What the component draws.

    Attributes:
        views: maps of the same images: one or two side by side, or the stops of a morph.
        by: what the points are colored by, of `map_colors.labels`.
        is_morph: whether a slider leads from one map to the next.
        stop: the map that a morph opens at; None plays from the first to the last.
        shown: (n,) bool, the points that a filter leaves; None for all.
        names: for each map, the names of its clusters.
        takes_images: whether visitors may drop an image onto the map.
        own_image: that image, once it was placed.
    """

    views: Sequence[Map]
    by: str
    is_morph: bool = False
    stop: int | None = None
    shown: Array | None = None
    names: Sequence[Sequence[ClusterName]] = ()
    takes_images: bool = False
    own_image: OwnImage | None = None


def show(
    scene: Scene,
    *,
    key: str,
    on_select: Callable[[], None],
    on_stop: Callable[[int], None],
    on_photo: Callable[[], None],
) -> list[int]:
    """Draw maps of the same images.

    Args:
        key: another one for other images, since the component stores the selection by position.
        on_select: called before the next run when the selection changed.
        on_stop: called before the next run with the map that a morph has come to rest on.
        on_photo: called before the next run when a visitor dropped or removed an image; `photo`
            gives it.

    Returns:
        Positions of the selected images in `Map.ids`, sorted.
    """
    first = scene.views[0]
    data = {
        "base": thumbnails.base(),
        "thumbs": {} if thumbnails.base() else _requested_images(first, key),
        **scene_data(scene),
    }

    def remember_request() -> None:
        keys = st.session_state[key].get("want")
        if isinstance(keys, list):
            sent = st.session_state.setdefault(f"{key}_sent", {})
            sent.update({k: None for k in keys if isinstance(k, str)})
            for old in list(sent)[:-MAX_INLINE]:
                del sent[old]

    def come_to_rest() -> None:
        if (stop := current_stop(key, len(scene.views))) is not None:
            on_stop(stop)

    components.MAP.mount(
        data=data,
        key=key,
        default={"chosen": [], "stop": None},
        on_chosen_change=on_select,
        on_stop_change=come_to_rest,
        on_want_change=remember_request,
        on_photo_change=on_photo,
    )
    rows = selected(key, len(first.xy))
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


def current_stop(key: str, n_stops: int) -> int | None:
    """The map that a morph rests on, checked, since it comes from a browser; else None."""
    value = (st.session_state.get(key) or {}).get("stop")
    return value if type(value) is int and 0 <= value < n_stops else None


def photo(key: str) -> JSON | None:
    """The dropped image as a browser sent it, unchecked: name and data; None if there is none."""
    value = (st.session_state.get(key) or {}).get("photo")
    return value if isinstance(value, dict) else None


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
    images = {key: thumbnails.inline(key) for key in sorted(keys) if key}
    stop = len(data["maps"]) - 1 if data["at"] is None else data["at"]  # a file plays nothing
    own = {"base": "", "thumbs": images, "chosen": list(rows), "photos": 0, "at": stop}
    return data | own


def scene_data(scene: Scene) -> JSON:
    """The data of the component that do not depend on the server."""
    first, own = scene.views[0], scene.own_image
    faces = first.faces()
    pixels = _pixels(scene)
    ids, keys = first.ids, first.keys
    if (drawn := _drawn(first)) is not None:  # positions stay, but nothing is sent of the others
        ids, keys = (
            [name if is_drawn else "" for name, is_drawn in zip(names, drawn, strict=True)]
            for names in (ids, keys)
        )
    return {
        "ids": ids,
        "keys": keys,
        "left": len(first.sides[0]),
        "mates": len(first.sides) > 1,
        "faces": None if faces is None else faces.tolist(),
        "out": None if scene.shown is None else (~scene.shown).astype(int).tolist(),
        "morph": scene.is_morph,
        "at": scene.stop,
        "photos": uploads.MAX_MB if scene.takes_images else 0,
        "photo": None if own is None else _photo_data(own, [x_y[-1] for x_y in pixels]),
        "maps": [
            _map_data(scene, number, points, words)
            for number, (points, words, _) in enumerate(pixels)
        ],
    }


def _pixels(scene: Scene) -> list[tuple[Points, Points, Points]]:
    """For each map, the places of its points, of the names, and of the own image, if any."""
    own = scene.own_image
    blocks, cuts = [], []
    for number, view in enumerate(scene.views):
        names = scene.names[number] if scene.names else ()
        drawn = _drawn(view)
        parts = [
            view.xy if drawn is None else np.where(drawn[:, None], view.xy, np.nan),
            np.array([(name.x, name.y) for name in names], np.float32).reshape(-1, 2),
            np.zeros((0, 2), np.float32) if own is None else own.placement.xy[number : number + 1],
        ]
        blocks.append(np.concatenate(parts))
        cuts.append(np.cumsum([0, *map(len, parts)]).tolist())
    if scene.is_morph:
        pixels = morph.to_pixels(blocks, FULL)
    else:
        pixels = [maps.to_pixels(block, FULL) for block in blocks]

    def part(number: int, k: int) -> Points:
        (x, y), (start, end) = pixels[number], cuts[number][k : k + 2]
        return x[start:end], y[start:end]

    return [(part(n, 0), part(n, 1), part(n, 2)) for n in range(len(blocks))]


def _drawn(view: Map) -> Array | None:
    """(n,) bool, the images that are drawn: both sides of pairs drawn at random; None for all."""
    count = len(view.sides[0])
    if len(view.xy) <= MAX_DRAWN:
        return None
    drawn = np.zeros(count, bool)
    drawn[np.random.default_rng(0).permutation(count)[: MAX_DRAWN // len(view.sides)]] = True
    return np.tile(drawn, len(view.sides))


def _photo_data(own: OwnImage, places: Sequence[Points]) -> JSON:
    """The own image; null for a map without a place for it."""
    return {
        "src": own.source,
        "name": own.name,
        "places": [
            None if x[0] < 0 else {"x": x[0], "y": y[0], "near": list(nearest)}
            for (x, y), nearest in zip(places, own.placement.nearest, strict=True)
        ],
    }


def _map_data(scene: Scene, number: int, points: Points, words: Points) -> JSON:
    view, by = scene.views[number], scene.by
    groups, ranks = map_colors.groups(view, by, scene.shown), view.ranks()
    legend = [
        {
            "name": name,
            "count": count,
            "color": map_pictures.point_color(groups, group),
            "shape": "square" if by == "side" and group else "",
            "quiet": groups.quiet and group == len(groups.names) - 1,
        }
        for group, (name, count) in enumerate(zip(groups.names, groups.counts, strict=True))
    ]
    names = scene.names[number] if scene.names else ()
    return {
        "made": view.digest,
        "title": view.recipe.title,
        "sub": subtitle(view),
        "note": "" if ranks is None else f"{(ranks == 1).sum():,} first",
        "say": f"{len(view.xy) - view.missing:,} images. Arrow keys go to the next image, Enter "
        "selects, v selects all in view, plus and minus zoom, 0 shows all, Escape clears.",
        "x": points[0],
        "y": points[1],
        "color": list(groups.group),
        "rank": None if ranks is None else ranks.tolist(),
        "legend": legend,
        "words": [
            {"text": name.text, "x": x, "y": y} for name, x, y in zip(names, *words, strict=True)
        ],
    }


def subtitle(view: Map) -> str:
    """The method of a map, and how many images it does not show."""
    parts = [METHOD_NAMES[view.settings.method]]
    if view.variance is not None:
        first, second = view.variance
        parts.append(f"{100 * (first + second):.0f} % of the variance")
    if view.sample is not None:
        parts.append(f"approximate: a layout of {view.sample:,}, the others among them")
    if len(view.xy) > MAX_DRAWN:
        parts.append(f"{MAX_DRAWN:,} of {len(view.xy):,} drawn")
    if view.missing:
        parts.append(f"{view.missing:,} without evidence not shown")
    return ", ".join(parts)
