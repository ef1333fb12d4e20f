"""Starting a training run: settings of fine-tuning, the name of the result, progress, resuming."""

from collections.abc import Sequence

import streamlit as st

from simcore.errors import SimError
from simcore.lab import jobs
from simcore.lab.learning import finetuning, learned_backbones
from simcore.ui import actions, charts, commands, job_progress
from simcore.ui.widgets import escape_markdown

PARADIGMS = {
    "triplet": "Triplet loss",
    "contrastive": "Contrastive loss",
    "quadruplet": "Quadruplet loss",
    "rotation": "Rotation (self-supervised)",
    "jigsaw": "Jigsaw (self-supervised)",
    "simclr": "SimCLR (self-supervised)",
    "moco": "MoCo (self-supervised)",
}


PROTOCOLS = {"held-out": "Validation trials", "paper": "None, as in margaritescu2024"}
SPLITS = {"images": "No image in common", "references": "No reference in common"}


def finetuning_args(
    data: str,
    backbones: list[str],
    page: str,
    *,
    judgements: bool = False,
    paradigms: Sequence[str] = tuple(PARADIGMS),
) -> list[str]:
    """The controls of fine-tuning; the command line without the name of the result.

    Args:
        data: the collection or judgement set. backbones: the choices to start from.
        page: prefix of the widgets' keys. judgements: whether the data are judgements.
        paradigms: those that can learn from the data.
    """
    left, right = st.columns(2)
    backbone = left.selectbox(
        "Start from",
        backbones,
        key=f"{page}_start",
        help="AlexNet of the thesis is read before its classifier (`AlexNet_BASE`, 4,096 numbers); "
        "`alexnet-conv5` is the average of its last convolution, and any other layer is "
        "`NAME[LAYER]`.",
    )
    paradigm = right.selectbox(
        "Paradigm",
        paradigms,
        format_func=PARADIGMS.__getitem__,
        key=f"{page}_paradigm",
        help="What margaritescu2024 leaves open: the jigsaw has 3 x 3 tiles and 36 permutations "
        "(the thesis says “for example 9 x 9”), since 81 tiles would be smaller than what most "
        "networks see at once. Batch normalization keeps the statistics of pre-training; those of "
        "each batch would make the features of an image depend on the others.",
    )
    preset = finetuning.make_settings(backbone, paradigm)
    columns = st.columns(3, vertical_alignment="bottom")
    suffix = f"{backbone}_{paradigm}"  # each combination has defaults of its own
    learning_rate = columns[0].number_input(
        "Learning rate",
        1e-7,
        1.0,
        preset.learning_rate,
        preset.learning_rate / 2,
        format="%.1e",
        key=f"{page}_learning_rate_{suffix}",
        help=finetuning.preset_source(backbone).note,
    )
    epochs = columns[1].number_input(
        "Epochs",
        1,
        200,
        preset.epochs,
        key=f"{page}_epochs_{suffix}",
        help="Without a GPU an epoch takes minutes.",
    )
    batch_size = columns[2].number_input(
        "Batch size", 2, 512, preset.batch_size, key=f"{page}_batch_size_{suffix}"
    )
    more = _protocol_args(page) if judgements else []
    return [
        "learn",
        "finetune",
        data,
        "--backbone",
        backbone,
        "--paradigm",
        paradigm,
        "--learning-rate",
        f"{learning_rate:g}",
        "--epochs",
        str(epochs),
        "--batch-size",
        str(batch_size),
        *more,
        *_optimizer_args(page),
    ]


def _protocol_args(page: str) -> list[str]:
    """Which trials decide when to stop, and how far apart training and test trials are."""
    left, right = st.columns(2)
    protocol = left.selectbox(
        "Epoch chosen on",
        list(PROTOCOLS),
        format_func=PROTOCOLS.__getitem__,
        key=f"{page}_protocol",
        help="The thesis trains on all trials for a fixed number of epochs; the result then says "
        "how many test trials were seen in training.",
    )
    if protocol == "paper":
        return ["--protocol", "paper"]
    split = right.selectbox(
        "Training and test trials",
        list(SPLITS),
        format_func=SPLITS.__getitem__,
        key=f"{page}_split",
        help="Sets of few images (208 birds) keep most trials only by the second choice: no "
        "reference of a test trial is seen in training, its two candidates may be.",
    )
    return ["--split", split] if split != "images" else []


