"""Models: which networks and descriptors are ready, and what the others need."""

import pandas as pd
import streamlit as st

from pages import widgets
from simcore.lab import models


def show() -> None:
    """Draw the page."""
    st.title("Models")
    st.caption(
        "Every backbone this copy knows: what it makes of a picture, where it comes from, "
        "and whether it can run here."
    )
    with widgets.sentences():
        rows = models.listing()
        ready = [row for row in rows if row["ready"]]
        waiting = [row for row in rows if not row["ready"]]
        st.markdown(f"**{len(ready)} of {len(rows)}** are ready on this computer.")
        _table(rows)
        if waiting and not widgets.job("models", "fetch"):
            _fetch(waiting)
        _by_name()


def _table(rows: list[dict]) -> None:
    frame = pd.DataFrame(
        [
            {
                "backbone": row["name"],
                "state": "ready" if row["ready"] else "missing: " + row["reason"],
                "numbers": row["dim"],
                "compared by": row["metric"],
                "what it is": row["about"],
                "groups": [f"@{group}" for group in row["groups"]],
                "licence": row["license"],
                "paper": row["paper"],
                "size": widgets.size(sum(f["bytes"] for f in row["files"]))
                if row["files"]
                else "no file",
            }
            for row in rows
        ]
    )
    st.dataframe(
        frame,
        hide_index=True,
        height="content",
        key="m_table",
        column_config={
            "backbone": st.column_config.TextColumn(pinned=True),
            "state": st.column_config.TextColumn(width="medium"),
            "numbers": st.column_config.NumberColumn(
                width="small", help="Length of its feature row"
            ),
            "what it is": st.column_config.TextColumn(width="large"),
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
            on_click=widgets.launch,
            args=(["models", "fetch", ",".join(chosen)],),
        )
    for row in waiting:
        if row["name"] in chosen:
            st.caption(f"{widgets.plain(row['name'])}: {widgets.plain(row['reason'])}")


def _by_name() -> None:
    with st.expander(
        "Any other model of timm, torchvision or OpenCLIP", icon=":material/travel_explore:"
    ):
        st.markdown(
            "Type its name wherever backbones are chosen: `timm:NAME`, `torchvision:NAME`, "
            "`open_clip:NAME/PRETRAINED`. Its size, crop and normalisation come from the library."
        )
        name = st.text_input(
            "Look one up", key="m_name", placeholder="timm:resnet50", max_chars=120
        ).strip()
        if name:
            with widgets.sentences(), st.spinner("Asking the library"):
                (row,) = models.listing([name])
                st.markdown(
                    f"**{widgets.plain(row['name'])}**: {row['dim']:,} numbers, "
                    f"compared by {row['metric']}. "
                    + ("Ready." if row["ready"] else widgets.plain(row["reason"]))
                )


show()
