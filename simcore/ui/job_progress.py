"""Background jobs on a page: show their progress, stop them, say how they ended.

Jobs are the host's: in workshop mode a page sees none, and offers no button that starts one.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import streamlit as st

from simcore.lab import jobs
from simcore.lab.library import models
from simcore.types import Monitor, Progress, QueryParams
from simcore.ui import actions, commands, kiosk, remedies, uploads
from simcore.ui.actions import OWN_JOB
from simcore.ui.widgets import escape_markdown


@dataclass(frozen=True)
class Place:
    """Where a job shows its progress.

    Attributes:
        label: what the job does, in a word or two.
        argument: what the word after the command is called in the page's address, if it is there.
    """

    page: str
    label: str
    argument: str = ""


# First words of a job's command -> its place; the longest match counts.
PLACES = {
    ("demo",): Place("pages/explore.py", "Demo"),
    ("collections", "add"): Place("pages/collections.py", "Adding a collection"),
    ("extract",): Place("pages/collections.py", "Extraction"),
    ("index",): Place("pages/collections.py", "Index"),
    ("search",): Place("pages/explore.py", "Search", "collection"),
    ("models", "fetch"): Place("pages/models.py", "Fetching weights"),
    ("map",): Place("pages/map.py", "Map", "collection"),
    ("pair",): Place("pages/compare.py", "Similarities"),
    ("learn",): Place("pages/learn.py", "Training"),
    ("learn", "adaptation"): Place("pages/learn.py", "Training", "collection"),
    ("judgements",): Place("pages/judgements.py", "Judgements"),
    ("evaluate", "triplets"): Place("pages/judgements.py", "Scoring", "judgements"),
    ("evaluate", "duplicates"): Place("pages/duplicates.py", "Near-duplicates", "collection"),
    ("evaluate", "invariance"): Place("pages/invariance.py", "Invariance", "collection"),
    ("evaluate",): Place("pages/evaluate.py", "Evaluation"),
    ("leaderboard",): Place("pages/leaderboard.py", "Leaderboard", "collection"),
    ("reproduce",): Place("pages/reproduce.py", "Report", "paper"),
    ("claims",): Place("pages/claims.py", "Claims", "collection"),
    ("experiments",): Place("pages/experiments.py", "Experiment"),
}
OTHER = Place("pages/explore.py", "Job")
# Options that are called the same in addresses.
OPTIONS = ("models", "metric", "subset", "post", "missing", "method", "by", "within", "across")
BELOW_HEADER = """<style>
.st-key-jobs_chip { position: fixed; top: 0.45rem; right: 3.75rem; width: auto; z-index: 999991; }
</style>"""


def running(*command: str) -> jobs.Job | None:
    """The newest running job whose command line begins with `command`."""
    if kiosk.enabled():
        return None
    return next((job for job in jobs.running() if job.args[: len(command)] == command), None)


def start(args: Sequence[str]) -> None:
    """Start a job and remember it, so that the page shows how it ended; for buttons."""
    actions.start_job(args)


def show(*command: str, ready: Callable[[], Hashable] | None = None) -> bool:
    """Show the running job whose command line begins with `command`, or how our last one ended.

    Args:
        ready: what the job has finished so far; the page is drawn again when this changes.

    Returns:
        Whether a job is running.
    """
    if kiosk.enabled():
        return False
    job = running(*command)
    if job:
        st.session_state[OWN_JOB] = job.id
        _watch(job.id, ready, ready() if ready else None)
        return True
    last = _own_job()
    if last and last.args[: len(command)] == command:
        _show_end(last)
    return False


def offer(args: Sequence[str], reason: str, *, key: str, label: str = "Compute") -> None:
    """What takes too long to wait for: why it is missing, and its job's button or progress.

    Args:
        args: of the job's command line.
        reason: a sentence, Markdown.
    """
    if kiosk.enabled():
        st.info(reason)
        return
    with st.container(border=True):
        st.markdown(reason, help="A job continues if you close this tab; its result is kept.")
        if not show(*args):
            st.button(
                label,
                icon=":material/play_arrow:",
                type="primary",
                key=key,
                on_click=start,
                args=(args,),
            )


def chip() -> None:
    """Draw the running jobs into the header, and a job of this visitor that did not end well."""
    if kiosk.enabled() or "participant" in st.query_params:
        return
    active, last = jobs.running(), _own_job()
    failed = last if last and last.state in ("failed", "incomplete") else None
    if not active and failed is None:
        return
    st.html(BELOW_HEADER)
    with st.container(key="jobs_chip"):
        if active:
            _chip(tuple(job.id for job in active))
        elif failed is not None:
            place = place_of(failed)
            with st.popover(f"{place.label} failed", icon=":material/error:"):
                st.markdown(escape_markdown(_summary(failed)))
                _link(failed, "Open its page")
                _dismiss(failed.id, "chip")


@st.fragment(run_every="2s")
def _chip(ids: tuple[str, ...]) -> None:
    active = jobs.running()
    if tuple(job.id for job in active) != ids:
        st.rerun()
    shares = [share(job.progress) for job in active]
    label = f"{len(active)} jobs" if len(active) > 1 else place_of(active[0]).label
    with st.popover(
        f"{label} {sum(shares) / len(shares):.0%}", icon=":material/progress_activity:"
    ):
        for job in active:
            st.progress(share(job.progress), text=escape_markdown(describe(job)))
            with st.container(horizontal=True, vertical_alignment="center"):
                _link(job, place_of(job).label)
                _stop_button(job, "chip")


def place_of(job: jobs.Job) -> Place:
    """Where a job shows its progress."""
    words = _command(job)
    return PLACES[words] if words else OTHER


def _command(job: jobs.Job) -> tuple[str, ...]:
    """The first words of a job, as `PLACES` has them."""
    return max((words for words in PLACES if job.args[: len(words)] == words), key=len, default=())


def view_of(job: jobs.Job) -> QueryParams:
    """The parameters of the address at which a page shows what a job computes.

    >>> view_of(jobs.Job("x", ("map", "cats", "--method", "umap", "--morph"), "done", None, "", 0))
    {'collection': 'cats', 'method': 'umap', 'view': 'morph'}
    """
    place, rest = place_of(job), job.args[len(_command(job)) :]
    if not place.argument or not rest:
        return {}
    view = {} if rest[0].startswith("--") else {place.argument: rest[0]}
    for option, value in pairwise(rest):
        if option.startswith("--") and option[2:] in OPTIONS:
            view[option[2:]] = value
    return view | ({"view": "morph"} if "--morph" in rest else {})


def _link(job: jobs.Job, label: str) -> None:
    """A link to the page of a job, with the view that it computes."""
    st.page_link(
        place_of(job).page,
        label=label,
        icon=":material/arrow_forward:",
        query_params=view_of(job) or None,
    )


def _own_job() -> jobs.Job | None:
    name = st.session_state.get(OWN_JOB)
    return next((job for job in jobs.jobs() if job.id == name), None) if name else None


def _summary(job: jobs.Job) -> str:
    """Why a job failed, without terminal text."""
    if job.missing:
        return " ".join(
            f"{name} is missing: {remedies.split(reason)[0]}"
            for name, reason in job.missing.items()
        )
    return remedies.split(job.message)[0] or "The job failed."


def _show_end(job: jobs.Job) -> None:
    if job.state == "incomplete":
        _show_missing(job)
    elif job.state == "failed":
        text, offered = remedies.split(job.message or "The job failed.")
        st.error(escape_markdown(text), icon=":material/error:")
        with st.container(horizontal=True):
            remedies.show(offered, key=f"job_{job.id}")
            _dismiss(job.id, "page")
        with st.expander("End of the log"):
            st.code(job.log_tail, language=None)
    elif job.state == "stopped":
        st.info("Stopped. Finished work is saved; start again to resume.")
    else:
        st.toast("Done.", icon=":material/check_circle:")
        del st.session_state[OWN_JOB]


def _show_missing(job: jobs.Job) -> None:
    """What a job could not make, why, and a button that leads on; nothing once it is there."""
    known = set(models.all_names())
    names = [name for name in job.missing if name in known]
    missing_weights = [row.name for row in models.listing(names) if not row.ready] if names else []
    if names and not missing_weights and len(names) == len(job.missing):
        del st.session_state[OWN_JOB]  # the weights have come since
        return
    lines, offered = [], []
    for name, reason in job.missing.items():
        text, more = remedies.split(reason)
        lines.append(f"**{escape_markdown(name)}** is missing. {escape_markdown(text)}")
        offered += more
    st.error("  \n".join(lines), icon=":material/error:")
    if missing_weights:
        offered = [remedies.MODELS_PAGE, *offered]
    with st.container(horizontal=True):
        remedies.show(list(dict.fromkeys(offered)), key=f"job_{job.id}", models=missing_weights)
        _dismiss(job.id, "page")


def _dismiss(job_id: str, place: str) -> None:
    st.button(
        "Dismiss",
        icon=":material/close:",
        key=f"dismiss_{place}_{job_id}",
        on_click=st.session_state.pop,
        args=(OWN_JOB, None),
    )


@st.fragment(run_every="1s")
def _watch(job_id: str, ready: Callable[[], Hashable] | None, before: Hashable) -> None:
    job = next((job for job in jobs.running() if job.id == job_id), None)
    if job is None or (ready is not None and ready() != before):
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share(job.progress), text=escape_markdown(describe(job)))
        _stop_button(job, "page")
    st.caption("The job continues if you close this tab.", help=commands.inline(job.title))


def _stop_button(job: jobs.Job, place: str) -> None:
    st.button(
        "Stop",
        icon=":material/stop_circle:",
        on_click=actions.run_action,
        args=(jobs.stop, job.id),
        key=f"stop_{job.id}" if place == "page" else f"stop_{place}_{job.id}",
        disabled=job.is_stopping,
        help="Finished work is saved.",
    )


@contextmanager
def progress_bar(text: str) -> Iterator[Monitor]:
    """A bar for work that runs while the page waits, and stops when its visitor leaves."""
    bar = st.progress(0.0, text=text)

    def update(progress: Progress) -> None:
        bar.progress(progress.share, text=escape_markdown(_text(progress, progress.seconds_left)))

    try:
        yield Monitor(update, uploads.visitor_left)
    finally:
        bar.empty()


def share(progress: Progress | None) -> float:
    """The finished share, 0 to 1."""
    return progress.share if progress is not None else 0.0


def describe(job: jobs.Job) -> str:
    """What a running job does, how far it is, and how long it still takes."""
    if job.is_stopping:
        return "Stopping..."
    if job.progress is None:
        return f"Starting, {max(0.0, time.time() - job.started):.0f} s"
    return _text(job.progress, job.seconds_left)


def _text(progress: Progress, left: float | None) -> str:
    """A stage, its counts and the time left.

    >>> _text(Progress("hog", 200, 1000, 40.0), 20)
    'hog: 200 of 1,000, about 20 s left'
    """
    text = progress.stage
    if progress.total:
        text += f": {progress.done:,} of {progress.total:,}"
    if left is None:
        return text
    wait = f"{max(1, round(left))} s" if left < 90 else f"{left / 60:.0f} min"
    return f"{text}, about {wait} left"
