"""Evaluations in the Python API: recall, ranks and similarities, comparisons, the leaderboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.statistics import bootstrap, significance
from simcore.evaluate.statistics.significance import Comparison
from simcore.lab import recipes as lab_recipes
from simcore.lab.api.arguments import (
    CollectionLike,
    RecipeLike,
    as_recipe,
    collection_name,
    make_question,
)
from simcore.lab.evaluate import recall as lab_recall
from simcore.lab.evaluate import waterfall as lab_waterfall
from simcore.lab.evaluate.recall_results import MateRanks
from simcore.lab.evaluate.waterfall import Waterfall
from simcore.lab.invariance import invariance_evaluation as lab_invariance
from simcore.lab.invariance.invariance_evaluation import InvarianceQuestion, InvarianceTable
from simcore.lab.leaderboard import evaluation as lab_leaderboard
from simcore.lab.leaderboard.board import Board
from simcore.lab.leaderboard.evaluation import LeaderboardQuestion
from simcore.lab.library import features, subsets
from simcore.recipe import PostProcessing, Recipe, distinct_labels
from simcore.results import Interval, RecallTable, Result, Table, TableResult
from simcore.sim import recipe_blocks
from simcore.types import Array, Collection, Direction, Metric, Monitor


@dataclass(frozen=True)
class ComparedRecipes(Result):
    """Two recipes on the same queries.

    Attributes:
        test: the exact McNemar test of hits at 1, corrected by Holm's method.
        difference, ci95: recall@1 of A minus that of B, -1 to 1, with its interval by a paired
            bootstrap.
    """

    test: Comparison
    difference: float
    ci95: Interval


@dataclass(frozen=True)
class RecipeComparison(TableResult):
    """All pairs of some recipes on the same queries."""

    collection: str
    pairs: int
    comparisons: tuple[ComparedRecipes, ...]

    def to_table(self) -> Table:
        """One row per pair of recipes; differences in points of recall@1."""
        rows = [
            (
                row.test.a,
                row.test.b,
                row.test.only_a,
                row.test.only_b,
                _points(row.difference, row.ci95),
                f"{row.test.p_corrected:.2g}",
            )
            for row in self.comparisons
        ]
        columns = ("A", "B", "only A", "only B", "A - B, points", "p (McNemar, Holm)")
        return Table(columns, tuple(rows), f"{self.collection}: {self.pairs:,} pairs")


def _points(difference: float, ci95: Interval) -> str:
    low, high = ci95
    return f"{100 * difference:+.1f}  [{100 * low:+.1f}, {100 * high:+.1f}]"


@dataclass(frozen=True, eq=False)
class SimilarityMatrix(Result):
    """The similarity of every query to every gallery image.

    Attributes:
        query_ids: (Q,). gallery_ids: (G,).
        values: (Q, G) float32, higher = more alike; NaN = no evidence.
    """

    recipe: Recipe
    query_ids: tuple[str, ...]
    gallery_ids: tuple[str, ...]
    values: Array

    def to_frame(self) -> Any:
        """A pandas DataFrame with the ids as index and columns."""
        import pandas as pd

        return pd.DataFrame(self.values, list(self.query_ids), list(self.gallery_ids))


def recall(
    collection: CollectionLike,
    recipes: RecipeLike | Sequence[RecipeLike],
    *,
    k: Sequence[int] = (1, 5, 10),
    direction: Direction = "lr",
    subset: str = "all",
    post: str = "none",
) -> RecallTable:
    """Share of queries whose mate is among the first k, with 95 % intervals.

    Args:
        recipes: backbones and recipes, one row each.
        k: cut-offs, 1 to G.
        direction: "lr" queries with left images, "rl" with right images.
        subset: a name of `simcore evaluate --subset`.
        post: post-processing of every recipe: "none", "center", "csls" or "center+csls".
    """
    question = make_question(collection, recipes, direction, subset)
    if post != "none":
        question = question.with_post(lab_recipes.check_post_processing(post))
    return lab_recall.recall(question, ks=k)


def compare(
    collection: CollectionLike,
    *recipes: RecipeLike,
    direction: Direction = "lr",
    subset: str = "all",
    seed: int = 0,
) -> RecipeComparison:
    """Is A better than B at rank 1? Exact McNemar test with Holm's correction, paired bootstrap.

    Args:
        recipes: two or more.
        seed: of the bootstrap.

    Raises:
        BadDataError: fewer than two different recipes.
    """
    question = make_question(collection, recipes, direction, subset)
    question = question.with_recipes(*dict.fromkeys(question.recipes))
    if len(question.recipes) < 2:
        raise BadDataError("A comparison needs at least two different recipes.")
    hits = {
        label: ranks == 1
        for label, ranks in zip(
            distinct_labels(question.recipes), lab_recall.ranks_of_each(question), strict=True
        )
    }
    rows = []
    for test in significance.compare(hits):
        gains = hits[test.a].astype(np.float32) - hits[test.b]
        rows.append(
            ComparedRecipes(test, float(gains.mean()), bootstrap.interval(gains, seed=seed))
        )
    return RecipeComparison(question.collection, len(next(iter(hits.values()))), tuple(rows))


def ranks(
    collection: CollectionLike,
    recipe: RecipeLike,
    *,
    direction: Direction = "lr",
    subset: str = "all",
) -> MateRanks:
    """The rank of every query's mate."""
    (result,) = lab_recall.mate_ranks(make_question(collection, recipe, direction, subset))
    return result


