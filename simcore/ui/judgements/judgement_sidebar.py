"""What Judgements is asked: the set, similarities, metrics; also in the link."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from simcore.data.judgements.trials import JudgementSet
from simcore.errors import SimError, unknown_name
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.library import provenance
from simcore.types import METRICS
from simcore.ui import url_state
from simcore.ui.widgets import escape_markdown

PAGE = "judged"
WHAT = {
    "scores": "Scores",
    "apart": "Where people and model part",
    "layers": "LPIPS by layers (Table 2)",
    "best": "Combinations (Table 3)",
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

    def by_hand(self) -> str:
        """The command line that prints the same scores."""
        words = ["simcore", *self.make(self.models)]
        if self.metrics != METRICS:
            words += ["--metrics", ",".join(self.metrics)]
        if self.combine != "none":
            words += ["--combine", self.combine]
        if self.counting != "share":
            words += ["--counting", self.counting]
        return shlex.join(words)


def arrive(names: Sequence[str]) -> None:
    """Let the widgets follow the address, if it is not the one that they wrote."""
    put, here = st.session_state, dict(st.query_params)
    if here == put.get(f"_{PAGE}_address") and put.get(f"{PAGE}_j") in names:
        return
    for key in [k for k in put if str(k).startswith(f"{PAGE}_")]:
        del put[key]
    put.pop(f"_{PAGE}_address", None)
    before = put.get("_judged_last", {})
    here = here or (before if before.get("j") in names else {})
    said: list[str] = []
    first = sets.KNOWN if sets.KNOWN in names else names[0]
    known = {
        "j": ("set of judgements", list(names), first),
        "what": ("view", list(WHAT), "scores"),
        "with": ("combination", list(WITH), "none"),
        "count": ("way of counting", list(COUNT), "share"),
    }
    for key, (word, options, usual) in known.items():
        asked = here.get(key, usual)
        if asked not in options:
            said.append(f"From the link: {unknown_name(word, asked[:40], options)}")
        put[f"{PAGE}_{key}"] = asked if asked in options else usual
    put[f"{PAGE}_t"] = here.get("t", "all")  # looked at when the set is open
    metrics = _words(here.get("metrics", ",".join(METRICS)))
    said += [
        f"From the link: {unknown_name('metric', m[:40], METRICS)}"
        for m in metrics
        if m not in METRICS
    ]
    put[f"{PAGE}_metrics"] = [m for m in METRICS if m in metrics] or list(METRICS)
    models = []
    for model in list(_words(here.get("models", "")))[:MOST]:
        try:
            models += pair_similarities.expand([model])
        except SimError as error:
            said.append(f"From the link: {error}")
    if models:
        put[f"{PAGE}_models_{put[f'{PAGE}_j']}"] = list(dict.fromkeys(models))[:MOST]
    if said:
        st.warning(
            "  \n".join(escape_markdown(sentence) for sentence in said), icon=":material/link_off:"
        )


def sidebar(names: Sequence[str]) -> JudgementQuestion:
    """Draw the controls; what they say now."""
    put = st.session_state
    with st.sidebar:
        name = st.selectbox("Judgements", names, key=f"{PAGE}_j")
        judged = sets.open_(name)
        subset = _subset(judged)
        judged = provenance.unseen_part(judged, subset)
        ready = pair_similarities.available(judged)
        others = [d["name"] for d in pair_similarities.distances() if d["ready"]]
        options = list(dict.fromkeys([*ready, *pair_similarities.default_backbones(), *others]))
        key = f"{PAGE}_models_{name}"
        put.setdefault(key, (ready or [*pair_similarities.default_backbones(), *others])[:MOST])
        chosen = st.multiselect(
            "Similarities",
            list(dict.fromkeys([*options, *put[key]])),
            key=key,
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
            "Combination as well", list(WITH), format_func=WITH.__getitem__, key=f"{PAGE}_with"
        )
        counting = st.selectbox(
            "A triplet counts", list(COUNT), format_func=COUNT.__getitem__, key=f"{PAGE}_count"
        )
    if warning := provenance.trained_on_warning(judged, chosen):
        st.warning(escape_markdown(warning), icon=":material/school:")
    shown = tuple(m for m in METRICS if m in metrics)
    return JudgementQuestion(name, tuple(chosen), shown, combine, counting, subset)


def _subset(judged: JudgementSet) -> str:
    """All trials, or those that a learned backbone never saw; asked only where there is one."""
    put, key = st.session_state, f"{PAGE}_t"
    parts = provenance.subsets(judged)
    if put.get(key, "all") not in parts:
        said = unknown_name("part of the trials", str(put[key])[:80], parts)
        st.warning(escape_markdown(f"From the link: {said}"), icon=":material/link_off:")
        put[key] = "all"
    if len(parts) == 1:
        return "all"
    chosen: str = st.selectbox(
        "Trials", list(parts), key=key, format_func=lambda part: f"{part}: {parts[part]}"
    )
    return chosen


def write(asked: JudgementQuestion, what: str) -> None:
    """Put what is shown into the address."""
    url_state.add(
        PAGE,
        {
            "j": asked.name,
            "models": ",".join(asked.models),
            "metrics": ",".join(asked.metrics),
            "with": asked.combine,
            "count": asked.counting,
            "what": what,
        }
        | ({} if asked.subset == "all" else {"t": asked.subset}),
    )
    st.session_state["_judged_last"] = dict(st.query_params)  # for whoever comes back by the menu


def _words(text: str) -> dict[str, None]:
    """A comma list, each word once, in order."""
    return dict.fromkeys(word.strip() for word in text.split(",") if word.strip())
