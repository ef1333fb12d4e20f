"""Recipes define a similarity, questions say what is evaluated with them.

A recipe names backbones, metrics, weights, combination and post-processing; a question is recipes
on some pairs of a collection, in one direction.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from simcore.errors import BadDataError
from simcore.types import Direction, MapLayout, Metric, QueryParams

Combination = Literal["none", "sum", "zsum", "rrf", "gated", "rerank"]
COMBINATION_TITLES: dict[Combination, str] = {
    "sum": "plain sum",
    "zsum": "z-sum",
    "rrf": "rank fusion",
    "gated": "gated z-sum",
    "rerank": "re-ranked z-sum",
}
# Combinations whose similarities are first scaled to mean 0 and standard deviation 1.
STANDARDIZED: tuple[Combination, ...] = ("zsum", "gated", "rerank")
# What a gate reads in the query: whether `face` has evidence, or a column of `cues`.
Cue = Literal["face", "drawing", "background", "bars"]
CUES: tuple[Cue, ...] = ("face", "drawing", "background", "bars")
FACE_BACKBONE, CUES_BACKBONE = "face", "cues"
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
        map_layout: how its features are maps, of resolved recipes; None where they are not.

    Raises:
        BadDataError: the weight is negative, infinite or NaN.
    """

    backbone: str
    metric: Metric | None = None
    weight: float = 1.0
    map_layout: MapLayout | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.weight) or self.weight < 0:
            raise BadDataError(
                f"The weight of {self.backbone} must be 0 or more, got {self.weight}."
            )


@dataclass(frozen=True)
class Gate:
    """How the weights of a z-sum change with the query.

    Attributes:
        cue: what is read in the query, as a value from 0 to 1.
        changes: one per part; the weight of part m grows by the cue's value times `changes[m]`.

    Raises:
        BadDataError: no such cue, or a change that is not finite.
    """

    cue: Cue
    changes: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.cue not in CUES:
            raise BadDataError(f"A gate reads {', '.join(CUES)}, not {str(self.cue)[:40]!r}.")
        if not np.isfinite(self.changes).all():
            raise BadDataError(f"The changes of the gate on {self.cue} must be finite numbers.")


@dataclass(frozen=True)
class Recipe:
    """How a similarity is computed.

    Attributes:
        parts: one per backbone.
        combine: "none" for a single backbone; "sum" adds the similarities (rosenfeld2019, Eq. 4),
            "zsum" standardises them first (Eq. 5), "rrf" adds reciprocal ranks instead. "gated" is
            a z-sum whose weights depend on the query; "rerank" looks at the first images of a
            z-sum again, with a pair function of their feature maps.
        post: what is done to each similarity before they are added.
        missing: what missing evidence counts as in a combination; a single backbone ranks an image
            without evidence last.
        gates: of a gated z-sum; a re-ranked one may have some, too.
        pair_function: of a re-ranked z-sum, a name of `simcore.sim.reranking`.
        name: under which it is stored; not part of what it is.

    Raises:
        BadDataError: no part, several without a combination, or gates that do not fit.

    >>> Recipe((Part("hog"), Part("color")), "zsum").backbones
    ('hog', 'color')
    """

    parts: tuple[Part, ...]
    combine: Combination = "none"
    post: PostProcessing = "none"
    missing: Missing = "mean"
    gates: tuple[Gate, ...] = ()
    pair_function: str = ""
    name: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.parts:
            raise BadDataError("A recipe needs at least one backbone.")
        if self.combine == "none" and len(self.parts) > 1:
            raise BadDataError(
                f"{len(self.parts)} backbones need a combination. Choose sum, zsum, rrf or rerank."
            )
        self._check_gates()
        if self.pair_function and self.combine != "rerank":
            raise BadDataError("Only a re-ranked z-sum has a pair function. Choose rerank.")

    def _check_gates(self) -> None:
        if self.combine == "gated" and not self.gates:
            raise BadDataError(
                "A gated z-sum needs gates. Learn them with `simcore evaluate gates`, which stores "
                "a recipe."
            )
        if self.gates and self.combine not in ("gated", "rerank"):
            raise BadDataError(f"A combination by {self.combine} has no gates. Choose gated.")
        if self.gates and self.missing != "mean":
            raise BadDataError(
                "With gates, missing evidence counts as the mean. Choose the rule mean for it."
            )
        for gate in self.gates:
            if len(gate.changes) != len(self.parts):
                raise BadDataError(
                    f"The gate on {gate.cue} has {len(gate.changes)} changes for {len(self.parts)} "
                    "backbones. Give one per backbone."
                )
            if gate.cue == "face" and all(p.backbone != FACE_BACKBONE for p in self.parts):
                raise BadDataError(
                    f"A gate on faces needs the backbone {FACE_BACKBONE} among the parts. Add it, "
                    "with weight 0 if it is not to count."
                )

    @property
    def standardized(self) -> bool:
        """Whether similarities are scaled by mean and standard deviation before they are added."""
        return self.combine in STANDARDIZED

    @property
    def backbones(self) -> tuple[str, ...]:
        """The backbones whose features it needs: those of its parts, in order, and of its gates."""
        names = [part.backbone for part in self.parts]
        if any(gate.cue != "face" for gate in self.gates):
            names.append(CUES_BACKBONE)
        return tuple(names)

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
        if self.gates:
            label += f", gates: {', '.join(gate.cue for gate in self.gates)}"
        if self.pair_function:
            label += f", pairs: {self.pair_function}"
        return label

    @property
    def title(self) -> str:
        """A name of one to three words, where all backbones are named beside it.

        >>> Recipe((Part("hog"), Part("face", weight=0.5)), "zsum").title
        'weighted z-sum of 2'
        """
        if self.name:
            return self.name
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


