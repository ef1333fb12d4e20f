"""One failure case after the other, by mouse or by keyboard alone."""

from collections.abc import Callable

import streamlit as st

from simcore.data.answers.review_store import Review
from simcore.errors import SimError
from simcore.lab.library import collections
from simcore.lab.people import review
from simcore.lab.people.review import FailureCase
from simcore.lab.search import search
from simcore.lab.search.search import Query, SearchResult
from simcore.recipe import Recipe
from simcore.ui import gallery, thumbnails, url_state, widgets
from simcore.ui.gallery import Pick, Row, Tile
from simcore.ui.widgets import escape_markdown

FOUND = 8
KEYS = "1234567890"  # one a facet


@st.fragment
def show(name: str, recipe: Recipe, who: str) -> None:
    """The case that one is at, and what can be said of it.

    Args:
        who: the annotator; nothing can be said without a name.
    """
    with st.spinner("Looking for mistakes"):
        cases = review.queue(name, recipe)
    if not cases:
        st.success("Every mate comes first: there is no failure to review.")
        return
    at = _place(cases)
    case = cases[at]
    (pair, mate) = review.pair(name, case.query)
    everybody = review.current_review(name)
    mine = everybody.get(pair, {}).get(who, Review())
    known = review.pairs_of(collections.open_(name))
    done = [who in everybody.get(known[one.query][0], {}) for one in cases]
    (hits,) = search.search(name, Query(id=case.query), [recipe], k=FOUND)
    others = [found for found in hits.ids if found != mate]
    picked = st.session_state.get(f"_picked_{case.query}")
    picked = picked if picked in others else (others[0] if others else None)
    _pictures(name, case, mate, hits, mine, picked)
    if not who:
        st.info("Give your name in the sidebar, and say what you see.", icon=":material/badge:")
    say = _sayer(name, case.query, who)
    _tags(review.own_tags(everybody), mine, say, who)
    if picked is not None:
        _other(name, picked, hits, mine, say, who)
    _note(case, mine, say, who)
    _moves(name, cases, at, done, who)
    st.session_state["review_query"] = case.query
    url_state.write("review", {"query": case.query})


def _place(cases: list[FailureCase]) -> int:
    """The position of the current query in the queue; 0 if the queue does not contain it."""
    queries = [case.query for case in cases]
    query = st.session_state["review_query"]
    return queries.index(query) if query in queries else 0


def _sayer(name: str, asked: str, who: str) -> Callable[..., None]:
    def say(kind: str, value: str = "") -> None:
        widgets.run_action(review.add_review, name, asked, who, kind, value)

    return say


def _pictures(
    name: str, case: FailureCase, mate: str, hits: SearchResult, mine: Review, picked: str | None
) -> None:
    collection = collections.open_(name)
    pairs = collection.pairs()
    keys = dict(zip(pairs.gallery.ids, pairs.gallery.keys, strict=True))
    row = pairs.queries.ids.index(case.query)
    question = Tile(
        id=case.query,
        side="left",
        tag="Query",
        caption=case.query,
        src=thumbnails.large(pairs.queries.keys[row]),
        alt=f"Query, left {case.query}",
    )
    answer = Tile(
        id=mate,
        side="right",
        tag="Its mate",
        caption=mate,
        src=thumbnails.large(keys[mate]),
        alt=f"Its mate, right {mate}",
    )
    tiles = []
    for rank, (found, key, score) in enumerate(
        zip(hits.ids, hits.keys, hits.scores, strict=True), 1
    ):
        word = "another mate" if key in mine.accepted else "a copy" if key in mine.copies else ""
        tile = Tile(
            id=found,
            side="right",
            src=thumbnails.source(key),
            rank=str(rank),
            score=gallery.format_score(float(score)),
            mate=found == mate,
            current=found == picked,
            caption=word,
            alt=f"Rank {rank}: right {found}. {word or 'Choose it.'}",
        )
        tiles.append(tile)

    def choose(pick: Pick) -> None:
        if pick["side"] == "right" and pick["id"] != mate:
            st.session_state[f"_picked_{case.query}"] = pick["id"]

    sure = "" if case.margin != case.margin else f"ahead of the mate by {case.margin:.3g}"
    gallery.comparison(
        question,
        answer,
        [
            Row(
                title="What it finds instead",
                sub=sure,
                chip=f"mate at rank {case.rank:,}",
                tone="far",
                place=None,
                note=hits.note,
                mix=False,
                tiles=tiles,
            )
        ],
        key="reviewing_gallery",
        on_pick=choose,
        lead="Why do these two look alike?",
        more="Tags say what the likeness is made of, or what is wrong with the pair. What others "
        "said is shown under Results only, so that everybody judges alone.",
    )


