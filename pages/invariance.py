"""Invariance: which changes of a picture a backbone ignores, and what the others cost."""

import streamlit as st

from simcore.lab.invariance import invariance_evaluation
from simcore.lab.invariance.invariance_evaluation import (
    EVERY,
    TRANSFORMS,
    InvarianceQuestion,
    Setting,
)
from simcore.lab.library import subsets
from simcore.recipe import Question, distinct_labels
from simcore.ui import commands, job_progress, kiosk, sidebar, url_state, widgets
from simcore.ui.invariance import invariance_views
from simcore.ui.invariance.invariance_views import MEASURES
from simcore.ui.url_state import Field

PAGE = "invariance"
COMMAND = ("evaluate", "invariance")
TRANSFORM = Field("transform", tuple(TRANSFORMS))
MEASURE = Field("measure", tuple(MEASURES))


def _levels(values: url_state.Values) -> list[str]:
    return [f"{level:g}" for level in TRANSFORMS[values["transform"]].levels]


def _default_level(values: url_state.Values) -> str:
    return f"{TRANSFORMS[values['transform']].default:g}"


STRENGTH = Field("strength", _levels, default=_default_level, per="transform")


def show() -> None:
    """Draw the page."""
    st.title("Invariance")
    st.caption(
        "Change an image and see which backbones still recognize it.",
        help="A similarity means nothing by itself, so that of an image to its changed self is "
        "shown as the share of unrelated pairs that are less alike: 50 % is no more than "
        "unrelated, 100 % more than all. Recall@1 says what a change costs in retrieval.",
    )
    with widgets.show_errors():
        question = sidebar.select_question(
            PAGE, options=("subset", "metric", "direction", "post"), fields=[TRANSFORM, MEASURE]
        )
        if question is None:
            return
        setting, query = _choose(question)
        with widgets.show_errors():  # a file that is gone hides nothing of the collection
            _picture(question, query, setting)
        _collection(question, setting)


def _picture(question: Question, query: str, setting: Setting) -> None:
    """The image, its changed self, and how alike they stay."""
    left, right = st.columns([2, 3])
    with left:
        invariance_views.pictures(question, query, setting)
    with right:
        if invariance_evaluation.is_quick(question):
            invariance_views.curve_chart(question, query, setting)
        else:
            st.info("How alike unrelated pairs are is not computed yet: change all images.")


def _choose(question: Question) -> tuple[Setting, str]:
    """The controls above the images: which image, which change, how strong."""
    queries = _queries(question)
    first, second, third = st.columns([1, 1, 2])
    transform = first.selectbox("Change", list(TRANSFORMS), key=f"{PAGE}_transform")
    values = url_state.bind(PAGE, [STRENGTH, Field("query", queries)])
    second.selectbox("Image", queries, key=f"{PAGE}_query")
    levels = _levels({"transform": transform})
    with third:
        if len(levels) > 1:
            st.select_slider(
                f"Strength: {TRANSFORMS[transform].description}",
                levels,
                key=STRENGTH.key(PAGE, {"transform": transform}),
            )
    return Setting(transform, float(values["strength"])), values["query"]


def _queries(question: Question) -> list[str]:
    collection = subsets.open_subset(question.collection, question.subset)
    return list(collection.pairs(question.direction).queries.ids)


def _collection(question: Question, setting: Setting) -> None:
    """All images: the heat map of what is computed, and a job for the rest."""
    inquiry, table = _inquiry(question, setting)
    st.header("All images", anchor=False)
    running = not kiosk.enabled() and job_progress.show(*COMMAND)
    if len(table.rows) < table.expected and not running and not kiosk.enabled():
        st.button(
            f"Change all {table.pairs:,} queries",
            key=f"{PAGE}_go",
            icon=":material/transform:",
            on_click=job_progress.start,
            args=([*COMMAND, *inquiry.to_args()],),
            help=f"{len(table.rows):,} of {table.expected:,} cells are computed; each change takes "
            "as long as extracting the features of one side.",
        )
    if table.rows:
        st.segmented_control(
            "Measure",
            list(MEASURES),
            format_func=MEASURES.__getitem__,
            key=f"{PAGE}_measure",
            required=True,
            label_visibility="collapsed",
        )
        invariance_views.heat_map(table, st.session_state[f"{PAGE}_measure"])
        _pictures(question, setting)
        widgets.csv_button(
            lambda: table.to_table().to_csv(), f"{question.collection}-invariance.csv"
        )
    commands.show([*COMMAND, *inquiry.to_args()])


def _inquiry(
    question: Question, setting: Setting
) -> tuple[InvarianceQuestion, invariance_evaluation.InvarianceTable]:
    """All changes, and what is computed of them.

    A change that a network makes takes part once it is selected or computed.
    """
    free, every = InvarianceQuestion(question), InvarianceQuestion(question, (EVERY,))
    table = invariance_evaluation.stored(every)
    networks = {name for name, each in TRANSFORMS.items() if each.needs_weights}
    if setting.transform in networks or any(row.transform in networks for row in table.rows):
        return every, table
    return free, invariance_evaluation.stored(free)


def _pictures(question: Question, setting: Setting) -> None:
    names = distinct_labels(question.recipes)
    labels = dict(zip(names, question.recipes, strict=True))
    label = st.selectbox("Backbone", list(labels), key=f"{PAGE}_recipe")
    collection = subsets.open_subset(question.collection, question.subset)
    if invariance_views.galleries(question, labels[label], setting, collection) or kiosk.enabled():
        return
    inquiry = InvarianceQuestion(question, (setting.transform,), "all", setting.seed)
    if not job_progress.running(*COMMAND):
        st.button(
            f"Change all queries by every strength of {setting.transform}",
            key=f"{PAGE}_go_strengths",
            icon=":material/transform:",
            on_click=job_progress.start,
            args=([*COMMAND, *inquiry.to_args()],),
        )


show()
