"""Models: which networks and descriptors are ready, and what the others need."""

import pandas as pd
import streamlit as st

from simcore.lab.library import models
from simcore.results import format_bytes
from simcore.ui import job_progress, widgets

ALL, READY = "all", "ready"


def show() -> None:
    """Draw the page."""
    st.title("Models")
    st.caption(
        "Every backbone this copy knows: what it makes of a picture, where it comes from, "
        "what it would cost to get, and whether it can run here."
    )
    with widgets.show_errors():
        rows = models.listing()
        ready = sum(row["ready"] for row in rows)
        st.markdown(f"**{ready} of {len(rows)}** are ready on this computer.")
        chosen = _chosen(rows)
        _table(chosen)
        waiting = [row for row in chosen if not row["ready"]]
        if waiting and not job_progress.show("models", "fetch"):
            _fetch(waiting)
        _by_name()


def _chosen(rows: list[dict]) -> list[dict]:
    """Rows of a group, or those that are ready."""
    options = [ALL, READY, *(f"@{group}" for group in models.groups())]
    group = st.pills(
        "Show",
        options,
        default=ALL,
        required=True,
        key="model_group",  # an address may hold this name on no other page
        bind="query-params",
        help="A group can be named wherever backbones are chosen: on the command line as "
        "--models @rosenfeld2019.",
    )
    if group == READY:
        return [row for row in rows if row["ready"]]
    if group == ALL:
        return rows
    return [row for row in rows if group.removeprefix("@") in row["groups"]]


def _table(rows: list[dict]) -> None:
    frame = pd.DataFrame(
        [
            {
                "backbone": row["name"],
                "state": "ready" if row["ready"] else "missing",
                "what it is": row["about"],
                "numbers": row["dim"],
                "size": format_bytes(row["bytes"]) if row["files"] else "no file",
                "licence": row["license"],
                "NC": row["non_commercial"],
                "its paper's score": row["score"],
                "in papers": ", ".join(f"{r['row']} ({r['paper']})" for r in row["rows"])
                or row["paper"],
                "compared by": row["metric"],
                "groups": [f"@{group}" for group in row["groups"]],
            }
            for row in rows
        ]
    )
    st.dataframe(
        frame,
        hide_index=True,
        height="content" if len(frame) < 20 else 560,
        key="m_table",
        column_config={
            "backbone": st.column_config.TextColumn(pinned=True),
            "state": st.column_config.TextColumn(width="small"),
            "numbers": st.column_config.NumberColumn(
                width="small", help="Length of its feature row"
            ),
            "what it is": st.column_config.TextColumn(width="large"),
            "size": st.column_config.TextColumn(
                width="small",
                help="Of its files; where nobody says, four bytes for each of its parameters.",
            ),
            "NC": st.column_config.CheckboxColumn(
                width="small",
                help="Non-commercial: its licence forbids earning money with it, or is special",
            ),
        },
    )


def _fetch(waiting: list[dict]) -> None:
    names = [row["name"] for row in waiting]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Fetch the weights of", names, key="m_fetch", placeholder="Choose backbones"
        )
        st.button(
            "Fetch",
            type="primary",
            icon=":material/download:",
            disabled=not chosen,
            key="m_go",
            on_click=job_progress.start,
            args=(["models", "fetch", ",".join(chosen)],),
        )
    total = sum(row["bytes"] for row in waiting if row["name"] in chosen)
    if chosen:
        st.markdown(f"About **{format_bytes(total)}** to fetch.")
    if any(row["non_commercial"] for row in waiting if row["name"] in chosen):
        st.warning("Some of these may not be used commercially; see the licence column.")
    for row in waiting:
        if row["name"] in chosen:
            st.caption(
                f"{widgets.escape_markdown(row['name'])}: {widgets.escape_markdown(row['reason'])}"
            )


def _by_name() -> None:
    with st.expander(
        "Any other model of timm, torchvision or OpenCLIP", icon=":material/travel_explore:"
    ):
        st.markdown(
            "Type its name wherever backbones are chosen: `timm:NAME`, `torchvision:NAME`, "
            "`open_clip:NAME/PRETRAINED`. Its size, crop and normalisation come from the library. "
            "Other layers stand in brackets, with `avg`, `max`, `gem`, `cls`, `grid` or `flat` as "
            "pooling: `timm:resnet50[layer2+layer3:max]`. `faces:NAME` looks at face crops only."
        )
        name = st.text_input(
            "Look one up", key="m_name", placeholder="timm:resnet50", max_chars=120
        ).strip()
        if name:
            with widgets.show_errors(), st.spinner("Asking the library"):
                (row,) = models.listing([name])
                st.markdown(
                    f"**{widgets.escape_markdown(row['name'])}**: {row['dim']:,} numbers, "
                    f"compared by {row['metric']}. "
                    + ("Ready." if row["ready"] else widgets.escape_markdown(row["reason"]))
                )


show()
