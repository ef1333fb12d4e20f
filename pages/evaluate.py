"""Evaluate: the tables and curves of the papers on your own pairs, beside the printed values."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simcore.lab import recipes, stored_recipes
from simcore.lab.evaluate import waterfall as evaluate_waterfall
from simcore.lab.library import subsets
from simcore.lab.printed_values import PrintedTable
from simcore.recipe import Question
from simcore.ui import charts, commands, job_progress, page_export, sidebar, widgets
from simcore.ui.evaluate import evaluation_views
from simcore.ui.evaluate.evaluation_views import EvaluationView
from simcore.ui.sidebar import COMBINATION_NAMES
from simcore.ui.url_state import Field

# Name in the address -> label, what evaluates a question.
EVALUATIONS: dict[str, tuple[str, Callable[..., EvaluationView]]] = {
    "recall": ("Recall at 1, 5, 10, ... (Table 1)", evaluation_views.recall),
    "curve": ("Recall at every k (Fig. 2b)", evaluation_views.curve),
    "minus": ("Cosine minus L2 (Fig. 2a)", evaluation_views.cosine_minus_l2),
    "associative": ("Associative recall (Table 2a)", evaluation_views.associative),
    "votes": ("Votes and similarity (4.2)", evaluation_views.votes),
    "faces": ("Faces (Fig. 5c)", evaluation_views.faces),
    "post-processing": ("Post-processing, step by step", evaluation_views.post_processing),
    "waterfall": ("From the best backbone to the best recipe", evaluation_views.waterfall),
    "compare": ("Is A better than B? (McNemar)", evaluation_views.compare),
}


def show() -> None:
    """Draw the page."""
    st.title("Evaluate")
    st.caption("How often each backbone finds the mate, with 95 % confidence intervals.")
    with widgets.show_errors():
        question = sidebar.select_question(
            "evaluate",
            options=("subset", "metric", "direction", "post", "missing"),
            fields=[
                Field("view", list(EVALUATIONS)),
                Field("combine", lambda _values: _combinations(), label="combination"),
            ],
        )
        if question is None:
            return
        left, right = st.columns([2, 1])
        name = left.selectbox(
            "Evaluation",
            list(EVALUATIONS),
            format_func=lambda key: EVALUATIONS[key][0],
            key="evaluate_view",
        )
        combine = right.selectbox(
            "Combination",
            _combinations(),
            format_func=lambda key: COMBINATION_NAMES.get(key, f"Recipe {key}"),
            key="evaluate_combine",
            help="Evaluated beside the single backbones. A stored recipe brings its own backbones, "
            "post-processing and weights.",
        )
        options = {"detector": _detector(right)} if name == "faces" else {}
        combined = (
            recipes.parse(
                question.backbones,
                combine,
                metric=question.metric,
                post=question.post,
                missing=question.missing,
            )
            if combine in COMBINATION_NAMES
            else stored_recipes.with_parts(combine)
        )
        question = replace(question, recipes=tuple(combined))
        pairs = len(sidebar.open_question(question).left)
        if name == "waterfall" and not evaluate_waterfall.is_quick(question):
            st.info(f"With {pairs:,} pairs this takes long. Run it on the command line.")
            commands.show(commands.evaluate(question, "waterfall"))
            return
        if (command := evaluation_views.job(question, name)) is not None:
            reason = f"The ranks among {pairs:,} pairs are not computed yet."
            job_progress.offer(command.args, reason, key="evaluate_job")
            commands.show(command)
            return
        with widgets.placeholder("Evaluating", 420, 220):
            view = EVALUATIONS[name][1](question, **options)
        _draw(question, name, view)


def _combinations() -> list[str]:
    """The combinations of the chosen backbones, and the recipes that are stored under a name."""
    return [*COMBINATION_NAMES, *stored_recipes.names()]


def _detector(column: DeltaGenerator) -> str:
    return column.selectbox(
        "Detector",
        list(subsets.DETECTORS),
        key="evaluate_detector",
        format_func=lambda name: f"{name}: {subsets.DETECTORS[name]}",
        help="Each needs its features: extract face-cnn or haar on the page Collections.",
    )


def _draw(question: Question, name: str, view: EvaluationView) -> None:
    if view.figure is not None:
        charts.show(view.figure, f"evaluate_{name}", title=view.title, x=view.x, y=view.y)
    else:
        st.markdown(f"**{view.title}**")
    if view.remark:
        st.caption(view.remark)
    st.dataframe(
        view.display,
        hide_index=True,
        placeholder="–",
        height=widgets.table_height(len(view.display)),
        key=f"evaluate_table_{name}",
        column_config={
            view.display.columns[0]: widgets.name_column(view.display.iloc[:, 0].astype(str))
        },
    )
    stem = f"{question.collection}-{question.subset}-{name}"
    with st.container(horizontal=True):
        widgets.csv_button(lambda: widgets.frame_csv(view.frame), f"{stem}.csv")
        st.download_button(
            "Download as one HTML file",
            lambda: evaluation_views.page(question, EVALUATIONS[name][0], view),
            f"{stem}.html",
            mime="text/html",
            icon=":material/article:",
            on_click="ignore",
        )
    commands.show(view.command)
    if view.printed is not None:
        _printed(view.printed)
    page_export.forget()  # the HTML file above also holds the tables


def _printed(table: PrintedTable) -> None:
    with st.expander(f"As printed in {table.paper}, {table.place}", expanded=True):
        st.caption(charts.about(table))
        charts.show_printed(table)
        if table.remark:
            st.caption(table.remark)


show()
