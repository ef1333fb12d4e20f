"""Background jobs on a page: start one, show its progress, stop it.

Jobs are the host's: in workshop mode a page sees none, and offers no button that starts one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from simcore.lab import jobs
from simcore.types import Monitor, Progress
from simcore.ui import kiosk, uploads, widgets
from simcore.ui.widgets import escape_markdown


def running(*command: str) -> jobs.Job | None:
    """The newest running job whose command line begins with `command`."""
    if kiosk.enabled():
        return None
    return next(
        (j for j in jobs.jobs() if j.state == "running" and j.args[: len(command)] == command), None
    )


def start(args: Sequence[str]) -> None:
    """Start a job and remember it, so that the page shows how it ended; for buttons."""
    widgets.run_action(_start, args)


def _start(args: Sequence[str]) -> None:
    st.session_state["_job"] = jobs.start(list(args)).id


def show(*command: str) -> bool:
    """Show the running job whose command line begins with `command`, or how our last one ended.

    Returns:
        Whether a job is running.
    """
    if kiosk.enabled():
        return False
    job = running(*command)
    if job:
        st.session_state["_job"] = job.id
        _watch(job.id)
        return True
    last = next((j for j in jobs.jobs() if j.id == st.session_state.get("_job")), None)
    if last and last.args[: len(command)] == command:
        _show_end(last)
    return False


def _show_end(job: jobs.Job) -> None:
    if job.state == "failed":
        lines = job.log_tail.strip().splitlines()
        message = lines[-1] if lines else "The job failed."
        st.error(escape_markdown(message), icon=":material/error:")
        with st.expander("End of the log"):
            st.code(job.log_tail, language=None)
    elif job.state == "stopped":
        st.info("Stopped. Finished work is saved; start again to resume.")
    else:
        st.toast("Done.", icon=":material/check_circle:")
        del st.session_state["_job"]


@st.fragment(run_every="1s")
def _watch(job_id: str) -> None:
    job = next((j for j in jobs.jobs() if j.id == job_id), None)
    if job is None or job.state != "running":
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share(job.progress), text=escape_markdown(describe(job.progress)))
        st.button(
            "Stop",
            icon=":material/stop_circle:",
            on_click=widgets.run_action,
            args=(jobs.stop, job_id),
            key=f"stop_{job_id}",
            help="Finished work is saved.",
        )
    st.caption(f"The job continues if you close this tab. Command line: `{job.title}`")


@contextmanager
def progress_bar(text: str) -> Iterator[Monitor]:
    """A bar for work that runs while the page waits, and stops when its visitor leaves."""
    bar = st.progress(0.0, text=text)

    def update(progress: Progress) -> None:
        bar.progress(share(progress), text=escape_markdown(describe(progress)))

    try:
        yield Monitor(update, uploads.visitor_left)
    finally:
        bar.empty()


def share(progress: Progress | None) -> float:
    """The finished share, 0 to 1."""
    if progress is None or progress.total <= 0:
        return 0.0
    return min(1.0, max(0.0, progress.done / progress.total))


def describe(progress: Progress | None) -> str:
    """How far a job is, how fast, and how long it still takes.

    >>> describe(Progress("hog", 200, 1000, 40.0))
    'hog: 200 of 1,000, 40 per second, 20 s left'
    """
    if progress is None:
        return "Starting"
    text = f"{progress.stage}: {progress.done:,} of {progress.total:,}"
    left = progress.seconds_left
    if left is None:
        return text
    wait = f"{left:.0f} s" if left < 90 else f"{left / 60:.0f} min"
    return f"{text}, {progress.rate:.3g} per second, {wait} left"
