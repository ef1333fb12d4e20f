"""Explore's sidebar: collection, backbones, combinations, metric, direction, number of results."""

from collections.abc import Sequence

import streamlit as st

from simcore.lab.library import collections, models
from simcore.ui import backbone_picker, field_filter, sidebar, url_state
from simcore.ui.explore import explore_view
from simcore.ui.explore.explore_view import PAGE, ExploreView
from simcore.ui.field_filter import FILTER
from simcore.ui.sidebar import COMBINATION_NAMES, DIRECTION_NAMES, HELP, MISSING_NAMES
from simcore.ui.widgets import escape_markdown

METRIC_NAMES = {"own": "Own", "cosine": "Cos", "l2": "L2", "l1": "L1"}  # short: four in a line
# Without the word z-sum where more follows, so that two fit in a line.
PILL_NAMES = {**COMBINATION_NAMES, "rerank": "Re-ranked", "weighted": "Weighted"}
ORDER_NAMES = {"chosen": "As chosen", "rank": "Mate's rank"}


def _collection_changed() -> None:
    st.session_state[f"{PAGE}_trail"] = []


def _direction_changed() -> None:
    """Keep the pair: its other image becomes the query."""
    state = st.session_state
    collection = collections.open_(state[f"{PAGE}_collection"])
    queries, mates = collection.sides(state[f"{PAGE}_direction"])
    if (query := state.get(f"{PAGE}_query")) in mates.ids:
        state[f"{PAGE}_query"] = queries.ids[mates.row_of[query]]


def draw(names: Sequence[str]) -> ExploreView:
    """Draw the controls; the view that they, or the link, describe."""
    view = explore_view.view_of(url_state.bind(PAGE, [*explore_view.fields(names), FILTER]))
    with st.sidebar:
        st.selectbox("Collection", names, key=f"{PAGE}_collection", on_change=_collection_changed)
        backbone_picker.draw(
            f"{PAGE}_models_{view.collection}",
            models.all_names(),
            ready=sidebar.extracted_backbones(view.collection),
            limit=explore_view.MAX_MODELS,
            check=explore_view.check_model,
            help="One row each; those that are ready have features in this collection.",
        )
        st.pills(
            "Combinations",
            explore_view.combination_names(),
            selection_mode="multi",
            format_func=lambda name: PILL_NAMES.get(name, name),
            key=f"{PAGE}_combine",
            help="Rows that add the similarities of all backbones. Plain sum: as they are. z-sum: "
            "each first scaled to mean 0 and standard deviation 1 over all pairs. Rank fusion: "
            "1 / (60 + rank) of each. Re-ranked: a z-sum, whose first 50 are compared "
            "again by their maps. Weighted: a z-sum with your weights. Others are stored recipes.",
        )
        if "weighted" in view.combine and len(view.models) > 1:
            _weights(view)
        st.segmented_control(
            "Metric",
            list(METRIC_NAMES),
            format_func=METRIC_NAMES.__getitem__,
            key=f"{PAGE}_metric",
            required=True,
            width="stretch",
            help="Own: the metric that each backbone was made for (cosine; Euclidean for faces).",
        )
        if collections.open_(view.collection).right is not None:
            st.segmented_control(
                "Direction",
                list(DIRECTION_NAMES),
                format_func=DIRECTION_NAMES.__getitem__,
                key=f"{PAGE}_direction",
                required=True,
                width="stretch",
                on_change=_direction_changed,
                help="The side that the query is on. The pair stays the same.",
            )
        if view.combined:
            st.segmented_control(
                "Missing evidence",
                list(MISSING_NAMES),
                format_func=MISSING_NAMES.__getitem__,
                key=f"{PAGE}_missing",
                required=True,
                width="stretch",
                help=HELP["missing"],
            )
        st.segmented_control(
            "Row order",
            list(ORDER_NAMES),
            format_func=ORDER_NAMES.__getitem__,
            key=f"{PAGE}_order",
            required=True,
            width="stretch",
            help="Combinations first, then backbones as chosen; or by the rank of the mate.",
        )
        field_filter.draw(PAGE, view.collection)
        st.slider("Results per row", 1, explore_view.MAX_K, key=f"{PAGE}_k")
    return view


def _weights(view: ExploreView) -> None:
    """The weights of the weighted z-sum, in a panel of their own so that they move nothing."""
    with st.popover("Weights", icon=":material/tune:", width="stretch", key=f"{PAGE}_weights"):
        for model in view.models:
            st.slider(
                escape_markdown(model),
                0.0,
                explore_view.MAX_WEIGHT,
                step=0.1,
                key=f"{PAGE}_weight_{model}",
            )
    if not view.has_weights and "zsum" in view.combine:
        st.caption("With equal weights it is the z-sum; change one to get a row.")
