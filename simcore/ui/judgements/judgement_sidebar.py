"""The controls of Judgements: set, similarities, metrics, combination, counting."""

from collections.abc import Sequence

import streamlit as st

from simcore.errors import SimError, unknown_name
from simcore.lab.judgements import pair_similarities, sets
from simcore.lab.judgements.agreement import JudgementQuestion
from simcore.lab.judgements.sets import JudgementSet
from simcore.lab.library import provenance
from simcore.types import METRICS
from simcore.ui import url_state
from simcore.ui.widgets import escape_markdown

PAGE = "judgements"
VIEWS = {  # value in the address -> label
    "scores": "Scores",
    "disagreements": "Disagreements",
    "layers": "LPIPS layers",
    "combinations": "Best combinations",
    "set": "About this set",
}
COMBINE_LABELS = {"none": "None", "zsum": "z-sum of all", "sum": "Plain sum of all"}
COUNTING_LABELS = {"share": "Share of votes (BAPPS)", "majority": "Majority, 1 or 0"}
METRIC_LABELS = {"cosine": "Cosine", "l2": "L2", "l1": "L1"}
MAX_MODELS = 24


def arrive(names: Sequence[str]) -> None:
    """Let the widgets follow a link, that is, an address that this page did not write."""
    state, params = st.session_state, dict(st.query_params)
    if params == state.get(f"_{PAGE}_address") and state.get(f"{PAGE}_judgements") in names:
        return
    for key in [key for key in state if str(key).startswith(f"{PAGE}_")]:
        del state[key]
    state.pop(f"_{PAGE}_address", None)
    last = state.get(f"_{PAGE}_last", {})
    params = params or (last if last.get("judgements") in names else {})
    default = sets.KNOWN if sets.KNOWN in names else names[0]
    problems: list[str] = []
    fields = {  # name -> what warnings call it, allowed values, default
        "judgements": ("set of judgements", list(names), default),
        "view": ("view", list(VIEWS), "scores"),
        "combine": ("combination", list(COMBINE_LABELS), "none"),
        "counting": ("counting", list(COUNTING_LABELS), "share"),
    }
    for field, (word, options, usual) in fields.items():
        value = params.get(field, usual)
        if value not in options:
            problems.append(str(unknown_name(word, value[:40], options)))
        state[f"{PAGE}_{field}"] = value if value in options else usual
    state[f"{PAGE}_subset"] = params.get("subset", "all")  # checked when the set is open
    metrics = _words(params.get("metrics", ",".join(METRICS)))
    problems += [str(unknown_name("metric", m[:40], METRICS)) for m in metrics if m not in METRICS]
    state[f"{PAGE}_metrics"] = [m for m in METRICS if m in metrics] or list(METRICS)
    models = []
    for model in _words(params.get("models", ""))[:MAX_MODELS]:
        try:
            models += pair_similarities.expand([model])
        except SimError as error:
            problems.append(str(error))
    if models:
        name = state[f"{PAGE}_judgements"]
        state[f"{PAGE}_models_{name}"] = list(dict.fromkeys(models))[:MAX_MODELS]
    if problems:
        lines = [escape_markdown(f"From the link: {problem}") for problem in problems]
        st.warning("  \n".join(lines), icon=":material/link_off:")


def sidebar(names: Sequence[str]) -> JudgementQuestion:
    """Draw the controls; returns what they ask."""
    state = st.session_state
    with st.sidebar:
        name = st.selectbox("Judgements", names, key=f"{PAGE}_judgements")
        subset = _subset(sets.open_(name))
        judged = JudgementQuestion(name, subset=subset).open()
        ready = pair_similarities.available(judged)
        offered = pair_similarities.default_backbones()
        offered += [d.name for d in pair_similarities.distances() if d.ready]
        key = f"{PAGE}_models_{name}"
        state.setdefault(key, (ready or offered)[:MAX_MODELS])
        models = st.multiselect(
            "Similarities",
            list(dict.fromkeys([*ready, *offered, *state[key]])),
            key=key,
            max_selections=MAX_MODELS,
            accept_new_options=True,
            placeholder="Choose, or type timm:NAME",
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
            "A triplet earns",
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
    state, key = st.session_state, f"{PAGE}_subset"
    subsets = provenance.subsets(judged)
    if state.get(key, "all") not in subsets:
        problem = unknown_name("subset", str(state[key])[:80], subsets)
        st.warning(escape_markdown(f"From the link: {problem}"), icon=":material/link_off:")
        state[key] = "all"
    if len(subsets) == 1:
        return "all"
    subset: str = st.selectbox(
        "Trials", list(subsets), key=key, format_func=lambda name: f"{name}: {subsets[name]}"
    )
    return subset


def write(question: JudgementQuestion, view: str) -> None:
    """Write what is shown into the address."""
    url_state.add(PAGE, question.to_query() | {"view": view})
    st.session_state[f"_{PAGE}_last"] = dict(st.query_params)  # for returning through the menu


def _words(text: str) -> list[str]:
    """The words of a comma list, each once, in order."""
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