def similarity(
    collection: CollectionLike,
    recipe: RecipeLike,
    *,
    direction: Direction = "lr",
    subset: str = "all",
) -> SimilarityMatrix:
    """The whole similarity matrix: 4 bytes times Q times G."""
    opened = subsets.open_subset(collection_name(collection), subset)
    queries, gallery = opened.sides(direction)
    resolved = lab_recipes.resolve(as_recipe(recipe))
    left, right = (
        {name: features.for_side(opened, side, name) for name in resolved.backbones}
        for side in (queries, gallery)
    )
    values = np.empty((len(queries), len(gallery)), np.float32)
    for start, block in recipe_blocks.blocks(resolved, left, right):
        values[start : start + len(block)] = block
    return SimilarityMatrix(as_recipe(recipe), queries.ids, gallery.ids, values)


def leaderboard(
    data: CollectionLike | Sequence[CollectionLike],
    models: Sequence[str] = (),
    *,
    metrics: Sequence[Metric] = (),
    post: Sequence[PostProcessing] = lab_leaderboard.POST,
    by: str = "",
    monitor: Monitor = Monitor(),
) -> Board:
    """Every backbone on pairs and judgements: scores, ranks with intervals, costs, licenses.

    Args:
        data: collections of pairs, and names of sets of judgements.
        models: backbones or "@group"; "@all" for every one, by default those that are extracted.
        metrics: by default what makes sense for each backbone.
        post: kinds of post-processing, each in rows of its own.
        by: the column that orders the rows, such as "mine:aR@1"; by default the first.
    """
    several = [data] if isinstance(data, str | Collection) else list(data)
    question = LeaderboardQuestion(
        tuple(map(collection_name, several)), tuple(models), tuple(metrics), tuple(post), by
    )
    return lab_leaderboard.run(question, monitor=monitor)


def waterfall(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    direction: Direction = "lr",
    subset: str = "all",
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> Waterfall:
    """What each step from the best backbone to the best recipe adds, on pairs it was not chosen on.

    Args:
        models: 2 to 16 backbones.
        seed: of the halves: each step is chosen on one and scored on the other.
    """
    question = make_question(collection, list(models), direction, subset)
    return lab_waterfall.waterfall(question, seed=seed, monitor=monitor)


def invariance(
    collection: CollectionLike,
    recipes: RecipeLike | Sequence[RecipeLike],
    transforms: Sequence[str] = (),
    *,
    levels: str = "default",
    seed: int = 0,
    direction: Direction = "lr",
    subset: str = "all",
    monitor: Monitor = Monitor(),
) -> InvarianceTable:
    """What changes of the queries (rotate, crop, blur, ...) do to similarity and recall@1.

    Args:
        transforms: names; by default all but "line-drawing", which needs weights.
        levels: "default", the middle strength of each, or "all".
        seed: of the random changes.
    """
    question = make_question(collection, recipes, direction, subset)
    inquiry = InvarianceQuestion(question, tuple(transforms), levels, seed)
    return lab_invariance.run(inquiry, monitor=monitor)
