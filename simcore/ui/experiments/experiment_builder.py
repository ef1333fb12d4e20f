"""Making an experiment: drawn from a collection, or from a CSV."""

import streamlit as st

from simcore.errors import BadDataError
from simcore.lab.library import collections, subsets
from simcore.lab.people import experiments, export
from simcore.lab.people.experiments import Plan
from simcore.ui import sidebar

CONSENT = (
    "You take part of your own free will and can stop at any time. We keep what you choose and how "
    "long you take, not who you are."
)


def form() -> None:
    """The builder.

    Raises:
        SimError: what was asked for cannot be drawn.
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
            max_selections=experiments.MOST_CONDITIONS,
            help="One condition each: random pictures, or those that a backbone finds nearest to "
            "the query. face chooses by faces.",
        )
        columns = st.columns(4)
        count = columns[0].number_input("Questions a condition", 1, 500, 20, key="building_count")
        many = columns[1].number_input(
            "Choices", 2, 9, 5, key="building_many", help="Its mate is one of them, if known."
        )
        catch = columns[2].number_input(
            "Catch trials",
            0,
            100,
            2,
            key="building_catch",
            help="Questions with an obvious answer: the picture itself is among the choices.",
        )
        seed = columns[3].number_input("Seed", 0, 2**31 - 1, 0, key="building_seed")
        consent = st.text_area(
            "What participants agree to (empty: nothing is asked)",
            CONSENT,
            key="building_consent",
            max_chars=experiments.MOST_CONSENT,
        )
        if st.form_submit_button("Build", type="primary", icon=":material/add:"):
            if not conditions:
                raise BadDataError("found no distractors; expected at least one kind; choose above")
            plan = Plan(
                experiments.parse(conditions, int(count), subset),
                int(many),
                int(catch),
                int(seed),
                consent,
            )
            with st.spinner("Drawing the questions"):
                made = experiments.create(name.strip(), collection, plan)
            st.session_state["_experiment"] = made.name
            st.rerun()


def imports() -> None:
    """An experiment out of a CSV.

    Raises:
        SimError: the first thing in it that is wrong.
    """
    names = collections.names()
    if not names:
        st.info("There is no collection yet, and the CSV names pictures of one.")
        return
    st.markdown(
        "A CSV with one row an answer, as **Results** exports it. Nothing is kept where anything "
        "in it is wrong."
    )
    with st.form("importing", border=False, enter_to_submit=False):
        left, right = st.columns(2)
        name = left.text_input("Name", max_chars=64, key="importing_name")
        collection = right.selectbox("Collection of its pictures", names, key="importing_c")
        file = st.file_uploader(
            "CSV",
            type="csv",
            key="importing_file",
            max_upload_size=export.MOST_BYTES // 1_000_000,
        )
        if st.form_submit_button("Import", type="primary", icon=":material/upload:"):
            if file is None:
                raise BadDataError("found no file; expected a CSV; choose one above")
            with st.spinner("Checking every line"):
                made = export.read(name.strip(), collection, file.getvalue())
            st.session_state["_experiment"] = made.name
            st.rerun()
