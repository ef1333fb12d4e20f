"""Models: which networks and descriptors are ready, and what the others need."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from simcore.lab.library import models
from simcore.lab.library.models import BackboneInfo
from simcore.results import format_bytes
from simcore.ui import job_progress, widgets

ALL, READY = "all", "ready"
MAX_UNSCROLLED_ROWS = 20


def show() -> None:
    """Draw the page."""
    st.title("Models")
    st.caption("Networks and descriptors that turn images into features.")
    with widgets.show_errors():
        backbones = models.listing()
        ready = sum(backbone.ready for backbone in backbones)
        st.markdown(f"**{ready} of {len(backbones)}** are ready on this computer.")
        selected = _select_group(backbones)
        _table(selected)
        missing = [backbone for backbone in selected if not backbone.ready]
        if missing and not job_progress.show("models", "fetch"):
            _fetch_form(missing)
        _look_up_form()


def _select_group(backbones: Sequence[BackboneInfo]) -> list[BackboneInfo]:
    """The backbones of a group, or those that are ready."""
    options = [ALL, READY, *(f"@{group}" for group in models.groups())]
    group = st.pills(
        "Show",
        options,
        default=ALL,
        required=True,
        key="model_group",  # also the URL parameter, which no other page may use
        bind="query-params",
        help="Groups work wherever backbones are chosen, for example on the command line as "
        "`--models @rosenfeld2019`.",
    )
    if group == READY:
        return [backbone for backbone in backbones if backbone.ready]
    if group == ALL:
        return list(backbones)
    return [backbone for backbone in backbones if group.removeprefix("@") in backbone.groups]


def _table(backbones: Sequence[BackboneInfo]) -> None:
    frame = pd.DataFrame(
        [
            {
                "backbone": backbone.name,
                "state": "ready" if backbone.ready else "missing",
                "description": backbone.description,
                "dimensions": backbone.dim,
                "size": format_bytes(backbone.bytes) if backbone.files else "no file",
                "license": backbone.license,
                "NC": backbone.non_commercial,
                "score in its paper": backbone.paper_score,
                "papers": ", ".join(f"{row.row} ({row.paper})" for row in backbone.paper_rows)
                or backbone.paper,
                "metric": backbone.metric,
                "groups": [f"@{group}" for group in backbone.groups],
            }
            for backbone in backbones
        ]
    )
    column = st.column_config
    st.dataframe(
        frame,
        hide_index=True,
        height="content" if len(frame) < MAX_UNSCROLLED_ROWS else 560,
        key="models.table",
        column_config={
            "backbone": column.TextColumn(width="medium", pinned=True),
            "state": column.TextColumn(
                width="small", help="Missing: its weights are not on this computer."
            ),
            "description": column.TextColumn(width="large"),
            "dimensions": column.NumberColumn(width=100, help="Length of a feature vector."),
            "size": column.TextColumn(
                width="small",
                help="Download size of its weights; if unknown, four bytes per parameter.",
            ),
            "NC": column.CheckboxColumn(
                width="small",
                help="Non-commercial: the license forbids commercial use or has special terms.",
            ),
            "score in its paper": column.TextColumn(
                width="medium",
                help="@1 and aR@1: recall and asymmetric recall at the first rank.",
            ),
            "papers": column.TextColumn(help="Its name in a paper's table, and the paper."),
            "metric": column.TextColumn(
                width="small", help="How its feature vectors are compared by default."
            ),
        },
    )


def _fetch_form(missing: Sequence[BackboneInfo]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = st.multiselect(
            "Download weights",
            [backbone.name for backbone in missing],
            key="models.fetch",
            placeholder="Choose backbones",
        )
        st.button(
            "Download",
            type="primary",
            icon=":material/download:",
            disabled=not names,
            key="models.start_fetch",
            on_click=job_progress.start,
            args=(["models", "fetch", ",".join(names)],),
        )
    chosen = [backbone for backbone in missing if backbone.name in names]
    if not chosen:
        return
    total = sum(backbone.bytes for backbone in chosen)
    st.markdown(f"Download size: about **{format_bytes(total)}**.")
    if any(backbone.non_commercial for backbone in chosen):
        st.warning("Some licenses forbid commercial use; see the table.")
    for backbone in chosen:
        name, reason = map(widgets.escape_markdown, (backbone.name, backbone.reason))
        st.caption(f"{name}: {reason}")


def _look_up_form() -> None:
    with st.expander(
        "More models of timm, torchvision and OpenCLIP", icon=":material/travel_explore:"
    ):
        name = st.text_input(
            "Model name",
            key="models.name",
            placeholder="timm:resnet50",
            max_chars=120,
            help="`timm:NAME`, `torchvision:NAME` or `open_clip:NAME/PRETRAINED`, here and where "
            "backbones are chosen. Input size and normalization come from the library.  \n"
            "Other layers in brackets, with `avg`, `max`, `gem`, `cls`, `grid` or `flat` pooling: "
            "`timm:resnet50[layer2+layer3:max]`.  \nFace crops: `faces:NAME`.",
        ).strip()
        if name:
            with widgets.show_errors(), st.spinner("Looking up the model"):
                (backbone,) = models.listing([name])
                state = "Ready." if backbone.ready else widgets.escape_markdown(backbone.reason)
                st.markdown(
                    f"**{widgets.escape_markdown(backbone.name)}**: {backbone.dim:,} dimensions, "
                    f"metric {backbone.metric}. {state}"
                )


show()
