"""Reviewing failure cases one by one, by mouse or by keyboard."""

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simcore.errors import SimError
from simcore.lab.library import collections
from simcore.lab.people import review
from simcore.lab.people.review import FailureCase, Review
from simcore.lab.search import search
from simcore.lab.search.search import Query, SearchResult
from simcore.recipe import Question, Recipe
from simcore.ui import actions, gallery, thumbnails, url_state, widgets
from simcore.ui.gallery import Pick, Row, Tile
from simcore.ui.widgets import escape_markdown

N_RESULTS = 8
KEYS = "1234567890"  # shortcuts of the first tags


@st.fragment
def show(name: str, recipe: Recipe, who: str, *, advance: bool) -> None:
    """The current case and the controls to review it.

    Args:
        who: the annotator; without a name the controls are disabled.
        advance: whether the next unreviewed case follows a tag.
    """
    with widgets.placeholder("Searching for failures", 280, 200, 60):
        cases = review.queue(name, recipe)
    if not cases:
        st.success("Every mate is at rank 1: there are no failures to review.")
        return
    at = _place(cases)
    case = cases[at]
    (pair, mate) = review.pair(name, case.query)
    reviews = review.current_reviews(name)
    own = reviews.get(pair, {}).get(who, Review())
    pairs = review.pairs_of(collections.open_(name))
    done = [who in reviews.get(pairs[other.query][0], {}) for other in cases]
    (hits,) = search.search(Question(name, (recipe,)), Query(id=case.query), k=N_RESULTS)
    others = [image for image in hits.ids if image != mate]
    picked = st.session_state.get(f"_picked_{case.query}")
    picked = picked if picked in others else (others[0] if others else None)
    _pictures(name, case, mate, hits, own, picked)
    if not who:
        st.info("Enter your name in the sidebar to review.", icon=":material/badge:")
    act = _action(name, case.query, who)

    def tag(kind: str, value: str) -> None:
        act(kind, value)
        if advance and kind == "tag":
            st.session_state["review_query"] = cases[_next(at, done)].query

    with st.container(key="reviewing_keys", gap="small"):  # page_style keeps it in view
        with _line():
            _tags(review.own_tags(reviews), own, tag, who)
        with _line():
            if picked is not None:
                _other(case.query, picked, hits, own, act, who)
            _moves(name, cases, at, done, who)
    count = f" · {sum(done):,} reviewed by {escape_markdown(who)}" if who else ""
    st.markdown(f"Failure **{at + 1:,}** of {len(cases):,}{count}")
    with st.container(horizontal=True):
        _own_tag(tag, who)
        _note(case, own, act, who)
    if reviews:
        _recall_so_far(name, recipe)
    st.session_state["review_query"] = case.query
    url_state.write("review", {"query": case.query})


def _place(cases: list[FailureCase]) -> int:
    """The position of the current query in the queue; 0 if the queue does not contain it."""
    queries = [case.query for case in cases]
    query = st.session_state["review_query"]
    return queries.index(query) if query in queries else 0


def _action(name: str, query: str, who: str) -> Callable[..., None]:
    """A callback that stores one review action on this pair."""

    def act(kind: str, value: str = "") -> None:
        actions.run_action(review.add_review, name, query, who, kind, value)

    return act


def _pictures(
    name: str, case: FailureCase, mate: str, hits: SearchResult, own: Review, picked: str | None
) -> None:
    collection = collections.open_(name)
    pairs = collection.pairs()
    keys = dict(zip(pairs.gallery.ids, pairs.gallery.keys, strict=True))
    row = pairs.queries.row_of[case.query]
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
    for rank, (image, key, score) in enumerate(
        zip(hits.ids, hits.keys, hits.scores, strict=True), 1
    ):
        label = "another mate" if key in own.accepted else "a copy" if key in own.copies else ""
        tile = Tile(
            id=image,
            side="right",
            src=thumbnails.source(key),
            rank=str(rank),
            score=gallery.format_score(float(score)),
            mate=image == mate,
            current=image == picked,
            caption=label,
            alt=f"Rank {rank}: right {image}. {label or 'Choose it.'}",
        )
        tiles.append(tile)

    def choose(pick: Pick) -> None:
        if pick["side"] == gallery.WHY:
            _ask_why(name, case.query, mate, hits.recipe.backbones)
        elif pick["side"] == "right" and pick["id"] != mate:
            st.session_state[f"_picked_{case.query}"] = pick["id"]

    margin = "" if case.margin != case.margin else f"score {case.margin:.3g} above the mate's"
    gallery.comparison(
        question,
        answer,
        [
            Row(
                title="Most similar instead",
                sub=margin,
                chip=f"mate at rank {case.rank:,}",
                tone="far",
                place=None,
                why=True,
                note=hits.note,
                mix=False,
                tiles=tiles,
            )
        ],
        key="reviewing_gallery",
        on_pick=choose,
        action="Select it",
        lead="Why do these two look alike?",
        more="Tag what makes them alike, or what is wrong with the pair. Other annotators' tags "
        "are shown under Results only.",
    )


