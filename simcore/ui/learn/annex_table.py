"""Annex A of risser-maroux2021 on your pairs: one row per backbone, printed values below."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import printed_annex
from simcore.lab.papers import risser_maroux2021_tables
from simcore.lab.papers.risser_maroux2021_tables import AnnexRow
from simcore.recipe import Question
from simcore.ui import charts, job_progress, kiosk, sidebar
from simcore.ui.charts import spread
from simcore.ui.widgets import escape_markdown

DIGITS = {
    **dict.fromkeys(risser_maroux2021_tables.STAGES, "%.4f"),
    **{stage + printed_annex.DEVIATION: "%.4f" for stage in risser_maroux2021_tables.STAGES},
    "PCA variance": "%.4f",
    "size": "localized",
    "gallery": "localized",
}


COMMAND = ("reproduce", "risser-maroux2021")


def show(question: Question) -> None:
    """Computed rows, a button that computes the missing ones, and all printed rows."""
    st.header(
        "Adaptation per backbone",
        anchor=False,
        help="As in annex A of risser-maroux2021: asymmetric recall at 1 with the features of all "
        "layers side by side, after a PCA to 256 dimensions, and adapted at two temperatures. Mean "
        "of 20 runs, epoch chosen on the test pairs as in the paper.",
    )
    models = [model for model in question.backbones if not model.startswith("learned:")]
    rows = risser_maroux2021_tables.stored_rows(question.collection, models, question.subset)
    pairs = len(sidebar.open_question(question).left)
    place = f"{pairs:,} pairs of {escape_markdown(question.collection)}"
    st.caption(
        f"Computed on {place}." if rows else f"Nothing is computed on the {place} yet.",
        help="A quarter of them are test pairs. Printed rows are about 4,199 other pairs, so their "
        "galleries are larger and their task is harder.",
    )
    if rows:
        _table(risser_maroux2021_tables.table(rows).to_frame())
        st.caption("± is the deviation over runs.", help=printed_annex.DEVIATIONS_REMARK)
        _curves(rows)
    computed = {row.backbone for row in rows}
    missing = [model for model in models if model not in computed]
    running = job_progress.show(*COMMAND)
    if missing and not kiosk.enabled():
        args = [*COMMAND, question.collection]
        args += ["--models", ",".join(missing), "--subset", question.subset]
        st.button(
            f"Compute {len(missing)} {'row' if len(missing) == 1 else 'rows'}",
            key="annex_go",
            icon=":material/table_rows:",
            disabled=running or job_progress.running("learn") is not None,
            on_click=job_progress.start,
            args=(args,),
            help="A row takes minutes and is stored.",
        )
        st.caption(f"Missing: {escape_markdown(', '.join(missing))}.")
    with st.expander("All rows as printed"):
        st.caption(f"{printed_annex.ANNEX.about}. {printed_annex.ANNEX.remark}")
        _table(printed_annex.ANNEX.to_frame())


def _table(frame: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    config = {name: number(format=form) for name, form in DIGITS.items() if name in frame}
    st.dataframe(frame, hide_index=True, placeholder="–", column_config=config)


def _curves(rows: Sequence[AnnexRow]) -> None:
    """Fig. 3 of one backbone."""
    names = [row.backbone for row in rows]
    name = st.selectbox("Recall curves of", names, key="annex_backbone")
    row = rows[names.index(name)]
    figure = go.Figure()
    for number, (label, recall) in enumerate(row.stages.items()):
        spread(figure, label, recall, number)
    figure.update_xaxes(type="log")
    charts.show(
        figure,
        "annex_curves",
        x="k",
        y="asymmetric recall",
        title=f"Share of {row.test:,} test pairs with the mate among the first k, mean and two "
        f"deviations of {row.runs} runs",
    )
