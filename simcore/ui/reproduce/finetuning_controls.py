"""The controls of Figure 5.3 of margaritescu2024: which networks are fine-tuned, and how."""

import streamlit as st

from simcore.errors import SimError
from simcore.lab.judgements import sets
from simcore.lab.learning import finetuning, finetuning_grid
from simcore.lab.learning.finetuning_grid import MAX_EPOCHS, PARADIGMS, Grid
from simcore.ui import url_state
from simcore.ui.url_state import Field, ListField, NumberField
from simcore.ui.widgets import escape_markdown

OFF = "off"
CHOICES = {  # value in the address -> label
    OFF: "Left out",
    "paper": "As in the thesis",
    "images": "Held out, no image in common",
    "references": "Held out, no reference in common",
}


def choose(page: str) -> Grid | None:
    """Draw the controls in the sidebar; None while Figure 5.3 is left out."""
    field = Field("finetune", list(CHOICES), label="kind of fine-tuning")
    url_state.bind(page, [field])
    with st.sidebar:
        choice = st.selectbox(
            "Figure 5.3 (fine-tuning)",
            list(CHOICES),
            format_func=CHOICES.__getitem__,
            key=f"{page}_finetune",
            help="Fine-tunes every network in every way, for hours on a GPU. The thesis draws the "
            "training triplets from those that are scored; held-out triplets are kept apart.",
        )
    if choice == OFF:
        return None
    networks = finetuning.trainable()
    stored = [singles.name for singles in sets.singleton_sets()]
    url_state.bind(
        page,
        [
            ListField("bases", networks, default=lambda _: _default_bases(), label="network"),
            ListField("paradigms", list(PARADIGMS), default=list(PARADIGMS), label="paradigm"),
            NumberField("epochs", default=0, low=0, high=MAX_EPOCHS),
            ListField("singles", stored, default=[], label="singleton set"),
        ],
    )
    with st.sidebar:
        bases = st.multiselect("Networks to fine-tune", networks, key=f"{page}_bases")
        paradigms = st.multiselect("Paradigms", list(PARADIGMS), key=f"{page}_paradigms")
        epochs = st.number_input(
            "Epochs",
            0,
            MAX_EPOCHS,
            key=f"{page}_epochs",
            help="0 takes those of Table B.1, 20 to 30.",
        )
        singles = (
            st.multiselect(
                "Singleton sets",
                stored,
                key=f"{page}_singles",
                help="What self-supervised paradigms learn from; by default the images of the "
                "training triplets.",
            )
            if stored
            else []
        )
    if not bases or not paradigms:
        st.info("Choose a network and a paradigm for Figure 5.3 in the sidebar.")
        return None
    grid = finetuning_grid.make(
        bases,
        paradigms,
        protocol="paper" if choice == "paper" else "held-out",
        split="" if choice == "paper" else choice,
        epochs=int(epochs) or None,
        singles=singles,
    )
    for base in bases:
        source = finetuning.preset_source(base)
        if not source.is_printed:
            st.sidebar.caption(f"{escape_markdown(base)}: {source.network} in Table B.1 (ours).")
    return grid


def _default_bases() -> list[str]:
    try:
        return finetuning_grid.default_bases()
    except SimError:  # none of the thesis is at hand: the reader names one
        return []
