"""Learning from people's judgements: which set, a sample of it, the run, and what came out."""

import streamlit as st

from simcore.lab.judgements import sets
from simcore.lab.learning import finetuning, learned_backbones
from simcore.ui import job_progress, url_state
from simcore.ui.learn import judgement_results, run_form
from simcore.ui.url_state import Field

PAGE = "learn"
FROM = {"pairs": "Pairs of a collection", "judgements": "People's judgements"}


def select_data() -> bool:
    """Draw the choice of what is learned from; whether it is judgements. It is in the address."""
    url_state.bind(PAGE, [Field("source", list(FROM), label="kind of data")])
    kind = st.segmented_control(
        "Learn from",
        list(FROM),
        format_func=FROM.__getitem__,
        key=f"{PAGE}_source",
        required=True,
    )
    return bool(kind == "judgements")


def show() -> None:
    """The controls in the sidebar, the run, and what was learned."""
    name = _set()
    st.caption(
        "The majority of the votes says which of two pictures is nearer; ties teach nothing. "
        "No picture is both learned from and judged by."
        + (
            " Of this set nobody was asked: its votes are the known order of how much was spoiled."
            if learned_backbones.votes(name) != "human"
            else ""
        )
    )
    bases = learned_backbones.teachable(name, finetuning.trainable())
    if not bases:
        st.info(
            "No network's weights are here that could learn from these; get one on the Models "
            "page, such as mobilenetv2."
        )
    else:
        args = run_form.finetuning_options(name, bases, PAGE)
        run_form.run(args, f"{name}-{args[args.index('--paradigm') + 1]}", f"{PAGE}_name_{name}")
    _sample(name)
    judgement_results.show(name)


def _set() -> str:
    names = learned_backbones.choices()
    url_state.bind(PAGE, [Field("judgements", names, default=sets.KNOWN, label="set of triplets")])
    with st.sidebar:
        name: str = st.selectbox(
            "Judgements",
            names,
            key=f"{PAGE}_judgements",
            help="Sets of triplets; add one on the Judgements page, or ask people in an "
            "experiment. `known` needs no download and is made when it is first used.",
        )
    return name


def _sample(name: str) -> None:
    """A fine-tuning set of the thesis, drawn from this one and kept under a name."""
    if job_progress.show("judgements", "sample"):
        return
    with st.expander("Draw a fine-tuning set as margaritescu2024 did", icon=":material/casino:"):
        st.caption("Every group of trials equally often (4.3); as printed in Table A.1:")
        st.dataframe(
            [
                {"id": r.id, "drawn from": r.source, "what": r.sample, "size": r.size}
                for r in sets.printed()
            ],
            hide_index=True,
            height=180,
        )
        with st.form(f"{PAGE}_sample", border=False):
            columns = st.columns(4)
            what = columns[0].selectbox("What", ["triplets", "quadruplets"], key=f"{PAGE}_what")
            size = columns[1].number_input("Size", 2, None, sets.SIZE, key=f"{PAGE}_size")
            seed = columns[2].number_input("Seed", 0, 2**31 - 1, 0, key=f"{PAGE}_seed")
            save = columns[3].text_input(
                "Name", max_chars=64, key=f"{PAGE}_save", placeholder=f"{name}-sample"
            )
            if st.form_submit_button("Draw", icon=":material/casino:"):
                job_progress.start(
                    [
                        "judgements",
                        "sample",
                        name,
                        what,
                        "--size",
                        str(size),
                        "--seed",
                        str(seed),
                        "--save",
                        save.strip() or f"{name}-sample",
                    ]
                )
                st.rerun()