def _tags(own: list[str], mine: Review, say: Callable[..., None], who: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for n, tag in enumerate([*review.FACETS, *own]):
            on = tag in mine.tags
            st.button(
                escape_markdown(tag.capitalize() if n < len(review.FACETS) else tag),
                key=f"reviewing_tag_{tag}",
                type="primary" if on else "secondary",
                icon=":material/check:" if on else None,
                disabled=not who,
                shortcut=KEYS[n] if n < len(KEYS) else None,
                on_click=say,
                args=("untag" if on else "tag", tag),
            )
        put = st.session_state

        def add() -> None:
            if put["reviewing_own"].strip():
                say("tag", put["reviewing_own"].lower())
                put["reviewing_own"] = ""

        st.text_input(
            "Own tag",
            key="reviewing_own",
            max_chars=40,
            on_change=add,
            width=170,
            placeholder="own tag, Enter",
            label_visibility="collapsed",
            disabled=not who,
        )


def _other(
    name: str, picked: str, hits: SearchResult, mine: Review, say: Callable[..., None], who: str
) -> None:
    key = hits.keys[hits.ids.index(picked)]
    accepted, copied = key in mine.accepted, key in mine.copies
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        rank = hits.ids.index(picked) + 1
        st.markdown(f"The one at rank **{rank}**, {escape_markdown(picked)}:", width="content")
        st.button(
            "As good a mate",
            key="reviewing_accept",
            shortcut="A",
            disabled=not who,
            type="primary" if accepted else "secondary",
            icon=":material/check:" if accepted else None,
            on_click=say,
            args=("refuse" if accepted else "accept", picked),
        )
        st.button(
            "The mate once more",
            key="reviewing_copy",
            shortcut="D",
            disabled=not who,
            type="primary" if copied else "secondary",
            icon=":material/check:" if copied else None,
            on_click=say,
            args=("no-copy" if copied else "copy", picked),
            help="A near-duplicate of the mate.",
        )
        st.caption("Click another picture above to choose it.", width="content")


def _note(case: FailureCase, mine: Review, say: Callable[..., None], who: str) -> None:
    key = f"reviewing_note_{case.query}_{who}"
    if st.session_state.get(f"{key}_was") != mine.note:  # said in another tab, or undone
        st.session_state[key] = st.session_state[f"{key}_was"] = mine.note

    def keep() -> None:
        say("note", st.session_state[key])

    st.text_input("Note", key=key, max_chars=2000, on_change=keep, disabled=not who)


def _moves(name: str, cases: list[FailureCase], at: int, done: list[bool], who: str) -> None:
    put = st.session_state

    def go(place: int) -> None:
        put["review_query"] = cases[place].query

    def back() -> None:
        try:
            found = review.undo(name, who)
        except SimError as error:
            widgets.show_error_later(str(error))
            return
        if found is None:
            widgets.show_error_later(f"No entry of {who} in {name!r} to undo.")
        elif any(case.query == found for case in cases):
            put["review_query"] = found  # look at what was taken back

    def looked() -> None:
        widgets.run_action(review.add_review, name, cases[at].query, who, "seen")
        go(_next(at, done))

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Back",
            icon=":material/arrow_back:",
            shortcut="B",
            key="reviewing_back",
            on_click=go,
            args=((at - 1) % len(cases),),
        )
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            shortcut="N",
            key="reviewing_next",
            on_click=go,
            args=((at + 1) % len(cases),),
        )
        st.button(
            "Nothing to say, next open one",
            icon=":material/visibility:",
            shortcut="S",
            key="reviewing_seen",
            on_click=looked,
            disabled=not who,
        )
        st.button(
            "Undo",
            icon=":material/undo:",
            shortcut="U",
            key="reviewing_undo",
            on_click=back,
            disabled=not who,
        )
        count = f" · {sum(done):,} reviewed by {escape_markdown(who)}" if who else ""
        st.markdown(f"Failure **{at + 1:,}** of {len(cases):,}{count}", width="content")


def _next(at: int, done: list[bool]) -> int:
    """The next case that this annotator has not judged; the following one where all are."""
    order = [(at + step) % len(done) for step in range(1, len(done))]
    return next((place for place in order if not done[place]), (at + 1) % len(done))
