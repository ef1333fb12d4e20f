"""Models: which networks and descriptors are ready, and what the others need."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from simcore.lab.library import models
from simcore.lab.library.models import BackboneInfo
from simcore.results import format_bytes
from simcore.types import JSON
from simcore.ui import job_progress, widgets
from simcore.ui.models import weight_downloads

ALL, READY, MISSING = "all", "ready", "missing"
CLICKED = "models.clicked"
MAX_UNSCROLLED_ROWS = 20


def show() -> None:
    """Draw the page."""
    st.title("Models")
    st.caption("Networks and descriptors that turn images into features.")
    with widgets.show_errors():
        backbones = sorted(models.listing(), key=lambda backbone: not backbone.ready)
        ready = sum(backbone.ready for backbone in backbones)
        st.markdown(f"**{ready} of {len(backbones)}** are ready on this computer.")
        selected = _select_group(backbones)
        missing = [backbone for backbone in backbones if not backbone.ready]
        if missing and not job_progress.show("models", "fetch"):
            weight_downloads.form(missing)
        _table(selected)
        _look_up_form()


def _select_group(backbones: Sequence[BackboneInfo]) -> list[BackboneInfo]:
    """The backbones of a group, or those that are ready or missing."""
    options = [ALL, READY, MISSING, *(f"@{group}" for group in models.groups())]
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
    if group in (READY, MISSING):
        return [backbone for backbone in backbones if backbone.ready == (group == READY)]
    if group == ALL:
        return list(backbones)
    return [backbone for backbone in backbones if group.removeprefix("@") in backbone.groups]


def _table(backbones: Sequence[BackboneInfo]) -> None:
    if not backbones:
        st.caption("None.")
        return
    frame = pd.DataFrame([_row(backbone) for backbone in backbones])
    column = st.column_config
    st.dataframe(
        frame,
        hide_index=True,
        height="content" if len(frame) < MAX_UNSCROLLED_ROWS else 560,
        key="models.table",
        column_config={
            "backbone": widgets.name_column(
                frame["backbone"], help="The name to use on every page and command line."
            ),
            "state": column.TextColumn(
                width=70, help="Missing: its weights are not on this computer."
            ),
            "get": column.ButtonColumn(
                "weights",
                width=75,
                key=CLICKED,
                on_click=_fetch_clicked,
                args=([backbone.name for backbone in backbones],),
            ),
            "description": column.TextColumn(width=290),
            "download": column.TextColumn(
                width=140, help="Size of its weights; if unknown, four bytes per parameter."
            ),
            "license": column.TextColumn(
                width=145, help="In words; its name is in the column license name."
            ),
            "in papers": column.TextColumn(
                width=225, help="The paper, and its name there if it is another one."
            ),
            "score in its paper": column.TextColumn(
                width=230,
                help="@1 and aR@1: recall and asymmetric recall at the first rank.",
            ),
            "dimensions": column.NumberColumn(width=100, help="Length of a feature vector."),
            "metric": column.TextColumn(
                width=80, help="How its feature vectors are compared by default."
            ),
            "license name": column.TextColumn(width=200),
            "groups": column.ListColumn(width=200),
        },
    )


def _row(backbone: BackboneInfo) -> JSON:
    """One row of the table, with what a choice depends on first."""
    names = [
        row.paper if row.row == backbone.name else f"{row.paper}: {row.row}"
        for row in backbone.paper_rows
    ]
    download = "about " + format_bytes(backbone.bytes) if backbone.files else "nothing"
    return {
        "backbone": backbone.name,
        "state": "ready" if backbone.ready else "missing",
        "get": None if backbone.ready else "Fetch",
        "description": backbone.description.removesuffix("."),
        "download": "on this computer" if backbone.ready and backbone.files else download,
        "license": backbone.terms,
        "in papers": ", ".join(names) or backbone.paper,
        "score in its paper": backbone.paper_score,
        "dimensions": backbone.dim,
        "metric": backbone.metric,
        "license name": backbone.license,
        "groups": [f"@{group}" for group in backbone.groups],
    }


def _fetch_clicked(names: Sequence[str]) -> None:
    weight_downloads.start_or_ask(names[st.session_state[CLICKED].row])


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
