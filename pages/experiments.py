"""Experiments: create one, invite people, take part, analyse the answers."""

import streamlit as st

from simcore.errors import unknown_name
from simcore.lab.people import experiments
from simcore.ui import kiosk, url_state, widgets
from simcore.ui.experiments import experiment_builder, experiment_results, participant_view
from simcore.ui.widgets import escape_markdown

PARTS = {"results": "Results", "invite": "Invite", "new": "New", "import": "Import"}
CHANGING = {"new", "import"}


def show() -> None:
    """Draw the page, or, for a participant, the questions alone."""
    if code := st.query_params.get("sitting", ""):
        participant_view.show(st.query_params.get("e", "")[:64], code[:64])
        return
    st.title("Experiments")
    st.caption("Ask people which picture looks most like another, as in rosenfeld2018 (4.3).")
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
    """The selected experiment and view; both are in the address."""
    put, here = st.session_state, st.query_params
    if made := put.pop("_experiment", ""):
        put["experiments_e"], put["experiments_show"] = made, "invite"
        st.toast(f"{escape_markdown(made)} is ready.", icon=":material/check_circle:")
    elif dict(here) != put.get("_experiments_address") or "experiments_show" not in put:
        asked = here.get("e", "")
        if asked and asked not in names:
            st.warning(
                escape_markdown(f"From the link: {unknown_name('experiment', asked[:64], names)}")
            )
        put["experiments_e"] = asked if asked in names else (names[0] if names else None)
        usual = "results" if names else "new"
        put["experiments_show"] = here["show"] if here.get("show") in PARTS else usual
    if kiosk.enabled() and put.get("experiments_show") in CHANGING:
        put["experiments_show"] = "results"
    if put.get("experiments_e") not in names:
        put["experiments_e"] = names[0] if names else None
    with st.sidebar:
        name = st.selectbox(
            "Experiment", names, key="experiments_e", placeholder="None yet", disabled=not names
        )
    parts = [part for part in PARTS if not (kiosk.enabled() and part in CHANGING)]
    part = st.segmented_control(
        "Show",
        parts,
        format_func=PARTS.__getitem__,
        key="experiments_show",
        label_visibility="collapsed",
        required=True,
    )
    if not names and part in {"results", "invite"}:
        st.info("There is no experiment yet. Create one under New.")
    url_state.write("experiments", {"show": part or "results"} | ({"e": name} if name else {}))
    return name or "", part or "results"


def _about(row: experiments.ExperimentSummary) -> None:
    columns = st.columns(4)
    columns[0].metric("Questions", f"{row.questions:,}")
    columns[1].metric("Participants", f"{row.participants:,}")
    columns[2].metric("Answers", f"{row.answers:,}")
    columns[3].metric("Choices", row.choices)
    st.caption(
        f"From {escape_markdown(row.collection)}. "
        f"Conditions: {escape_markdown('; '.join(row.conditions))}."
    )


def _invite(name: str) -> None:
    st.markdown(
        "Send this address to your participants. Each visit starts a new participant; they can "
        "answer at the same time, pause, and continue later."
    )
    base = st.context.url or ""
    st.code(f"{base.partition('?')[0]}?e={name}&sitting={participant_view.NEW}", language=None)
    st.caption(
        "The address works on this computer only. To let others in, start the app with "
        "`simcore app --host 0.0.0.0` and replace localhost with this computer's name."
    )
    with st.container(horizontal=True):
        st.link_button(
            "Take part",
            f"?e={name}&sitting={participant_view.NEW}",
            icon=":material/play_arrow:",
            type="primary",
        )
        if kiosk.enabled():
            return
        with st.popover("Remove", icon=":material/delete:"):
            st.markdown(
                f"Delete **{escape_markdown(name)}** and all its answers? This cannot be undone."
            )
            st.button(
                "Delete it",
                type="primary",
                key=f"experiments_remove_{name}",
                on_click=widgets.run_action,
                args=(experiments.remove, name),
            )


show()
