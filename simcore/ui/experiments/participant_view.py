"""What a participant of an experiment sees: consent, one question after the other, the end."""

import streamlit as st

from simcore.errors import SimError
from simcore.lab.people import participation
from simcore.lab.people.participation import Screen
from simcore.ui import components, kiosk, thumbnails, widgets

ASK = "Which of these looks most like the picture above?"
NEW = "new"  # in the address, in place of a participant's code


def show(name: str, code: str) -> None:
    """Draw the page for whoever follows an invitation or goes on with their own address."""
    with widgets.show_errors():
        if code == NEW:
            _welcome(name)
            return
        screen = participation.screen(name, code)
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
            "You will see one picture, and several below it. Choose the one that looks most like "
            "it: click it, or press its number. There is no right or wrong taste, and no hurry; "
            "you can pause at any time and go on later with the same address."
        )
        if text:
            st.text(text, width="stretch")
        label = "I agree and begin" if text else "Begin"
        if st.button(label, type="primary", icon=":material/play_arrow:", key="sitting_begin"):
            st.query_params["participant"] = participation.join(name)
            st.rerun()


def _question(name: str, code: str, screen: Screen) -> None:
    _progress(screen)

    def chosen() -> None:
        _keep(name, code, screen, st.session_state["sitting_choice"].get("chosen"))

    shown = components.FORCED_CHOICE.mount(
        data={
            "number": screen.number,
            "ask": ASK,
            "say": f"Question {screen.done + 1} of {screen.total}.",
            "query": thumbnails.large(screen.query),
            "choices": [thumbnails.large(key) for key in screen.choices],
        },
        key="sitting_choice",
        on_chosen_change=chosen,
    )
    # Where the server was restarted, the first choice comes before this session knows `chosen`.
    if _keep(name, code, screen, shown.get("chosen")):
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


def _keep(name: str, code: str, screen: Screen, value: object) -> bool:
    """Keep a choice that belongs to this screen; what our own page would not send is no choice."""
    if not isinstance(value, dict) or value.get("number") != screen.number:
        return False
    place, seconds = value.get("place"), value.get("seconds")
    if not isinstance(place, int) or not isinstance(seconds, int | float):
        return False
    try:
        # A tab that was left open for days is still an answer.
        taken = min(float(seconds), participation.MOST_SECONDS)
        return participation.answer(name, code, screen.number, place=place, seconds=taken)
    except SimError as error:
        widgets.show_error_later(str(error))
        return False


def _pause(code: str) -> None:
    st.session_state["_paused"] = code


def _go_on() -> None:
    st.session_state.pop("_paused", None)


def _progress(screen: Screen) -> None:
    st.progress(
        screen.done / screen.total, text=f"Question {screen.done + 1:,} of {screen.total:,}"
    )


def _paused(screen: Screen) -> None:
    _progress(screen)
    st.header("Paused", anchor=False)
    st.markdown(
        "Everything you answered is kept. Go on now, or keep the address of this page and open it "
        "again whenever you like."
    )
    st.button(
        "Go on",
        type="primary",
        icon=":material/play_arrow:",
        key="sitting_go_on",
        shortcut="g",
        on_click=_go_on,
    )


def _thanks(name: str) -> None:
    st.header("Thank you", anchor=False)
    st.markdown("That was the last question. All your answers are kept; you can close this page.")
    if kiosk.enabled():
        st.button(
            "Next participant",
            type="primary",
            icon=":material/person_add:",
            key="sitting_again",
            on_click=_again,
        )


def _again() -> None:
    st.query_params["participant"] = NEW
