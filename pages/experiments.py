"""Experiments: create one, invite people, take part, analyze the answers."""

import streamlit as st

from simcore.lab.people import duels, experiments, tasks
from simcore.ui import actions, commands, kiosk, url_state, widgets
from simcore.ui.experiments import experiment_builder, experiment_results, participant_view
from simcore.ui.url_state import Field
from simcore.ui.widgets import escape_markdown

PARTS = {"results": "Results", "invite": "Invite", "new": "New", "import": "Import"}
CHANGING = {"new", "import"}


def show() -> None:
    """Draw the page, or, for a participant, the questions alone."""
    if code := st.query_params.get("participant", ""):
        name = st.query_params.get("experiment", "")[:64]
        if duels.is_duel(name):
            st.switch_page("pages/duel.py", query_params=st.query_params.to_dict())
        participant_view.show(name, code[:64])
        return
    st.title("Experiments")
    st.caption("Ask people which images look alike, with the tasks of the papers.")
    st.page_link("pages/duel.py", label="Beat the machine", icon=":material/swords:")
    with widgets.show_errors():
        rows = {row.name: row for row in experiments.listing()}
        name, part = _asked(list(rows))
        if part == "new":
            experiment_builder.form()
        elif part == "import":
            experiment_builder.imports()
        elif name:
            _about(rows[name])
            if part == "invite":
                _invite(name)
            else:
                experiment_results.show(name, rows[name])


def _asked(names: list[str]) -> tuple[str, str]:
    """Which experiment, and what of it; both are in the address."""
    state = st.session_state
    if created := state.pop("_experiment", ""):
        state["experiments_experiment"], state["experiments_view"] = created, "invite"
        st.toast(f"{escape_markdown(created)} is ready.", icon=":material/check_circle:")
    parts = [part for part in PARTS if not (kiosk.enabled() and part in CHANGING)]
    default = "results" if names or kiosk.enabled() else "new"
    url_state.bind(
        "experiments", [Field("experiment", names), Field("view", parts, default=default)]
    )
    with st.sidebar:
        name = st.selectbox(
            "Experiment",
            names,
            key="experiments_experiment",
            placeholder="None yet",
            disabled=not names,
        )
    part = st.segmented_control(
        "Show",
        parts,
        format_func=PARTS.__getitem__,
        key="experiments_view",
        label_visibility="collapsed",
        required=True,
    )
    if not names and part in {"results", "invite"}:
        st.info("There is no experiment yet. Make one under New.")
    return name or "", part or "results"


def _about(row: experiments.ExperimentSummary) -> None:
    columns = st.columns(4)
    columns[0].metric("Questions", f"{row.questions:,}")
    columns[1].metric("Participants", f"{row.participants:,}")
    columns[2].metric("Answers", f"{row.answers:,}")
    columns[3].metric("Choices", row.choices)
    shown = f", shown for {row.exposure:,} ms" if row.exposure else ""
    st.caption(
        f"{tasks.get(row.task).title}; from {escape_markdown(row.collection)}{shown}. "
        f"Conditions: {escape_markdown('; '.join(row.conditions))}."
    )


def _invite(name: str) -> None:
    st.markdown(
        "Send this address to your participants. Each visit starts a new participant; they can "
        "answer at the same time, pause, and continue later."
    )
    base = st.context.url or ""
    st.code(
        f"{base.partition('?')[0]}?experiment={name}&participant={participant_view.NEW}",
        language=None,
    )
    st.caption(
        "The address works on this computer only. To let others in, start the app as below and "
        "replace localhost with this computer's name."
    )
    commands.show(("app", "--host", "0.0.0.0"))
    with st.container(horizontal=True):
        st.link_button(
            "Take part",
            f"?experiment={name}&participant={participant_view.NEW}",
            icon=":material/play_arrow:",
            type="primary",
        )
        if kiosk.enabled():
            return
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown(
                f"Delete **{escape_markdown(name)}** and all its answers? This cannot be undone."
            )
            st.button(
                "Delete it",
                type="primary",
                key=f"experiments_remove_{name}",
                on_click=actions.run_action,
                args=(experiments.remove, name),
            )


show()
