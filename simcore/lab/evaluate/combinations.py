"""All combinations of backbones: the best of each size, participation, ablation."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore import memory
from simcore.data import result_cache
from simcore.errors import BadDataError
from simcore.evaluate.combinations import subset_search, subset_statistics
from simcore.evaluate.combinations.subset_search import SubsetHits
from simcore.evaluate.combinations.subset_statistics import SubsetResult
from simcore.evaluate.statistics import significance
from simcore.evaluate.statistics.bootstrap import interval
from simcore.evaluate.statistics.significance import Comparison
from simcore.lab import recipes, work_estimates
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, features, similarity, subsets
from simcore.recipe import (
    COMBINATION_TITLES,
    Combination,
    Missing,
    Part,
    PostProcessing,
    Question,
    Recipe,
    distinct_labels,
)
from simcore.results import Interval, Result, Table, TableResult
from simcore.sim import combine
from simcore.types import Array, Collection, Direction, Metric, Monitor

SEARCHED: tuple[Combination, ...] = ("zsum", "sum")
MARKS = (1, 5, 10, 20, 50, 100, 330)  # columns of the table of participation
HitsByCombination = dict[Combination, SubsetHits]
SingleHits = dict[str, Array]  # backbone -> (Q,) bool, the queries that it finds
SUBSET_HITS = "subset-hits"  # kind of result on disk


@dataclass(frozen=True)
class HitCount(Result):
    """Hits at 1 with their 95 % confidence interval, both in numbers of queries."""

    hits: int
    ci95: Interval


@dataclass(frozen=True)
class HeldOut(HitCount):
    """Cross-validated hits of "choose the best subset".

    Attributes:
        folds: the subset chosen for each fold, on the queries of the other folds.
    """

    folds: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ScoredSubset(Result):
    """A subset of the backbones, combined, and its hits at 1 with their interval."""

    combine: Combination
    size: int
    models: tuple[str, ...]
    hits: int
    ci95: Interval

    def recipe(self, metric: str = recipes.OWN) -> Recipe:
        """The subset as a recipe."""
        return subset_recipe(self.models, self.combine, metric)


@dataclass(frozen=True, eq=False)
class SubsetSearch:
    """Which queries each subset of some backbones finds first, on one collection.

    Attributes:
        pairs: number of queries.
        models: (M,) names of the backbones.
        hits: one entry per combination.
        seconds: of both searches, similarities included.
    """

    pairs: int
    models: tuple[str, ...]
    hits: HitsByCombination
    seconds: float

    def held_out(self, combine: Combination, *, parts: int = 5, seed: int = 0) -> HeldOut | None:
        """Hits of the best subset, each query scored by the subset chosen on the other folds.

        None for a single pair: there are no others to choose on.
        """
        if self.pairs < 2:
            return None
        hit, chosen = subset_statistics.held_out(self.hits[combine], parts=parts, seed=seed)
        count = hit_count(hit)
        return HeldOut(count.hits, count.ci95, tuple(subset.models for subset in chosen))


@dataclass(frozen=True)
class SubsetReport(TableResult):
    """The best combinations of some backbones.

    Attributes:
        pairs: number of queries.
        models: the backbones.
        best_by_size: for each combination the best subset of 1, 2, ..., M backbones.
        best: the best of all.
        held_out: cross-validated hits of choosing the best subset, for each combination; empty
            for a single pair and after a beam search, where nothing is chosen on other pairs.
        evaluated: number of subsets of each combination.
        seconds: of the search.
        method: "all subsets", or "beam search", which may miss the best subset of a size.
    """

    pairs: int
    models: tuple[str, ...]
    best_by_size: dict[Combination, tuple[ScoredSubset, ...]]
    best: ScoredSubset
    held_out: dict[Combination, HeldOut]
    evaluated: int
    seconds: float
    method: Literal["all subsets", "beam search"] = "all subsets"

    @property
    def best_single(self) -> ScoredSubset:
        """The best backbone alone."""
        return self.best_by_size["zsum"][0]

    def best_of(self, combine: Combination) -> ScoredSubset:
        """The best subset of one combination; of equals the smallest."""
        return max(self.best_by_size[combine], key=lambda subset: subset.hits)

    def to_table(self) -> Table:
        """One row per combination and size."""
        rows = [
            (
                COMBINATION_TITLES[combine],
                subset.size,
                subset.hits,
                format_interval(subset.ci95),
                " + ".join(subset.models),
            )
            for combine, best in self.best_by_size.items()
            for subset in best
        ]
        notes = [
            f"{COMBINATION_TITLES[combine]}: the best subset, cross-validated, has "
            f"{score.hits:,} hits of {self.pairs:,} {format_interval(score.ci95)}"
            for combine, score in self.held_out.items()
        ]
        if not self.held_out:
            notes.append(
                "Chosen and scored on the same pairs, so optimistically biased: no held-out score "
                + ("of a single pair" if self.pairs < 2 else "after a beam search")
            )
        tried = f"{self.evaluated:,} subsets"
        if self.method == "beam search":
            tried = f"Beam search, not exhaustive: {tried} of {2 ** len(self.models) - 1:,}"
        notes.append(f"{tried}, two combinations each, in {self.seconds} s")
        columns = ("combination", "size", "hits", "95 % CI", "best subset")
        title = "The best combination of each size"
        if self.method == "beam search":
            title += ", by beam search"
        return Table(columns, tuple(rows), title, tuple(notes))


@dataclass(frozen=True)
class Participation(TableResult):
    """How often each backbone is in the leading combinations of a size (rosenfeld2019, Fig. 4).

    Attributes:
        size: backbones in a combination.
        combine: "zsum" or "sum".
        models: (M,) names.
        share: (C, M); row q - 1 is over the first q of the C combinations of that size.
    """

    size: int
    combine: Combination
    models: tuple[str, ...]
    share: tuple[tuple[float, ...], ...]

    def of(self, model: str) -> tuple[float, ...]:
        """(C,) share of the first 1, 2, ..., C combinations that contain a backbone."""
        column = self.models.index(model)
        return tuple(row[column] for row in self.share)

    def to_table(self) -> Table:
        """One row per backbone, for a few values of q."""
        marks = [q for q in MARKS if q <= len(self.share)]
        rows = [
            (model, *(f"{self.share[q - 1][column]:.2f}" for q in marks))
            for column, model in enumerate(self.models)
        ]
        columns = ("backbone", *(f"first {q}" for q in marks))
        title = f"{COMBINATION_TITLES[self.combine]}, {self.size} of {len(self.models)} backbones"
        return Table(columns, tuple(rows), title)


@dataclass(frozen=True)
class AblationRow(ScoredSubset):
    """The best subset of the same size without one member, and the hits lost."""

    without: str
    lost: int


@dataclass(frozen=True)
class Ablation(TableResult):
    """What each member of the best combination contributes (rosenfeld2019, Table 1)."""

    combine: Combination
    best: ScoredSubset
    rows: tuple[AblationRow, ...]

    def to_table(self) -> Table:
        """The best combination, then one row per removed member."""
        rows = [("", " + ".join(self.best.models), self.best.hits, 0)]
        rows += [(row.without, " + ".join(row.models), row.hits, row.lost) for row in self.rows]
        return Table(("without", "best combination of that size", "hits", "lost"), tuple(rows))


@dataclass(frozen=True)
class Comparisons(TableResult):
    """Exact McNemar tests between all pairs of recipes, corrected by Holm's method."""

    collection: str
    subset: str
    pairs: int
    comparisons: tuple[Comparison, ...]

    def to_table(self) -> Table:
        """One row per pair of recipes."""
        rows = [
            (row.a, row.b, row.only_a, row.only_b, f"{row.p:.2g}", f"{row.p_corrected:.2g}")
            for row in self.comparisons
        ]
        columns = ("A", "B", "only A", "only B", "p", "p corrected (Holm)")
        return Table(columns, tuple(rows), f"{self.collection}, {self.subset}")


