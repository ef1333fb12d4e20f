"""The functions of `import simcore as sc`: what pages and commands do, for scripts and notebooks.

Collections are given by name or as `add` and `open_collection` return them; a similarity by a
backbone's name or as a `Recipe`. Results have `to_dict()` and `to_frame()`, and show themselves as
tables in a notebook.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from simcore.data import thumbnails
from simcore.errors import BadDataError
from simcore.evaluate.statistics import bootstrap, significance
from simcore.evaluate.statistics.significance import Comparison
from simcore.lab import html_document, stored_recipes
from simcore.lab import recipes as lab_recipes
from simcore.lab.evaluate import learned_sums
from simcore.lab.evaluate import recall as lab_recall
from simcore.lab.evaluate.learned_sums import LearnedGates
from simcore.lab.evaluate.recall import MateRanks
from simcore.lab.invariance import evaluation as lab_invariance
from simcore.lab.invariance.evaluation import InvarianceQuestion, InvarianceTable
from simcore.lab.leaderboard import evaluation as lab_leaderboard
from simcore.lab.leaderboard.board import Board
from simcore.lab.leaderboard.evaluation import LeaderboardQuestion
from simcore.lab.learning import adaptation, joint
from simcore.lab.library import collections, extraction, features, subsets, vectors
from simcore.lab.library.collections import CollectionSummary
from simcore.lab.library.extraction import Report
from simcore.lab.library.vectors import ImportReport
from simcore.lab.search import map_colors, maps
from simcore.lab.search import search as lab_search
from simcore.lab.search.search import Query, SearchResult
from simcore.models import own_modules, registry
from simcore.recipe import Combination, Part, PostProcessing, Question, Recipe
from simcore.results import Interval, RecallTable, Result, Table, TableResult
from simcore.sim import own_metrics, recipe_blocks
from simcore.types import Array, Collection, Direction, Metric, Monitor

CollectionLike = Collection | str
RecipeLike = Recipe | str


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


@dataclass(frozen=True, eq=False)
class Hits(TableResult):
    """The most similar gallery images to one query; shows thumbnails in a notebook."""

    result: SearchResult

    def to_table(self) -> Table:
        """One row per hit, the most similar first."""
        result = self.result
        rows = enumerate(zip(result.ids, map(float, result.scores), strict=True), 1)
        notes = (result.note,) if result.note else ()
        return Table(
            ("rank", "id", "score"),
            tuple((rank, name, score) for rank, (name, score) in rows),
            result.recipe.label,
            notes,
        )

    def _repr_html_(self) -> str:
        result = self.result
        sources = [
            html_document.data_url(thumbnails.thumb(key).read_bytes()) for key in result.keys
        ]
        captions = [
            f"{rank}. {name} ({score:.3f})"
            for rank, (name, score) in enumerate(zip(result.ids, result.scores, strict=True), 1)
        ]
        mate = result.ids.index(result.mate_id) if result.mate_id in result.ids else -1
        row = html_document.pictures(sources, captions, mate=mate)
        return f"<style>{_NOTEBOOK_STYLE}</style>{row.html}"


_NOTEBOOK_STYLE = (
    ".row{display:flex;flex-wrap:wrap;gap:10px}figure{margin:0;width:110px}"
    "figure img{width:110px;height:110px;object-fit:contain}"
    "figure.mate img{outline:4px solid #009e73}figcaption{font-size:12px;overflow-wrap:anywhere}"
)


def add(
    kind: str,
    path: Path | str | None = None,
    *,
    name: str,
    votes: Path | str | None = None,
    trim: int = 0,
    ignore_profiles: bool = False,
    monitor: Monitor = Monitor(),
) -> Collection:
    """Add a collection of images under a name.

    Args:
        kind: "tll", "pairs", "images" or "emoji", as for `simcore collections add`.
        path: a folder, a zip or a CSV; None for "emoji".
        votes: a CSV with the columns id, wins, fails.
        trim: rows cut from the bottom of every image, in px.
        ignore_profiles: leave colors as stored; by default embedded color profiles become sRGB.

    Raises:
        BadDataError: the name is taken, or the path has no usable image of that kind.
    """
    return collections.add(
        kind,
        path,
        name=name,
        votes=votes,
        trim=trim,
        ignore_profiles=ignore_profiles,
        monitor=monitor,
    )


def open_collection(name: str) -> Collection:
    """A collection that was added before.

    Raises:
        UnknownNameError: there is none of that name.
    """
    return collections.open_(name)


def list_collections() -> list[CollectionSummary]:
    """What is recorded about every collection."""
    return collections.listing()


def list_backbones(group: str | None = None) -> list[str]:
    """Names of all backbones, or of a group such as "offline" or "handmade".

    Raises:
        UnknownNameError: no such group.
    """
    return registry.names(group)


def extract(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    device: str = "auto",
    monitor: Monitor = Monitor(),
) -> Report:
    """Compute and store the features that a collection does not have yet.

    Args:
        models: names of backbones or groups ("@offline").
        device: "auto", "cuda", "mps" or "cpu".

    Returns:
        How many images were computed and found in the cache, and what could not be used.
    """
    return extraction.extract(_name(collection), models, device=device, monitor=monitor)


def zsum(
    *models: str,
    weights: Sequence[float] = (),
    metric: str = lab_recipes.OWN,
    missing: str = "mean",
) -> Recipe:
    """The sum of similarities, each standardized over the whole matrix (rosenfeld2019, Eq. 5).

    Args:
        models: backbones.
        weights: one per backbone; by default 1 each.
        metric: "own", "cosine", "l2", "l1", or what `metric` returned.
        missing: what missing evidence (no face, say) counts as: "mean", or "worst" for an infinite
            distance.

    >>> zsum("hog", "color").label
    'zsum(hog + color)'
    """
    return _combination(models, "zsum", weights, metric, missing)


def plain_sum(
    *models: str,
    weights: Sequence[float] = (),
    metric: str = lab_recipes.OWN,
    missing: str = "mean",
) -> Recipe:
    """The sum of similarities as they are (rosenfeld2019, Eq. 4); arguments as for `zsum`.

    >>> plain_sum("hog", "color", weights=(1, 0.5)).label
    'sum(hog + 0.5 color)'
    """
    return _combination(models, "sum", weights, metric, missing)


def rrf(
    *models: str,
    weights: Sequence[float] = (),
    metric: str = lab_recipes.OWN,
    missing: str = "mean",
) -> Recipe:
    """Reciprocal rank fusion: the sum of 1 / (60 + rank); arguments as for `zsum`.

    >>> rrf("hog", "color").label
    'rrf(hog + color)'
    """
    return _combination(models, "rrf", weights, metric, missing)


def rerank(
    *models: str,
    weights: Sequence[float] = (),
    metric: str = lab_recipes.OWN,
    missing: str = "mean",
    pair_function: str = "",
) -> Recipe:
    """A z-sum whose first 50 images are compared again, by their maps; arguments as for `zsum`.

    Args:
        pair_function: "shift", "mirror", "elastic" or "match"; by default "shift".

    >>> rerank("hog", "color").label
    'rerank(hog + color)'
    """
    if len(models) < 2:
        raise BadDataError("A re-ranked z-sum needs two or more backbones.")
    return lab_recipes.parse(
        models,
        "rerank",
        weights=weights,
        metric=metric,
        missing=missing,
        pair_function=pair_function,
    )[-1]


def gates(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    post: PostProcessing = "none",
    direction: Direction = "lr",
    subset: str = "all",
    save: str = "",
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> LearnedGates:
    """Learn a z-sum whose weights depend on the query: on a face, a drawing, its background, bars.

    Args:
        models: two or more backbones; `cues` must have features, too.
        save: if given, the recipe is stored under this name.

    Returns:
        Its `recipe`, and cross-fitted hits beside those of fixed weights.
    """
    singles = tuple(Recipe((Part(registry.get(name).name),), post=post) for name in models)
    question = Question(_name(collection), singles, direction, subset)
    result = learned_sums.learned_gates(question, seed=seed, monitor=monitor)
    if save:
        stored_recipes.save(result.recipe, save, result.source)
    return result


def stored_recipe(name: str) -> Recipe:
    """A recipe that is stored under a name, such as "best-offline"."""
    return stored_recipes.open_(name)


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
    question = _question(collection, recipes, direction, subset)
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
    question = _question(collection, recipes, direction, subset)
    hits = {
        recipe.label: ranks == 1
        for recipe, ranks in zip(question.recipes, lab_recall.ranks_of_each(question), strict=True)
    }
    if len(hits) < 2:
        raise BadDataError("A comparison needs at least two different recipes.")
    rows = []
    for test in significance.compare(hits):
        gains = hits[test.a].astype(np.float32) - hits[test.b]
        rows.append(
            ComparedRecipes(test, float(gains.mean()), bootstrap.interval(gains, seed=seed))
        )
    return RecipeComparison(question.collection, len(next(iter(hits.values()))), tuple(rows))


def search(
    collection: CollectionLike,
    query: str | Path | bytes | Any,
    recipe: RecipeLike,
    *,
    k: int = 10,
    direction: Direction = "lr",
) -> Hits:
    """The k most similar gallery images to one image.

    Args:
        query: an id of the collection, a path, the bytes of an image file, or a PIL image. A text
            that is an id is taken as an id.
        direction: "lr" searches the right side.

    Raises:
        BadImageError: the query is no usable image.
    """
    name = _name(collection)
    queries, _ = collections.open_(name).sides(direction)
    if isinstance(query, str) and queries.find(query) is not None:
        lookup = Query(id=query)
    elif isinstance(query, str | Path):
        lookup = Query(image=lab_search.read_file(Path(query).expanduser()))
    elif isinstance(query, bytes):
        lookup = Query(image=query)
    else:
        out = io.BytesIO()
        query.convert("RGB").save(out, "PNG")
        lookup = Query(image=out.getvalue())
    question = Question(name, (_recipe(recipe),), direction)
    (result,) = lab_search.search(question, lookup, k=k)
    return Hits(result)


def ranks(
    collection: CollectionLike,
    recipe: RecipeLike,
    *,
    direction: Direction = "lr",
    subset: str = "all",
) -> MateRanks:
    """The rank of every query's mate."""
    (result,) = lab_recall.mate_ranks(_question(collection, recipe, direction, subset))
    return result


