"""Triplets with their votes, those first where a similarity and people are furthest apart."""

import streamlit as st

from pages import choices, gallery, judged, pairs, thumbs, widgets
from pages.gallery import Pick, Tile
from pages.judged import PAGE, Asked
from pages.widgets import plain
from simcore.lab import agreement, alike, judgements

ORDER = {"apart": "furthest apart first", "agree": "agreeing first"}


@st.fragment
def show(asked: Asked, ready: list[str]) -> None:
    """Draw the gallery and its own controls; a set without triplets is a sentence."""
    with widgets.sentences():  # a fragment's errors do not reach the page's own
        _show(asked, ready)


def _show(asked: Asked, ready: list[str]) -> None:
    put, here = st.session_state, st.query_params
    found = asked.opened()
    groups = [agreement.ALL, *dict.fromkeys(found.triplets.group)]
    options = [*ready, "all combined"] if len(ready) > 1 else ready
    wanted = {
        "by": (options, options[0]),
        "group": (groups, agreement.ALL),
        "metric": (list(judged.NAMES), "cosine"),
        "order": (list(ORDER), "apart"),
    }
    for key, (words, usual) in wanted.items():
        now = put.get(f"{PAGE}_{key}", here.get(key, usual))
        put[f"{PAGE}_{key}"] = now if now in words else usual
    columns = st.columns(4)
    by = columns[0].selectbox("Similarity", options, key=f"{PAGE}_by")
    distance = by in ready and alike.is_distance(by)
    metric = columns[1].selectbox(
        "Metric", list(judged.NAMES), format_func=judged.NAMES.__getitem__, key=f"{PAGE}_metric",
        disabled=distance,
    )  # fmt: skip
    group = columns[2].selectbox("Group", groups, key=f"{PAGE}_group")
    order = columns[3].selectbox(
        "Order", list(ORDER), format_func=ORDER.__getitem__, key=f"{PAGE}_order"
    )
    choices.add(PAGE, {"by": by, "metric": metric, "group": group, "order": order})
    rows = agreement.disagreements(
        found, [by] if by in ready else ready, metric=metric, group=group,
        combine="sum" if asked.combine == "sum" else "zsum",
    )  # fmt: skip
    wrong = sum((row["vote"] - 0.5) * (row["said"] - 0.5) < 0 for row in rows)
    who = "people" if found.votes == "human" else "the known order"
    st.markdown(
        f"**{wrong:,}** of {len(rows):,} triplets: {plain(by)} and {who} choose different sides. "
        "Click a picture to open it in Explore."
    )
    if order == "agree":
        rows.reverse()

    def open_(pick: Pick) -> None:
        put["_judged_open"] = pick["id"]

    paged = pairs.paged(rows, f"{PAGE}_page_{asked.name}")
    with st.container(horizontal=True):
        for row in paged:
            with st.container(border=True, width=346):
                st.caption(f"{plain(row['group'])} · {_words(row, by, found.votes)}")
                gallery.grid(
                    tiles(row, found.votes, ". Open it in Explore."),
                    key=f"{PAGE}_trial_{row['trial']}",
                    on_pick=open_,
                )
    if (image := put.pop("_judged_open", None)) is not None:
        with st.spinner("Making a collection of the set's images"):
            shown = judgements.collection(asked.name)
        models = [m for m in ready if not alike.is_distance(m)]
        st.switch_page(
            "pages/explore.py",
            query_params={"c": shown.name, "q": image, "models": ",".join(models)},
        )
    widgets.credits(found.credits)


def tiles(row: dict, votes: str, say: str = "") -> list[Tile]:
    """Reference, left and right of a trial; the side that people chose is marked.

    Args:
        row: {"ref", "left", "right" ({"id", "key"}), "vote"}. votes: "human", or a known order.
        say: ends what is read aloud.
    """
    found = [_tile(row["ref"], "reference", "reference", say)]
    for side, share in (("left", 1 - row["vote"]), ("right", row["vote"])):
        told = f"{side} {share:.0%}" if votes == "human" else side
        found.append(_tile(row[side], side, told, say, chosen=share > 0.5))
    return found


def _tile(image: dict, side: str, told: str, say: str, *, chosen: bool = False) -> Tile:
    nearer = ", chosen as nearer" if chosen else ""
    return Tile(
        id=image["id"], side=side, src=thumbs.source(image["key"]), caption=told, here=chosen,
        alt=f"{told} image {image['id']}{nearer}{say}",
    )  # fmt: skip


def people(vote: float, votes: str) -> str:
    """Which side was chosen, and by whom."""
    who = "people" if votes == "human" else "known order"
    return f"{who}: **{_side(vote)}**"


def _side(share: float) -> str:
    return "a tie" if share == 0.5 else "right" if share > 0.5 else "left"


def _words(row: dict, by: str, votes: str) -> str:
    """What both say, in a line."""
    count = f" ({row['votes_n']} votes)" if row["votes_n"] > 1 else ""
    return f"{people(row['vote'], votes)}{count}, {plain(by)}: **{_side(row['said'])}**"