def format_interval(ci95: Interval) -> str:
    """An interval of hits for people.

    >>> format_interval((20.4, 31.6))
    '[20, 32]'
    """
    return f"[{ci95[0]:.0f}, {ci95[1]:.0f}]"


def subset_recipe(models: Sequence[str], combine: Combination, metric: str = recipes.OWN) -> Recipe:
    """The recipe of a subset of backbones."""
    parts = tuple(Part(name, recipes.check_metric(metric)) for name in models)
    return Recipe(parts, combine if len(parts) > 1 else "none")


def search(question: Question, *, monitor: Monitor = Monitor()) -> SubsetSearch:
    """Hits of all 2^M - 1 combinations of a question's backbones, plain and normalized.

    Raises:
        BadDataError: no backbone or more than 16, no known mates, or features are missing.
        Stopped: the monitor asked to stop.
    """
    collection = subsets.open_subset(question.collection, question.subset, monitor=monitor)
    collection.pairs(question.direction)  # raises if the collection has no known mates
    backbones, metric = question.backbones, recipes.shared_metric(question)
    check_backbone_count(backbones, subset_search.MAX_BACKBONES)
    key = search_key(question, collection, backbones)
    start = time.perf_counter()

    def compute() -> SubsetSearch:
        stored = _stored_search(question, collection, backbones, key)
        if stored is not None:
            seconds = time.perf_counter() - start
            return SubsetSearch(len(collection.left), backbones, stored, seconds)
        searched = search_in(
            collection,
            backbones,
            question.direction,
            metric,
            question.post,
            missing=question.missing,
            monitor=monitor,
        )
        packed = {str(kind): hits.packed for kind, hits in searched.hits.items()}
        result_cache.write(SUBSET_HITS, key, packed)
        return searched

    return memory.get((SUBSET_HITS, key), compute)


