"""Triplets with their votes, those first where a similarity and people are furthest apart."""

import streamlit as st

from simcore.lab.judgements import agreement, pair_similarities, sets
from simcore.ui import gallery, url_state, widgets
from simcore.ui.gallery import Pick, side_word, trial_tiles, votes_label
from simcore.ui.judgements import judgement_sidebar
from simcore.ui.judgements.judgement_sidebar import PAGE, JudgementQuestion
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

ORDER = {"disagreement": "furthest apart first", "agreement": "agreeing first"}


@st.fragment
def show(asked: JudgementQuestion, ready: list[str]) -> None:
    """Draw the gallery and its own controls; a set without triplets is a sentence."""
    with widgets.show_errors():  # a fragment's errors do not reach the page's own
        _show(asked, ready)


def _show(asked: JudgementQuestion, ready: list[str]) -> None:
    found = asked.opened()
    groups = [agreement.ALL, *dict.fromkeys(found.triplets.group)]
    options = [*ready, "all combined"] if len(ready) > 1 else ready
    url_state.bind(
        PAGE,
        [
            Field("by", options, label="similarity"),
            Field("group", groups),
            Field("metric", list(judgement_sidebar.NAMES)),
            Field("order", list(ORDER)),
        ],
    )
    columns = st.columns(4)
    by = columns[0].selectbox("Similarity", options, key=f"{PAGE}_by")
    distance = by in ready and pair_similarities.is_distance(by)
    metric = columns[1].selectbox(
        "Metric",
        list(judgement_sidebar.NAMES),
        format_func=judgement_sidebar.NAMES.__getitem__,
        key=f"{PAGE}_metric",
        disabled=distance,
    )
    group = columns[2].selectbox("Group", groups, key=f"{PAGE}_group")
    order = columns[3].selectbox(
        "Order", list(ORDER), format_func=ORDER.__getitem__, key=f"{PAGE}_order"
    )
    rows = agreement.disagreements(
        found,
        [by] if by in ready else ready,
        metric=metric,
        group=group,
        combine="sum" if asked.combine == "sum" else "zsum",
    )
    wrong = sum((row["vote"] - 0.5) * (row["said"] - 0.5) < 0 for row in rows)
    who = "people" if found.votes == "human" else "the known order"
    st.markdown(
        f"**{wrong:,}** of {len(rows):,} triplets: {escape_markdown(by)} and {who} choose different sides. "
        "Click a picture to open it in Explore."
    )
    if order == "agreement":
        rows.reverse()

    models = [m for m in ready if not pair_similarities.is_distance(m)]

    def open_(pick: Pick) -> None:
        collection = sets.collection(asked.name)  # made of the set's images
        gallery.open_in_explore(collection.name, models=models)(pick | {"side": "left"})

    paged = gallery.paged(rows, f"{PAGE}_page_{asked.name}")
    with st.container(horizontal=True):
        for row in paged:
            with st.container(border=True, width=346):
                st.caption(f"{escape_markdown(row['group'])} · {_words(row, by, found.votes)}")
                gallery.grid(
                    trial_tiles(row, found.votes, gallery.OPEN_IN_EXPLORE),
                    key=f"{PAGE}_trial_{row['trial']}",
                    on_pick=lambda pick: widgets.run_action(open_, pick),
                )
    widgets.credits(found.credits)


def _words(row: dict, by: str, votes: str) -> str:
    """What both say, in a line."""
    count = f" ({row['votes_n']} votes)" if row["votes_n"] > 1 else ""
    return f"{votes_label(row['vote'], votes)}{count}, {escape_markdown(by)}: **{side_word(row['said'])}**"
