"""Recipes define a similarity, questions say what is evaluated with them.

A recipe names backbones, metrics, weights, combination and post-processing; a question is recipes
on some pairs of a collection, in one direction.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from simcore.errors import BadDataError
from simcore.types import Direction, Metric, QueryParams

Combination = Literal["none", "sum", "zsum", "rrf"]
COMBINATION_TITLES: dict[Combination, str] = {"sum": "sum", "zsum": "z-sum", "rrf": "rank fusion"}
# Before combining: "center" subtracts the mean feature, "csls" corrects for hubs. CSLS uses all
# queries at once, so a score depends on the other queries.
PostProcessing = Literal["none", "center", "center+csls", "csls"]
POST_PROCESSING: tuple[PostProcessing, ...] = ("none", "center", "csls", "center+csls")
# What missing evidence (no face, say) counts as in a combination: the mean of the backbone's whole
# matrix, or an infinite distance, as in rosenfeld2018.
Missing = Literal["mean", "worst"]
MISSING_RULES: tuple[Missing, ...] = ("mean", "worst")


@dataclass(frozen=True)
class Part:
    """One backbone in a recipe.

    Attributes:
        backbone: its name.
        metric: None is the metric that the backbone was made for.
        weight: 0 or more; factor of its similarity in a combination.

    Raises:
        BadDataError: the weight is negative, infinite or NaN.
    """

    backbone: str
    metric: Metric | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.weight) or self.weight < 0:
            raise BadDataError(
                f"The weight of {self.backbone} must be 0 or more, got {self.weight}."
            )


@dataclass(frozen=True)
class Recipe:
    """How a similarity is computed.

    Attributes:
        parts: one per backbone.
        combine: "none" for a single backbone; "sum" adds the similarities (rosenfeld2019, Eq. 4),
            "zsum" standardises them first (Eq. 5), "rrf" adds reciprocal ranks instead.
        post: what is done to each similarity before they are added.
        missing: what missing evidence counts as in a combination; a single backbone ranks an image
            without evidence last.

    Raises:
        BadDataError: no part, or several without a combination.

    >>> Recipe((Part("hog"), Part("color")), "zsum").backbones
    ('hog', 'color')
    """

    parts: tuple[Part, ...]
    combine: Combination = "none"
    post: PostProcessing = "none"
    missing: Missing = "mean"

    def __post_init__(self) -> None:
        if not self.parts:
            raise BadDataError("A recipe needs at least one backbone.")
        if self.combine == "none" and len(self.parts) > 1:
            raise BadDataError(
                f"{len(self.parts)} backbones need a combination. Choose sum, zsum or rrf."
            )

    @property
    def backbones(self) -> tuple[str, ...]:
        """The names of its backbones, in order."""
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
        if self.post != "none":
            label += f", {self.post}"
        if self.canonical.missing != "mean":
            label += f", missing: {self.missing}"
        return label

    @property
    def title(self) -> str:
        """A name of one to three words, where all backbones are named beside it.

        >>> Recipe((Part("hog"), Part("face", weight=0.5)), "zsum").title
        'weighted z-sum of 2'
        """
        if self.combine == "none":
            return self.parts[0].backbone
        weighted = "weighted " if len({part.weight for part in self.parts}) > 1 else ""
        return f"{weighted}{COMBINATION_TITLES[self.combine]} of {len(self.parts)}"

    @property
    def metric(self) -> str:
        """The metric that its parts share: "own" for each backbone's own, "mixed" if they differ.

        >>> Recipe((Part("hog", "l2"), Part("color", "l2")), "zsum").metric
        'l2'
        """
        return _shared_metric(self.parts)

    @property
    def canonical(self) -> "Recipe":
        """The same similarity without settings that it does not depend on; for cache keys.

        >>> Recipe((Part("hog"),), missing="worst").canonical.missing
        'mean'
        """
        return replace(self, missing="mean") if self.combine == "none" else self


def _shared_metric(parts: Iterable[Part]) -> str:
    metrics = {part.metric or "own" for part in parts} or {"own"}
    return metrics.pop() if len(metrics) == 1 else "mixed"


_WHERE = " where "


def filtered_subset(subset: str, where: str) -> str:
    """The name of the pairs of a subset whose fields fit an expression.

    >>> filtered_subset("tlld", "category = 'face'")
    "tlld where category = 'face'"
    """
    return f"{subset}{_WHERE}{where}" if where else subset


def split_subset(name: str) -> tuple[str, str]:
    """The subset and the expression of `filtered_subset`; "" for no expression."""
    subset, _, where = name.partition(_WHERE)
    return subset, where


@dataclass(frozen=True)
class Question:
    """What is evaluated: recipes on some pairs of a collection, in one direction.

    Attributes:
        collection: its name.
        recipes: one per backbone, and a combination of them where one is asked for.
        direction: "lr" queries with left images, "rl" with right images.
        subset: which of the pairs, a name of `lab.library.subsets`, or one of `filtered_subset`.
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
    def singles(self) -> tuple[Recipe, ...]:
        """The recipes of one backbone."""
        return tuple(recipe for recipe in self.recipes if recipe.combine == "none")

    @property
    def combinations(self) -> tuple[Recipe, ...]:
        """The recipes that add the similarities of several backbones."""
        return tuple(recipe for recipe in self.recipes if recipe.combine != "none")

    @property
    def metric(self) -> str:
        """The metric that all parts share: "own" for each backbone's own, "mixed" if they differ.

        >>> Question("x", (Recipe((Part("hog", "l2"),)), Recipe((Part("color"),)))).metric
        'mixed'
        """
        return _shared_metric(part for recipe in self.recipes for part in recipe.parts)

    @property
    def post(self) -> PostProcessing:
        """The post-processing that the recipes share."""
        return self.recipes[0].post if self.recipes else "none"

    @property
    def missing(self) -> Missing:
        """What missing evidence counts as in combinations."""
        return self.recipes[0].missing if self.recipes else "mean"

    def with_recipes(self, *recipes: Recipe) -> "Question":
        """The same question about other recipes."""
        return replace(self, recipes=recipes)

    def with_post(self, post: PostProcessing) -> "Question":
        """The same question with another post-processing."""
        return self.with_recipes(*(replace(recipe, post=post) for recipe in self.recipes))

    def with_missing(self, missing: Missing) -> "Question":
        """The same question with another rule for missing evidence."""
        return self.with_recipes(*(replace(recipe, missing=missing) for recipe in self.recipes))

    def with_metric(self, metric: Metric | None) -> "Question":
        """The same question with one metric for every part; None is each backbone's own."""
        return self.with_recipes(
            *(
                replace(recipe, parts=tuple(replace(part, metric=metric) for part in recipe.parts))
                for recipe in self.recipes
            )
        )

    def options(self) -> list[tuple[str, str]]:
        """Metric, direction, post-processing and missing where they are not the default."""
        defaults = {"metric": "own", "direction": "lr", "post": "none", "missing": "mean"}
        values = {name: str(getattr(self, name)) for name in defaults}
        return [(name, value) for name, value in values.items() if value != defaults[name]]

    def to_args(self) -> list[str]:
        """The arguments of `simcore evaluate COMMAND`; options with their default are left out.

        >>> Question("mine", (Recipe((Part("hog"),)),), "rl").to_args()
        ['mine', '--models', 'hog', '--direction', 'rl']
        """
        args = [self.collection, "--models", ",".join(self.backbones)]
        for recipe in self.combinations[:1]:
            args += ["--combine", recipe.combine]
            if any(part.weight != 1 for part in recipe.parts):
                args += ["--weights", ",".join(str(part.weight) for part in recipe.parts)]
        options = self.options()
        subset, where = split_subset(self.subset)
        options += [("subset", subset)] if subset != "all" else []
        options += [("where", where)] if where else []
        return args + [word for name, value in options for word in (f"--{name}", value)]

    def to_query(self) -> QueryParams:
        """The query parameters of a page that shows the same."""
        return {
            "collection": self.collection,
            "subset": self.subset,
            "models": ",".join(self.backbones),
            "metric": self.metric,
            "direction": self.direction,
            "post": self.post,
            "missing": self.missing,
        }
