"""Triplets and their votes, sorted by how much a similarity and people disagree."""

from collections.abc import Sequence

import streamlit as st

from simcore.lab.judgements import agreement, pair_similarities, sets, trial_disagreements
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.judgements.sets import JudgementSet
from simcore.lab.judgements.trial_disagreements import JudgementDisagreement
from simcore.ui import actions, gallery, kiosk, url_state, widgets
from simcore.ui.gallery import Pick, side_word, trial_tiles, votes_label
from simcore.ui.judgements.judgement_sidebar import METRIC_LABELS, PAGE
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

ORDER_LABELS = {"disagreement": "Different sides", "agreement": "The same side"}
TRIAL_WIDTH = 510  # px; two trials beside each other on a desktop
COMBINED = "all combined"


@st.fragment
def show(question: JudgementQuestion, ready: list[str]) -> None:
    """Draw the gallery and its own controls."""
    with widgets.show_errors():  # errors of a fragment do not reach those of the page
        judged = question.open()
        by, metric, group, order = _controls(judged, ready)
        rows = trial_disagreements.largest_first(
            question.with_models([by] if by in ready else ready), metric=metric, group=group
        )
        _disagreement_header(rows, judged, by)
        opposite = order == "disagreement"
        shown = [row for row in rows if row.opposite == opposite]
        if not shown:
            st.info("There is no such trial.")
        _gallery(shown if opposite else shown[::-1], judged, by, ready)
        widgets.credits(judged.credits)


def _controls(judged: JudgementSet, ready: Sequence[str]) -> tuple[str, str, str, str]:
    """Similarity, metric, group and order; also in the address."""
    similarities = [*ready, COMBINED] if len(ready) > 1 else list(ready)
    groups = list(dict.fromkeys([agreement.ALL, *judged.triplets.group]))
    url_state.bind(
        PAGE,
        [
            Field("by", similarities, label="similarity"),
            Field("metric", list(METRIC_LABELS)),
            Field("group", groups),
            Field("order", list(ORDER_LABELS)),
        ],
    )
    columns = st.columns(4)
    by = columns[0].selectbox("Similarity", similarities, key=f"{PAGE}_by")
    metric = columns[1].selectbox(
        "Metric",
        list(METRIC_LABELS),
        format_func=METRIC_LABELS.__getitem__,
        key=f"{PAGE}_metric",
        disabled=by in ready and pair_similarities.is_distance(by),
    )
    group = columns[2].selectbox("Group", groups, key=f"{PAGE}_group")
    order = columns[3].selectbox(
        "Trials where both choose",
        list(ORDER_LABELS),
        format_func=ORDER_LABELS.__getitem__,
        key=f"{PAGE}_order",
        help="Those that are most certain first.",
    )
    return by, metric, group, order


def _disagreement_header(
    rows: Sequence[JudgementDisagreement], judged: JudgementSet, by: str
) -> None:
    """One line: how many triplets there are, and on how many people and similarity disagree."""
    opposite = sum(row.opposite for row in rows)
    reference = "people" if judged.votes == "human" else "the known order"
    st.markdown(
        f"**{opposite:,}** of {len(rows):,} trials: {escape_markdown(by)} and {reference} choose "
        "different sides.",
        help=None if kiosk.enabled() else "Click an image to open it in Explore.",
    )


def _gallery(
    rows: Sequence[JudgementDisagreement], judged: JudgementSet, by: str, ready: Sequence[str]
) -> None:
    models = [model for model in ready if not pair_similarities.is_distance(model)]

    def open_(pick: Pick) -> None:
        collection = sets.collection(judged.name)  # of the set's images
        gallery.open_in_explore(collection.name, models=models)(pick | {"side": "left"})

    def run_open(pick: Pick) -> None:
        actions.run_action(open_, pick)

    hint = "" if kiosk.enabled() else gallery.OPEN_IN_EXPLORE
    with st.container(horizontal=True):
        for row in gallery.paged(rows, f"{PAGE}_page_{judged.name}"):
            with st.container(border=True, width=TRIAL_WIDTH):
                st.caption(f"{escape_markdown(row.group)} · {_answers(row, by, judged.votes)}")
                gallery.grid(
                    trial_tiles(judged, row.trial, hint),
                    key=f"{PAGE}_trial_{row.trial}",
                    on_pick=None if kiosk.enabled() else run_open,
                    columns=3,
                )


def _answers(row: JudgementDisagreement, by: str, votes: str) -> str:
    """What people and the similarity answer, in one line."""
    count = f" ({row.votes_n} votes)" if row.votes_n > 1 else ""
    prediction = f"{escape_markdown(by)}: **{side_word(row.prediction)}**"
    return f"{votes_label(row.vote, votes)}{count}, {prediction}"
