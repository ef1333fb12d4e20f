"""What each step from the best backbone to the best sum adds.

Every step chooses among more than the step before, by the hits on one half of the pairs. The other
half is used once, to show what the choices are worth. All images are in the gallery in both cases.
"""

import time
from dataclasses import dataclass

import numpy as np

from simcore import memory
from simcore.errors import BadDataError
from simcore.evaluate.combinations import subset_search, subset_statistics, sum_weights
from simcore.evaluate.combinations.subset_search import SubsetHits
from simcore.evaluate.statistics.bootstrap import difference, interval
from simcore.lab import recipes
from simcore.lab.evaluate import combinations, recall
from simcore.lab.library import features, similarity, subsets
from simcore.models import registry
from simcore.recipe import POST_PROCESSING, Part, PostProcessing, Question, Recipe
from simcore.results import Interval, Result, Table, TableResult
from simcore.sim import combine, rank
from simcore.types import Array, Collection, Monitor

MIN_PAIRS = 8
TIMED_QUERIES = 16
ASSIGNED = 8_000  # pairs; the time of an assignment grows with their third power


@dataclass(frozen=True)
class WaterfallStep(Result):
    """One step, and what it adds.

    Attributes:
        name: what is new in it.
        recipe: the recipe that was chosen.
        chosen: share of the queries of the first half whose mate it finds first.
        value: the same of the second half, which nothing was chosen on. ci95: of `value`.
        gain: `value` minus that of the step before; None for the first. gain_ci95: paired.
        milliseconds: to compare one query with the gallery, features given.
    """

    name: str
    recipe: str
    chosen: float
    value: float
    ci95: Interval
    gain: float | None
    gain_ci95: Interval | None
    milliseconds: float


@dataclass(frozen=True)
class Waterfall(TableResult):
    """Recall at 1 from step to step.

    Attributes:
        pairs: number of queries of the second half. gallery: number of images they search.
        assigned: recall at 1 of the second half if the last recipe assigns each query another
            image (all queries of both halves together); None for too many pairs.
    """

    collection: str
    subset: str
    pairs: int
    gallery: int
    steps: tuple[WaterfallStep, ...]
    assigned: float | None

    def to_table(self) -> Table:
        """One row per step."""
        rows = [
            (
                step.name,
                f"{100 * step.chosen:.1f}",
                f"{100 * step.value:.1f}",
                _percent(step.ci95),
                "" if step.gain is None else f"{100 * step.gain:+.1f}",
                "" if step.gain_ci95 is None else _percent(step.gain_ci95),
                f"{step.milliseconds:.1f}",
                step.recipe,
            )
            for step in self.steps
        ]
        notes = [
            f"Recall@1 in %. Chosen on half of the pairs, shown on the other {self.pairs:,}; all "
            f"{self.gallery:,} images are in the gallery"
        ]
        if self.assigned is not None:
            notes.append(
                f"One-to-one assignment with the last recipe: {100 * self.assigned:.1f} %. It "
                "looks at all queries together, so it is not a step"
            )
        columns = ("step", "chosen", "R@1", "95 % CI", "gain", "CI of gain", "ms", "recipe")
        return Table(columns, tuple(rows), f"{self.collection}, {self.subset}", tuple(notes))


@dataclass(frozen=True, eq=False)
class _Choice:
    """A recipe chosen on the first half, and which queries of all pairs it finds."""

    name: str
    recipe: Recipe
    hit: Array


def waterfall(question: Question, *, seed: int = 0, monitor: Monitor = Monitor()) -> Waterfall:
    """Best backbone, best z-sum, with backbones pooled on a grid, post-processing, weights.

    Args:
        question: its backbones; those of the group "grid" enter from the third step on.
        seed: of the halves.
        monitor: asked to stop between steps.

    Raises:
        BadDataError: fewer than `MIN_PAIRS` pairs, more than 16 backbones, no known mates, or
            features are missing.
        Stopped: on request.
    """
    collection = subsets.open_subset(question.collection, question.subset)
    count = len(collection.pairs(question.direction))
    if count < MIN_PAIRS:
        raise BadDataError(
            f"Choosing on one half and showing the other needs at least {MIN_PAIRS} pairs, got "
            f"{count}. Take a larger collection or subset."
        )
    key = (
        *("waterfall", recall.pairs_digest(collection), question, seed),
        tuple(features.identity(collection, name) for name in question.backbones),
    )
    return memory.get(key, lambda: _compute(question, collection, seed, monitor))


def _compute(question: Question, collection: Collection, seed: int, monitor: Monitor) -> Waterfall:
    count = len(collection.pairs(question.direction))
    first, second = subset_statistics.folds(count, 2, seed)
    choices = _choices(question, collection, first, monitor)
    steps: list[WaterfallStep] = []
    for number, choice in enumerate(choices):
        hit = choice.hit[second]
        gain = gain_ci95 = None
        if number:
            before = choices[number - 1].hit[second].astype(np.float64)
            each = np.arange(len(second))
            paired = difference(before, hit.astype(np.float64), 0 * each, each)
            gain, gain_ci95 = paired.value, (paired.low, paired.high)
        steps.append(
            WaterfallStep(
                choice.name,
                choice.recipe.label,
                float(choice.hit[first].mean()),
                float(hit.mean()),
                interval(hit.astype(np.float32)),
                gain,
                gain_ci95,
                _milliseconds(collection, choice.recipe, question),
            )
        )
        monitor.report("steps", number + 1, len(choices))
    assigned = None
    if count <= ASSIGNED:
        assigned = float(_assignment(collection, choices[-1].recipe, question)[second].mean())
    return Waterfall(
        question.collection,
        question.subset,
        len(second),
        len(collection.pairs(question.direction).gallery),
        tuple(steps),
        assigned,
    )


