"""Learn: start a training run, watch it, and see what it changed on held-out data."""

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simcore.lab import recipes
from simcore.lab.learning import adaptation, finetuning
from simcore.recipe import Question
from simcore.ui import kiosk, sidebar, widgets
from simcore.ui.learn import (
    ablation_table,
    adaptation_form,
    adaptation_results,
    annex_table,
    joint_training,
    judgement_training,
    run_form,
)
from simcore.ui.url_state import Field

METHODS = {"fusion": "Fusion", "paper": "Adaptation", "finetune": "Fine-tuning"}
METHOD_HELP = (
    "Fusion learns a map and a weight for every backbone. Adaptation is the function of "
    "risser-maroux2021: PCA, one linear map, ReLU. Fine-tuning trains one network "
    "(margaritescu2024)."
)


def show() -> None:
    """Draw the page."""
    st.title("Learn")
    st.caption(
        "Train a backbone on pairs or judgements.",
        help="The result is tested on pairs or judgements that it was not trained on, and is a "
        "backbone like any other, `learned:NAME`.",
    )
    source = judgement_training.select_data()
    if source == "judgements":
        with widgets.show_errors():
            judgement_training.show()
        return
    question = None
    with widgets.show_errors():
        together = source == "both"
        field = joint_training.field() if together else Field("method", list(METHODS))
        question = sidebar.select_question("learn", options=("subset",), fields=[field])
        if question is None:
            return
        if together:
            joint_training.show(question)
            return
        models = [model for model in question.backbones if not model.startswith("learned:")]
        if models and not kiosk.enabled():  # visitors see results, and start no run
            _run_form(replace(question, recipes=tuple(recipes.parse(models))))
        elif not models:
            st.info("Choose a backbone in the sidebar that is not a learned one.")
    if question is not None:  # else an error is shown
        with widgets.show_errors():
            adaptation_results.show(question)
        with widgets.show_errors():
            annex_table.show(question)
        if st.session_state.get("learn_method") == "paper":
            with widgets.show_errors():
                _show_ablation(question)


def _run_form(question: Question) -> None:
    """Method, its settings, name and start of a run."""
    method = (
        st.segmented_control(
            "Method",
            list(METHODS),
            format_func=METHODS.__getitem__,
            key="learn_method",
            required=True,
            help=METHOD_HELP,
        )
        or "fusion"
    )
    if method == "finetune":
        args = _finetuning_args(question)
    else:
        args = _adaptation_args(question, method)
    if args is not None:
        subset = [] if question.subset == "all" else ["--subset", question.subset]
        name = f"{question.collection}-{method}"
        run_form.run([*args, *subset], name, f"learn_name_{method}")


def _adaptation_args(question: Question, method: str) -> list[str]:
    paper = method == "paper"
    # One setting beside the runs has more room than two.
    left, *others = st.columns([1, 1, 1] if paper else [1, 2], vertical_alignment="bottom")
    runs = left.number_input(
        "Runs",
        1,
        20,
        20 if paper else 5,
        key=f"learn_runs_{method}",
        help="Each with its own split of the pairs. The first run is saved. Takes minutes.",
    )
    args = ["learn", "adaptation", question.collection, "--models", ",".join(question.backbones)]
    args += ["--method", method, "--runs", str(runs)]
    if paper:
        return args + adaptation_form.args(others[0], others[1])
    return args + _fusion_args(others[0], question)


def _show_ablation(question: Question) -> None:
    """What each part of the function adds, with the settings of the form."""
    runs = st.session_state.get("learn_runs_paper", adaptation.RUNS)
    ablation_table.show(
        question, adaptation_form.settings(), adaptation_form.changed_args(), runs=runs
    )


def _fusion_args(column: DeltaGenerator, question: Question) -> list[str]:
    possible = len(question.backbones) <= adaptation.MAX_BACKBONES
    baseline = column.checkbox(
        "Compare with the best z-sum",
        True,
        key="learn_baseline",
        disabled=not possible,
        help="The best z-sum is selected on the training pairs, for at most "
        f"{adaptation.MAX_BACKBONES} backbones.",
    )
    return ["--baseline"] if baseline and possible else []


def _finetuning_args(question: Question) -> list[str] | None:
    backbones = [name for name in finetuning.trainable() if name in question.backbones]
    if not backbones:
        st.info(
            "No backbone in the sidebar has weights that can be trained. Choose a network such as "
            "mobilenetv2."
        )
        return None
    return run_form.finetuning_args(question.collection, backbones, "learn")


show()
