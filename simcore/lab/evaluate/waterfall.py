"""What each step from the best backbone to the best recipe adds.

Every step chooses among more than the step before, by the hits on one half of the pairs; the other
half shows what the choice is worth. This is done with either half, so each pair is scored once, by
recipes that were chosen without it. All images are in the gallery in all cases.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcore import memory
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.combinations import (
    gate_weights,
    subset_search,
    subset_statistics,
    sum_weights,
)
from simcore.evaluate.combinations.subset_search import SubsetHits
from simcore.evaluate.retrieval import recall as retrieval_recall
from simcore.evaluate.statistics.bootstrap import difference, interval
from simcore.lab import recipes, work_estimates
from simcore.lab.evaluate import combinations, learned_sums, recall
from simcore.lab.library import features, similarity, subsets
from simcore.models import registry
from simcore.recipe import (
    CUES_BACKBONE,
    POST_PROCESSING,
    Combination,
    Part,
    PostProcessing,
    Question,
    Recipe,
)
from simcore.results import Interval, Result, Table, TableResult
from simcore.sim import combine, rank, recipe_blocks, reranking
from simcore.types import Array, Collection, Direction, Monitor

MIN_PAIRS = 8
TIMED_QUERIES = 16
ASSIGNED = 8_000  # pairs; the time of an assignment grows with their third power
# Groups of backbones that enter by a step of their own; one of several groups enters by the last.
LATER = {
    "grid": "grid pooling",
    "borderless": "borders removed",
    "anyborder": "borders removed",
    "contours": "HED",
}


SearchesByPost = dict[PostProcessing, SubsetHits]


@dataclass(frozen=True)
class WaterfallStep(Result):
    """One step, and what it adds.

    Attributes:
        name: what is new in it.
        recipes: those that were chosen on the first and on the second half.
        chosen: share of the queries whose mate is found first by the recipe of their own half.
        value: the same by the recipe of the other half, on which nothing of them was chosen.
        ci95: of `value`.
        either: share of the pairs in which an image finds the other first, whichever is the query
            (asymmetric recall at 1), by the recipe of the other half.
        gain: `value` minus that of the step before; None for the first. gain_ci95: paired.
        milliseconds: to compare one query with the gallery, features given.
        best: the recipe of the first half. unseen, unseen_ci95: share of the second half that it
            finds first.
    """

    name: str
    recipes: tuple[str, str]
    chosen: float
    value: float
    ci95: Interval
    either: float
    gain: float | None
    gain_ci95: Interval | None
    milliseconds: float
    best: Recipe
    unseen: float
    unseen_ci95: Interval


@dataclass(frozen=True)
class Waterfall(TableResult):
    """Recall at 1 from step to step.

    Attributes:
        pairs: number of queries. gallery: number of images they search.
        assigned: recall at 1 if the last recipe of the other half assigns each query another
            image, all queries together; None for too many pairs.
        left_out: a sentence on each step that could not be taken, and why.
    """

    collection: str
    subset: str
    pairs: int
    gallery: int
    steps: tuple[WaterfallStep, ...]
    assigned: float | None
    left_out: tuple[str, ...] = ()

    def step(self, name: str = "") -> WaterfallStep:
        """A step by its name; by default the last.

        Raises:
            UnknownNameError: there is none.
        """
        steps = {step.name: step for step in self.steps}
        if name and name not in steps:
            raise unknown_name("step", name, steps)
        return steps[name] if name else self.steps[-1]

    def source(self, step: WaterfallStep) -> str:
        """Where the recipe of a step comes from, in two sentences."""
        return (
            f"Chosen on half of the {self.pairs:,} pairs of {self.collection}, {self.subset}, so "
            "optimistically biased there. On the other half recall@1 was "
            f"{100 * step.unseen:.1f} % {_percent(step.unseen_ci95)} in a gallery of "
            f"{self.gallery:,}."
        )

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
                f"{100 * step.either:.1f}",
                f"{step.milliseconds:.1f}",
                step.recipes[0],
            )
            for step in self.steps
        ]
        notes = [
            f"Recall@1 in % of {self.pairs:,} pairs, each scored by what was chosen on the half "
            f"without it, in a gallery of {self.gallery:,}. Chosen: by what was chosen on its own "
            "half. aR@1: either image finds the other first. The recipe is that of the first half",
            *self.left_out,
        ]
        if self.assigned is not None:
            notes.append(
                f"One-to-one assignment with the last recipe: {100 * self.assigned:.1f} %. It "
                "looks at all queries together, so it is not a step"
            )
        columns = ("step", "chosen", "R@1", "95 % CI", "gain", "CI of gain", "aR@1", "ms", "recipe")
        return Table(columns, tuple(rows), f"{self.collection}, {self.subset}", tuple(notes))


@dataclass(frozen=True, eq=False)
class _Choice:
    """A recipe chosen on one half, and which queries of all pairs it finds."""

    name: str
    recipe: Recipe
    hit: Array


def waterfall(question: Question, *, seed: int = 0, monitor: Monitor = Monitor()) -> Waterfall:
    """Best backbone, z-sum, grids, borders, HED, centering, CSLS, weights, gates, second stage.

    Args:
        question: its backbones; those of the groups in `LATER` enter by a step of their own.
        seed: of the halves.
        monitor: asked to stop between steps.

    Raises:
        BadDataError: fewer than `MIN_PAIRS` pairs, more than 16 backbones, no known mates, or
            features are missing.
        Stopped: on request.
    """
    collection = subsets.open_subset(question.collection, question.subset, monitor=monitor)
    count = len(collection.pairs(question.direction))
    if count < MIN_PAIRS:
        raise BadDataError(
            f"Choosing on one half and showing the other needs at least {MIN_PAIRS} pairs, got "
            f"{count}. Take a larger collection or subset."
        )
    has_cues = features.is_ready(collection, CUES_BACKBONE)
    names = [*question.backbones, *([CUES_BACKBONE] if has_cues else [])]
    key = (
        *("waterfall", recall.pairs_digest(collection), question, seed),
        tuple(features.identity(collection, name) for name in names),
    )
    return memory.get(key, lambda: _Waterfall(question, collection, seed, monitor).result())


def is_quick(question: Question) -> bool:
    """Whether a visitor can wait for `waterfall`, which is not stored."""
    collection = subsets.open_subset(question.collection, question.subset)
    parts = [Part(name, recipes.shared_metric(question)) for name in question.backbones]
    searches = len(POST_PROCESSING) * work_estimates.subset_search(parts, len(collection.left))
    return work_estimates.is_short(searches)


class _Waterfall:
    """The pairs of one question, the half that is chosen on, and the steps."""

    def __init__(
        self, question: Question, collection: Collection, seed: int, monitor: Monitor
    ) -> None:
        self.question, self.collection, self.monitor = question, collection, monitor
        self.target = collection.pairs(question.direction).target
        self.halves = subset_statistics.folds(len(self.target), 2, seed)
        self.first = self.halves[0]
        self.metric = recipes.shared_metric(question)
        self.left_out: list[str] = []

    def result(self) -> Waterfall:
        """All steps, chosen on either half and scored on the other."""
        by_half = []
        for half in self.halves:
            self.first = half
            self.left_out.clear()  # the same for both
            by_half.append(list(self._choices()))
        steps: list[WaterfallStep] = []
        last: list[Recipe] = []
        before: Array | None = None
        for number, chosen in enumerate(zip(*by_half, strict=True)):
            self.monitor.report("scores", number, len(by_half[0]))
            self.monitor.check()
            hit = self._unseen([choice.hit for choice in chosen])
            is_same = [choice.recipe for choice in chosen] == last
            steps.append(self._step(chosen, hit, before, is_same=is_same))
            last, before = [choice.recipe for choice in chosen], hit
        assigned = None
        if len(self.target) <= ASSIGNED:
            assigned = float(self._unseen([self._assignment(recipe) for recipe in last]).mean())
        return Waterfall(
            self.question.collection,
            self.question.subset,
            len(self.target),
            len(self.collection.pairs(self.question.direction).gallery),
            tuple(steps),
            assigned,
            tuple(self.left_out),
        )

    def _unseen(self, hits: Sequence[Array]) -> Array:
        """(Q,) bool of each half from the hits of what was chosen on the other one."""
        unseen = np.empty(len(self.target), bool)
        for own, other in ((0, 1), (1, 0)):
            unseen[self.halves[other]] = hits[own][self.halves[other]]
        return unseen

    def _step(
        self, chosen: Sequence[_Choice], hit: Array, before: Array | None, *, is_same: bool
    ) -> WaterfallStep:
        gain = gain_ci95 = None
        if before is not None:
            each = np.arange(len(hit))
            hits = before.astype(np.float64), hit.astype(np.float64)
            paired = difference(*hits, 0 * each, each, zero_is_exact=is_same)
            gain, gain_ci95 = paired.value, (paired.low, paired.high)
        back: Direction = "rl" if self.question.direction == "lr" else "lr"
        either = hit | self._unseen([self._hits(choice.recipe, back) for choice in chosen])
        other_half = chosen[0].hit[self.halves[1]]
        seen = [c.hit[half].sum() for c, half in zip(chosen, self.halves, strict=True)]
        return WaterfallStep(
            chosen[0].name,
            (chosen[0].recipe.label, chosen[1].recipe.label),
            float(sum(seen) / len(hit)),
            float(hit.mean()),
            interval(hit.astype(np.float32)),
            float(either.mean()),
            gain,
            gain_ci95,
            self._milliseconds(chosen[0].recipe),
            chosen[0].recipe,
            float(other_half.mean()),
            interval(other_half.astype(np.float32)),
        )

    def _choices(self) -> Iterator[_Choice]:
        """The recipe of each step, chosen by the hits of the current half."""
        searches: SearchesByPost = {}
        count = len(POST_PROCESSING)
        for number, post in enumerate(POST_PROCESSING):
            part = self.monitor.part(number / count, (number + 1) / count)
            search = combinations.search(self.question.with_post(post), monitor=part)
            searches[post] = search.hits["zsum"]
        names = [name for name in self.question.backbones if _later(name) is None]
        names = names or list(self.question.backbones)
        plain = searches["none"].restricted(names)
        yield self._best_subset("best backbone", {"none": plain}, size=1)
        yield self._best_subset("z-sum", {"none": plain})
        for step in dict.fromkeys(LATER.values()):
            added = [name for name in self.question.backbones if _later(name) == step]
            if set(added) - set(names):
                names += added
                yield self._best_subset(step, {"none": searches["none"].restricted(names)})
        uncorrected: SearchesByPost = {"none": searches["none"], "center": searches["center"]}
        yield self._best_subset("centering", uncorrected)
        best = self._best_subset("CSLS", searches)
        yield best
        question = self.question.with_post(best.recipe.post)
        weighted = self._weighted(question)
        yield weighted
        gated = self._gated(question)
        if gated is not None:
            yield gated
        yield self._reranked(gated or weighted)

    def _best_subset(
        self, name: str, searches: SearchesByPost, *, size: int | None = None
    ) -> _Choice:
        """The subset, and the post-processing, with the most hits in the half."""
        best: _Choice | None = None
        for post, hits in searches.items():
            seen = SubsetHits(hits.models, hits.packed[self.first])
            subset = subset_statistics.best(seen, size=size)
            parts = tuple(Part(model, self.metric) for model in subset.models)
            combination: Combination = "zsum" if len(parts) > 1 else "none"
            recipe = Recipe(parts, combination, post, self.question.missing)
            choice = _Choice(name, recipe, hits.hits_of(subset.mask))
            if best is None or choice.hit[self.first].sum() > best.hit[self.first].sum():
                best = choice
        assert best is not None  # there is always a post-processing to choose from
        return best

    def _weighted(self, question: Question) -> _Choice:
        """Weights of all backbones, learned from the half."""
        sides = self._sides(question)
        terms = combine.terms(sides, [1.0] * len(sides), "zsum", question.missing)
        rivals = sum_weights.near_rivals(_blocks(sides), self.target, terms)
        weights = sum_weights.fit(rivals, self.first)
        # The recipe is what is scored, so that what is printed can be typed in.
        weights = np.round(weights / max(weights.max(), 1e-12), 3)
        parts = tuple(
            Part(name, self.metric, float(weight))
            for name, weight in zip(question.backbones, weights, strict=True)
            if weight > 0
        )
        combination: Combination = "zsum" if len(parts) > 1 else "none"
        recipe = Recipe(parts, combination, question.post, question.missing)
        return self._choice("weights", recipe)

    def _gated(self, question: Question) -> _Choice | None:
        """Weights that depend on the query, learned from the half."""
        if question.missing != "mean":
            self.left_out.append("Gates count missing evidence as the mean, so they are left out")
            return None
        if not features.is_ready(self.collection, CUES_BACKBONE):
            self.left_out.append(
                f"Gates are left out, since the collection has no features of {CUES_BACKBONE}: run "
                f"`simcore extract {question.collection} --models {CUES_BACKBONE}`"
            )
            return None
        sides = self._sides(question)
        terms = combine.terms(sides, [1.0] * len(sides), "zsum", "mean")
        rivals = sum_weights.near_rivals(_blocks(sides), self.target, terms)
        cues = learned_sums.cues_of(question.backbones)
        values = learned_sums.cue_values(self.collection, cues, question)
        learned = gate_weights.fit(rivals, values, self.first)
        return self._choice("gating", learned_sums.gated_recipe(question, cues, learned))

    def _reranked(self, before: _Choice) -> _Choice:
        """The pair function with the most hits in the half; none, if none has more."""
        best = replace(before, name="re-ranking")
        if before.recipe.combine == "none":
            return best
        for function in reranking.PAIR_FUNCTIONS:
            self.monitor.check()
            recipe = replace(before.recipe, combine="rerank", pair_function=function)
            choice = self._choice("re-ranking", recipe)
            if choice.hit[self.first].sum() > best.hit[self.first].sum():
                best = choice
        return best

    def _choice(self, name: str, recipe: Recipe) -> _Choice:
        return _Choice(name, recipe, self._hits(recipe, self.question.direction))

    def _hits(self, recipe: Recipe, direction: Direction) -> Array:
        """(Q,) bool, which queries find their mate first."""
        pairs = self.collection.pairs(direction)
        queries, gallery = (
            {n: features.for_side(self.collection, side, n) for n in recipe.backbones}
            for side in (pairs.queries, pairs.gallery)
        )
        hit: Array = (
            retrieval_recall.ranks_of(pairs, recipes.resolve(recipe), queries, gallery) == 1
        )
        return hit

    def _sides(self, question: Question) -> list[combine.PreparedSides]:
        return similarity.sides(
            self.collection, question.backbones, question.direction, self.metric, question.post
        )

    def _milliseconds(self, recipe: Recipe) -> float:
        """Median time to compare one query with the gallery."""
        resolved = recipes.resolve(recipe)
        pairs = self.collection.pairs(self.question.direction)
        sides = similarity.sides(
            self.collection,
            [part.backbone for part in recipe.parts],
            self.question.direction,
            self.metric,
            recipe.post,
        )
        terms = recipe_blocks.recipe_terms(resolved, sides)
        queries = {
            name: features.for_side(self.collection, pairs.queries, name)
            for name in recipe.backbones
        }
        seconds = []
        for row in np.linspace(0, len(pairs) - 1, TIMED_QUERIES).astype(int):
            query = {name: rows.take([row]) for name, rows in queries.items()}
            start = time.perf_counter()
            parts = [
                side.rows(query[part.backbone])
                for side, part in zip(sides, recipe.parts, strict=True)
            ]
            block = recipe_blocks.recipe_block(resolved, parts, sides, query, terms=terms)
            rank.top_k(block.similarity()[0], 10)
            seconds.append(time.perf_counter() - start)
        return round(1000 * float(np.median(seconds)), 2)

    def _assignment(self, recipe: Recipe) -> Array:
        """(Q,) bool, which queries get their mate if no image may be given to two queries."""
        from scipy.optimize import linear_sum_assignment

        pairs = self.collection.pairs(self.question.direction)
        queries, gallery = (
            {n: features.for_side(self.collection, side, n) for n in recipe.backbones}
            for side in (pairs.queries, pairs.gallery)
        )
        blocks = recipe_blocks.blocks(recipes.resolve(recipe), queries, gallery)
        matrix = np.concatenate([rows for _, rows in blocks])
        lowest = np.nanmin(matrix) if np.isfinite(matrix).any() else 0.0
        rows, images = linear_sum_assignment(np.nan_to_num(matrix, nan=lowest - 1), maximize=True)
        hit = np.zeros(len(matrix), bool)
        hit[rows] = (images == self.target[rows]) & ~np.isnan(matrix[rows, images])
        return hit


def _later(name: str) -> str | None:
    """The step by which a backbone enters, if it has one of its own."""
    groups = registry.get(name).groups
    return next((step for group, step in reversed(LATER.items()) if group in groups), None)


def _blocks(sides: Sequence[combine.PreparedSides]) -> subset_search.Blocks:
    return subset_search.zip_streams([side.stream() for side in sides])


def _percent(ci95: Interval) -> str:
    return f"[{100 * ci95[0]:.1f}, {100 * ci95[1]:.1f}]"
