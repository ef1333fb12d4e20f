"""Learn: start a run, watch it, and see what it changed on what it never saw."""

from dataclasses import replace

import streamlit as st

from simcore.lab import recipes
from simcore.lab.learning import adaptation, finetuning
from simcore.recipe import Question
from simcore.ui import job_progress, sidebar, widgets
from simcore.ui.learn import adaptation_results, annex_table, judgement_training, run_form
from simcore.ui.url_state import Field

WAYS = {
    "fusion": "Fusion: every backbone its own map and a learned weight",
    "paper": "Adaptation function (risser-maroux2021)",
    "finetune": "Fine-tuning of one network (margaritescu2024)",
}
CHOSEN_ON = {"honest": "Validation pairs", "paper": "Test pairs (the paper)"}
SHORT = {"fusion": "Fusion", "paper": "Adaptation function", "finetune": "Fine-tuning"}


def show() -> None:
    """Draw the page."""
    st.title("Learn")
    st.caption(
        "Learn what looks alike from a collection's pairs or from people's judgements, and judge "
        "it on some that were kept aside. What comes out is a backbone like any other, "
        "`learned:NAME`."
    )
    if judgement_training.select_data():
        with widgets.show_errors():
            judgement_training.show()
        return
    asked = None
    with widgets.show_errors():
        asked = sidebar.select_question(
            "learn", options=("subset",), fields=[Field("method", list(WAYS))]
        )
        if asked is None:
            return
        own = [model for model in asked.backbones if not model.startswith("learned:")]
        if own:
            _start(replace(asked, recipes=tuple(recipes.parse(own))))
        else:
            st.info("Choose a backbone in the sidebar that was not learned from these pairs.")
    if asked is not None:  # else a sentence has said what is missing
        with widgets.show_errors():
            adaptation_results.show(asked)
        with widgets.show_errors():
            annex_table.show(asked, busy=job_progress.running("learn") is not None)


def _start(asked: Question) -> None:
    way = (
        st.segmented_control(
            "What to learn",
            list(WAYS),
            format_func=SHORT.__getitem__,
            key="learn_method",
            required=True,
        )
        or "fusion"
    )
    st.caption(WAYS[way] + ".")
    args = _tuning(asked) if way == "finetune" else _adapting(asked, way)
    if args is not None:
        run_form.run(args, f"{asked.collection}-{way}", f"learn_name_{way}")


def _adapting(asked: Question, way: str) -> list[str] | None:
    columns = st.columns(3)
    runs = columns[0].number_input(
        "Runs",
        1,
        20,
        20 if way == "paper" else 5,
        key=f"learn_runs_{way}",
        help="Each with its own split of the pairs; the first is what is kept.",
    )
    args = [
        "learn",
        "adaptation",
        asked.collection,
        "--models",
        ",".join(asked.backbones),
        "--method",
        way,
        "--runs",
        str(runs),
    ]
    if way == "paper":
        sigma = columns[1].selectbox("Temperature", [15, 1], key="learn_sigma")
        protocol = columns[2].selectbox(
            "Epoch chosen on",
            list(CHOSEN_ON),
            key="learn_protocol",
            format_func=CHOSEN_ON.__getitem__,
        )
        args += ["--sigma", str(sigma), "--protocol", protocol]
    else:
        few = len(asked.backbones) <= adaptation.MOST
        compared = columns[1].checkbox(
            "Compare with the best z-sum",
            True,
            key="learn_rival",
            disabled=not few,
            help=f"Chosen on the same training pairs, for at most {adaptation.MOST} backbones.",
        )
        args += ["--rival"] if compared and few else []
    st.caption(
        "It takes minutes, and goes on when this tab is closed; stopped, it can go on later."
    )
    return args if asked.subset == "all" else [*args, "--subset", asked.subset]


def _tuning(asked: Question) -> list[str] | None:
    bases = [name for name in finetuning.trainable() if name in asked.backbones]
    if not bases:
        st.info(
            "None of the backbones in the sidebar has weights that can be learned; choose a "
            "network such as mobilenetv2."
        )
        return None
    args = run_form.finetuning_options(asked.collection, bases, "learn")
    return args if asked.subset == "all" else [*args, "--subset", asked.subset]


show()
