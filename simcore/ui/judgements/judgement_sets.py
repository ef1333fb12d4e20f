"""Judgements' beginnings: adding a set, making what is missing, and what a set is."""

import streamlit as st

from simcore.errors import BadDataError, SimError
from simcore.lab.judgements import pair_similarities, sets
from simcore.ui import job_progress, widgets
from simcore.ui.judgements.judgement_sidebar import JudgementQuestion
from simcore.ui.widgets import escape_markdown

APART = ("hsj", "birds-16", "things")  # kinds whose files hold no images


def welcome() -> None:
    """What a newcomer sees before there is any set."""
    st.markdown(
        "There are no judgements yet. One set needs no download: patches of photographs, each "
        "spoiled twice by a known amount. Its answers are that **known order**, nobody was asked; "
        "it shows at once which similarity sees which kind of change."
    )
    if job_progress.show("evaluate", "triplets") or job_progress.show("judgements", "add"):
        return
    st.button(
        "Make it and score all backbones",
        type="primary",
        icon=":material/auto_awesome:",
        key="judgements_make",
        on_click=job_progress.start,
        args=(["evaluate", "triplets", sets.KNOWN],),
    )
    st.caption("The same in a terminal:")
    st.code(f"simcore evaluate triplets {sets.KNOWN}", language="bash")
    with st.expander("Add people's judgements", icon=":material/add:"):
        form()


def form() -> None:
    """What to add.

    Raises:
        SimError: what was asked for cannot be added.
    """
    kinds = [kind for kind in sets.KINDS if kind != sets.KNOWN]
    with st.form("judgements_form", border=False, enter_to_submit=False):
        kind = st.radio("Kind", kinds, captions=[sets.KINDS[k] for k in kinds], key="judging_kind")
        name = st.text_input(
            "Name",
            max_chars=64,
            key="judging_name",
            placeholder="bapps",
            help="Lower-case letters, digits, dots and dashes.",
        )
        path = st.text_input("Path", key="judging_path", placeholder="/data/bapps", max_chars=4096)
        images = st.text_input(
            "Folder of the images",
            key="judging_images",
            max_chars=4096,
            help=f"Where they lie apart from the trials ({', '.join(APART)}).",
        )
        size = st.number_input(
            "At most so many trials a group, at random (0: all)",
            0,
            None,
            0,
            step=100,
            key="judging_size",
            help="margaritescu2024 takes 1,000 a set.",
        )
        if st.form_submit_button("Add", type="primary", icon=":material/add:"):
            if not path.strip() or not name.strip():
                raise BadDataError("found no path or no name; expected both; fill them in above")
            more = (["--images", images.strip()] if images.strip() else []) + (
                ["--size", str(int(size))] if size else []
            )
            job_progress.start(
                ["judgements", "add", "--name", name.strip(), *more, "--", kind, path.strip()]
            )
            st.rerun()


def missing(asked: JudgementQuestion) -> list[str]:
    """The similarities that are ready, in the order asked for; a button makes the others."""
    judged = asked.opened()
    ready: list[str] = []
    lacking: list[str] = []
    for name in asked.models:
        try:
            (ready if pair_similarities.ready(judged, name) else lacking).append(name)
        except SimError as error:
            st.warning(escape_markdown(str(error)), icon=":material/error:")
    if lacking:
        with st.container(border=True):
            if not job_progress.show("evaluate", "triplets", asked.name):
                they = "they get bars" if len(lacking) > 1 else "it gets bars"
                st.markdown(
                    f"No **{escape_markdown(', '.join(lacking))}** for all images of {escape_markdown(asked.name)} "
                    f"yet: {they} once every picture has been looked at."
                )
                st.button(
                    "Score now",
                    type="primary",
                    icon=":material/play_arrow:",
                    key="judgements_run",
                    on_click=job_progress.start,
                    args=(asked.make(lacking),),
                )
    else:
        job_progress.show("evaluate", "triplets", asked.name)
    if not ready and not lacking:
        st.info("Choose at least one similarity in the sidebar.")
    return ready


def about(name: str) -> None:
    """What a set holds, what was left out, whom to thank; another one added, this one removed."""
    told = sets.summary(name)
    columns = st.columns(4)
    columns[0].metric("Trials", f"{told['trials']:,}")
    columns[1].metric("Images", f"{told['images']:,}")
    columns[2].metric("Answers", told["votes"], help="Human votes, or an order that is known.")
    columns[3].metric("Images left out", f"{len(told['skipped']):,}")
    for note in told["notes"]:
        st.markdown(f"- {escape_markdown(note)}")
    st.dataframe(
        {"group": list(told["groups"]), "trials": list(told["groups"].values())}, hide_index=True
    )
    if told["skipped"]:
        with st.expander(f"{len(told['skipped']):,} images left out", icon=":material/report:"):
            st.dataframe(told["skipped"], height=240)
    st.caption(f"{escape_markdown(told['kind'])} from {escape_markdown(told['source'])}")
    widgets.credits(told["credits"])
    with st.container(horizontal=True), st.popover("Remove", icon=":material/delete:"):
        st.markdown(f"Forget **{escape_markdown(name)}**? Your files stay, and so do its features.")
        st.button(
            "Yes, forget it",
            key=f"judgements_remove_{name}",
            type="primary",
            on_click=widgets.run_action,
            args=(sets.remove, name),
        )
    if not job_progress.show("judgements", "add"):
        with st.expander("Add another set", icon=":material/add:", key="judging_add"):
            form()
