"""Sets of judgements: the first one, adding one, computing what is missing, what a set holds."""

import streamlit as st

from simcore.errors import BadDataError, SimError
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.ui import actions, commands, job_progress, kiosk, widgets
from simcore.ui.judgements.judgement_sidebar import PAGE
from simcore.ui.widgets import escape_markdown

RANKING_KINDS = ("hsj", "birds-16", "psiz")  # with catch trials and further images


def welcome() -> None:
    """Draw the page before there is any set."""
    if kiosk.enabled():
        st.info("There are no judgements here.")
        return
    st.markdown(
        "There are no judgements yet. One set needs no download: distorted photographs, with the "
        "**known order** of their distortions as answers.",
        help="Each patch is distorted twice by known amounts, and the weaker distortion counts as "
        "nearer. These are not human votes, but they show at once which similarity is sensitive to "
        "which kind of change.",
    )
    if job_progress.show("evaluate", "triplets") or job_progress.show("judgements", "add"):
        return
    st.button(
        "Make it and score all backbones",
        type="primary",
        icon=":material/auto_awesome:",
        key=f"{PAGE}_make",
        on_click=job_progress.start,
        args=(["evaluate", "triplets", sets.KNOWN],),
    )
    st.caption("The same in a terminal:")
    commands.show(["evaluate", "triplets", sets.KNOWN])
    with st.expander("Add human judgements", icon=":material/add:"):
        add_form()


def add_form() -> None:
    """Draw the form that adds a set.

    Raises:
        SimError: the job cannot be started.
    """
    kinds = [kind for kind in sets.KINDS if kind != sets.KNOWN]
    with st.form(f"{PAGE}_form", border=False, enter_to_submit=False):
        kind = st.radio(
            "Kind", kinds, captions=[sets.KINDS[k] for k in kinds], key=f"{PAGE}_add_kind"
        )
        name = st.text_input(
            "Name",
            max_chars=64,
            key=f"{PAGE}_add_name",
            placeholder="bapps",
            help="Lowercase letters, digits, dots, dashes and underscores.",
        )
        path = st.text_input(
            "Path", key=f"{PAGE}_add_path", placeholder="/data/bapps", max_chars=4096
        )
        images = st.text_input(
            "Folder of images",
            key=f"{PAGE}_add_images",
            max_chars=4096,
            help=f"Only for kinds whose files hold no images: {', '.join(sets.NEED_IMAGES)}.",
        )
        size = st.number_input(
            "Trials per group",
            0,
            None,
            0,
            step=100,
            key=f"{PAGE}_add_size",
            help="At most this many, drawn at random; 0 keeps all. margaritescu2024 takes 1,000 "
            "per set.",
        )
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, 0, key=f"{PAGE}_add_seed", help="Seed of all random draws."
        )
        min_catch = st.number_input(
            "Lowest catch-trial grade, %",
            0,
            100,
            100,
            key=f"{PAGE}_add_min_catch",
            help="Of people's sessions, for hsj, birds-16 and psiz; margaritescu2024 asks for 100.",
        )
        keep = st.checkbox(
            "Keep the further images of each trial",
            key=f"{PAGE}_add_keep",
            help="For hsj, birds-16 and psiz: quadruplets take their second negatives from them.",
        )
        if st.form_submit_button("Add", type="primary", icon=":material/add:"):
            if not path.strip() or not name.strip():
                raise BadDataError("Path and name are needed. Fill both in.")
            args = ["judgements", "add", "--name", name.strip()]
            args += ["--images", images.strip()] if images.strip() else []
            args += ["--size", str(int(size))] if size else []
            args += ["--seed", str(int(seed))] if seed else []
            if kind in RANKING_KINDS:
                args += ["--min-catch", str(int(min_catch))] if min_catch < 100 else []
                args += ["--keep-alternatives"] if keep else []
            job_progress.start([*args, "--", kind, path.strip()])
            st.rerun()


def ready_models(question: JudgementQuestion) -> list[str]:
    """The models that are ready, in the order asked for; a button computes the others."""
    judged = question.open()
    ready: list[str] = []
    missing: list[str] = []
    for name in question.models:
        try:
            (ready if pair_similarities.ready(judged, name) else missing).append(name)
        except SimError as error:
            st.warning(escape_markdown(str(error)), icon=":material/error:")
    if missing and kiosk.enabled():
        st.info(f"Not computed here: {escape_markdown(', '.join(missing))}.")
    elif missing:
        with st.container(border=True):
            _missing(question.with_models(missing))
    else:
        job_progress.show("evaluate", "triplets", question.judgements)
    if not ready and not missing:
        st.info("Choose at least one similarity in the sidebar.")
    return ready


def _missing(question: JudgementQuestion) -> None:
    """Models that are not computed yet, and a button that computes them, or its progress."""
    if job_progress.show("evaluate", "triplets", question.judgements):
        return
    st.markdown(
        f"**{escape_markdown(', '.join(question.models))}** must be computed for "
        f"{escape_markdown(question.judgements)} first."
    )
    needed = JudgementQuestion(question.judgements, question.models, subset=question.subset)
    st.button(
        "Score now",
        type="primary",
        icon=":material/play_arrow:",
        key=f"{PAGE}_run",
        on_click=job_progress.start,
        args=(["evaluate", "triplets", *needed.to_args()],),
    )


def about(name: str) -> None:
    """Draw what a set holds and what was left out, its credits, and forms to add and remove."""
    summary = sets.summary(name)
    columns = st.columns(4)
    columns[0].metric("Trials", f"{summary.trials:,}")
    columns[1].metric("Images", f"{summary.images:,}")
    columns[2].metric("Answers", summary.votes, help="Human votes, or an order that is known.")
    columns[3].metric("Images left out", f"{len(summary.skipped):,}")
    for note in summary.notes:
        st.markdown(f"- {escape_markdown(note)}")
    st.dataframe(
        {"group": list(summary.groups), "trials": list(summary.groups.values())}, hide_index=True
    )
    if summary.skipped:
        with st.expander(f"{len(summary.skipped):,} images left out", icon=":material/report:"):
            st.dataframe(
                {
                    "image": [image.name for image in summary.skipped],
                    "reason": [image.reason for image in summary.skipped],
                },
                height=240,
            )
    st.caption(f"{escape_markdown(summary.kind)} from {escape_markdown(summary.source)}")
    widgets.credits(summary.credits)
    if kiosk.enabled():
        return
    with st.container(horizontal=True), st.popover("Remove", icon=":material/delete:"):
        st.markdown(f"Remove **{escape_markdown(name)}**? Your files and its features stay.")
        st.button(
            "Remove",
            key=f"{PAGE}_remove_{name}",
            type="primary",
            on_click=actions.run_action,
            args=(sets.remove, name),
        )
    if not job_progress.show("judgements", "add"):
        with st.expander("Add another set", icon=":material/add:", key=f"{PAGE}_add"):
            add_form()
