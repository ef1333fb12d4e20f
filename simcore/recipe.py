"""Recipes: which backbones, metrics, weights, combination and post-processing make a similarity."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from simcore.errors import BadDataError
from simcore.types import Direction, Metric

Combination = Literal["none", "sum", "zsum"]
# Before combining: subtract the mean feature; correct hubs (CSLS looks at all queries at once).
PostProcessing = Literal["none", "center", "center+csls", "csls"]
POST_PROCESSING: tuple[PostProcessing, ...] = ("none", "center", "csls", "center+csls")


@dataclass(frozen=True)
class Part:
    """One backbone's share in a recipe; `metric` None means the backbone's own."""

    backbone: str
    metric: Metric | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.weight) or self.weight < 0:
            raise BadDataError(
                f"found the weight {self.weight} for {self.backbone}; expected 0 or more"
            )


@dataclass(frozen=True)
class Recipe:
    """Which backbones make a similarity, and how they are added (rosenfeld2019, Eq. 4, 5)."""

    parts: tuple[Part, ...]
    combine: Combination = "none"
    post: PostProcessing = "none"

    def __post_init__(self) -> None:
        if not self.parts:
            raise BadDataError("found a recipe without a backbone; expected at least one")
        if self.combine == "none" and len(self.parts) > 1:
            raise BadDataError(
                f"found {len(self.parts)} backbones without a way to combine them; "
                "expected sum or zsum"
            )

    @property
    def backbones(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(part.backbone for part in self.parts)

    @property
    def label(self) -> str:
        """Short text for legends and tables.

        >>> Recipe((Part("hog"), Part("face", weight=0.5)), "zsum").label
        'zsum(hog + 0.5 face)'
        """
        names = [
            (f"{p.weight:g} " if p.weight != 1 else "")
            + p.backbone
            + (f"@{p.metric}" if p.metric else "")
            for p in self.parts
        ]
        label = names[0] if self.combine == "none" else f"{self.combine}({' + '.join(names)})"
        return label if self.post == "none" else f"{label}, {self.post}"


@dataclass(frozen=True)
class Question:
    """What an evaluation is asked: recipes on some pairs of a collection, in one direction.

    Attributes:
        recipes: what is compared; most evaluations take one recipe per backbone.
        direction: "lr" queries with left images, "rl" with right images.
        subset: which of the pairs, a name of `lab.library.subsets`.
    """

    collection: str
    recipes: tuple[Recipe, ...] = ()
    direction: Direction = "lr"
    subset: str = "all"

    @property
    def backbones(self) -> tuple[str, ...]:
        """The names of all backbones, each once, in order."""
        return tuple(dict.fromkeys(name for recipe in self.recipes for name in recipe.backbones))

    @property
    def metric(self) -> str:
        """The metric that all parts share, or "own" for each backbone's own."""
        metrics = {part.metric for recipe in self.recipes for part in recipe.parts}
        return metrics.pop() or "own" if len(metrics) == 1 else "own"

    @property
    def post(self) -> PostProcessing:
        """The post-processing that the recipes share."""
        return self.recipes[0].post if self.recipes else "none"

    def with_post(self, post: PostProcessing) -> "Question":
        """The same question with another post-processing."""
        return replace(self, recipes=tuple(replace(recipe, post=post) for recipe in self.recipes))

    def with_metric(self, metric: Metric | None) -> "Question":
        """The same question with one metric for every part; None is each backbone's own."""
        recipes = (
            replace(recipe, parts=tuple(replace(part, metric=metric) for part in recipe.parts))
            for recipe in self.recipes
        )
        return replace(self, recipes=tuple(recipes))

    def options(self) -> dict[str, str]:
        """Metric, direction and post-processing where they are not the default."""
        options = {
            "metric": (self.metric, "own"),
            "direction": (self.direction, "lr"),
            "post": (self.post, "none"),
        }
        return {name: now for name, (now, usual) in options.items() if now != usual}

    def to_args(self) -> list[str]:
        """The arguments of `simcore evaluate COMMAND`; options with their default are left out.

        >>> Question("mine", (Recipe((Part("hog"),)),), "rl").to_args()
        ['mine', '--models', 'hog', '--direction', 'rl']
        """
        options = self.options() | ({"subset": self.subset} if self.subset != "all" else {})
        changed = [[f"--{name}", now] for name, now in options.items()]
        models = ["--models", ",".join(self.backbones)]
        return [self.collection, *models, *(word for pair in changed for word in pair)]

    def to_query(self) -> dict[str, str]:
        """The query parameters of a page that shows this."""
        return {
            "collection": self.collection,
            "subset": self.subset,
            "models": ",".join(self.backbones),
            "metric": self.metric,
            "direction": self.direction,
            "post": self.post,
        }
