"""What the analyses ask for: collection, part of its pairs, backbones; also in the link."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from simcore.lab import collections, selection
from simcore.types import LIFTS, METRICS, Collection

METRIC_NAMES = {"own": "Own", "cosine": "Cosine", "l2": "L2", "l1": "L1"}
LIFT_NAMES = {
    "none": "None (as the papers)",
    "center": "Centring",
    "csls": "CSLS",
    "center+csls": "Centring and CSLS",
}
MOST = 16


@dataclass(frozen=True)
class Choice:
    """One way to look at a collection; the same words as on the command line."""

    collection: str
    subset: str
    models: tuple[str, ...]
    metric: str
    lift: str

    def by_hand(self, command: str, *more: str) -> str:
        """The command line that prints the same numbers."""
        words = ["simcore evaluate", command, self.collection, "--models", ",".join(self.models)]
        if self.subset != "all":
            words += ["--subset", self.subset]
        return " ".join([*words, *more])


def opened(asked: Choice) -> Collection:
    """The pairs that are looked at."""
    return selection.open_(asked.collection, asked.subset)


def pairs_only() -> list[str]:
    """Collections with known mates."""
    return [name for name in collections.names() if collections.open_(name).right is not None]


def choose(page: str, *, fewest: int = 1, metric: bool = True, lift: bool = False) -> Choice | None:
    """Draw the controls in the sidebar; None, with a sentence, while nothing can be shown."""
    names = pairs_only()
    if not names:
        st.info("There is no collection of pairs yet.")
        st.page_link("pages/collections.py", label="Add one", icon=":material/add:")
        return None
    here = st.query_params
    with st.sidebar:
        name = _one("Collection", names, here.get("c", ""), f"{page}_c")
        ready = collections.extracted(name)
        asked = [m for m in here.get("models", "").split(",") if m in ready]
        chosen = st.multiselect(
            "Backbones",
            ready,
            default=(asked or ready)[:MOST],
            key=f"{page}_models_{name}",
            max_selections=MOST,
            help="Those whose features are complete; more on the Collections page.",
        )
        subset = _one("Pairs", list(selection.SUBSETS), here.get("s", "all"), f"{page}_s",
                      lambda key: f"{key}: {selection.SUBSETS[key]}")  # fmt: skip
        how = (
            _one("Metric", ["own", *METRICS], here.get("m", "own"), f"{page}_m",
                 METRIC_NAMES.__getitem__) if metric else "own"
        )  # fmt: skip
        lifted = (
            _one("Lift", list(LIFTS), here.get("lift", "none"), f"{page}_lift",
                 LIFT_NAMES.__getitem__) if lift else "none"
        )  # fmt: skip
    found = Choice(name, subset, tuple(chosen), how, lifted)
    here.from_dict(
        {"c": name, "s": subset, "models": ",".join(chosen)}
        | ({"m": how} if metric else {})
        | ({"lift": lifted} if lift else {})
    )
    if len(chosen) < fewest:
        st.info(f"Choose at least {fewest} backbone{'s' if fewest > 1 else ''} in the sidebar.")
        return None
    return found


def _one(label: str, options: Sequence[str], asked: str, key: str, say=str) -> str:  # type: ignore[no-untyped-def]
    start = list(options).index(asked) if asked in options else 0
    return str(st.selectbox(label, options, index=start, format_func=say, key=key))
