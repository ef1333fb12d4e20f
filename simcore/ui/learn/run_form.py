"""Starting a run of learning: what fine-tuning needs to know, its name, and how it goes."""

import shlex

import streamlit as st

from simcore.errors import SimError
from simcore.lab import jobs
from simcore.lab.learning import finetuning, learned_backbones
from simcore.models import lineage
from simcore.ui import charts, job_progress, widgets
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


def finetuning_options(data: str, bases: list[str], page: str) -> list[str]:
    """The controls of fine-tuning; the command line without the name of the result.

    Args:
        data: the collection or set of judgements. bases: what can be started from.
        page: in the widgets' keys.
    """
    first, second = st.columns(2)
    base = first.selectbox("Start from", bases, key=f"{page}_base")
    way = second.selectbox(
        "Paradigm", list(PARADIGMS), format_func=PARADIGMS.__getitem__, key=f"{page}_paradigm"
    )
    preset, row = finetuning.preset(base, way), finetuning.preset_of(base)
    columns = st.columns(3)
    own = f"{base}_{way}"
    rate = columns[0].number_input(
        "Learning rate",
        1e-7,
        1.0,
        preset.rate,
        preset.rate / 2,
        format="%.1e",
        key=f"{page}_rate_{own}",
    )
    epochs = columns[1].number_input("Epochs", 1, 200, preset.epochs, key=f"{page}_epochs_{own}")
    batch = columns[2].number_input("Batch", 2, 512, preset.batch, key=f"{page}_batch_{own}")
    st.caption(
        f"As in the row of {row} in Table B.1. Without a GPU an epoch takes minutes; it goes on "
        "when this tab is closed."
    )
    return [
        "learn",
        "finetune",
        data,
        "--base",
        base,
        "--paradigm",
        way,
        "--rate",
        f"{rate:g}",
        "--epochs",
        str(epochs),
        "--batch",
        str(batch),
    ]


def run(args: list[str], stem: str, key: str) -> None:
    """The name of the result, Start or Go on, and the run that is on its way.

    Args:
        stem: what a fresh name begins with. key: of the name's widget.
    """
    taken = {row["name"].removeprefix("learned:") for row in learned_backbones.listing()}
    name = st.text_input(
        "Name of the result",
        _fresh(stem, taken),
        key=key,
        max_chars=64,
        help="Small letters, digits, dots and dashes. The result is `learned:` and this name.",
    )
    args = [*args, "--save", name]
    going = job_progress.running("learn")
    if going is not None:
        saved = _saved(going.args)
        job_progress.show("learn")
        _curve(saved)
        return
    job_progress.show("learn")
    waiting = name in lineage.unfinished()
    st.button(
        "Go on" if waiting else "Start",
        icon=":material/play_arrow:",
        type="primary",
        disabled=not name or name in taken,
        on_click=job_progress.start,
        args=(args,),
        key="learn_go",
    )
    if name in taken:
        st.caption(f"There is a learned:{escape_markdown(name)} already; choose another name.")
    elif waiting:
        st.caption("A run of this name was stopped; with the same choices it goes on from there.")
        _drawn(name)
    st.code(shlex.join(["simcore", *args]), language="bash", wrap_lines=True)
    _waiting(name)


def _waiting(name: str) -> None:
    """Runs that were stopped or killed under other names, with a way to go on or forget them."""
    # Those without a name belong to commands that name nothing, and go on by themselves.
    others = [n for n in lineage.unfinished() if n != name and not n.startswith("unnamed-")]
    if not others:
        return
    began = {_saved(job.args): job for job in reversed(jobs.jobs())}
    with st.expander(f"Unfinished runs ({len(others)})", True, icon=":material/pause_circle:"):
        for one in others:
            job = began.get(one)
            with st.container(horizontal=True, vertical_alignment="center"):
                known = job.title if job else "begun by hand; the command that began it goes on"
                st.markdown(
                    f"**{escape_markdown(one)}**: {escape_markdown(known)}", width="stretch"
                )
                if job:
                    st.button(
                        "Go on",
                        icon=":material/play_arrow:",
                        key=f"learn_on_{one}",
                        on_click=job_progress.start,
                        args=(job.args,),
                    )
                st.button(
                    "Forget",
                    icon=":material/delete:",
                    key=f"learn_forget_{one}",
                    on_click=widgets.run_action,
                    args=(learned_backbones.remove, one),
                )


def _fresh(stem: str, taken: set[str]) -> str:
    """A name that nobody has yet."""
    stem = stem[:56]
    number = next(n for n in range(1, 10_000) if f"{stem}-{n}" not in taken)
    return f"{stem}-{number}"


def _saved(args: tuple[str, ...]) -> str:
    return args[args.index("--save") + 1] if "--save" in args else ""


@st.fragment(run_every="2s")
def _curve(name: str) -> None:
    if name:
        _drawn(name)


def _drawn(name: str) -> None:
    try:
        told = learned_backbones.read(name)
    except SimError:
        return
    if told["loss"]:
        charts.losses(told["loss"], told["check"], f"losses_{name}")
