"""Learn: start a run, watch it, and see what it changed on pairs that it never saw."""

import shlex
from dataclasses import replace

import streamlit as st

from pages import annexed, choices, learned, widgets
from pages.choices import Choice
from pages.widgets import plain
from simcore.errors import SimError
from simcore.lab import curves, jobs, learning, rivals, tuning

WAYS = {
    "fusion": "Fusion: every backbone its own map and a learned weight",
    "paper": "Adaptation function (risser-maroux2021)",
    "finetune": "Fine-tuning of one network (margaritescu2024)",
}
SHORT = {"fusion": "Fusion", "paper": "Adaptation function", "finetune": "Fine-tuning"}
PARADIGMS = {
    "triplet": "Triplet loss", "contrastive": "Contrastive loss", "quadruplet": "Quadruplet loss",
    "rotation": "Rotation (self-supervised)", "jigsaw": "Jigsaw (self-supervised)",
    "simclr": "SimCLR (self-supervised)", "moco": "MoCo (self-supervised)",
}  # fmt: skip


def show() -> None:
    """Draw the page."""
    st.title("Learn")
    st.caption(
        "Learn from a collection's pairs what looks alike, and judge it on pairs kept aside. What "
        "comes out is a backbone like any other, `learned:NAME`."
    )
    asked = None
    with widgets.sentences():
        asked = choices.choose("learn", options=("s",), own={"way": list(WAYS)})
        if asked is None:
            return
        own = [model for model in asked.models if not model.startswith("learned:")]
        if own:
            _start(replace(asked, models=tuple(own)))
        else:
            st.info("Choose a backbone in the sidebar that was not learned from these pairs.")
    if asked is not None:  # else a sentence has said what is missing
        with widgets.sentences():
            learned.show(asked)
        with widgets.sentences():
            annexed.show(asked, busy=widgets.running("learn") is not None)


def _start(asked: Choice) -> None:
    way = st.segmented_control(
        "What to learn", list(WAYS), format_func=SHORT.__getitem__, key="learn_way", required=True,
    )  # fmt: skip
    choices.add("learn", {"way": way})
    st.caption(WAYS[way] + ".")
    args = _tuning(asked) if way == "finetune" else _adapting(asked, way)
    if args is None:
        return
    taken = {row["name"].removeprefix("learned:") for row in learning.listing()}
    name = st.text_input(
        "Name of the result", _fresh(asked, way, taken), key=f"learn_name_{way}", max_chars=64,
        help="Small letters, digits, dots and dashes. The result is `learned:` and this name.",
    )  # fmt: skip
    args = [*args, "--save", name]
    going = widgets.running("learn")
    if going is not None:
        saved = _saved(going.args)
        widgets.job("learn")
        _curve(saved)
        return
    widgets.job("learn")
    waiting = name in learning.unfinished()
    st.button(
        "Go on" if waiting else "Start", icon=":material/play_arrow:", type="primary",
        disabled=not name or name in taken, on_click=widgets.launch, args=(args,), key="learn_go",
    )  # fmt: skip
    if name in taken:
        st.caption(f"There is a learned:{plain(name)} already; choose another name.")
    elif waiting:
        st.caption("A run of this name was stopped; with the same choices it goes on from there.")
        _drawn(name)
    st.code(shlex.join(["simcore", *args]), language="bash", wrap_lines=True)
    _waiting(name)


