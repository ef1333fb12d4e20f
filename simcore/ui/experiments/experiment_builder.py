"""Creating an experiment: drawn from a collection, or imported from a CSV."""

from collections.abc import Callable, Sequence

import streamlit as st

from simcore.errors import BadDataError
from simcore.lab.library import collections, subsets
from simcore.lab.people import experiments, export, tasks
from simcore.lab.people.plans import DISAGREEMENT, MATES, MAX_EXPOSURE, MAX_GAP, Plan
from simcore.lab.people.tasks import Task
from simcore.ui import sidebar

CONSENT = (
    "Participation is voluntary and you can stop at any time. We store what you choose and how "
    "long you take, not who you are."
)


def form() -> None:
    """The form that draws an experiment.

    Raises:
        SimError: the experiment cannot be drawn.
    """
    names = collections.names()
    if not names:
        st.info("There is no collection yet.")
        st.page_link("pages/collections.py", label="Add one", icon=":material/add:")
        return
    left, right = st.columns(2)
    task = tasks.get(
        left.selectbox(
            "Task",
            list(tasks.TASKS),
            key="building_task",
            format_func=lambda t: f"{t}: {tasks.TASKS[t].title}",
            help="; ".join(f"{t.name}: {t.source}" for t in tasks.TASKS.values()) + ".",
        )
    )
    with right:
        collection = sidebar.select_collection(names, key="building_c")
    paired = collections.open_(collection).right is not None
    left, right = st.columns(2)  # a phone shows one column after the other
    subset = left.selectbox(
        "Pairs",
        list(subsets.SUBSETS) if paired else ["all"],
        key=f"building_s_{paired}",
        format_func=lambda s: f"{s}: {subsets.SUBSETS[s]}",
    )
    ready = sidebar.extracted_backbones(collection)
    committee = right.multiselect(
        "Disagreement of",
        ready,
        key=f"building_committee_{collection}",
        placeholder="None",
        help="One more condition: the questions whose answers say most about which of these "
        "backbones predicts people best. Choose two or more, or none.",
    )
    with st.form("building", border=False, enter_to_submit=False):
        name = st.text_input(
            "Name",
            max_chars=64,
            key="building_name",
            placeholder="pilot-1",
            help="Lowercase letters, digits, dots and dashes.",
        )
        mates = [MATES] if paired and task is tasks.SAME_DIFFERENT else []
        conditions = st.multiselect(
            "Images shown",
            [experiments.RANDOM, *mates, *ready],
            default=[experiments.RANDOM],
            key=f"building_by_{collection}_{bool(mates)}",
            max_selections=experiments.MAX_CONDITIONS,
            help="One condition each: random images, or those that a backbone finds most similar "
            "to the query.",
        )
        if committee:
            conditions = [*conditions, DISAGREEMENT + "+".join(committee)]
        plan = _plan(task, conditions, subset)
        consent = st.text_area(
            "Consent text (empty for none)",
            CONSENT,
            key="building_consent",
            max_chars=experiments.MAX_CONSENT,
        )
        if st.form_submit_button("Build", type="primary", icon=":material/add:"):
            if not conditions:
                raise BadDataError("Choose at least one kind of images to show.")
            with st.spinner("Drawing the questions"):
                created = experiments.create(name.strip(), collection, plan(consent))
            st.session_state["_experiment"] = created.name
            st.rerun()


def _plan(task: Task, conditions: Sequence[str], subset: str) -> Callable[[str], Plan]:
    """The numbers of a plan as inputs; the plan of them, given the consent text."""
    columns = st.columns(5, vertical_alignment="bottom")
    count = columns[0].number_input("Questions per condition", 1, 500, 20, key="building_count")
    n_choices = Plan.choices
    if task is tasks.MAFC:
        n_choices = columns[1].number_input(
            "Choices", 2, 9, 5, key="building_many", help="Including the mate, if it is known."
        )
    catch = columns[2].number_input(
        "Catch trials",
        0,
        100,
        2,
        key="building_catch",
        help="Questions with an obvious answer, such as the query itself among the choices. They "
        "give each participant a grade from 0 to 100.",
    )
    exposure = columns[3].number_input(
        "Exposure, ms",
        0,
        MAX_EXPOSURE,
        task.exposure,
        key=f"building_exposure_{task.name}",
        help="How long images are shown; 0 for until the answer. The browser measures it.",
    )
    seed = columns[4].number_input(
        "Seed",
        0,
        2**31 - 1,
        0,
        key="building_seed",
        help="The questions are drawn at random; another number draws others.",
    )
    gap = task.gap
    if task is tasks.SAME_DIFFERENT:
        gap = columns[1].number_input(
            "Gap, ms", 0, MAX_GAP, task.gap, key="building_gap", help="Between the two images."
        )
    return lambda consent: Plan(
        experiments.parse(conditions, int(count), subset),
        int(n_choices),
        int(catch),
        int(seed),
        consent,
        task=task.name,
        exposure=int(exposure),
        gap=int(gap),
    )


def imports() -> None:
    """The form that imports an experiment from a CSV.

    Raises:
        SimError: the first problem of the CSV.
    """
    names = collections.names()
    if not names:
        st.info("Add a collection first: the CSV names its images.")
        return
    st.markdown(
        "A CSV with one row per answer, as **Results** exports it. Nothing is stored if anything "
        "in it is wrong."
    )
    with st.form("importing", border=False, enter_to_submit=False):
        left, right = st.columns(2)
        name = left.text_input("Name", max_chars=64, key="importing_name")
        with right:
            collection = sidebar.select_collection(
                names, key="importing_c", label="Collection of its images"
            )
        file = st.file_uploader(
            "CSV",
            type="csv",
            key="importing_file",
            max_upload_size=export.MAX_BYTES // 1_000_000,
        )
        if st.form_submit_button("Import", type="primary", icon=":material/upload:"):
            if file is None:
                raise BadDataError("Choose a CSV file.")
            with st.spinner("Checking every line"):
                created = export.read(name.strip(), collection, file.getvalue())
            st.session_state["_experiment"] = created.name
            st.rerun()