def is_quick(question: Question) -> bool:
    """Whether a visitor can wait for `search`: little work, or its result is stored.

    Raises:
        BadDataError: no backbone or more than 16, or features are missing.
    """
    collection = subsets.open_subset(question.collection, question.subset)
    backbones = question.backbones
    parts = [Part(name, recipes.shared_metric(question)) for name in backbones]
    seconds = work_estimates.subset_search(parts, len(collection.left))
    if work_estimates.is_short(seconds):
        return True
    check_backbone_count(backbones, subset_search.MAX_BACKBONES)
    key = search_key(question, collection, backbones)
    return (
        memory.contains((SUBSET_HITS, key))
        or _stored_search(question, collection, backbones, key) is not None
    )


def search_key(
    question: Question, collection: Collection, backbones: tuple[str, ...]
) -> tuple[object, ...]:
    """Everything that the hits of a subset search depend on."""
    metric = recipes.shared_metric(question)
    return (
        recall.pairs_digest(collection),
        backbones,
        tuple(features.identity(collection, name) for name in backbones),
        tuple(recipes.resolve_metric(Part(name, metric)) for name in backbones),
        question.direction,
        question.post,
        question.missing,
    )


def _stored_search(
    question: Question,
    collection: Collection,
    backbones: tuple[str, ...],
    key: tuple[object, ...],
) -> HitsByCombination | None:
    """Hits from disk: of these backbones, or of all that are extracted, if these are among them."""
    stored = result_cache.read(SUBSET_HITS, key)
    if stored is not None:
        return {kind: SubsetHits(backbones, stored[kind]) for kind in SEARCHED}
    everything = tuple(collections.default_backbones(question.collection))
    if len(everything) > subset_search.MAX_BACKBONES or not set(backbones) < set(everything):
        return None
    stored = result_cache.read(SUBSET_HITS, search_key(question, collection, everything))
    if stored is None:
        return None
    return {kind: SubsetHits(everything, stored[kind]).restricted(backbones) for kind in SEARCHED}


def search_in(
    collection: Collection,
    backbones: tuple[str, ...],
    direction: Direction,
    metric: Metric | None,
    post: PostProcessing,
    *,
    missing: Missing = "mean",
    monitor: Monitor = Monitor(),
) -> SubsetSearch:
    """`search` on an open collection; nothing is cached."""
    check_backbone_count(backbones, subset_search.MAX_BACKBONES)
    start = time.perf_counter()
    pairs = collection.pairs(direction)
    sides = similarity.sides(collection, backbones, direction, metric, post)
    weights = [1.0] * len(sides)
    terms_of_each = [combine.terms(sides, weights, kind, missing) for kind in SEARCHED]
    blocks = _watched([side.stream() for side in sides], len(pairs), monitor)
    zsum, plain = subset_search.search_each(
        backbones, blocks, pairs.target, terms_of_each=terms_of_each
    )
    seconds = time.perf_counter() - start
    return SubsetSearch(len(pairs), backbones, {"zsum": zsum, "sum": plain}, seconds)


def _watched(
    streams: Sequence[Iterator[tuple[int, Array]]], pairs: int, monitor: Monitor
) -> subset_search.Blocks:
    """Blocks of several matrices; before each one the monitor may stop."""
    for start, matrices in subset_search.zip_streams(streams):
        monitor.check()
        monitor.report("combinations", start, pairs)
        yield start, matrices
    monitor.report("combinations", pairs, pairs)


