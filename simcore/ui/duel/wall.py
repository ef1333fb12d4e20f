"""The projector's wall of a duel, and the host's controls below it."""

import streamlit as st

from simcore.errors import NotPermittedError
from simcore.lab.people import duel_scores, duels
from simcore.lab.people.duels import Room
from simcore.ui import actions, kiosk, widgets
from simcore.ui.duel import board, join_address

VIEW = "wall"  # of the page, in its address
# A wall has no headings of the app above it.
SPACE = "<style>[data-testid=stMainBlockContainer] { padding-top: 4.4rem; }</style>"
HOST = "duel_host"  # session key: duel -> the key of its host


def show(name: str) -> None:
    """Draw the wall of a duel's newest room, which follows every answer."""
    board.style()
    st.html(SPACE)
    with widgets.show_errors():
        room = duels.current(name)
        host = _host_key(room.duel)
        _live(room.duel, (room.experiment, room.state))
        if host:
            _controls(room, host)


def _host_key(duel: str) -> str:
    """The host's key, if this visitor has it; it leaves the address, which the room may see."""
    keys: dict[str, str] = st.session_state.setdefault(HOST, {})
    if host := st.query_params.get("host", "")[:64]:
        del st.query_params["host"]
        if not duels.is_host(duel, host):
            raise NotPermittedError("The host's key in this address is not that of this duel.")
        keys[duel] = host
    if not kiosk.enabled():
        return duels.host_key(duel)
    return keys.get(duel, "")


@st.fragment(run_every="1s")
def _live(duel: str, before: tuple[str, str]) -> None:
    with widgets.show_errors():
        live = duel_scores.live(duel)
        if (live.experiment, live.state) != before:
            st.rerun()  # other controls
        st.html(board.wall(live, join_address.join_address(duel)))


# State of the room -> the button that ends it: its label, icon, and what it does.
NEXT_STEP = {
    "waiting": ("Start", ":material/play_arrow:", duels.start),
    "running": ("End", ":material/stop:", duels.end),
    "ended": ("Next room", ":material/group_add:", duels.next_room),
}


def _controls(room: Room, host: str) -> None:
    label, icon, action = NEXT_STEP[room.state]
    with st.container(horizontal=True, vertical_alignment="center", key="duel_controls"):
        st.button(
            label,
            type="primary",
            icon=icon,
            key=f"duel_leave_{room.state}",
            on_click=actions.run_action,
            args=(action, room.duel, host),
        )
        st.page_link(
            f"pages/{duels.PAGE}.py", label="Leave the wall", icon=":material/close_fullscreen:"
        )
