"""Map: a whole collection as points in the plane, one network beside another."""

import shlex
from collections.abc import Sequence

import streamlit as st

from simcore.lab import html_document
from simcore.lab.library import collections, models
from simcore.lab.search import maps
from simcore.lab.search.maps import Map
from simcore.recipe import Question, Recipe
from simcore.types import Collection
from simcore.ui import gallery, job_progress, page_export, sidebar, thumbnails, url_state, widgets
from simcore.ui.gallery import Pick, Tile
from simcore.ui.map import map_canvas

METHODS = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}  # the quick one first
MIXES = {"zsum": "z-sum of all", "sum": "Sum of all"}
NONE = "none"
A_PAGE = 48


def show() -> None:
    """Draw the page."""
    st.title("Map")
    st.caption(
        "Every picture is a point; what a network takes for alike lies together. Draw round a "
        "region to see its pictures, zoom in until they show themselves."
    )
    with widgets.show_errors():
        wanted = {name: st.query_params.get(name, "") for name in ("of", "beside")}
        asked = sidebar.select_question(
            "map",
            options=("s", "m", "post"),
            lone=True,
            own={"by": list(maps.BY), "how": list(METHODS), "how2": list(METHODS)},
        )
        if asked is None:
            return
        first, second, by = _controls(asked, wanted)
        found = [_made(asked, *one) for one in (first, second) if one is not None]
        there = [one for one in found if one is not None]
        if there:
            _maps(asked, there, by)


def _controls(
    asked: Question, wanted: dict[str, str]
) -> tuple[tuple[str, str], tuple[str, str] | None, str]:
    """What is mapped, what beside it, and the colouring; also into the address."""
    put = st.session_state
    options = [*asked.backbones, *(MIXES if len(asked.backbones) > 1 else [])]
    for name, choices_, usual in (
        ("of", options, models.default_network(asked.backbones)),
        ("beside", [NONE, *options], NONE),
    ):
        key = f"map_{name}"
        put.setdefault(key, wanted[name] if wanted[name] in choices_ else usual)
        put[key] = put[key] if put[key] in choices_ else usual

    def says(one: str) -> str:
        return {NONE: "Nothing", **MIXES}.get(one, one)

    with st.container(horizontal=True):
        of = st.selectbox("Map of", options, format_func=says, key="map_of")
        how = st.selectbox("Method", METHODS, format_func=METHODS.__getitem__, key="map_how")
        beside = st.selectbox("Beside it", [NONE, *options], format_func=says, key="map_beside")
        how2 = "umap"
        if beside != NONE:
            how2 = st.selectbox(
                "Its method", METHODS, format_func=METHODS.__getitem__, key="map_how2"
            )
        by = st.selectbox("Colour by", maps.BY, format_func=maps.BY.__getitem__, key="map_by")
    url_state.add("map", {"of": of, "how": how, "beside": beside, "how2": how2, "by": by})
    return (of, how), None if beside == NONE else (beside, how2), by


def _recipe(asked: Question, of: str) -> Recipe:
    models, how = (asked.backbones, of) if of in MIXES else ((of,), "none")
    return maps.single_recipe(models, how, metric=asked.metric, post=asked.post)


def _command(asked: Question, of: str, how: str) -> list[str]:
    """The command line that makes the map; its words are what a job is known by."""
    words = ["map", asked.collection, "--models"]
    words += [",".join(asked.backbones), "--combine", of] if of in MIXES else [of]
    words += ["--method", how]
    for name, now in asked.options().items():
        words += [f"--{name}", now]
    return words + (["--subset", asked.subset] if asked.subset != "all" else [])


def _made(asked: Question, of: str, how: str) -> Map | None:
    """The map; PCA takes a moment, the others a job that somebody has to begin."""
    recipe, look = _recipe(asked, of), maps.look(how)
    found = maps.ready(asked.collection, recipe, look, subset=asked.subset)
    if found is not None:
        return found
    if how == "pca":
        with st.spinner("Placing the pictures"):
            return maps.make(asked.collection, recipe, look, subset=asked.subset)
    words = _command(asked, of, how)
    with st.container(border=True):
        st.markdown(
            f"**{METHODS[how]} of {widgets.escape_markdown(recipe.label)}** has not been made yet. It takes "
            "seconds for a thousand pairs, a minute or two for six thousand, and is then kept."
        )
        if not job_progress.show(*words):
            st.button(
                "Make this map",
                icon=":material/play_arrow:",
                type="primary",
                key=f"map_{of}_{how}",
                on_click=job_progress.start,
                args=(words,),
            )
    return None


@st.fragment
def _maps(asked: Question, found: Sequence[Map], by: str) -> None:
    """The maps and, under them, what was chosen; a choice draws only this again."""
    usual = maps.possible(found[0])
    if by not in usual:
        st.info(
            f"Nothing is known of {maps.BY[by].lower()} here; coloured by "
            f"{maps.BY[usual[0]].lower()}."
        )
        by = usual[0]
    key = f"map_canvas_{asked.collection}_{asked.subset}"
    rows = map_canvas.show(found, by, key=key, on_choose=_first_page)
    _chosen(asked, found[0], rows)
    put = st.session_state
    words = _command(asked, put["map_of"], put["map_how"])
    st.code(shlex.join(["simcore", *words]), language="bash", wrap_lines=True)
    widgets.credits(collections.open_(asked.collection).credits)


def _first_page() -> None:
    st.session_state.pop("map_page", None)


def _chosen(asked: Question, found: Map, rows: list[int]) -> None:
    """The gallery of what was chosen, mates beside each other where both are."""
    for key in ("map_chosen", "map_grid"):
        page_export.drop(key)
    if not rows:
        st.caption("Nothing is chosen yet: take the lasso or the box, or click a point.")
        return
    left = len(found.sides[0])
    paired = len(found.sides) > 1
    both = {row % left for row in rows if row < left} & {row - left for row in rows if row >= left}
    said = f"**{len(rows):,}** chosen"
    if paired:
        ours = sum(row < left for row in rows)
        said += f": {ours:,} left, {len(rows) - ours:,} right, {len(both):,} whole pairs"
    told = said.replace("**", "")
    page_export.add("map_chosen", lambda: [html_document.words(f"{told}.")])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(said + ". Click one to open it in Explore.", width="content")
        st.download_button(
            "Download as CSV",
            lambda: found.csv(rows).encode(),
            f"{asked.collection}-chosen.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    rows = sorted(rows, key=lambda row: (row % left, row)) if paired else rows
    pages = -(-len(rows) // A_PAGE)
    page = st.pagination(pages, key="map_page") if pages > 1 else 1
    collection = collections.open_(asked.collection)
    tiles = [_tile(collection, found, row) for row in rows[(page - 1) * A_PAGE : page * A_PAGE]]

    def open_(pick: Pick) -> None:
        st.session_state["_map_open"] = {
            "c": asked.collection,
            "q": pick["id"],
            "d": gallery.SIDES[pick["side"]],
            "m": asked.metric,
            "models": ",".join(asked.backbones),
        }

    gallery.grid(tiles, key="map_grid", on_pick=open_)
    if there := st.session_state.pop("_map_open", None):
        st.switch_page("pages/explore.py", query_params=there)


def _tile(collection: Collection, found: Map, row: int) -> Tile:
    side = "right" if row >= len(found.sides[0]) else "left"
    name = found.ids[row]
    place = gallery.side_label(collection, side)
    return Tile(
        id=name,
        side=side,
        src=thumbnails.source(found.keys[row]),
        caption=f"{side} {name}" if collection.right is not None else name,
        alt=f"{place} {name}. Open it in Explore.",
    )


show()
