"""The projector's wall of a duel, and the host's controls below it."""

import streamlit as st

from simcore.errors import NotPermittedError
from simcore.lab.people import duel_scores, duels
from simcore.lab.people.duels import Group
from simcore.ui import actions, kiosk, widgets
from simcore.ui.duel import join_address, score_bars

VIEW = "wall"  # of the page, in its address
# A wall has no headings of the app above it.
SPACE = "<style>[data-testid=stMainBlockContainer] { padding-top: 4.4rem; }</style>"
HOST = "duel_host"  # session key: duel -> the key of its host


def show(name: str) -> None:
    """Draw the wall of a duel's newest group, which follows every answer."""
    score_bars.style()
    st.html(SPACE)
    with widgets.show_errors():
        group = duels.current(name)
        host = _host_key(group.duel)
        _live(group.duel, (group.experiment, group.state))
        if host:
            _controls(group, host)


def _host_key(duel: str) -> str:
    """The host's key, if this visitor has it; it leaves the address, which everybody can see."""
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
        st.html(score_bars.wall(live, join_address.join_address(duel)))


# State of the group -> the button that ends it: its label, icon, and what it does.
NEXT_STEP = {
    "waiting": ("Start", ":material/play_arrow:", duels.start),
    "running": ("End", ":material/stop:", duels.end),
    "ended": ("Next group", ":material/group_add:", duels.next_group),
}


def _controls(group: Group, host: str) -> None:
    label, icon, action = NEXT_STEP[group.state]
    with st.container(horizontal=True, vertical_alignment="center", key="duel_controls"):
        st.button(
            label,
            type="primary",
            icon=icon,
            key=f"duel_leave_{group.state}",
            on_click=actions.run_action,
            args=(action, group.duel, host),
        )
        st.page_link(
            f"pages/{duels.PAGE}.py", label="Leave the wall", icon=":material/close_fullscreen:"
        )
