"""The first view of the page: join the duel that is on, open its wall, make a new one."""

import streamlit as st

from simcore.lab.people import duel_machines, duels, plans
from simcore.lab.people.duels import Group
from simcore.lab.people.plans import Plan
from simcore.types import Monitor, Progress
from simcore.ui import commands, kiosk, sidebar, widgets
from simcore.ui.duel import phone, wall
from simcore.ui.duel.score_bars import count
from simcore.ui.widgets import escape_markdown

MAX_QUESTIONS, MAX_CHOICES, MAX_MACHINES = 50, 9, 12
STATES = {"waiting": "waits for players", "running": "is running", "ended": "is over"}


def show() -> None:
    """Draw it; visitors of workshop mode see no form."""
    groups = duels.groups()
    open_group = next((group for group in groups if group.state != "ended"), None)
    if open_group is not None:
        _join(open_group)
    elif kiosk.enabled():
        st.info("No duel is open. This page shows it as soon as the host opens one.")
    if not kiosk.enabled():
        _form(groups)


def _join(group: Group) -> None:
    st.markdown(
        f"**{escape_markdown(group.duel)}** {STATES[group.state]}: "
        f"{count(group.questions, 'question')} against {count(len(group.machines), 'machine')}."
    )
    with st.container(horizontal=True):
        st.button(
            "Join as a player",
            type="primary",
            icon=":material/phone_iphone:",
            key="duel_join_open",
            on_click=phone.join,
            args=(group.duel,),
        )
        _wall_button(group)


def _wall_button(group: Group) -> None:
    st.button(
        "Open the wall",
        icon=":material/cast:",
        key=f"duel_wall_{group.experiment}",
        on_click=_open_wall,
        args=(group.duel,),
        help="The view for the projector: the QR code, and the score after each answer.",
    )


def _open_wall(duel: str) -> None:
    st.query_params.from_dict({"experiment": duel, "view": wall.VIEW})


def _form(groups: list[Group]) -> None:
    st.header("New duel", anchor=False)
    names = sidebar.pair_collections()
    if not names:
        widgets.empty_state(
            "A duel needs a collection of pairs.", "pages/collections.py", "Add one"
        )
        return
    left, right = st.columns(2)
    with left:
        collection = sidebar.select_collection(names, key="duel_collection")
    extracted = sidebar.extracted_backbones(collection)
    default = duel_machines.default_backbones(collection) if extracted else []
    with st.form("duel_form", border=False, enter_to_submit=False):
        name = right.text_input(
            "Name", _free_name(groups), max_chars=duels.MAX_NAME, key="duel_name"
        )
        backbones = st.multiselect(
            "Machines",
            extracted,
            default=default,
            key=f"duel_models_{collection}",
            max_selections=MAX_MACHINES,
            help="Backbones whose features are stored. Their best sum plays as well; it is chosen "
            "on other pairs of the collection.",
        )
        columns = st.columns(4, vertical_alignment="bottom")
        questions = columns[0].number_input("Questions", 1, MAX_QUESTIONS, 10, key="duel_count")
        choices = columns[1].number_input("Choices", 2, MAX_CHOICES, 4, key="duel_choices")
        distractors = columns[2].selectbox(
            "Distractors",
            [plans.RANDOM, *extracted],
            key=f"duel_by_{collection}",
            help="The other images to choose from: random ones, fair to all; or those that a "
            "backbone finds most similar, which is hard for that backbone above all.",
        )
        seed = columns[3].number_input(
            "Seed",
            0,
            2**31 - 1,
            0,
            key="duel_seed",
            help="The questions are drawn at random; another number draws others.",
        )
        submitted = st.form_submit_button("Make the duel", type="primary", icon=":material/swords:")
    changed = {
        "--models": (",".join(backbones), ",".join(default)),
        "--questions": (str(questions), "10"),
        "--choices": (str(choices), "4"),
        "--distractors": (distractors, plans.RANDOM),
        "--seed": (str(seed), "0"),
    }
    options = [
        word
        for option, (value, usual) in changed.items()
        if value and value != usual
        for word in (option, value)
    ]
    commands.show(["duel", "new", name.strip() or "NAME", collection, *options])
    if submitted:
        plan = duels.make_plan(
            questions=int(questions),
            choices=int(choices),
            distractors=distractors,
            seed=int(seed),
        )
        _make(name.strip(), collection, plan, backbones)


def _make(name: str, collection: str, plan: Plan, backbones: list[str]) -> None:
    bar = st.progress(0.0, "Drawing the questions")

    def progress(report: Progress) -> None:
        bar.progress(report.share, report.stage)

    group = duels.create(name, collection, plan, backbones=backbones, monitor=Monitor(progress))
    _open_wall(group.duel)
    st.rerun()


def _free_name(groups: list[Group]) -> str:
    """A name for the next duel; another number than that of a group of an earlier one."""
    taken = {group.duel for group in groups}
    return next(name for n in range(1, len(taken) + 2) if (name := f"duel{n}") not in taken)