def _waiting(name: str) -> None:
    """Runs that were stopped or killed under other names, with a way to go on or forget them."""
    # Those without a name belong to commands that name nothing, and go on by themselves.
    others = [n for n in learning.unfinished() if n != name and not n.startswith("unnamed-")]
    if not others:
        return
    began = {_saved(job.args): job for job in reversed(jobs.jobs())}
    with st.expander(f"Unfinished runs ({len(others)})", True, icon=":material/pause_circle:"):
        for one in others:
            job = began.get(one)
            with st.container(horizontal=True, vertical_alignment="center"):
                known = job.title if job else "begun by hand; the command that began it goes on"
                st.markdown(f"**{plain(one)}**: {plain(known)}", width="stretch")
                if job:
                    st.button("Go on", icon=":material/play_arrow:", key=f"learn_on_{one}",
                              on_click=widgets.launch, args=(job.args,))  # fmt: skip
                st.button("Forget", icon=":material/delete:", key=f"learn_forget_{one}",
                          on_click=widgets.attempt, args=(learning.remove, one))  # fmt: skip


def _adapting(asked: Choice, way: str) -> list[str] | None:
    columns = st.columns(3)
    runs = columns[0].number_input(
        "Runs", 1, 20, 20 if way == "paper" else 5, key=f"learn_runs_{way}",
        help="Each with its own split of the pairs; the first is what is kept.",
    )  # fmt: skip
    args = ["learn", "adaptation", asked.collection, "--models", ",".join(asked.models),
            "--method", way, "--runs", str(runs)]  # fmt: skip
    if way == "paper":
        sigma = columns[1].selectbox("Temperature", [15, 1], key="learn_sigma")
        protocol = columns[2].selectbox(
            "Epoch chosen on", ["honest", "paper"], key="learn_protocol",
            format_func={"honest": "Validation pairs", "paper": "Test pairs (the paper)"}.get,
        )  # fmt: skip
        args += ["--sigma", str(sigma), "--protocol", protocol]
    else:
        few = len(asked.models) <= rivals.MOST
        compared = columns[1].checkbox(
            "Compare with the best z-sum", True, key="learn_rival", disabled=not few,
            help=f"Chosen on the same training pairs, for at most {rivals.MOST} backbones.",
        )  # fmt: skip
        args += ["--rival"] if compared and few else []
    st.caption(
        "It takes minutes, and goes on when this tab is closed; stopped, it can go on later."
    )
    return args if asked.subset == "all" else [*args, "--subset", asked.subset]


def _tuning(asked: Choice) -> list[str] | None:
    bases = [name for name in tuning.trainable() if name in asked.models]
    if not bases:
        st.info(
            "None of the backbones in the sidebar has weights that can be learned; choose a "
            "network such as mobilenetv2."
        )
        return None
    first, second = st.columns(2)
    base = first.selectbox("Start from", bases, key="learn_base")
    way = second.selectbox("Paradigm", list(PARADIGMS), format_func=PARADIGMS.__getitem__,
                           key="learn_paradigm")  # fmt: skip
    preset, row = tuning.preset(base, way), tuning.preset_of(base)
    columns = st.columns(3)
    own = f"{base}_{way}"
    rate = columns[0].number_input("Learning rate", 1e-7, 1.0, preset.rate, preset.rate / 2,
                                   format="%.1e",
                                   key=f"learn_rate_{own}")  # fmt: skip
    epochs = columns[1].number_input("Epochs", 1, 200, preset.epochs, key=f"learn_epochs_{own}")
    batch = columns[2].number_input("Batch", 2, 512, preset.batch, key=f"learn_batch_{own}")
    st.caption(
        f"As in the row of {row} in Table B.1. Without a GPU an epoch takes minutes; it goes on "
        "when this tab is closed."
    )
    args = ["learn", "finetune", asked.collection, "--base", base, "--paradigm", way,
            "--rate", f"{rate:g}", "--epochs", str(epochs), "--batch", str(batch)]  # fmt: skip
    return args if asked.subset == "all" else [*args, "--subset", asked.subset]


def _fresh(asked: Choice, way: str, taken: set[str]) -> str:
    """A name that nobody has yet."""
    stem = f"{asked.collection}-{way}"[:56]
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
        told = curves.read(name)
    except SimError:
        return
    if told["loss"]:
        learned.losses(told["loss"], told["check"], f"losses_{name}")


show()