def report(search: SubsetSearch) -> SubsetReport:
    """The best subset of each size, the best of all, and what choosing it is worth."""
    best = {combine: subset_statistics.best(hits) for combine, hits in search.hits.items()}
    top = max(best, key=lambda combine: (best[combine].hits, combine == "zsum"))
    return SubsetReport(
        search.pairs,
        search.models,
        {
            combine: tuple(
                _scored(subset, combine, search.pairs)
                for subset in subset_statistics.best_by_size(hits)
            )
            for combine, hits in search.hits.items()
        },
        _scored(best[top], top, search.pairs),
        {
            combine: score
            for combine in search.hits
            if (score := search.held_out(combine)) is not None
        },
        (1 << len(search.models)) - 1,
        round(search.seconds, 3),
    )


def ranking(search: SubsetSearch, combine: Combination) -> list[SubsetResult]:
    """All combinations, most hits first."""
    return subset_statistics.ranking(search.hits[combine])


def participation(search: SubsetSearch, combine: Combination, size: int) -> Participation:
    """Share of the first q combinations of a size that contain each backbone (Fig. 4)."""
    share = subset_statistics.participation(search.hits[combine], size)
    return Participation(size, combine, search.models, tuple(map(tuple, share.tolist())))


def ablation(search: SubsetSearch, combine: Combination) -> Ablation:
    """What each member of the best combination contributes (Table 1)."""
    hits = search.hits[combine]
    rows = []
    for without, subset, lost in subset_statistics.ablation(hits):
        ci95 = _interval_of(subset.hits, search.pairs)
        rows.append(
            AblationRow(
                combine, len(subset.models), subset.models, subset.hits, ci95, without, lost
            )
        )
    best = _scored(subset_statistics.best(hits), combine, search.pairs)
    return Ablation(combine, best, tuple(rows))


def single_hits(question: Question, *, monitor: Monitor = Monitor()) -> SingleHits:
    """The queries that each backbone finds alone; of any number of backbones.

    Raises:
        BadDataError: no backbone, no known mates, or features are missing.
        Stopped: the monitor asked to stop.
    """
    singles = _singles(question)
    ranks = recall.ranks_of_each(question.with_recipes(*singles), monitor)
    return {
        single.backbones[0]: mate_ranks == 1
        for single, mate_ranks in zip(singles, ranks, strict=True)
    }


def _singles(question: Question) -> tuple[Recipe, ...]:
    """The recipes of single backbones; those of the combinations' backbones where it has none."""
    return question.singles or tuple(
        recipes.parse(question.backbones, metric=question.metric, post=question.post)
    )


def check_backbone_count(backbones: Sequence[str], most: int) -> None:
    """Refuse no backbones, and more than a search takes.

    Raises:
        BadDataError: no backbone, or too many.
    """
    if not backbones:
        raise BadDataError("No backbone to combine. Choose at least one.")
    if len(backbones) > most:
        raise BadDataError(
            f"This takes at most {most} backbones, got {len(backbones)}. Choose some with "
            "--models, or search for good combinations of many with `simcore evaluate subsets`."
        )


def compare(question: Question, *, monitor: Monitor = Monitor()) -> Comparisons:
    """Is A better than B? Exact McNemar test between all recipes, Holm's correction."""
    singles = tuple(dict.fromkeys(_singles(question)))
    combined = tuple(dict.fromkeys(question.combinations))
    names = [single.backbones[0] for single in singles]
    if len(set(names)) < len(names):  # a backbone with several metrics
        names = list(distinct_labels(singles))
    names += distinct_labels(combined)
    all_ranks = recall.ranks_of_each(question.with_recipes(*singles, *combined), monitor)
    hits = {name: ranks == 1 for name, ranks in zip(names, all_ranks, strict=True)}
    return Comparisons(
        question.collection,
        question.subset,
        len(all_ranks[0]),
        tuple(significance.compare(hits)),
    )


def hit_count(hit: Array) -> HitCount:
    """The number of hits of (Q,) bool with its interval."""
    low, high = interval(hit.astype(np.float32))
    return HitCount(int(hit.sum()), (low * len(hit), high * len(hit)))


def _interval_of(hits: int, pairs: int) -> Interval:
    """The interval of a number of hits; which queries are hit makes no difference to it."""
    hit = np.zeros(pairs, bool)
    hit[:hits] = True
    return hit_count(hit).ci95


def scored_subset(
    models: tuple[str, ...], combine: Combination, hits: int, pairs: int
) -> ScoredSubset:
    """A subset with its hits and their interval."""
    return ScoredSubset(combine, len(models), models, hits, _interval_of(hits, pairs))


def _scored(subset: SubsetResult, combine: Combination, pairs: int) -> ScoredSubset:
    return scored_subset(subset.models, combine, subset.hits, pairs)
