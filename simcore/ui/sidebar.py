"""What the analyses ask for: collection, part of its pairs, backbones; also in the link."""

from collections.abc import Mapping, Sequence

import streamlit as st

from simcore.errors import BadDataError, unknown_name
from simcore.lab import recipes
from simcore.lab.library import collections, provenance
from simcore.lab.library import subsets as library_subsets
from simcore.recipe import POST_PROCESSING, Question
from simcore.types import DIRECTIONS, METRICS, Collection
from simcore.ui import kiosk, url_state
from simcore.ui.url_state import add
from simcore.ui.widgets import escape_markdown

METRIC_NAMES = {"own": "Own", "cosine": "Cosine", "l2": "L2", "l1": "L1"}
ARROWS = {"lr": "Left → right", "rl": "Right → left"}
POST_NAMES = {
    "none": "None (as the papers)",
    "center": "Centring",
    "csls": "CSLS",
    "center+csls": "Centring and CSLS",
}
# In the link: the option's words, and its name on the command line.
ASKED: dict[str, tuple[Sequence[str], str]] = {
    "s": (list(library_subsets.SUBSETS), "subset"),
    "m": (["own", *METRICS], "metric"),
    "d": (list(DIRECTIONS), "direction"),
    "post": (list(POST_PROCESSING), "post"),
}
MOST = 16


def opened(asked: Question) -> Collection:
    """The pairs that are looked at."""
    return library_subsets.open_subset(asked.collection, asked.subset)


def pairs_only() -> list[str]:
    """Collections with known mates."""
    return [name for name in collections.names() if collections.open_(name).right is not None]


def ready(name: str) -> list[str]:
    """Backbones whose features are complete; none where nothing was extracted yet."""
    try:
        return collections.extracted_backbones(name)
    except BadDataError:
        return []


def select_question(
    page: str,
    *,
    fewest: int = 1,
    options: Sequence[str] = ("s", "m", "d"),
    own: Mapping[str, Sequence[str]] | None = None,
    lone: bool = False,
) -> Question | None:
    """Draw the controls in the sidebar; None, with a sentence, while nothing can be shown.

    Args:
        options: those of `ASKED` that the page's numbers depend on.
        own: choices that the page draws itself with the key "{page}_{name}", and their options.
        lone: whether collections without mates can be looked at too.
    """
    names = named(page, own, lone=lone)
    if not names:
        return None
    put = st.session_state
    with st.sidebar:
        name = st.selectbox("Collection", names, key=f"{page}_c")
        ready = collections.extracted_backbones(name)
        put.setdefault(f"{page}_models_{name}", collections.default_backbones(name)[:MOST])
        chosen = st.multiselect(
            "Backbones",
            ready,
            key=f"{page}_models_{name}",
            max_selections=MOST,
            help="Those whose features are complete; more on the Collections page.",
        )
        subsets = library_subsets.choices(name)
        says = {
            "s": ("Pairs", {k: f"{k}: {v}" for k, v in subsets.items()}),
            "m": ("Metric", METRIC_NAMES),
            "d": ("Direction", ARROWS),
            "post": ("Lift", POST_NAMES),
        }
        found = {}
        for key in options:
            label, words = says[key]
            if put.get(f"{page}_{key}", next(iter(words))) not in words:
                put[f"{page}_{key}"] = next(iter(words))  # it belonged to another collection
            found[key] = st.selectbox(
                label, list(words), format_func=words.__getitem__, key=f"{page}_{key}"
            )
    metric, post = found.get("m", "own"), found.get("post", "none")
    asked = Question(
        name,
        tuple(recipes.parse(chosen, metric=metric, post=post)) if chosen else (),
        "rl" if found.get("d") == "rl" else "lr",
        found.get("s", "all"),
    )
    put["_asked"] = params = {
        "c": name,
        "s": asked.subset,
        "models": ",".join(asked.backbones),
        "m": metric,
        "d": asked.direction,
        "post": post,
    }
    kept = {"c", "models", *options}
    add(
        page,
        {k: v for k, v in params.items() if k in kept}
        | {k: str(put[f"{page}_{k}"]) for k in own or {} if f"{page}_{k}" in put},
    )
    if warning := provenance.training_overlap_warning(name, chosen, asked.subset):
        st.warning(escape_markdown(warning), icon=":material/school:")
    if len(chosen) < fewest:
        st.info(f"Choose at least {fewest} backbone{'s' if fewest > 1 else ''} in the sidebar.")
        return None
    return asked


def named(
    page: str, own: Mapping[str, Sequence[str]] | None = None, *, lone: bool = False
) -> list[str]:
    """Let the page's widgets follow the address, if it is not the one that they wrote.

    Returns:
        Collections with known mates (`lone`: all); where there is none, a sentence has said so.
    """
    names = collections.names() if lone else pairs_only()
    if not names:
        st.info("There is no collection yet." if lone else "There is no collection of pairs yet.")
        if not kiosk.enabled():
            st.page_link("pages/collections.py", label="Add one", icon=":material/add:")
        return []
    put, here = st.session_state, dict(st.query_params)
    if here == put.get(f"_{page}_address") and f"{page}_c" in put:
        return names
    for key in [k for k in put if str(k).startswith(f"{page}_")]:
        del put[key]
    put.pop(f"_{page}_address", None)
    here, said = here or _before(), list[str]()
    known = {"c": (names, "collection"), **ASKED, **{k: (v, k) for k, v in (own or {}).items()}}
    for key, (fixed, word) in known.items():
        # Which pairs a learned backbone never saw depends on the collection, which comes first.
        options = list(library_subsets.choices(put[f"{page}_c"])) if key == "s" else fixed
        asked = here.get(key, options[0])
        if asked not in options:
            said.append(f"From the link: {unknown_name(word, asked[:40], options)}")
        put[f"{page}_{key}"] = asked if asked in options else options[0]
    name = put[f"{page}_c"]
    ready = collections.extracted_backbones(name)
    wanted = list(dict.fromkeys(m.strip() for m in here.get("models", "").split(",") if m.strip()))
    lost = [m for m in wanted if m not in ready]
    if lost:
        said.append(f"From the link: no features of {', '.join(m[:40] for m in lost[:5])} here.")
    models = [m for m in wanted if m in ready] or collections.default_backbones(name)
    put[f"{page}_models_{name}"] = models[:MOST]
    if said:
        st.warning(
            "  \n".join(escape_markdown(sentence) for sentence in said), icon=":material/link_off:"
        )
    return names


def _before() -> dict[str, str]:
    """What another analysis was asked, else Explore's collection."""
    asked, view = st.session_state.get("_asked"), url_state.last_view()
    if asked or view is None:
        return dict(asked or {})
    return {"c": view.collection} if view.collection in pairs_only() else {}
