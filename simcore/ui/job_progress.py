"""Background jobs on a page: start one, show its progress, stop it."""

from collections.abc import Sequence

import streamlit as st

from simcore.errors import SimError
from simcore.lab import jobs
from simcore.types import Progress
from simcore.ui import kiosk
from simcore.ui.widgets import escape_markdown, run_action


def running(*start: str) -> jobs.Job | None:
    """The newest running job whose command begins with `start`."""
    return next(
        (j for j in jobs.jobs() if j.state == "running" and j.args[: len(start)] == start), None
    )


def start(args: Sequence[str]) -> None:
    """For buttons: begin a job and remember it, so that its end is told."""
    if kiosk.enabled():
        st.session_state["_said"] = (
            "found a request to change the collections or their features; workshop mode only looks"
        )
        return
    try:
        st.session_state["_job"] = jobs.start(list(args)).id
    except SimError as error:
        st.session_state["_said"] = str(error)


def show(*start: str) -> bool:
    """Show the running job whose command begins with `start`, or tell how ours ended.

    Returns:
        Whether one is running.
    """
    mine = st.session_state.get("_job")
    found = running(*start)
    if found:
        st.session_state["_job"] = found.id
        _watch(found.id)
        return True
    if mine:
        ended = next((j for j in jobs.jobs() if j.id == mine), None)
        if ended and ended.args[: len(start)] == start:
            _ended(ended)
    return False


def _ended(ended: jobs.Job) -> None:
    if ended.state == "failed":
        last = ended.log_tail.strip().splitlines()
        st.error(escape_markdown(last[-1] if last else "The job failed."), icon=":material/error:")
        with st.expander("Its last lines"):
            st.code(ended.log_tail, language=None)
    elif ended.state == "stopped":
        st.info("Stopped. What was finished is kept; starting again goes on from there.")
    else:
        st.toast("Done.", icon=":material/check_circle:")
        del st.session_state["_job"]


@st.fragment(run_every="1s")
def _watch(name: str) -> None:
    found = next((j for j in jobs.jobs() if j.id == name), None)
    if found is None or found.state != "running":
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share(found.progress), text=escape_markdown(words(found.progress)))
        st.button(
            "Stop",
            icon=":material/stop_circle:",
            on_click=run_action,
            args=(jobs.stop, name),
            key=f"stop_{name}",
            help="What is finished is kept.",
        )
    st.caption(f"It goes on if you close this tab. The same by hand: `{found.title}`")


def share(progress: Progress | None) -> float:
    """How much is done, 0 to 1."""
    if progress is None or progress.total <= 0:
        return 0.0
    return min(1.0, max(0.0, progress.done / progress.total))


def words(progress: Progress | None) -> str:
    """How far a job is, how fast, and how long it still takes.

    >>> words(Progress("hog", 200, 1000, 40.0))
    'hog: 200 of 1,000, 40 a second, 20 s left'
    """
    if progress is None:
        return "Starting"
    text = f"{progress.stage}: {progress.done:,} of {progress.total:,}"
    left = progress.seconds_left
    if left is None:
        return text
    wait = f"{left:.0f} s" if left < 90 else f"{left / 60:.0f} min"
    return f"{text}, {progress.rate:.3g} a second, {wait} left"
