"""What a participant sees: consent, one question after another, the end."""

import streamlit as st

from simcore.errors import SimError
from simcore.lab.people import participation
from simcore.lab.people.participation import Screen
from simcore.ui import actions, components, kiosk, thumbnails, widgets

ASK = "Which of these looks most like the picture above?"
NEW = "new"  # in the address, in place of a participant's code
PROLIFIC = "PROLIFIC_PID"  # Prolific adds it to the address, with the participant's id
NEXT = "participant.next"  # session key: the screen after the answer that started this run


def show(name: str, code: str) -> None:
    """Draw the page of a participant who was invited or resumes."""
    with widgets.show_errors():
        if code == NEW:
            _welcome(name)
            return
        # The answer that started this run has read the next screen already.
        screen = st.session_state.pop(NEXT, None) or participation.screen(name, code)
        if screen is None:
            _thanks(name)
        elif st.session_state.get("_paused") == code:
            _paused(screen)
        else:
            _question(name, code, screen)


def _welcome(name: str) -> None:
    text = participation.consent(name)
    _, middle, _ = st.columns([1, 3, 1])
    with middle:
        st.title("Which pictures look alike?")
        st.markdown(
            "You will see one picture and several below it. Choose the one that looks most like "
            "it: click it or press its number. There is no right or wrong and no hurry; you can "
            "pause at any time and continue later with the same address."
        )
        if text:
            st.text(text, width="stretch")
        label = "I agree, start" if text else "Start"
        if st.button(label, type="primary", icon=":material/play_arrow:", key="sitting_begin"):
            st.query_params["participant"] = participation.join(
                name, st.query_params.get(PROLIFIC, "")[:1000]
            )
            st.rerun()


def _question(name: str, code: str, screen: Screen) -> None:
    _progress(screen)

    def record_choice() -> None:
        _record(name, code, screen, st.session_state["sitting_choice"].get("chosen"))

    component = components.FORCED_CHOICE.mount(
        data={
            "number": screen.number,
            "ask": ASK,
            "say": f"Question {screen.done + 1} of {screen.total}.",
            "query": thumbnails.large(screen.query),
            "choices": [thumbnails.large(key) for key in screen.choices],
        },
        key="sitting_choice",
        on_chosen_change=record_choice,
    )
    # After a restart of the server the first choice arrives before the callback is registered.
    if _record(name, code, screen, component.get("chosen")):
        st.rerun()
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button(
            "Pause",
            icon=":material/pause:",
            key="sitting_pause",
            shortcut="p",
            on_click=_pause,
            args=(code,),
        )


def _record(name: str, code: str, screen: Screen, value: object) -> bool:
    """Store a choice on this screen; ignore what the page itself would not send."""
    if not isinstance(value, dict) or value.get("number") != screen.number:
        return False
    place, seconds = value.get("place"), value.get("seconds")
    if not isinstance(place, int) or not isinstance(seconds, int | float):
        return False
    try:
        # A tab that was left open for days still gives an answer.
        shortened = min(float(seconds), participation.MAX_SECONDS)
        recorded = participation.answer(name, code, screen.number, place=place, seconds=shortened)
    except SimError as error:
        actions.show_error_later(str(error))
        return False
    if recorded.next is not None:
        st.session_state[NEXT] = recorded.next
    return recorded.new


def _pause(code: str) -> None:
    st.session_state["_paused"] = code


def _resume() -> None:
    st.session_state.pop("_paused", None)


def _progress(screen: Screen) -> None:
    st.progress(
        screen.done / screen.total, text=f"Question {screen.done + 1:,} of {screen.total:,}"
    )


def _paused(screen: Screen) -> None:
    _progress(screen)
    st.header("Paused", anchor=False)
    st.markdown(
        "Your answers are saved. Continue now, or save the address of this page and open it later."
    )
    st.button(
        "Continue",
        type="primary",
        icon=":material/play_arrow:",
        key="sitting_go_on",
        shortcut="g",
        on_click=_resume,
    )


def _thanks(name: str) -> None:
    st.header("Thank you", anchor=False)
    st.markdown("That was the last question. Your answers are saved; you can close this page.")
    if kiosk.enabled():
        st.button(
            "Next participant",
            type="primary",
            icon=":material/person_add:",
            key="sitting_again",
            on_click=_next_participant,
        )


def _next_participant() -> None:
    st.query_params["participant"] = NEW