def distinct_labels(recipes: Sequence[Recipe]) -> tuple[str, ...]:
    """The label of each recipe, in order; equal labels get the stored name, else a number.

    A label leaves out what takes many words, such as the changes of a gate.

    >>> gates = [(Gate("bars", (change,)),) for change in (0.5, 2)]
    >>> distinct_labels([Recipe((Part("hog"),), "gated", gates=gate) for gate in gates])
    ('gated(hog), gates: bars [1]', 'gated(hog), gates: bars [2]')
    """
    plain = [recipe.label for recipe in recipes]
    labels = [
        f"{label} [{recipe.name}]" if recipe.name and plain.count(label) > 1 else label
        for label, recipe in zip(plain, recipes, strict=True)
    ]
    totals: Counter[str] = Counter(labels)
    numbers: Counter[str] = Counter()
    for position, label in enumerate(labels):
        if totals[label] > 1:
            numbers[label] += 1
            labels[position] = f"{label} [{numbers[label]}]"
    return tuple(labels)


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
        """The recipes that combine several backbones."""
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
        return self.with_recipes(*(replace(r, post=post, name="") for r in self.recipes))

    def with_metric(self, metric: Metric | None) -> "Question":
        """The same question with one metric for every part; None is each backbone's own."""
        return self.with_recipes(
            *(
                replace(r, parts=tuple(replace(p, metric=metric) for p in r.parts), name="")
                for r in self.recipes
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
        stored = next((recipe.name for recipe in self.combinations if recipe.name), "")
        args = [self.collection, *(["--recipe", stored] if stored else self._recipe_args())]
        options = [o for o in self.options() if o[0] == "direction" or not stored]
        subset, where = split_subset(self.subset)
        options += [("subset", subset)] if subset != "all" else []
        options += [("where", where)] if where else []
        return args + [word for name, value in options for word in (f"--{name}", value)]

    def _recipe_args(self) -> list[str]:
        args = ["--models", ",".join(self.backbones)]
        for recipe in self.combinations[:1]:
            args += ["--combine", recipe.combine]
            if recipe.pair_function:
                args += ["--pair-function", recipe.pair_function]
            if any(part.weight != 1 for part in recipe.parts):
                args += ["--weights", ",".join(str(part.weight) for part in recipe.parts)]
        return args

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
