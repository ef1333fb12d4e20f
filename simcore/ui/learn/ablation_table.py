"""What each part of the adaptation function adds, computed as a job and stored."""

from collections.abc import Sequence

import streamlit as st

from simcore.lab.learning import ablation
from simcore.lab.learning.adaptation import AdaptationSettings
from simcore.recipe import Question
from simcore.ui import commands, job_progress, kiosk

COMMAND = ("learn", "adaptation")


def show(
    question: Question, settings: AdaptationSettings, options: Sequence[str], *, runs: int
) -> None:
    """The versions that were trained before, and a button that trains the others.

    Args:
        settings: of the whole function, as set above. runs: of each version.
        options: of the command line, for what differs in `settings` besides sigma and protocol.
    """
    models = [model for model in question.backbones if not model.startswith("learned:")]
    if not models:
        return
    st.header(
        "What each part adds",
        anchor=False,
        help="The function without its ReLU, without its PCA, with one PCA for all runs, with "
        "another temperature and width, all on the same splits and with the settings above.",
    )
    result = ablation.stored_versions(
        question.collection, models, settings, runs=runs, subset=question.subset
    )
    finished = 0 if result is None else len(result.rows) - 1  # a row more: without adaptation
    if result is not None:
        table = result.to_table()
        st.dataframe(table.to_frame(), hide_index=True, key="ablation_table")
        st.caption(f"{table.title}.")
    total = len(ablation.versions(settings))
    if kiosk.enabled() or finished == total:
        return
    args = [*COMMAND, question.collection, "--models", ",".join(models), "--method", "paper"]
    args += ["--runs", str(runs), "--sigma", f"{settings.sigma:g}"]
    args += ["--protocol", settings.protocol, *options, "--ablation"]
    args += [] if question.subset == "all" else ["--subset", question.subset]
    st.button(
        "Resume" if finished else "Compute",
        key="ablation_go",
        icon=":material/table_rows:",
        disabled=job_progress.running("learn") is not None,
        on_click=job_progress.start,
        args=(args,),
        help=f"Trains {total - finished} versions; takes minutes and is stored.",
    )
    commands.show(args)
