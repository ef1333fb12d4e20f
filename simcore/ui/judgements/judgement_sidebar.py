"""What Judgements is asked: the set, similarities, metrics; also in the link."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from simcore.data.judgements.trials import JudgementSet
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.library import provenance
from simcore.types import METRICS
from simcore.ui import url_state
from simcore.ui.commands import Command
from simcore.ui.url_state import Field, ListField, Values
from simcore.ui.widgets import escape_markdown

PAGE = "judgements"
WHAT = {
    "scores": "Scores",
    "disagreements": "Where people and model part",
    "layers": "LPIPS by layers (Table 2)",
    "combinations": "Combinations (Table 3)",
    "set": "This set",
}
WITH = {"none": "None", "zsum": "z-sum of all", "sum": "Plain sum of all"}
COUNT = {"share": "Share of votes (BAPPS)", "majority": "Majority, 1 or 0"}
NAMES = {"cosine": "Cosine", "l2": "L2", "l1": "L1"}
MOST = 24


@dataclass(frozen=True)
class JudgementQuestion:
    """One way to look at a set of judgements; the same words as on the command line."""

    name: str
    models: tuple[str, ...]
    metrics: tuple[str, ...]
    combine: str
    counting: str
    subset: str = "all"

    def opened(self) -> JudgementSet:
        """The trials that are looked at."""
        return provenance.unseen_part(sets.open_(self.name), self.subset)

    def make(self, models: Sequence[str]) -> list[str]:
        """The command that makes similarities ready for these trials."""
        words = ["evaluate", "triplets", self.name, "--models", ",".join(models)]
        return words if self.subset == "all" else [*words, "--subset", self.subset]

    def command(self) -> Command:
        """The command line that prints the same scores."""
        words = self.make(self.models)
        if self.metrics != METRICS:
            words += ["--metrics", ",".join(self.metrics)]
        if self.combine != "none":
            words += ["--combine", self.combine]
        if self.counting != "share":
            words += ["--counting", self.counting]
        return Command(tuple(words))


def _fields(names: Sequence[str]) -> list[Field]:
    """The fields of the address, given the names of all sets."""
    first = sets.KNOWN if sets.KNOWN in names else names[0]
    return [
        Field("judgements", names, default=first, label="set of judgements"),
        Field("subset", _subsets, label="subset of the trials"),
        ListField(
            "models",
            expand=lambda name: pair_similarities.expand([name]),
            default=_default_models,
            label="similarity",
            per="judgements",
            limit=MOST,
        ),
        ListField("metrics", METRICS, default=list(METRICS), label="metric"),
        Field("combine", list(WITH), label="combination"),
        Field("counting", list(COUNT), label="way of counting"),
        Field("view", list(WHAT)),
    ]


def _subsets(values: Values) -> list[str]:
    """All trials, or those that a learned backbone never saw."""
    return list(provenance.subsets(sets.open_(values["judgements"])))


def _default_models(values: Values) -> list[str]:
    judged = provenance.unseen_part(sets.open_(values["judgements"]), values["subset"])
    ready = pair_similarities.available(judged)
    others = [d["name"] for d in pair_similarities.distances() if d["ready"]]
    return ready or [*pair_similarities.default_backbones(), *others]


def sidebar(names: Sequence[str]) -> JudgementQuestion:
    """Draw the controls; what they say now."""
    values = url_state.bind(PAGE, _fields(names))
    with st.sidebar:
        name = st.selectbox("Judgements", names, key=f"{PAGE}_judgements")
        judged = sets.open_(name)
        subset = _subset(judged)
        judged = provenance.unseen_part(judged, subset)
        ready = pair_similarities.available(judged)
        others = [d["name"] for d in pair_similarities.distances() if d["ready"]]
        options = list(dict.fromkeys([*ready, *pair_similarities.default_backbones(), *others]))
        chosen = st.multiselect(
            "Similarities",
            list(dict.fromkeys([*options, *values["models"]])),
            key=f"{PAGE}_models_{name}",
            max_selections=MOST,
            accept_new_options=True,
            placeholder="Choose, or type timm:NAME",
            help="Backbones, and distances that look at two images at once (pixel-l2, ssim, "
            "lpips-alex, ...; lpips-alex/layer0 is one layer).",
        )
        metrics = st.pills(
            "Metrics",
            list(METRICS),
            selection_mode="multi",
            format_func=NAMES.__getitem__,
            key=f"{PAGE}_metrics",
            help="Of backbones; a distance has one of its own.",
        )
        combine = st.selectbox(
            "Combination as well", list(WITH), format_func=WITH.__getitem__, key=f"{PAGE}_combine"
        )
        counting = st.selectbox(
            "A triplet counts", list(COUNT), format_func=COUNT.__getitem__, key=f"{PAGE}_counting"
        )
    if warning := provenance.trained_on_warning(judged, chosen):
        st.warning(escape_markdown(warning) + ".", icon=":material/school:")
    shown = tuple(m for m in METRICS if m in metrics)
    return JudgementQuestion(name, tuple(chosen), shown, combine, counting, subset)


def _subset(judged: JudgementSet) -> str:
    """The selectbox of the subset, only where a learned backbone has unseen trials."""
    parts = provenance.subsets(judged)
    if len(parts) == 1:
        return "all"
    chosen: str = st.selectbox(
        "Trials",
        list(parts),
        key=f"{PAGE}_subset",
        format_func=lambda part: f"{part}: {parts[part]}",
    )
    return chosen