def similarity(
    collection: CollectionLike,
    recipe: RecipeLike,
    *,
    direction: Direction = "lr",
    subset: str = "all",
) -> SimilarityMatrix:
    """The whole similarity matrix: 4 bytes times Q times G."""
    opened = subsets.open_subset(_name(collection), subset)
    queries, gallery = opened.sides(direction)
    resolved = lab_recipes.resolve(_recipe(recipe))
    left, right = (
        {name: features.for_side(opened, side, name) for name in resolved.backbones}
        for side in (queries, gallery)
    )
    values = np.concatenate([block for _, block in recipe_blocks.blocks(resolved, left, right)])
    return SimilarityMatrix(_recipe(recipe), queries.ids, gallery.ids, values)


def map_figure(
    collection: CollectionLike,
    recipe: RecipeLike,
    *,
    method: str = "umap",
    color: str = "side",
    subset: str = "all",
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> Any:
    """Every image as a point: a plotly figure.

    Args:
        method: "umap", "pca" or "tsne".
        color: "side", "found", "rank", "cluster", "faces" or "tags".

    Raises:
        BadDataError: too few images, or no data for that color.
    """
    import plotly.graph_objects as go

    question = _question(collection, recipe, "lr", subset)
    points = maps.make(question, maps.projection_settings(method, seed=seed), monitor=monitor)
    groups = map_colors.groups(points, color)
    number, names = np.array(groups.group), np.array(points.ids)
    figure = go.Figure(layout={"title": f"{points.collection}: {points.recipe.label}, {method}"})
    for group, label in enumerate(groups.names):
        rows = np.flatnonzero((number == group) & ~np.isnan(points.xy[:, 0]))
        figure.add_scattergl(
            x=points.xy[rows, 0],
            y=points.xy[rows, 1],
            mode="markers",
            name=f"{label} ({len(rows):,})",
            text=names[rows],
            hovertemplate="%{text}<extra></extra>",
            marker={"size": 5, "color": html_document.COLORS[group % len(html_document.COLORS)]},
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure


@overload
def learn(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    judgements: None = None,
    method: str = "fusion",
    save: str = "",
    runs: int = 1,
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> adaptation.AdaptationResult: ...


@overload
def learn(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    judgements: str,
    save: str = "",
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> joint.JointResult: ...


def learn(
    collection: CollectionLike,
    models: Sequence[str],
    *,
    judgements: str | None = None,
    method: str = "fusion",
    save: str = "",
    runs: int = 1,
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> adaptation.AdaptationResult | joint.JointResult:
    """Learn an adaptation of some backbones' features from pairs, or from pairs and judgements.

    Args:
        models: backbones with features of the collection.
        judgements: a set of triplets that is learned from together with the pairs.
        method: of pairs alone: "fusion", or "paper" for the function of risser-maroux2021.
        save: if given, what was learned (by the first run) becomes the backbone learned:SAVE.
        runs: of pairs alone, each with its own split.

    Returns:
        Recall on held-out pairs before and after; with judgements also agreement with them, of what
        was learned from pairs, from judgements, and from both.
    """
    if judgements is not None:
        together = joint.learn(
            _name(collection),
            judgements,
            models,
            joint.make_settings(seed=seed),
            save=save,
            monitor=monitor,
        )
        if save:
            joint.save_backbone(together, save)
        return together
    settings = adaptation.make_settings(method, seed=seed)
    result = adaptation.adapt(
        _name(collection), models, settings, runs=runs, save=save, monitor=monitor
    )
    if save:
        adaptation.save_backbone(result, save)
    return result


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
        tuple(map(_name, several)), tuple(models), tuple(metrics), tuple(post), by
    )
    return lab_leaderboard.run(question, monitor=monitor)


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
    question = _question(collection, recipes, direction, subset)
    inquiry = InvarianceQuestion(question, tuple(transforms), levels, seed)
    return lab_invariance.run(inquiry, monitor=monitor)


def import_features(
    collection: CollectionLike,
    name: str,
    *,
    left: Any = None,
    right: Any = None,
    both: Any = None,
    metric: str = "cosine",
) -> ImportReport:
    """Add vectors that were computed elsewhere as a backbone.

    Args:
        name: of the backbone.
        left: of the left side: (N, D) numbers in the order of the collection's ids, a mapping from
            id to vector, a data frame with ids as index, or an .npy (with .ids.txt), .npz, .parquet
            or .csv file.
        right: the same of the right side.
        both: instead, one such table with the ids left:ID and right:ID.
        metric: how they are compared by default, "cosine", "l2" or "l1".

    Raises:
        BadDataError: an image has no vector, or a vector is not finite.
    """
    return vectors.import_features(
        _name(collection), name, left=left, right=right, both=both, metric=metric
    )


def register(
    name: str, module: Any, transform: Callable[[Any], Any], *, metric: Metric = "cosine"
) -> str:
    """Make a torch module of one's own a backbone, for the lifetime of this process.

    Its features are cached by a digest of its weights, its code and the transform: registering a
    changed module under the same name computes again.

    Args:
        module: (B, C, H, W) float32 -> (B, D), (B, T, D) or (B, D, h, w); the latter are averaged.
        transform: an RGB PIL image -> (C, H, W) tensor.

    Returns:
        The name.
    """
    return own_modules.register(name, module, transform, metric=metric).name


def metric(name: str, function: Callable[[Array, Array], Array]) -> str:
    """Add a metric of one's own, for the lifetime of this process.

        def pearson(queries, gallery):
            left, right = (x - x.mean(axis=1, keepdims=True) for x in (queries, gallery))
            lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right)]
            return (left @ right.T) / np.maximum(lengths[0] * lengths[1].T, 1e-9)

        sc.recall(pairs, sc.zsum("mobilenetv2", "hog", metric=sc.metric("pearson", pearson)))

    Results are cached by a digest of its code: adding a changed function under the same name
    computes again.

    Args:
        function: (Q, D) and (G, D) float32 -> (Q, G), higher = more alike; it gets a few hundred
            queries at a time. A value that is not finite counts as no evidence.

    Returns:
        What the argument `metric` of `zsum`, `plain_sum`, `rrf` and `rerank` takes.

    Raises:
        BadDataError: the name is that of a built-in metric, or is not a plain word.
    """
    return own_metrics.register(name, function, own_modules.function_digest(function))


def _name(collection: CollectionLike) -> str:
    return collection if isinstance(collection, str) else collection.name


def _recipe(recipe: RecipeLike) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else Recipe((Part(registry.get(recipe).name),))


def _question(
    collection: CollectionLike,
    recipes: RecipeLike | Sequence[RecipeLike],
    direction: Direction,
    subset: str,
) -> Question:
    several = [recipes] if isinstance(recipes, str | Recipe) else list(recipes)
    if not several:
        raise BadDataError("Name at least one backbone or recipe.")
    return Question(_name(collection), tuple(map(_recipe, several)), direction, subset)


def _combination(
    models: Sequence[str],
    combine: Combination,
    weights: Sequence[float],
    metric: str,
    missing: str,
) -> Recipe:
    if not models:
        raise BadDataError("Name at least one backbone.")
    if len(models) == 1:
        (single,) = lab_recipes.parse(models, metric=metric)
        return single
    return lab_recipes.parse(models, combine, weights=weights, metric=metric, missing=missing)[-1]
