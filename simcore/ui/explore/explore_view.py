"""What Explore shows, as one value, and the fields that put it into the address."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from simcore.errors import SimError
from simcore.lab import recipes, stored_recipes
from simcore.lab.library import collections, models
from simcore.recipe import MISSING_RULES
from simcore.types import DIRECTIONS, METRICS, Direction
from simcore.ui import job_progress, sidebar
from simcore.ui.url_state import MISSING, Field, ListField, NumberField, Values

PAGE = "explore"
ORDERS = ("chosen", "rank")  # combinations first, or by the rank of the mate
COMBINATIONS = ("sum", "zsum", "rrf", "rerank", "weighted")
MAX_K, MAX_MODELS, MAX_WEIGHT = 50, 24, 5.0
DEMO = sidebar.DEMO


@dataclass(frozen=True)
class ExploreView:
    """Everything that decides what Explore shows, except uploads, which stay on the page.

    Attributes:
        query: id of an image on the side of the queries.
        models: backbones, one row each.
        combine: rows that combine them, of `COMBINATIONS` (weighted is a z-sum with `weights`),
            or stored recipes, which bring their own backbones.
        weights: one per backbone, in their order.
        missing: what missing evidence counts as in a combination.
        order: of the rows, of `ORDERS`.
    """

    collection: str = ""
    query: str = ""
    direction: Direction = "lr"
    metric: str = "own"
    k: int = 10
    models: tuple[str, ...] = ()
    combine: tuple[str, ...] = ("zsum",)
    weights: tuple[float, ...] = ()
    missing: str = "mean"
    order: str = "chosen"

    @property
    def has_weights(self) -> bool:
        """Whether the weights differ; with equal ones a weighted z-sum ranks like the z-sum."""
        return len({self.weight(model) for model in self.models}) > 1

    @property
    def stored(self) -> tuple[str, ...]:
        """The stored recipes among the combinations."""
        return tuple(name for name in self.combine if name not in COMBINATIONS)

    @property
    def combined(self) -> tuple[str, ...]:
        """The combinations of the chosen backbones, of which there must be several."""
        if len(self.models) < 2:
            return ()
        return tuple(name for name in self.combine if name in COMBINATIONS)

    def weight(self, model: str) -> float:
        """The weight of one backbone; 1 by default."""
        return dict(zip(self.models, self.weights, strict=False)).get(model, 1.0)


@dataclass(frozen=True)
class WeightsField(Field):
    """One weight per backbone, each with a slider; left out of the address if all are 1."""

    def key_of(self, model: str) -> str:
        """The key of the slider of one backbone."""
        return f"{PAGE}_weight_{model}"

    def initial(self, values: Values) -> list[float]:
        """All weights 1."""
        return [1.0] * len(values["models"])

    def parse(self, text: str, values: Values) -> tuple[list[float], list[str]]:
        """The weights of a link, if there is one in range for each backbone."""
        count = len(values["models"])
        try:
            weights = [float(part) for part in text.split(",")]
        except ValueError:
            weights = []
        if len(weights) == count and all(0 <= weight <= MAX_WEIGHT for weight in weights):
            return weights, []
        problem = (
            f"weights must be {count} numbers from 0 to {MAX_WEIGHT:g}, one per backbone, "
            f"got {text[:60]!r}. Showing 1 each."
        )
        return self.initial(values), [problem]

    def format(self, value: Any) -> str:
        """Weights with commas."""
        changed = any(weight != 1 for weight in value)
        return ",".join(f"{weight:g}" for weight in value) if changed else ""

    def validate(self, value: Any, values: Values) -> list[float]:
        """The values of the sliders."""
        return list(value)

    def load(self, page: str, values: Values) -> Any:
        """The values of the sliders; MISSING if there is none yet."""
        state, keys = st.session_state, [self.key_of(model) for model in values["models"]]
        if not any(key in state for key in keys):
            return MISSING
        return [float(state.get(key, 1.0)) for key in keys]

    def store(self, page: str, values: Values, value: Any) -> list[str]:
        """Set the sliders."""
        keys = [self.key_of(model) for model in values["models"]]
        for key, weight in zip(keys, value, strict=True):
            if st.session_state.get(key) != weight:
                st.session_state[key] = weight
        return keys


def default_models(name: str) -> list[str]:
    """The extracted backbones of a collection, or those of the demo, also while it is made."""
    if name == DEMO and job_progress.running("demo"):
        return models.demo_names()
    try:
        return collections.default_backbones(name)
    except SimError:
        return models.demo_names()


def _query_ids(values: Values) -> Sequence[str]:
    return collections.open_(values["collection"]).sides(values["direction"])[0].ids


def _first_query(values: Values) -> str:
    return sidebar.first_image(values["collection"], _query_ids(values))


def check_model(name: str) -> list[str]:
    """The name, if it is a backbone.

    Raises:
        SimError: no such backbone.
    """
    recipes.parse([name])  # raises for a backbone that does not exist
    return [name]


def combination_names() -> list[str]:
    """The combinations of the chosen backbones, and the recipes that are stored under a name."""
    return [*COMBINATIONS, *stored_recipes.names()]


def needed_models(view: ExploreView) -> list[str]:
    """The chosen backbones, and those of the chosen stored recipes.

    Raises:
        SimError: a stored recipe cannot be read.
    """
    stored = [name for recipe in view.stored for name in stored_recipes.open_(recipe).backbones]
    return list(dict.fromkeys([*view.models, *stored]))


def fields(names: Sequence[str]) -> list[Field]:
    """The fields of the address, given the names of all collections."""
    return [
        Field("collection", sorted(names, key=lambda name: name != DEMO), shared=True),
        Field("direction", DIRECTIONS),
        Field("query", _query_ids, default=_first_query, label="image on this side"),
        ListField(
            "models",
            expand=check_model,
            default=lambda values: default_models(values["collection"]),
            label="backbones",
            shared=True,
            per="collection",
            limit=MAX_MODELS,
        ),
        Field("metric", ("own", *METRICS)),
        NumberField("k", default=10, low=1, high=MAX_K),
        ListField(
            "combine",
            lambda _values: combination_names(),
            default=["zsum"],
            label="combination",
            keep_empty=True,
        ),
        WeightsField("weights"),
        Field("missing", MISSING_RULES, label="rule for missing evidence"),
        Field("order", ORDERS, label="order of rows"),
    ]


def view_of(values: Values) -> ExploreView:
    """The view that the fields describe."""
    return ExploreView(
        collection=values["collection"],
        query=values["query"],
        direction=values["direction"],
        metric=values["metric"],
        k=values["k"],
        models=tuple(values["models"]),
        combine=tuple(values["combine"]),
        weights=tuple(values["weights"]),
        missing=values["missing"],
        order=values["order"],
    )