def _choices(
    question: Question, collection: Collection, first: Array, monitor: Monitor
) -> list[_Choice]:
    """The recipe of each step, chosen by the hits of the queries at `first`."""
    grids = set(registry.names("grid"))
    plain = [name for name in question.backbones if name not in grids] or list(question.backbones)
    searches: dict[PostProcessing, SubsetHits] = {}
    for number, post in enumerate(POST_PROCESSING):
        monitor.report("combinations", number, len(POST_PROCESSING))
        searches[post] = combinations.search(question.with_post(post)).hits["zsum"]
    without_grids = searches["none"].restricted(plain)
    choices = [
        _chosen("best backbone", without_grids, first, question, "none", size=1),
        _chosen("z-sum", without_grids, first, question, "none"),
    ]
    if len(plain) < len(question.backbones):
        choices.append(_chosen("grid pooling", searches["none"], first, question, "none"))
    by_post = [
        _chosen("post-processing", hits, first, question, post) for post, hits in searches.items()
    ]
    best = max(by_post, key=lambda choice: int(choice.hit[first].sum()))
    return [*choices, best, _weighted(question, collection, first, best.recipe.post)]


def _chosen(
    name: str,
    hits: SubsetHits,
    first: Array,
    question: Question,
    post: PostProcessing,
    *,
    size: int | None = None,
) -> _Choice:
    """The subset with the most hits among the queries at `first`."""
    seen = SubsetHits(hits.models, hits.packed[first])
    best = subset_statistics.best(seen, size=size)
    metric = recipes.shared_metric(question)
    parts = tuple(Part(model, metric) for model in best.models)
    return _Choice(name, _recipe(parts, post, question), hits.hits_of(best.mask))


def _recipe(parts: tuple[Part, ...], post: PostProcessing, question: Question) -> Recipe:
    """A z-sum, or a single backbone."""
    return Recipe(parts, "zsum" if len(parts) > 1 else "none", post, question.missing)


def _weighted(
    question: Question, collection: Collection, first: Array, post: PostProcessing
) -> _Choice:
    """Weights of all backbones, learned from the pairs at `first`."""
    target = collection.pairs(question.direction).target
    metric = recipes.shared_metric(question)
    sides = similarity.sides(collection, question.backbones, question.direction, metric, post)
    terms = combine.terms(sides, [1.0] * len(sides), "zsum", question.missing)

    def blocks() -> subset_search.Blocks:
        return subset_search.zip_streams([side.stream() for side in sides])

    weights = sum_weights.fit(sum_weights.near_rivals(blocks(), target, terms), first)
    # The recipe is what is scored, so that what is printed can be typed in.
    weights = np.round(weights / max(weights.max(), 1e-12), 3)
    (hit,) = sum_weights.weighted_hits(
        blocks(), target, terms, [np.tile(weights, (len(target), 1))]
    )
    parts = tuple(
        Part(name, metric, float(weight))
        for name, weight in zip(question.backbones, weights, strict=True)
        if weight > 0
    )
    return _Choice("weights", _recipe(parts, post, question), hit)


def _prepared(
    collection: Collection, recipe: Recipe, question: Question
) -> list[combine.PreparedSides]:
    return similarity.sides(
        collection,
        recipe.backbones,
        question.direction,
        recipes.shared_metric(question),
        recipe.post,
    )


def _milliseconds(collection: Collection, recipe: Recipe, question: Question) -> float:
    """Median time to compare one query with the gallery."""
    sides = _prepared(collection, recipe, question)
    terms = combine.recipe_terms(recipe, sides)
    queries = sides[0].queries.count
    seconds = []
    for row in np.linspace(0, queries - 1, TIMED_QUERIES).astype(int):
        start = time.perf_counter()
        parts = [next(_one_query(side, int(row)).stream())[1] for side in sides]
        rank.top_k(combine.recipe_similarity(parts, recipe, terms)[0], 10)
        seconds.append(time.perf_counter() - start)
    return round(1000 * float(np.median(seconds)), 2)


def _one_query(side: combine.PreparedSides, row: int) -> combine.PreparedSides:
    return combine.PreparedSides(
        side.queries.take(np.array([row])), side.gallery, side.metric, side.hubness, side.center
    )


def _assignment(collection: Collection, recipe: Recipe, question: Question) -> Array:
    """(Q,) bool, which queries get their mate if no image may be given to two queries."""
    from scipy.optimize import linear_sum_assignment

    sides = _prepared(collection, recipe, question)
    terms = combine.recipe_terms(recipe, sides)
    blocks = subset_search.zip_streams([side.stream() for side in sides])
    matrix = np.concatenate(
        [combine.recipe_similarity(parts, recipe, terms) for _, parts in blocks]
    )
    lowest = np.nanmin(matrix) if np.isfinite(matrix).any() else 0.0
    queries, images = linear_sum_assignment(np.nan_to_num(matrix, nan=lowest - 1), maximize=True)
    hit = np.zeros(len(matrix), bool)
    target = collection.pairs(question.direction).target
    hit[queries] = (images == target[queries]) & ~np.isnan(matrix[queries, images])
    return hit


def _percent(ci95: Interval) -> str:
    return f"[{100 * ci95[0]:.1f}, {100 * ci95[1]:.1f}]"
