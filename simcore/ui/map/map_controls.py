"""The controls of the map: what is shown, by which method, in which colors; and their address."""

from dataclasses import dataclass, replace

import streamlit as st

from simcore.errors import SimError
from simcore.lab import recipes
from simcore.lab.library import collections, models
from simcore.lab.search import cluster_names, map_colors, maps, morph
from simcore.recipe import Question, Recipe
from simcore.ui.commands import Command
from simcore.ui.map.map_canvas import METHOD_NAMES
from simcore.ui.sidebar import COMBINATION_NAMES
from simcore.ui.url_state import Field, Values

SUMS = {name: f"{COMBINATION_NAMES[name]} of all" for name in ("zsum", "sum")}
MORPH = "morph"
VIEWS = {"map": "Map", MORPH: "Morph"}
ANY = "any"  # tag
NONE = "none"
PAGE = "map"
TAG_HELP = "Shows only pairs with a tag that at least half of their annotators gave."


@dataclass(frozen=True)
class Choice:
    """What a visitor chose to see.

    Attributes:
        shown: one or two maps, each a backbone or combination and a method.
        is_morph: whether all backbones and their z-sum are shown, one after the other.
        by: what the points are colored by.
        names: what clusters are named by, of `cluster_names.sources`.
        tag: that the images must have, "" for any.
    """

    shown: tuple[tuple[str, str], ...]
    is_morph: bool
    by: str
    names: str
    tag: str

    @property
    def method(self) -> str:
        """How the first map is made."""
        return self.shown[0][1]


def _map_options(values: Values) -> list[str]:
    """The backbones, and the combinations of several."""
    return [*values["models"], *(SUMS if len(values["models"]) > 1 else [])]


def _views(values: Values) -> list[str]:
    return list(VIEWS) if len(values["models"]) > 1 else ["map"]


def _stops(values: Values) -> list[str]:
    return ["", *values["models"], "zsum"] if values["view"] == MORPH else [""]


def _default_map(values: Values) -> str | None:
    return models.default_network(values["models"]) if values["models"] else None


def _default_method(values: Values) -> str:
    """UMAP where it is prepared, or has to be for a morph; else PCA, which takes no job."""
    if not values["models"] or values["view"] == MORPH:
        return "umap"
    try:
        question = Question(
            values["collection"],
            tuple(recipes.parse(values["models"], metric=values["metric"], post=values["post"])),
            subset=values["subset"],
        )
        shown = question.with_recipes(recipe(question, values["map"]))
        stored = maps.load(shown, maps.projection_settings("umap"))
    except SimError:  # the page says what is wrong
        stored = None
    return "pca" if stored is None else "umap"


def _default_color(values: Values) -> str:
    is_pairs = collections.open_(values["collection"]).right is not None
    return "found" if values["view"] == MORPH and is_pairs else "side"


COLOR = Field(
    "color",
    lambda values: list(map_colors.labels(values["collection"])),
    default=_default_color,
    per="view",
)
STOP = Field("stop", _stops)  # of the morph; "" is the last one, which it plays to
FIELDS = [
    Field("view", _views),
    Field("map", _map_options, default=_default_map),
    Field("method", list(METHOD_NAMES), default=_default_method),
    Field("second", lambda values: [NONE, *_map_options(values)], label="second map"),
    Field("method2", list(METHOD_NAMES), default="umap", label="method"),
    COLOR,
    Field("names", lambda values: list(cluster_names.sources(values["collection"]))),
    Field("tag", lambda values: [ANY, *map_colors.tag_names(values["collection"])]),
    STOP,
]


def draw(question: Question) -> Choice:
    """Draw the controls."""
    values = {"collection": question.collection, "models": list(question.backbones)}
    labels = {NONE: "None", **SUMS}

    def label(option: str) -> str:
        return labels.get(option, option)

    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = _draw_view(values)
        is_morph = view == MORPH
        first = NONE
        if not is_morph:
            first = st.selectbox("Map of", _map_options(values), format_func=label, key="map_map")
        method = st.selectbox(
            "Method",
            METHOD_NAMES,
            format_func=METHOD_NAMES.__getitem__,
            key="map_method",
            help="PCA is a linear projection; UMAP and t-SNE preserve neighborhoods.",
        )
        shown = [(first, method)]
        if not is_morph:
            second = st.selectbox(
                "Second map", [NONE, *_map_options(values)], format_func=label, key="map_second"
            )
            if second != NONE:
                method2 = st.selectbox(
                    "Its method",
                    METHOD_NAMES,
                    format_func=METHOD_NAMES.__getitem__,
                    key="map_method2",
                )
                shown.append((second, method2))
        colors = map_colors.labels(question.collection)
        key = COLOR.key(PAGE, {"view": view})
        by = st.selectbox("Color by", colors, format_func=colors.__getitem__, key=key)
        names, tag = _draw_names_and_tag(question.collection)
    return Choice(tuple(shown), is_morph, by, names, tag)


def _draw_view(values: Values) -> str:
    """The control for the view, where there are several; its value."""
    views = _views(values)
    if len(views) == 1:
        return views[0]
    view = st.segmented_control(
        "View",
        views,
        format_func=VIEWS.__getitem__,
        key="map_view",
        required=True,
        help="Morph moves all points from backbone to backbone and to their z-sum.",
    )
    return view or views[0]


def _draw_names_and_tag(collection: str) -> tuple[str, str]:
    """The controls that a collection has only with words or tags; their values."""
    sources = cluster_names.sources(collection)
    source, tag = cluster_names.NONE, ANY
    if len(sources) > 1:
        source = st.selectbox(
            "Cluster names",
            sources,
            format_func=sources.__getitem__,
            key="map_names",
            help="Words that are frequent in a cluster and rarer elsewhere.",
        )
    if tags := map_colors.tag_names(collection):
        tag = st.selectbox(
            "Tag", [ANY, *tags], format_func=str.capitalize, key="map_tag", help=TAG_HELP
        )
    return source, "" if tag == ANY else tag


def recipe(question: Question, name: str) -> Recipe:
    """The recipe of one backbone or one combination."""
    models_, combine = (question.backbones, name) if name in SUMS else ((name,), "none")
    return maps.single_recipe(
        models_,
        combine,
        metric=question.metric,
        post=question.post,
        missing=question.missing,
    )


def morph_question(question: Question) -> Question:
    """The question of a morph: a recipe per backbone, then their z-sum."""
    return replace(
        question,
        recipes=morph.stops(
            question.backbones,
            metric=question.metric,
            post=question.post,
            missing=question.missing,
        ),
    )


def stop_name(recipe: Recipe) -> str:
    """What the address calls a stop of a morph: the backbone, or how all are combined."""
    return recipe.backbones[0] if recipe.combine == "none" else recipe.combine


def command(question: Question, name: str, method: str) -> Command:
    """The command line that makes a map; its job is recognized by these arguments.

    Args:
        name: a backbone, a combination, or `MORPH`.
    """
    args = ["map", question.collection, "--models"]
    if name == MORPH:
        args += [",".join(question.backbones), "--morph"]
    elif name in SUMS:
        args += [",".join(question.backbones), "--combine", name]
    else:
        args.append(name)
    args += ["--method", method]
    for option, value in question.options():
        args += [f"--{option}", value]
    if question.subset != "all":
        args += ["--subset", question.subset]
    return Command(tuple(args))
