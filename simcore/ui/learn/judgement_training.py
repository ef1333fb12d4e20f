"""Training on people's judgements: the set, the run, a sample of the set, and the results."""

import streamlit as st

from simcore.lab.judgements import sets
from simcore.lab.learning import finetuning, learned_backbones
from simcore.ui import job_progress, kiosk, url_state
from simcore.ui.learn import judgement_results, run_form
from simcore.ui.url_state import Field

PAGE = "learn"
SOURCES = {
    "pairs": "Pairs of a collection",
    "judgements": "People's judgements",
    "both": "Both together",
}


def select_data() -> str:
    """Draw the choice of data, one of `SOURCES`."""
    url_state.bind(PAGE, [Field("source", list(SOURCES), label="kind of data")])
    source = st.segmented_control(
        "Learn from",
        list(SOURCES),
        format_func=SOURCES.__getitem__,
        key=f"{PAGE}_source",
        required=True,
    )
    return source or "pairs"


def show() -> None:
    """The set in the sidebar, the run, and the learned backbones."""
    name = _select_set()
    if name in learned_backbones.singleton_sets():
        _show_singles(name)
        return
    known_order = learned_backbones.votes_source(name) != "human"
    st.caption(
        "Votes are a known order of distortion strength, not of people."
        if known_order
        else "The majority of the votes decides which image is nearer.",
        help="Trials whose votes tie are not used.",
    )
    if kiosk.enabled():
        judgement_results.show(name)
        return
    backbones = learned_backbones.without_training_overlap(name, finetuning.trainable())
    if not backbones:
        st.info("No network can be trained on this set. Get one on the page Models.")
    else:
        args = run_form.finetuning_args(name, backbones, PAGE, judgements=True)
        paradigm = args[args.index("--paradigm") + 1]
        run_form.run(args, f"{name}-{paradigm}", f"{PAGE}_name_{name}")
    _sample_form(name)
    judgement_results.show(name)


def _show_singles(name: str) -> None:
    """Learning from single images; their trials test the result."""
    st.caption(
        "Single images, for paradigms that need no votes.",
        help="The result is tested on the trials that the images were drawn from and that show "
        "none of them.",
    )
    if not kiosk.enabled():
        backbones = finetuning.trainable()
        if backbones:
            paradigms = [p for p in run_form.PARADIGMS if p in finetuning.SELF_SUPERVISED]
            args = run_form.finetuning_args(name, backbones, PAGE, paradigms=paradigms)
            run_form.run(args, name, f"{PAGE}_name_{name}")
        else:
            st.info("No network can be trained. Get one on the page Models.")
    judgement_results.show(name)


def _select_set() -> str:
    names = [
        *learned_backbones.triplet_sets_for_training(),
        *learned_backbones.singleton_sets(),
    ]
    url_state.bind(PAGE, [Field("judgements", names, default=sets.KNOWN, label="set of triplets")])
    with st.sidebar:
        name: str = st.selectbox(
            "Judgements",
            names,
            key=f"{PAGE}_judgements",
            help="Sets of triplets, and single images drawn from one. Add a set on the page "
            "Judgements, or ask people in an experiment. `known` is generated when it is first "
            "used.",
        )
    return name


def _sample_form(name: str) -> None:
    """Draw a fine-tuning set of the thesis from this set, and save it."""
    if job_progress.show("judgements", "sample"):
        return
    with st.expander("Draw a fine-tuning set as margaritescu2024 did", icon=":material/casino:"):
        st.caption(
            "The sets of the thesis (Table A.1).",
            help="Every group of trials is drawn equally often (4.3).",
        )
        st.dataframe(
            [
                {"id": row.id, "drawn from": row.source, "what": row.sample, "size": row.size}
                for row in sets.printed()
            ],
            hide_index=True,
            height=180,
        )
        with st.form(f"{PAGE}_sample", border=False):
            columns = st.columns(4)
            what = columns[0].selectbox("What", list(sets.COLUMNS), key=f"{PAGE}_what")
            size = columns[1].number_input("Size", 2, None, sets.SIZE, key=f"{PAGE}_size")
            seed = columns[2].number_input("Seed", 0, 2**31 - 1, 0, key=f"{PAGE}_seed")
            save = columns[3].text_input(
                "Name", max_chars=64, key=f"{PAGE}_save", placeholder=f"{name}-sample"
            )
            if st.form_submit_button("Draw", icon=":material/casino:"):
                args = ["judgements", "sample", name, what, "--size", str(size)]
                args += ["--seed", str(seed), "--save", save.strip() or f"{name}-sample"]
                job_progress.start(args)
                st.rerun()
