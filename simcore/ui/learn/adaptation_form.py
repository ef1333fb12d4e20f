"""The settings of adaptation, as the options of `simcore learn adaptation`."""

from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simcore.lab.learning import adaptation
from simcore.lab.learning.adaptation import AdaptationSettings

SIGMAS = (15, 1)
PROTOCOLS = {"held-out": "Validation pairs", "paper": "Test pairs (as in the paper)"}
PCA = {
    "split": "On each run's training images",
    "once": "Once, on all images",
    "none": "No PCA",
}
DEFAULTS = AdaptationSettings()
# Field -> option and the widget's value as its argument; a ReLU is left out by a flag.
OPTIONS: dict[str, Callable[[Any], list[str]]] = {
    "dims": lambda value: ["--dims", str(value)],
    "width": lambda value: ["--width", str(value)],
    "learning_rate": lambda value: ["--learning-rate", f"{value:g}"],
    "patience": lambda value: ["--patience", str(value)],
    "pca": lambda value: ["--pca", value],
    "relu": lambda _: ["--no-relu"],
}


def key(field: str) -> str:
    """The key of the widget of a setting."""
    return f"learn_{field}"


def args(left: DeltaGenerator, right: DeltaGenerator) -> list[str]:
    """Draw the settings, the first two in columns; the options, without those of defaults."""
    sigma = left.selectbox("Temperature", SIGMAS, key=key("sigma"))
    protocol = right.selectbox(
        "Epoch chosen on",
        list(PROTOCOLS),
        key=key("protocol"),
        format_func=PROTOCOLS.__getitem__,
        help="Choosing the epoch on the test pairs makes the result optimistically biased.",
    )
    with st.expander("More settings", icon=":material/tune:"):
        _more_settings()
    return ["--sigma", str(sigma), "--protocol", protocol, *changed_args()]


def _more_settings() -> None:
    columns = st.columns(4)
    columns[0].number_input(
        "Dimensions of the PCA", 1, 4096, DEFAULTS.dims, key=key("dims"), help="At most."
    )
    columns[1].number_input(
        "Width", 1, 8192, DEFAULTS.width, key=key("width"), help="Of the adapted vectors."
    )
    columns[2].number_input(
        "Learning rate",
        1e-6,
        1.0,
        DEFAULTS.learning_rate,
        1e-3,
        format="%.1e",
        key=key("learning_rate"),
        help="Of Adam; the paper gives none.",
    )
    columns[3].number_input(
        "Patience",
        1,
        200,
        DEFAULTS.patience,
        key=key("patience"),
        help="Epochs without a lower validation loss before a run stops.",
    )
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    left.selectbox(
        "PCA fitted",
        list(PCA),
        format_func=PCA.__getitem__,
        key=key("pca"),
        help="A PCA of all images has seen the test images, too.",
    )
    right.checkbox("ReLU after the map", DEFAULTS.relu, key=key("relu"))


def changed_args() -> list[str]:
    """The options of further settings that differ from the default."""
    state = st.session_state
    return [
        word
        for field, option in OPTIONS.items()
        if state.get(key(field), getattr(DEFAULTS, field)) != getattr(DEFAULTS, field)
        for word in option(state[key(field)])
    ]


def settings() -> AdaptationSettings:
    """What the form holds; its defaults where it is not drawn, as for visitors of a workshop."""
    state = st.session_state
    chosen = adaptation.make_settings(
        "paper",
        sigma=state.get(key("sigma"), SIGMAS[0]),
        protocol=state.get(key("protocol"), next(iter(PROTOCOLS))),
        **{field: state[key(field)] for field in OPTIONS if key(field) in state},
    )
    assert isinstance(chosen, AdaptationSettings)
    return chosen