def _optimizer_args(page: str) -> list[str]:
    left, right = st.columns(2)
    optimizer = left.selectbox(
        "Optimizer", ["adam", "sgd"], key=f"{page}_optimizer", help="SGD has a momentum of 0.9."
    )
    patience = right.number_input(
        "Patience",
        1,
        200,
        5,
        key=f"{page}_patience",
        help="Epochs without a lower validation loss before the run stops.",
    )
    args = ["--optimizer", optimizer] if optimizer != "adam" else []
    return [*args, "--patience", str(patience)] if patience != 5 else args


def run(args: list[str], stem: str, key: str) -> None:
    """The name of the result, Start or Resume, and the running job.

    Args:
        args: the command line without `--save`.
        stem: start of the suggested name. key: of the name's widget.
    """
    used = {info.name.removeprefix("learned:") for info in learned_backbones.listing()}
    name = st.text_input(
        "Name of the result",
        _unused_name(stem, used),
        key=key,
        max_chars=64,
        help="Lowercase letters, digits, dots and dashes. The result is `learned:NAME`.",
    )
    args = [*args, "--save", name]
    job = job_progress.running("learn")
    job_progress.show("learn")
    if job is not None:
        _watch_curve(_save_name(job.args))
        return
    resumable = name in learned_backbones.unfinished()
    st.button(
        "Resume" if resumable else "Start",
        icon=":material/play_arrow:",
        type="primary",
        disabled=not name or name in used,
        on_click=job_progress.start,
        args=(args,),
        key="learn_go",
    )
    if name in used:
        st.caption(f"There is already a learned:{escape_markdown(name)}. Choose another name.")
    elif resumable:
        st.caption("A run of this name was stopped. With the same settings it resumes.")
        _draw_curve(name)
    commands.show(args)
    _show_unfinished(name)


def _show_unfinished(name: str) -> None:
    """Runs that were stopped or killed under other names, with buttons to resume or delete them."""
    # Unnamed runs belong to commands without --save, which resume by themselves.
    names = [
        n for n in learned_backbones.unfinished() if n != name and not n.startswith("unnamed-")
    ]
    if not names:
        return
    job_of = {_save_name(job.args): job for job in reversed(jobs.jobs())}
    with st.expander(f"Unfinished runs ({len(names)})", True, icon=":material/pause_circle:"):
        for unfinished in names:
            job = job_of.get(unfinished)
            with st.container(horizontal=True, vertical_alignment="center"):
                origin = "" if job else ": started in a terminal; run its command again"
                st.markdown(f"**{escape_markdown(unfinished)}**{origin}", width="stretch")
                if job:
                    st.button(
                        "Resume",
                        icon=":material/play_arrow:",
                        key=f"learn_resume_{unfinished}",
                        on_click=job_progress.start,
                        args=(learned_backbones.resume_args(job.args),),
                    )
                st.button(
                    "Delete",
                    icon=":material/delete:",
                    key=f"learn_delete_{unfinished}",
                    on_click=actions.run_action,
                    args=(learned_backbones.remove, unfinished),
                )
            if job:
                commands.show(job.args)


def _unused_name(stem: str, used: set[str]) -> str:
    stem = stem[:56]
    number = next(n for n in range(1, 10_000) if f"{stem}-{n}" not in used)
    return f"{stem}-{number}"


def _save_name(args: tuple[str, ...]) -> str:
    return args[args.index("--save") + 1] if "--save" in args else ""


@st.fragment(run_every="2s")
def _watch_curve(name: str) -> None:
    if name:
        _draw_curve(name)


def _draw_curve(name: str) -> None:
    try:
        curve = learned_backbones.read_curve(name)
    except SimError:
        return
    if curve.losses:
        charts.losses(list(curve.losses), list(curve.validation_losses), f"losses_{name}")
