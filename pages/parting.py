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
    found = judgements.open_(asked.name)
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
                    _tiles(row, found.votes), key=f"{PAGE}_trial_{row['trial']}", on_pick=open_
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


def _tiles(row: dict, votes: str) -> list[Tile]:
    """Reference, left and right; the side that people chose is marked."""
    tiles = [_tile(row["ref"], "reference", "reference", chosen=False)]
    for side, share in (("left", 1 - row["vote"]), ("right", row["vote"])):
        told = f"{side} {share:.0%}" if votes == "human" else side
        tiles.append(_tile(row[side], side, told, chosen=share > 0.5))
    return tiles


def _tile(image: dict, side: str, told: str, *, chosen: bool) -> Tile:
    nearer = ", chosen as nearer" if chosen else ""
    return Tile(
        id=image["id"], side=side, src=thumbs.source(image["key"]), caption=told, here=chosen,
        alt=f"{told} image {image['id']}{nearer}. Open it in Explore.",
    )  # fmt: skip


def _words(row: dict, by: str, votes: str) -> str:
    """What both say, in a line."""
    mine, theirs = (
        "a tie" if said == 0.5 else "right" if said > 0.5 else "left"
        for said in (row["said"], row["vote"])
    )
    count = f" ({row['votes_n']} votes)" if row["votes_n"] > 1 else ""
    who = "people" if votes == "human" else "known order"
    return f"{who}: **{theirs}**{count}, {plain(by)}: **{mine}**"
