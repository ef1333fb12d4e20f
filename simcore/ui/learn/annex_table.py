"""The paper's table on one's own pairs: a backbone a row, the printed values beside them."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from simcore.lab import printed_values
from simcore.lab.papers import risser_maroux2021_tables
from simcore.lab.papers.risser_maroux2021_tables import AnnexRow
from simcore.recipe import Question
from simcore.ui import charts, job_progress, sidebar
from simcore.ui.charts import spread
from simcore.ui.widgets import escape_markdown

DIGITS = {
    **dict.fromkeys(risser_maroux2021_tables.STAGES, "%.4f"),
    "PCA variance": "%.4f",
    "size": "localized",
    "gallery": "localized",
}


def show(asked: Question, *, busy: bool) -> None:
    """Own rows that are made, a way to make the others, and all that is printed.

    Args:
        busy: something is being learned already.
    """
    st.subheader("Before and after adaptation, a backbone a row", anchor=False)
    own = [model for model in asked.backbones if not model.startswith("learned:")]
    rows = risser_maroux2021_tables.stored_rows(asked.collection, own, asked.subset)
    pairs = len(sidebar.open_question(asked).left)
    st.caption(
        f"As in annex A of risser-maroux2021: asymmetric recall at 1 with all features side by "
        f"side, after a PCA to 256, and adapted at two temperatures; mean of 20 runs, epoch chosen "
        f"on the test pairs as the paper does. Rows from `here` are about {pairs:,} pairs of "
        f"{escape_markdown(asked.collection)}, a quarter of them judged; printed ones about 4,199 other "
        "pairs, so their galleries are larger and their task is harder."
    )
    if rows:
        _table(risser_maroux2021_tables.table(rows).to_frame())
        _curves(rows)
    made = {row.backbone for row in rows}
    missing = [model for model in own if model not in made]
    if missing:
        args = [
            "learn",
            "annex",
            asked.collection,
            "--models",
            ",".join(missing),
            "--subset",
            asked.subset,
        ]
        st.button(
            f"Make {len(missing)} {'row' if len(missing) == 1 else 'rows'}",
            key="annex_go",
            icon=":material/table_rows:",
            disabled=busy,
            on_click=job_progress.start,
            args=(args,),
        )
        st.caption(
            f"Missing: {escape_markdown(', '.join(missing))}. A row takes minutes and is kept; stopped, it "
            "goes on from there."
        )
    with st.expander("All rows as printed"):
        st.caption(f"{printed_values.ANNEX.about}. {printed_values.ANNEX.remark}")
        _table(printed_values.ANNEX.to_frame())


def _table(frame: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    shown = {name: number(format=form) for name, form in DIGITS.items() if name in frame}
    st.dataframe(frame, hide_index=True, placeholder="–", column_config=shown)


def _curves(rows: Sequence[AnnexRow]) -> None:
    """Fig. 3 of one backbone."""
    names = [row.backbone for row in rows]
    chosen = st.selectbox("Recall curves of", names, key="annex_look")
    row = rows[names.index(chosen)]
    figure = go.Figure()
    for number, (label, told) in enumerate(row.stages.items()):
        spread(figure, label, told, number)
    figure.update_xaxes(type="log")
    charts.show(
        figure,
        "annex_curves",
        x="k",
        y="asymmetric recall",
        title=f"Found in either direction among the first k of {row.test:,} test pairs, mean "
        f"and two deviations of {row.runs} runs",
    )
