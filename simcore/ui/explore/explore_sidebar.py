"""Explore's sidebar: which collection, which recipes, how compared; all of it also in the link."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from simcore.errors import SimError
from simcore.lab import recipes
from simcore.lab.library import collections, models
from simcore.ui import url_state
from simcore.ui.explore import explore_view
from simcore.ui.explore.explore_view import ExploreView
from simcore.ui.widgets import escape_markdown

METRICS = {"own": "Own", "cosine": "Cos", "l2": "L2", "l1": "L1"}
ARROWS = {"lr": "Left → right", "rl": "Right → left"}
MIXES = {"sum": "Sum", "zsum": "z-sum", "weighted": "Weighted"}
DEMO = "emoji"


def arrive(names: Sequence[str]) -> None:
    """Let the widgets follow the address, if it is not the one that they wrote."""
    if not url_state.read_params() and "x_c" in st.session_state:
        return
    names = sorted(names, key=lambda name: name != DEMO)
    here, before = dict(st.query_params), url_state.last_view()
    said: list[str] = []
    if not here and before is not None and before.collection in names:
        view = before
    else:
        view, said = explore_view.parse(here, names)
    kept = []
    for model in view.models:
        try:
            recipes.parse([model])
            kept.append(model)
        except SimError as error:
            said.append(f"From the link: {error}")
    if len(kept) != len(view.models):
        view = replace(view, models=tuple(kept), weights=())
    if said:
        st.warning(
            "  \n".join(escape_markdown(sentence) for sentence in said), icon=":material/link_off:"
        )
    _follow(view)


def _follow(view: ExploreView) -> None:
    put = st.session_state
    if view.collection != put.get("x_c", view.collection):
        put["x_trail"] = []
    put["x_c"], put["x_q"], put["x_d"] = view.collection, view.query, view.direction
    put["x_m"], put["x_k"], put["x_mix"] = view.metric, view.k, list(view.mixes)
    put["x_models"] = list(view.models or defaults(view.collection))
    for model in put["x_models"]:
        put[f"x_w_{model}"] = view.share(model)


def defaults(name: str) -> list[str]:
    """The backbones to begin with: those that are extracted, else the demo's."""
    try:
        return collections.default_backbones(name)[: explore_view.MOST_MODELS]
    except SimError:
        return models.demo_names()


def _collection_changed() -> None:
    st.session_state["x_q"], st.session_state["x_trail"] = "", []
    st.session_state["x_models"] = defaults(st.session_state["x_c"])


def _direction_changed() -> None:
    """The same pair, asked from its other side."""
    put = st.session_state
    found = collections.open_(put["x_c"])
    if found.right is not None and put.get("x_q"):
        now, then = found.sides(put["x_d"])
        if put["x_q"] in then.ids:
            put["x_q"] = now.ids[then.ids.index(put["x_q"])]


def sidebar(names: Sequence[str]) -> ExploreView:
    """Draw the controls; the view they now say (its query unchecked)."""
    put = st.session_state
    with st.sidebar:
        st.selectbox("Collection", names, key="x_c", on_change=_collection_changed)
        chosen = st.multiselect(
            "Backbones",
            list(dict.fromkeys([*models.all_names(), *put["x_models"]])),
            key="x_models",
            max_selections=explore_view.MOST_MODELS,
            accept_new_options=True,
            placeholder="Choose, or type timm:NAME",
            help="One row each. Any model of the libraries by name: `timm:NAME`, "
            "`torchvision:NAME`, `open_clip:NAME/PRETRAINED`.",
        )
        st.pills(
            "Combinations",
            list(MIXES),
            selection_mode="multi",
            format_func=MIXES.__getitem__,
            key="x_mix",
            help="Rows that add the backbones' similarities: as they are (sum), or each brought to "
            "mean 0 and deviation 1 over all pairs first (z-sum), also with your weights.",
        )
        if "weighted" in put["x_mix"] and len(chosen) > 1:
            with st.expander("Weights", expanded=True):
                for model in chosen:
                    put.setdefault(f"x_w_{model}", 1.0)
                    st.slider(
                        escape_markdown(model),
                        0.0,
                        explore_view.MOST_WEIGHT,
                        step=0.1,
                        key=f"x_w_{model}",
                    )
        st.segmented_control(
            "Metric",
            list(METRICS),
            format_func=METRICS.__getitem__,
            key="x_m",
            required=True,
            width="stretch",
            help="Own: the comparison each backbone was made for (cosine; Euclidean for faces).",
        )
        if collections.open_(put["x_c"]).right is not None:
            st.segmented_control(
                "Direction",
                list(ARROWS),
                format_func=ARROWS.__getitem__,
                key="x_d",
                required=True,
                width="stretch",
                on_change=_direction_changed,
                help="From which side you ask. The pair stays.",
            )
        st.slider("Results a row", 1, explore_view.MOST_K, key="x_k")
    weights = tuple(float(put.get(f"x_w_{model}", 1.0)) for model in chosen)
    return ExploreView(
        collection=put["x_c"],
        query=put.get("x_q", ""),
        direction=put.get("x_d") or "lr",
        metric=put["x_m"],
        k=int(put["x_k"]),
        models=tuple(chosen),
        mixes=tuple(mix for mix in explore_view.MIXES if mix in put["x_mix"]),
        weights=weights if any(weight != 1 for weight in weights) else (),
    )
