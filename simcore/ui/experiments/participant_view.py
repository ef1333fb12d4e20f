"""What a participant sees: consent, one question after another, the end."""

import streamlit as st

from simcore.errors import SimError
from simcore.lab.people import participation, tasks
from simcore.lab.people.participation import Screen
from simcore.types import JSON
from simcore.ui import actions, components, kiosk, thumbnails, widgets
from simcore.ui.components import Component

ASK = {  # task -> the question on the screen
    "mafc": "Which of these looks most like the picture above?",
    "two-afc": "Which of the two looks more like the framed picture?",
    "rank-8-2": "Which two look most like the framed picture? Choose the best one first.",
    "odd-one-out": "Which of the three is the odd one out?",
    "same-different": "Are the two pictures the same or different?",
}
HOW = {  # task -> what a participant reads first
    "mafc": "You will see one picture and several below it. Choose the one that looks most like "
    "it: click it or press its number.",
    "two-afc": "You will see a framed picture and two others beside it. Choose the one that looks "
    "more like it: click it, or press the left or right arrow.",
    "rank-8-2": "You will see a framed picture with eight around it. Choose the one that looks "
    "most like it, then the second best, then press Submit. A click on a chosen picture takes it "
    "back; the keys 1 to 8, Backspace and Enter do the same.",
    "odd-one-out": "You will see three pictures. Choose the one that is least like the other two: "
    "click it or press its number.",
    "same-different": "You will see two pictures. Say whether they are the same or different: "
    "click, or press S or D.",
}
BRIEFLY = (
    "The pictures appear only briefly{in_turn}: look at the cross that comes before them, and "
    "answer as soon as you know."
)
LAYOUTS = {"two-afc": "between", "rank-8-2": "ring", "odd-one-out": "row"}
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
            _thanks()
        elif st.session_state.get("_paused") == code:
            _paused(screen)
        else:
            _question(name, code, screen)


def _welcome(name: str) -> None:
    introduction = participation.introduction(name)
    text = introduction.consent
    _, middle, _ = st.columns([1, 3, 1])
    with middle:
        st.title("Which pictures look alike?")
        in_turn = ", one after the other" if introduction.task == tasks.SAME_DIFFERENT.name else ""
        briefly = f" {BRIEFLY.format(in_turn=in_turn)}" if introduction.exposure else ""
        you = "You" if introduction.exposure else "There is no hurry; you"
        st.markdown(
            f"{HOW[introduction.task]}{briefly} There is no right or wrong. {you} can pause at any "
            "time and continue later with the same address."
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
        record_answer(name, code, screen, st.session_state["sitting_choice"].get("chosen"))

    component = _component(screen).mount(
        data=_component_data(screen), key="sitting_choice", on_chosen_change=record_choice
    )
    # After a restart of the server the first choice arrives before the callback is registered.
    if record_answer(name, code, screen, component.get("chosen")):
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


def _component(screen: Screen) -> Component:
    compares = screen.task == tasks.SAME_DIFFERENT.name
    return components.SAME_DIFFERENT if compares else components.FORCED_CHOICE


def _component_data(screen: Screen) -> JSON:
    """What the browser draws; see `components/forced_choice.js` and `same_different.js`."""
    data: JSON = {
        "number": screen.number,
        "ask": ASK[screen.task],
        "say": f"Question {screen.done + 1} of {screen.total}.",
        "exposure": screen.exposure,
        "upcoming": [thumbnails.large(key) for key in screen.upcoming] if thumbnails.served else [],
    }
    if screen.task == tasks.SAME_DIFFERENT.name:
        return data | {
            "first": thumbnails.large(screen.query),
            "second": thumbnails.large(screen.choices[0]),
            "gap": screen.gap,
            "labels": ["Same", "Different"],
            "keys": ["S", "D"],
        }
    return data | {
        "query": thumbnails.large(screen.query) if screen.query else "",
        "choices": [thumbnails.large(key) for key in screen.choices],
        "layout": LAYOUTS.get(screen.task, "below"),
        "picks": screen.picks,
    }


def record_answer(name: str, code: str, screen: Screen, value: object) -> bool:
    """Store a choice on this screen; ignore what the page itself would not send."""
    if not isinstance(value, dict) or value.get("number") != screen.number:
        return False
    place, second_place = value.get("place"), value.get("second_place")
    seconds, exposed = value.get("seconds"), value.get("exposed", 0)
    if not isinstance(place, int) or not isinstance(second_place, int | None):
        return False
    if not isinstance(seconds, int | float) or not isinstance(exposed, int | float):
        return False
    try:
        # A tab that was left open for days still gives an answer.
        recorded = participation.answer(
            name,
            code,
            screen.number,
            place=place,
            seconds=min(float(seconds), participation.MAX_SECONDS),
            second_place=second_place,
            exposed=min(float(exposed), 1000 * participation.MAX_SECONDS),
        )
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


def _thanks() -> None:
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
