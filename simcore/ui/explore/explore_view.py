"""What Explore shows, as one value that is also its address: a link reproduces the view.

The address is the truth. When it changes under us (a link, back, forward) the widgets follow it;
when a widget changes, the address follows. Every value from an address is checked here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from simcore.errors import unknown_name
from simcore.types import DIRECTIONS, METRICS, Direction

OWN = "own"
METRIC_CHOICES = (OWN, *METRICS)
MIXES = ("sum", "zsum", "weighted")
MOST_K, MOST_MODELS, MOST_WEIGHT = 50, 24, 5.0


@dataclass(frozen=True)
class ExploreView:
    """Everything that decides what Explore shows, but for uploads, which stay on the page.

    Attributes:
        query: id of an image on the side that is asked from; "" = the first.
        models: backbones, one row each; empty = those that are extracted.
        mixes: rows that combine them, of `MIXES`; weighted is a z-sum with `weights`.
        weights: one a model in their order; empty = 1 each.
    """

    collection: str = ""
    query: str = ""
    direction: Direction = "lr"
    metric: str = OWN
    k: int = 10
    models: tuple[str, ...] = ()
    mixes: tuple[str, ...] = ("zsum",)
    weights: tuple[float, ...] = ()

    def params(self) -> dict[str, str]:
        """The address's part behind the question mark; only weights may be left out."""
        found = {
            "c": self.collection,
            "q": self.query,
            "d": self.direction,
            "m": self.metric,
            "k": str(self.k),
            "models": ",".join(self.models),
            "mix": ",".join(self.mixes) or "none",
        }
        if any(weight != 1 for weight in self.weights):
            found["w"] = ",".join(f"{weight:g}" for weight in self.weights)
        return found

    def share(self, model: str) -> float:
        """The weight of one model."""
        places = dict(zip(self.models, self.weights, strict=False))
        return places.get(model, 1.0)


def parse(params: Mapping[str, str], names: Sequence[str]) -> tuple[ExploreView, list[str]]:
    """A view from an address, and a sentence about each part that could not be used.

    Args:
        params: as `View.params` gives them, from anybody.
        names: collections that exist.
    """
    view, said = ExploreView(collection=names[0] if names else ""), []
    name = params.get("c", "")
    if name in names:
        view = replace(view, collection=name)
    elif name:
        said.append(f"From the link: {unknown_name('collection', name[:80], names)}")
    view = replace(view, query=params.get("q", "")[:500])
    view, said = _choice(view, said, "direction", params.get("d"), DIRECTIONS)
    view, said = _choice(view, said, "metric", params.get("m"), METRIC_CHOICES)
    if (k := params.get("k")) is not None:
        if k.isascii() and k.isdigit() and 1 <= int(k) <= MOST_K:
            view = replace(view, k=int(k))
        else:
            said.append(f"The link's k is {k[:20]!r}; expected 1 to {MOST_K}; showing {view.k}.")
    models = tuple(dict.fromkeys(_list(params.get("models", ""))))
    if len(models) > MOST_MODELS:
        said.append(f"The link names {len(models)} backbones; showing the first {MOST_MODELS}.")
    view = replace(view, models=models[:MOST_MODELS])
    if (mix := params.get("mix")) is not None:
        asked = _list(mix)
        wrong = [m for m in asked if m not in (*MIXES, "none")]
        if wrong:
            said.append(f"From the link: {unknown_name('combination', wrong[0], MIXES)}")
        view = replace(view, mixes=tuple(m for m in MIXES if m in asked))
    if (text := params.get("w")) is not None:
        weights = _weights(text)
        if weights is None or len(weights) != len(view.models):
            said.append(
                f"The link's weights are {text[:60]!r}; expected {len(view.models)} numbers from 0 "
                f"to {MOST_WEIGHT:g}, one a backbone; showing 1 each."
            )
        else:
            view = replace(view, weights=weights)
    return view, said


def write(view: ExploreView) -> None:
    """Put the view into the address, and remember that it was us."""
    params = view.params()
    if dict(st.query_params) != params:
        st.query_params.from_dict(params)
    st.session_state["_address"] = params
    st.session_state["_view"] = view


def _choice(
    view: ExploreView, said: list[str], field: str, value: str | None, known: Sequence[str]
) -> tuple[ExploreView, list[str]]:
    if value is None:
        return view, said
    if value in known:
        changed: dict[str, Any] = {field: value}
        return replace(view, **changed), said
    return view, [*said, f"From the link: {unknown_name(field, value[:40], known)}"]


def _list(text: str) -> list[str]:
    return [part.strip()[:120] for part in text.split(",") if part.strip()]


def _weights(text: str) -> tuple[float, ...] | None:
    try:
        weights = tuple(float(part) for part in _list(text))
    except ValueError:
        return None
    return weights if all(0 <= weight <= MOST_WEIGHT for weight in weights) else None
