"""Creating an experiment: drawn from a collection, or imported from a CSV."""

import streamlit as st

from simcore.errors import BadDataError
from simcore.lab.library import collections, subsets
from simcore.lab.people import experiments, export
from simcore.lab.people.experiments import Plan
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
    collection = left.selectbox("Collection", names, key="building_c")
    paired = collections.open_(collection).right is not None
    subset = right.selectbox(
        "Pairs",
        list(subsets.SUBSETS) if paired else ["all"],
        key=f"building_s_{paired}",
        format_func=lambda s: f"{s}: {subsets.SUBSETS[s]}",
    )
    with st.form("building", border=False, enter_to_submit=False):
        name = st.text_input(
            "Name",
            max_chars=64,
            key="building_name",
            placeholder="pilot-1",
            help="Lower-case letters, digits, dots and dashes.",
        )
        conditions = st.multiselect(
            "Distractors",
            [experiments.RANDOM, *sidebar.extracted_backbones(collection)],
            default=[experiments.RANDOM],
            key=f"building_by_{collection}",
            max_selections=experiments.MAX_CONDITIONS,
            help="One condition each: random images, or those that a backbone finds most similar "
            "to the query.",
        )
        columns = st.columns(4)
        count = columns[0].number_input("Questions per condition", 1, 500, 20, key="building_count")
        n_choices = columns[1].number_input(
            "Choices", 2, 9, 5, key="building_many", help="Including the mate, if it is known."
        )
        catch = columns[2].number_input(
            "Catch trials",
            0,
            100,
            2,
            key="building_catch",
            help="Questions with an obvious answer: the query itself is among the choices.",
        )
        seed = columns[3].number_input("Seed", 0, 2**31 - 1, 0, key="building_seed")
        consent = st.text_area(
            "Consent text (empty for none)",
            CONSENT,
            key="building_consent",
            max_chars=experiments.MAX_CONSENT,
        )
        if st.form_submit_button("Build", type="primary", icon=":material/add:"):
            if not conditions:
                raise BadDataError("Choose at least one kind of distractors.")
            plan = Plan(
                experiments.parse(conditions, int(count), subset),
                int(n_choices),
                int(catch),
                int(seed),
                consent,
            )
            with st.spinner("Drawing the questions"):
                created = experiments.create(name.strip(), collection, plan)
            st.session_state["_experiment"] = created.name
            st.rerun()


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
        collection = right.selectbox("Collection of its images", names, key="importing_c")
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
