"""Training on people's judgements: the set, the run, a sample of the set, and the results."""

import streamlit as st

from simcore.errors import unknown_name
from simcore.lab.judgements import sets
from simcore.lab.learning import finetuning, learned_backbones
from simcore.ui import job_progress, url_state
from simcore.ui.learn import judgement_results, run_form
from simcore.ui.widgets import escape_markdown

PAGE = "training"  # not "learn": `sidebar` deletes the widgets of that prefix for a new link
SOURCES = {"pairs": "Pairs of a collection", "judgements": "People's judgements"}


def select_data() -> bool:
    """Draw the choice of data; whether it is judgements."""
    state, params = st.session_state, dict(st.query_params)
    written = [state.get("_learn_address"), state.get(f"_{PAGE}_address")]
    if params not in written or f"{PAGE}_source" not in state:
        linked = params.get("source", "pairs")
        state[f"{PAGE}_source"] = linked if linked in SOURCES else "pairs"
        if linked not in SOURCES:
            _warn(str(unknown_name("kind of data", linked[:40], SOURCES)))
    source = st.segmented_control(
        "Learn from",
        list(SOURCES),
        format_func=SOURCES.__getitem__,
        key=f"{PAGE}_source",
        required=True,
    )
    return bool(source == "judgements")


def show() -> None:
    """The set in the sidebar, the run, and the learned backbones."""
    name = _select_set()
    known_order = learned_backbones.votes_source(name) != "human"
    st.caption(
        "Votes are a known order of distortion strength, not of people."
        if known_order
        else "The majority of the votes decides which image is nearer.",
        help="Trials whose votes tie are not used. No image is in both training and test trials.",
    )
    backbones = learned_backbones.without_training_overlap(name, finetuning.trainable())
    if not backbones:
        st.info("No network can be trained on this set. Get one on the page Models.")
    else:
        args = run_form.finetuning_args(name, backbones, PAGE)
        paradigm = args[args.index("--paradigm") + 1]
        run_form.run(args, f"{name}-{paradigm}", f"{PAGE}_name_{name}")
    _sample_form(name)
    judgement_results.show(name)


def _select_set() -> str:
    state, params = st.session_state, dict(st.query_params)
    names = learned_backbones.triplet_sets_for_training()
    key = f"{PAGE}_judgements"
    if params != state.get(f"_{PAGE}_address") or state.get(key) not in names:
        linked = params.get("judgements", sets.KNOWN)
        if linked not in names:
            _warn(str(unknown_name("set of triplets", linked[:40], names)))
        state[key] = linked if linked in names else sets.KNOWN
    with st.sidebar:
        name: str = st.selectbox(
            "Judgements",
            names,
            key=key,
            help="Sets of triplets. Add one on the page Judgements, or ask people in an "
            "experiment. `known` is generated when it is first used.",
        )
    backbone = params.get("backbone", "") if params.get("judgements") == name else ""
    address = {"source": "judgements", "judgements": name}
    url_state.write(PAGE, address | ({"backbone": backbone} if backbone else {}))
    return name


def _warn(message: str) -> None:
    st.warning(escape_markdown(f"From the link: {message}"), icon=":material/link_off:")


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
                {"id": r["id"], "drawn from": r["source"], "what": r["sample"], "size": r["size"]}
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
                args = ["judgements", "sample", name, what, "--size", str(size)]
                args += ["--seed", str(seed), "--save", save.strip() or f"{name}-sample"]
                job_progress.start(args)
                st.rerun()
