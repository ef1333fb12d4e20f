"""What backbones find that others miss: exclusive hits, disagreements, complementarity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore.data import result_cache
from simcore.evaluate.combinations import complementarity as geometry
from simcore.evaluate.combinations import exclusive
from simcore.lab.evaluate import combinations, recall
from simcore.lab.evaluate.combinations import HitCount, format_interval, hit_count
from simcore.lab.library import features, subsets
from simcore.models import registry
from simcore.recipe import Question
from simcore.results import Interval, Result, Table, TableResult
from simcore.sim import metrics
from simcore.types import Array, Collection, Monitor

Order = Literal["collection", "disagreement"]
Measure = Literal["agreement", "gain", "cka", "rsa"]
Matrix = tuple[tuple[float | None, ...], ...]  # (M, M); None where there is no evidence
MEASURES: tuple[Measure, ...] = ("agreement", "gain", "cka", "rsa")


@dataclass(frozen=True)
class HitSet(Result):
    """Number of pairs that are found by exactly these backbones."""

    models: tuple[str, ...]
    pairs: int


@dataclass(frozen=True)
class ExclusiveReport(TableResult):
    """Which backbones find the same pairs (rosenfeld2019, section 4.4.1).

    Attributes:
        pairs: number of queries.
        oracle: pairs that at least one backbone finds.
        oracle_ci95: 95 % confidence interval of that number.
        exclusive_total: pairs that exactly one backbone finds.
        by_model: exclusive hits of each backbone.
        isolation: all hits of each backbone.
        sets: pairs by the exact set of backbones that find them, most frequent first.
    """

    pairs: int
    oracle: int
    oracle_ci95: Interval
    exclusive_total: int
    by_model: dict[str, int]
    isolation: dict[str, int]
    sets: tuple[HitSet, ...]

    def to_table(self) -> Table:
        """One row per backbone."""
        rows = tuple(
            (name, self.isolation[name], exclusive) for name, exclusive in self.by_model.items()
        )
        note = (
            f"Oracle: {self.oracle:,} {format_interval(self.oracle_ci95)}, exclusive hits: "
            f"{self.exclusive_total:,}, of {self.pairs:,} pairs"
        )
        return Table(("backbone", "hits", "exclusive hits"), rows, "Hits at 1", (note,))


@dataclass(frozen=True)
class FoundPair(Result):
    """A pair that passes a filter: ids and content keys of query and mate.

    Attributes:
        ranks: the first and the last rank of the mate, in words; empty unless sorted by
            disagreement.
    """

    query: str
    query_key: str
    mate: str
    mate_key: str
    ranks: str = ""


@dataclass(frozen=True)
class Complementarity(TableResult):
    """How similar backbones are, pair by pair; each measure is an (M, M) matrix.

    Attributes:
        models: (M,) names.
        order: indices of the backbones, similar ones next to each other.
        agreement: Jaccard index of the pairs found, 0 to 1.
        gain: of the pairs that the row misses, the share that the column finds.
        cka: linear CKA of the left images' features, 0 to 1; None for several rows per image.
        rsa: rank correlation of the left images' similarities, -1 to 1.
    """

    models: tuple[str, ...]
    order: tuple[int, ...]
    agreement: Matrix
    gain: Matrix
    cka: Matrix
    rsa: Matrix

    @property
    def ordered_models(self) -> tuple[str, ...]:
        """The names, similar backbones next to each other."""
        return tuple(self.models[row] for row in self.order)

    def ordered(self, measure: Measure) -> Matrix:
        """One measure with rows and columns as in `ordered_models`."""
        matrix: Matrix = getattr(self, measure)
        return tuple(tuple(matrix[row][column] for column in self.order) for row in self.order)

    def to_table(self, measure: Measure = "agreement") -> Table:
        """One measure as a square."""
        rows = tuple(
            (name, *("" if value is None else f"{value:.2f}" for value in values))
            for name, values in zip(self.ordered_models, self.ordered(measure), strict=True)
        )
        return Table((measure, *self.ordered_models), rows)


@dataclass(frozen=True)
class Disagreement(Result):
    """The ranks of one pair's mate under several backbones.

    Attributes:
        query, mate: ids.
        ranks: of the mate, for each backbone that has evidence of both images.
        log_rank_ratio: log2 of the last rank over the first; 0 for fewer than two backbones.
    """

    query: str
    mate: str
    ranks: dict[str, int]
    log_rank_ratio: float

    @property
    def summary(self) -> str:
        """The backbones with the first and the last rank, in words.

        >>> Disagreement("a", "b", {"hog": 1, "color": 8, "edges": 3}, 3.0).summary
        'hog 1, color 8'
        """
        if len(self.ranks) < 2:
            return "fewer than two backbones have evidence"
        order = sorted(self.ranks, key=self.ranks.__getitem__)
        first, last = self.ranks[order[0]], self.ranks[order[-1]]
        if first == last:
            return f"all at rank {first:,}"
        return f"{order[0]} {first:,}, {order[-1]} {last:,}"


@dataclass(frozen=True)
class Disagreements(TableResult):
    """Pairs by how much the backbones disagree, the largest disagreement first."""

    collection: str
    pairs: tuple[Disagreement, ...]

    def to_table(self) -> Table:
        """One row per pair."""
        rows = tuple((pair.query, pair.mate, pair.summary) for pair in self.pairs)
        return Table(("query", "mate", "rank of the mate"), rows)


def report(question: Question, *, monitor: Monitor = Monitor()) -> ExclusiveReport:
    """Oracle and exclusive hits of the backbones of a question, however many they are.

    Raises:
        BadDataError: no known mates, or features are missing. Stopped: the monitor asked to stop.
    """
    hits = combinations.single_hits(question, monitor=monitor)
    exclusive_rows = exclusive.exclusive(hits)
    oracle: HitCount = hit_count(exclusive.oracle(hits))
    return ExclusiveReport(
        len(next(iter(hits.values()))),
        oracle.hits,
        oracle.ci95,
        sum(len(rows) for rows in exclusive_rows.values()),
        {name: len(rows) for name, rows in exclusive_rows.items()},
        {name: int(hit.sum()) for name, hit in hits.items()},
        tuple(HitSet(models, pairs) for models, pairs in exclusive.intersections(hits)),
    )


def found_and_missed(
    question: Question,
    *,
    found: Sequence[str] = (),
    missed: Sequence[str] = (),
    order: Order = "collection",
) -> list[FoundPair]:
    """Pairs that all of some backbones find and all of others miss.

    Args:
        question: the pairs, and the backbones that may be named.
        found, missed: names of backbones.
        order: as in the collection, or the largest disagreement first.
    """
    collection = subsets.open_subset(question.collection, question.subset)
    pairs = collection.pairs(question.direction)
    hits = combinations.single_hits(question)
    rows = exclusive.found_and_missed(hits, found, missed).tolist()
    summaries: dict[int, str] = {}
    if order == "disagreement":
        chosen, summaries = set(rows), {}
        for row, disagreement in _by_disagreement(question):
            if row in chosen:
                summaries[row] = disagreement.summary
        rows = list(summaries)
    return [
        FoundPair(
            pairs.queries.ids[row],
            pairs.queries.keys[row],
            pairs.gallery.ids[pairs.target[row]],
            pairs.gallery.keys[pairs.target[row]],
            summaries.get(row, ""),
        )
        for row in rows
    ]


def complementarity(question: Question, *, monitor: Monitor = Monitor()) -> Complementarity:
    """Agreement, conditional gain, linear CKA and RSA, and an order that groups similar backbones.

    Agreement and gain are about hits, so metric, direction and post-processing change them. CKA and
    RSA compare the features of the left images and depend on none of these.

    Args:
        monitor: told about each backbone, then each pair of backbones.

    Raises:
        BadDataError: no known mates, or features are missing. Stopped: the monitor asked to stop.
    """
    hits = combinations.single_hits(question, monitor=monitor.part(0, 0.3))
    collection = subsets.open_subset(question.collection, question.subset)
    models = tuple(hits)

    def compute() -> result_cache.Arrays:
        rows = geometry.compared_images(len(collection.left))  # of all, matrices fill the memory
        similarities, part = [], monitor.part(0.3, 0.5)
        for done, model in enumerate(models):
            part.check()
            part.report(model, done, len(models))
            similarities.append(_similarities(collection, model, rows))
        rsa = geometry.rsa(similarities, monitor=monitor.part(0.5, 0.65))
        vectors = [_vectors(collection, model) for model in models]
        cka = geometry.cka_matrix(vectors, monitor=monitor.part(0.65, 1))
        return {"rsa": rsa, "cka": cka}

    identities = tuple(features.identity(collection, model) for model in models)
    stored = result_cache.get("geometry", (collection.left.digest, models, identities), compute)
    return Complementarity(
        models,
        tuple(geometry.order(stored["rsa"])),
        _matrix(exclusive.agreement(hits)),
        _matrix(exclusive.gain(hits)),
        _matrix(stored["cka"]),
        _matrix(stored["rsa"]),
    )


def _matrix(values: Array) -> Matrix:
    return tuple(
        tuple(None if np.isnan(value) else float(value) for value in row) for row in values
    )


def _similarities(collection: Collection, model: str, rows: Array) -> Array:
    """Among some of the left images."""
    left = features.for_side(collection, collection.left, model).take(rows)
    return metrics.pairwise(left, left, registry.get(model).metric)


def _vectors(collection: Collection, model: str) -> Array | None:
    """None unless there is exactly one vector per image, which is what CKA compares."""
    left = features.for_side(collection, collection.left, model)
    return left.values if left.single else None


def disagreements(
    question: Question, *, limit: int | None = None, monitor: Monitor = Monitor()
) -> Disagreements:
    """Pairs that single backbones rank most differently, the largest disagreement first.

    Args:
        question: its combinations are ignored.
        limit: at most so many pairs; None for all.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    pairs = tuple(disagreement for _, disagreement in _by_disagreement(question, monitor))
    return Disagreements(question.collection, pairs[:limit])


def _by_disagreement(
    question: Question, monitor: Monitor = Monitor()
) -> list[tuple[int, Disagreement]]:
    """(row of the pair, its disagreement), the largest first."""
    singles = question.singles
    outcomes = recall.outcomes_of_each(question.with_recipes(*singles), monitor=monitor)
    collection = subsets.open_subset(question.collection, question.subset)
    pairs = collection.pairs(question.direction)
    ranks = np.stack([each.ranks for each in outcomes])
    evidence = np.stack([~np.isnan(each.mates) for each in outcomes])
    ratios = exclusive.rank_disagreement(ranks, evidence)
    return [
        (
            int(row),
            Disagreement(
                pairs.queries.ids[row],
                pairs.gallery.ids[pairs.target[row]],
                {
                    recipe.backbones[0]: int(ranks[k, row])
                    for k, recipe in enumerate(singles)
                    if evidence[k, row]
                },
                float(ratios[row]),
            ),
        )
        for row in np.argsort(-ratios, kind="stable")
    ]
