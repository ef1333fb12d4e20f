"""A duel on a player's phone: joining, waiting, one question after another, the score."""

import streamlit as st

from simcore.errors import SimError
from simcore.lab.people import duel_scores, duels, participation
from simcore.lab.people.duel_scores import PlayerScore
from simcore.lab.people.duels import Seat
from simcore.lab.people.participation import Screen
from simcore.ui import actions, components, thumbnails, widgets
from simcore.ui.duel import score_bars
from simcore.ui.duel.score_bars import count, listed, percent

NEW = "new"  # in the address, in place of a player's code
ASK = "Which one looks most like it?"
CHOICE = "duel_choice"


def show(name: str, code: str) -> None:
    """Draw the page of a player who was invited or resumes."""
    score_bars.style()
    with widgets.show_errors():
        if code == NEW:
            _welcome(name)
            return
        seat = duels.seat(name, code)
        if seat.group.state == "waiting":
            _lobby(name, code)
        elif seat.screen is not None:
            _question(name, code, seat, seat.screen)
        else:
            _score(name, code)


def join(name: str) -> None:
    """Enter the newest group of a duel, whose address the page then has; for buttons."""
    try:
        experiment, code = duels.join(name)
    except SimError as error:
        actions.show_error_later(str(error))
        return
    st.query_params.from_dict({"experiment": experiment, "participant": code})


def _welcome(name: str) -> None:
    group = duels.current(name)
    st.title("Beat the machine", anchor=False)
    st.markdown(
        f"You see a picture, {group.questions:,} times, and below it {group.choices} others. "
        "Choose the one that looks most like it. "
        f"{count(len(group.machines), 'machine')} did the same: find more than they do."
    )
    st.button(
        "Join",
        type="primary",
        icon=":material/play_arrow:",
        key="duel_join",
        on_click=join,
        args=(name,),
        width="stretch",
    )
    st.caption("We store what you choose and how long you take, not who you are.")


@st.fragment(run_every="2s")
def _lobby(name: str, code: str) -> None:
    with widgets.show_errors():
        seat = duels.seat(name, code)
        if seat.group.state != "waiting":
            st.rerun()
        st.title(f"You are player {seat.player:,}", anchor=False)
        st.markdown("The questions appear here as soon as the host starts.")


@st.fragment(run_every="4s")
def _watch_end(name: str, code: str) -> None:
    """Show the score of a player who still thinks when the host ends the duel."""
    with widgets.show_errors():
        if duels.seat(name, code).group.state != "running":
            st.rerun()


def _question(name: str, code: str, seat: Seat, screen: Screen) -> None:
    st.progress(
        screen.done / screen.total,
        text=f"Question {screen.done + 1:,} of {screen.total:,} · player {seat.player:,}",
    )

    def record_choice() -> None:
        _record(name, code, screen, st.session_state[CHOICE].get("chosen"))

    component = components.FORCED_CHOICE.mount(
        data={
            "number": screen.number,
            "ask": ASK,
            "say": f"Question {screen.done + 1} of {screen.total}.",
            "query": thumbnails.large(screen.query),
            "choices": [thumbnails.large(key) for key in screen.choices],
        },
        key=CHOICE,
        on_chosen_change=record_choice,
    )
    # After a restart of the server the first choice arrives before the callback is registered.
    if _record(name, code, screen, component.get("chosen")):
        st.rerun()
    _watch_end(name, code)


def _record(name: str, code: str, screen: Screen, value: object) -> bool:
    """Store a choice on this screen; ignore what the page itself would not send."""
    if not isinstance(value, dict) or value.get("number") != screen.number:
        return False
    place, seconds = value.get("place"), value.get("seconds")
    if not isinstance(place, int) or not isinstance(seconds, int | float):
        return False
    shortened = min(float(seconds), participation.MAX_SECONDS)
    try:
        return duels.answer(name, code, screen.number, place=place, seconds=shortened).new
    except SimError as error:
        actions.show_error_later(str(error))
        return False


@st.fragment(run_every="3s")
def _score(name: str, code: str) -> None:
    with widgets.show_errors():
        score = duel_scores.player(name, code)
        live = score.live
        if not score.answered:
            st.title("Your group is done", anchor=False)
            st.markdown("The host ended it before your first answer.")
        else:
            st.title(f"{score.right} of {score.answered} right", anchor=False)
            for line in _lines(score):
                st.markdown(line)
        st.html(
            f'<div class="duel phone">{score_bars.bars(live, people="People", own=score.own)}</div>'
        )
        st.caption(
            "Right answers, with 95 % intervals; dotted: guessing. "
            + ("" if live.state == "ended" else "Others are still playing; this page follows them.")
        )


def _lines(score: PlayerScore) -> list[str]:
    """What a player wants to know, in sentences of Markdown."""
    live, total = score.live, len(score.machines)
    lines = []
    if live.people is not None and live.players > 1:
        lines.append(
            f"All players: **{percent(live.people.value)}** right. You are in place "
            f"**{score.place}** of {live.players:,}."
        )
    beaten = len(score.beaten)
    if beaten == total:
        lines.append(f"You beat **every machine** on the same questions: all {total}.")
    else:
        lines.append(f"You beat **{beaten} of {total} machines** on the same questions.")
    alike = [widgets.escape_markdown(machine.name) for machine in score.most_alike]
    agreed = score.most_alike[0].agreed
    lines.append(
        f"You answer most like **{listed(alike)}**: "
        f"{agreed} of {count(score.answered, 'answer')} the same."
    )
    return lines
