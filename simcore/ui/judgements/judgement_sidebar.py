"""The controls of Judgements: set, similarities, metrics, combination, counting."""

from collections.abc import Sequence

import streamlit as st

from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.judgements.sets import JudgementSet
from simcore.lab.library import provenance
from simcore.types import METRICS
from simcore.ui import backbone_picker, url_state
from simcore.ui.sidebar import COMBINATION_NAMES
from simcore.ui.url_state import Field, ListField, Values
from simcore.ui.widgets import escape_markdown

PAGE = "judgements"
VIEWS = {  # value in the address -> label
    "scores": "Scores",
    "disagreements": "Disagreements",
    "layers": "LPIPS layers",
    "combinations": "Best combinations",
    "set": "About this set",
}
COMBINE_LABELS = {name: COMBINATION_NAMES[name] for name in ("none", "zsum", "sum")}
COUNTING_LABELS = {"share": "Share of votes (BAPPS)", "majority": "Majority, 1 or 0"}
METRIC_LABELS = {"cosine": "Cosine", "l2": "L2", "l1": "L1"}
MAX_MODELS = 24


def _fields(names: Sequence[str]) -> list[Field]:
    """The fields of the address, given the names of all sets."""
    first = sets.KNOWN if sets.KNOWN in names else names[0]
    return [
        Field("judgements", names, default=first, label="set of judgements"),
        Field("subset", _subsets, label="subset"),
        ListField(
            "models",
            expand=lambda name: pair_similarities.expand([name]),
            default=_default_models,
            label="similarity",
            per="judgements",
            limit=MAX_MODELS,
        ),
        ListField("metrics", METRICS, default=list(METRICS), label="metric"),
        Field("combine", list(COMBINE_LABELS), label="combination"),
        Field("counting", list(COUNTING_LABELS), label="counting"),
        Field("view", list(VIEWS)),
    ]


def _subsets(values: Values) -> list[str]:
    """All trials, or those that a learned backbone never saw."""
    return list(provenance.subsets(sets.open_(values["judgements"])))


def _default_models(values: Values) -> list[str]:
    judged = JudgementQuestion(values["judgements"], subset=values["subset"]).open()
    distances = [d.name for d in pair_similarities.distances() if d.ready]
    available = pair_similarities.available(judged)
    return available or [*pair_similarities.default_backbones(), *distances]


def sidebar(names: Sequence[str]) -> JudgementQuestion:
    """Draw the controls; returns what they ask."""
    url_state.bind(PAGE, _fields(names))
    with st.sidebar:
        name = st.selectbox("Judgements", names, key=f"{PAGE}_judgements")
        subset = _subset(sets.open_(name))
        judged = JudgementQuestion(name, subset=subset).open()
        ready = pair_similarities.available(judged)
        offered = pair_similarities.default_backbones()
        offered += [d.name for d in pair_similarities.distances() if d.ready]
        models = backbone_picker.draw(
            f"{PAGE}_models_{name}",
            list(dict.fromkeys([*ready, *offered])),
            ready=ready,
            limit=MAX_MODELS,
            label="Similarities",
            check=lambda text: pair_similarities.expand([text]),
            help="Backbones, and perceptual distances, which compare two images at once (pixel-l2, "
            "ssim, lpips-alex, ...; lpips-alex/layer0 is one layer).",
        )
        metrics = st.pills(
            "Metrics",
            list(METRICS),
            selection_mode="multi",
            format_func=METRIC_LABELS.__getitem__,
            key=f"{PAGE}_metrics",
            help="For backbones; a perceptual distance has its own.",
        )
        combine = st.selectbox(
            "Combination",
            list(COMBINE_LABELS),
            format_func=COMBINE_LABELS.__getitem__,
            key=f"{PAGE}_combine",
            help="Also score the sum of all chosen similarities.",
        )
        counting = st.selectbox(
            "A trial earns",
            list(COUNTING_LABELS),
            format_func=COUNTING_LABELS.__getitem__,
            key=f"{PAGE}_counting",
            help="The share of people who chose the same side as the similarity, or 1 if most did.",
        )
    if warning := provenance.trained_on_warning(judged, models):
        st.warning(escape_markdown(warning.rstrip(".")) + ".", icon=":material/school:")
    chosen = tuple(metric for metric in METRICS if metric in metrics)
    return JudgementQuestion(name, tuple(models), chosen, combine, counting, subset)


def _subset(judged: JudgementSet) -> str:
    """The selectbox of the subset, drawn only if a learned backbone has unseen trials."""
    subsets = provenance.subsets(judged)
    if len(subsets) == 1:
        return "all"
    subset: str = st.selectbox(
        "Trials",
        list(subsets),
        key=f"{PAGE}_subset",
        format_func=lambda name: f"{name}: {subsets[name]}",
    )
    return subset