def _ask_why(name: str, query: str, mate: str, backbones: Sequence[str]) -> None:
    """Open Compare on the pair, with the explanation of a backbone's rank."""
    params = {
        "collection": name,
        "models": ",".join(backbones),
        "metric": st.session_state["review_metric"],
        "first": f"left:{query}",
        "second": f"right:{mate}",
        "view": "why",
    }
    actions.open_later("pages/compare.py", params)


def _line() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center", gap="small")


def _tags(extra: list[str], own: Review, act: Callable[..., None], who: str) -> None:
    for n, tag in enumerate([*review.FACETS, *extra]):
        active = tag in own.tags
        st.button(
            escape_markdown(tag.capitalize() if n < len(review.FACETS) else tag),
            key=f"reviewing_tag_{tag}",
            type="primary" if active else "secondary",
            icon=":material/check:" if active else None,
            disabled=not who,
            shortcut=KEYS[n] if n < len(KEYS) else None,
            on_click=act,
            args=("untag" if active else "tag", tag),
        )


def _own_tag(act: Callable[..., None], who: str) -> None:
    state = st.session_state

    def add() -> None:
        value, state["reviewing_own"] = state["reviewing_own"].strip().lower(), ""
        if value:
            act("tag", value)

    st.text_input(
        "Own tag",
        key="reviewing_own",
        max_chars=40,
        on_change=add,
        width=200,
        placeholder="then Enter",
        disabled=not who,
    )


def _other(
    query: str, picked: str, hits: SearchResult, own: Review, act: Callable[..., None], who: str
) -> None:
    key = hits.keys[hits.ids.index(picked)]
    accepted, copied = key in own.accepted, key in own.copies
    others = [image for image in hits.ids if image != hits.mate_id]
    place = others.index(picked)

    def select(step: int) -> None:
        st.session_state[f"_picked_{query}"] = others[(place + step) % len(others)]

    for label, step, shortcut in (("Image before", -1, "Left"), ("Image after", 1, "Right")):
        st.button(
            label,
            key=f"reviewing_{shortcut.lower()}",
            shortcut=shortcut,
            on_click=select,
            args=(step,),
            help="Another of the images above; a click on it does the same.",
        )
    rank = hits.ids.index(picked) + 1
    st.markdown(f"Rank **{rank}**", width="content")
    st.button(
        "Equally good mate",
        key="reviewing_accept",
        shortcut="A",
        disabled=not who,
        type="primary" if accepted else "secondary",
        icon=":material/check:" if accepted else None,
        on_click=act,
        args=("refuse" if accepted else "accept", picked),
    )
    st.button(
        "Copy",
        key="reviewing_copy",
        shortcut="D",
        disabled=not who,
        type="primary" if copied else "secondary",
        icon=":material/check:" if copied else None,
        on_click=act,
        args=("no-copy" if copied else "copy", picked),
        help="A near-duplicate of the mate.",
    )


def _recall_so_far(name: str, recipe: Recipe) -> None:
    """Recall as it is and without the pairs that annotators tagged as bad, after each tag."""
    result = review.recall_so_far(name, recipe)
    if result is None:
        st.caption("Recall without bad pairs is under Results.")
        return
    before, after = result.as_it_is, result.without_bad_pairs
    bad = before.pairs - after.pairs
    if not bad or not after.recall:
        return
    st.markdown(
        f"Recall at 1 of {escape_markdown(recipe.title)}: {before.recall['1']:.1%} as it is, "
        f"**{after.recall['1']:.1%}** without {bad:,} bad pair{'s' if bad > 1 else ''}.",
        help="A pair is left out if at least half of its annotators tagged it as bad or duplicate.",
    )


def _note(case: FailureCase, own: Review, act: Callable[..., None], who: str) -> None:
    key = f"reviewing_note_{case.query}_{who}"
    if st.session_state.get(f"{key}_was") != own.note:  # changed in another tab, or undone
        st.session_state[key] = st.session_state[f"{key}_was"] = own.note

    def store() -> None:
        act("note", st.session_state[key])

    st.text_input("Note", key=key, max_chars=2000, on_change=store, disabled=not who)


def _moves(name: str, cases: list[FailureCase], at: int, done: list[bool], who: str) -> None:
    state = st.session_state

    def go(place: int) -> None:
        state["review_query"] = cases[place].query

    def undo() -> None:
        try:
            query = review.undo(name, who)
        except SimError as error:
            actions.show_error_later(str(error))
            return
        if query is None:
            actions.show_error_later(f"{who} has no review of {name!r} to undo.")
        elif any(case.query == query for case in cases):
            state["review_query"] = query  # show the case that was undone

    def mark_seen() -> None:
        actions.run_action(review.add_review, name, cases[at].query, who, "seen")
        go(_next(at, done))

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
        "No comment",
        icon=":material/visibility:",
        shortcut="S",
        key="reviewing_seen",
        help="Marks the pair as seen and shows the next unreviewed one.",
        on_click=mark_seen,
        disabled=not who,
    )
    st.button(
        "Undo",
        icon=":material/undo:",
        shortcut="U",
        key="reviewing_undo",
        on_click=undo,
        disabled=not who,
    )


def _next(at: int, done: list[bool]) -> int:
    """The next case that this annotator has not reviewed; the following one if all are."""
    order = [(at + step) % len(done) for step in range(1, len(done))]
    return next((place for place in order if not done[place]), (at + 1) % len(done))
