"""What evaluations of the ranks of mates return: ranks, curves, associative recall, votes."""

from dataclasses import dataclass

import numpy as np

from simcore.evaluate.statistics.correlation import Correlation
from simcore.recipe import Recipe
from simcore.results import Interval, Result, Table, TableResult
from simcore.types import JSON, Array

CURVE_KS = (1, 2, 5, 10, 20, 50, 100)  # columns of the table of a curve


@dataclass(frozen=True, eq=False)
class MateRanks(TableResult):
    """The rank of every query's mate under one recipe.

    Attributes:
        query_ids, mate_ids: (Q,).
        ranks: (Q,) int64, 1 = first; ties count against the mate; G + 1 without evidence.
        scores: (Q,) similarity of each query to its mate; NaN without evidence.
    """

    recipe: Recipe
    query_ids: tuple[str, ...]
    mate_ids: tuple[str, ...]
    ranks: Array
    scores: Array

    def to_table(self) -> Table:
        """One row per query."""
        scores = [None if np.isnan(score) else float(score) for score in self.scores]
        labels = [self.recipe.label] * len(scores)
        rows = zip(labels, self.query_ids, self.mate_ids, self.ranks.tolist(), scores, strict=True)
        return Table(("recipe", "query", "mate", "rank", "score"), tuple(rows))


@dataclass(frozen=True)
class Curve(Result):
    """One value at every k for one recipe: `values[k - 1]`."""

    recipe: Recipe
    values: tuple[float, ...]


@dataclass(frozen=True)
class RecallCurves(TableResult):
    """Recall at every k, or the difference of two recalls.

    Attributes:
        collection, subset: the pairs.
        gallery: G, the number of gallery images.
        curves: one per recipe, each of G values.
        quantity: "recall" (0 to 1) or "difference" (-1 to 1).
    """

    collection: str
    subset: str
    gallery: int
    curves: tuple[Curve, ...]
    quantity: str = "recall"

    def to_dict(self) -> JSON:
        """The document that `simcore evaluate curve --json` prints."""
        rows = [
            {
                "recipe": list(curve.recipe.backbones),
                "combine": curve.recipe.combine,
                "label": curve.recipe.label,
                self.quantity: list(curve.values),
            }
            for curve in self.curves
        ]
        return {
            "collection": self.collection,
            "subset": self.subset,
            "gallery": self.gallery,
            "rows": rows,
        }

    def to_table(self) -> Table:
        """One row per recipe, in percent at a few cut-offs."""
        ks = [k for k in CURVE_KS if k <= self.gallery]
        sign = "cosine - L2 @" if self.quantity == "difference" else "@"
        rows = [
            (
                " + ".join(curve.recipe.backbones),
                *(f"{100 * curve.values[k - 1]:.2f}" for k in ks),
            )
            for curve in self.curves
        ]
        columns = ("recipe", *(f"{sign}{k} %" for k in ks))
        return Table(columns, tuple(rows), f"{self.collection}, {self.subset}")


@dataclass(frozen=True)
class AssociativeRow(Result):
    """Correct choices among m images, one of them the mate; shares in 0..1.

    Attributes:
        m: number of images.
        exact, ci95: expected share over all draws, with its 95 % confidence interval.
        simulated, spread: mean and standard deviation over random draws, as in the paper.
    """

    m: int
    exact: float
    ci95: Interval
    simulated: float
    spread: float


@dataclass(frozen=True)
class AssociativeRecipe(Result):
    """Associative recall of one recipe at several sizes."""

    recipe: str
    rows: tuple[AssociativeRow, ...]


@dataclass(frozen=True)
class AssociativeRecall(TableResult):
    """Associative recall of several recipes (rosenfeld2018, Table 2a)."""

    collection: str
    subset: str
    recipes: tuple[AssociativeRecipe, ...]

    def to_table(self) -> Table:
        """One row per recipe and size, in percent."""
        rows = [
            (
                recipe.recipe,
                row.m,
                f"{100 * row.exact:.2f}",
                f"{100 * row.simulated:.2f}",
                f"{100 * row.spread:.2f}",
            )
            for recipe in self.recipes
            for row in recipe.rows
        ]
        columns = ("recipe", "m", "exact %", "simulated %", "spread")
        return Table(columns, tuple(rows), f"{self.collection}, {self.subset}")


@dataclass(frozen=True)
class RecipeVotes(Result):
    """Correlations of one recipe's similarities with up-votes and with down-votes."""

    up: tuple[Correlation, ...]
    down: tuple[Correlation, ...]


@dataclass(frozen=True)
class VotedRecipe(Result):
    """One recipe and its correlations with the votes."""

    recipe: str
    votes: RecipeVotes


@dataclass(frozen=True)
class VoteRow:
    """One correlation: of which recipe, with which votes ("up" or "down")."""

    recipe: str
    votes: str
    correlation: Correlation


@dataclass(frozen=True)
class VoteCorrelation(TableResult):
    """Correlation of the votes for pairs with their similarity (rosenfeld2018, section 4.2)."""

    collection: str
    subset: str
    recipes: tuple[VotedRecipe, ...]

    @property
    def rows(self) -> tuple[VoteRow, ...]:
        """All correlations, recipe by recipe."""
        return tuple(
            VoteRow(recipe.recipe, kind, correlation)
            for recipe in self.recipes
            for kind, correlations in (("up", recipe.votes.up), ("down", recipe.votes.down))
            for correlation in correlations
        )

    def to_table(self) -> Table:
        """One row per recipe, kind of vote and correlation coefficient."""
        rows = [
            (
                row.recipe,
                row.votes,
                row.correlation.name,
                f"{row.correlation.value:.3f}",
                f"[{row.correlation.low:.3f}, {row.correlation.high:.3f}]",
                f"{row.correlation.p:.3g}",
            )
            for row in self.rows
        ]
        columns = ("recipe", "votes", "correlation", "r", "95 % CI", "p")
        return Table(columns, tuple(rows), f"{self.collection}, {self.subset}")


@dataclass(frozen=True)
class BackboneGain(Result):
    """Hits of one backbone after each step; None where the step is not available."""

    backbone: str
    hits: tuple[int | None, ...]


@dataclass(frozen=True)
class PostProcessingGain(TableResult):
    """Hits at 1 of each backbone as post-processing is added step by step."""

    collection: str
    subset: str
    pairs: int
    steps: tuple[str, ...]
    rows: tuple[BackboneGain, ...]

    def to_table(self) -> Table:
        """One row per backbone, one column per step."""
        return Table(
            ("backbone", *self.steps),
            tuple((row.backbone, *row.hits) for row in self.rows),
            f"{self.collection}: hits at 1, of {self.pairs:,}",
        )
