"""Weights of z-sums, learned from pairs: the same for all queries, or gated by their cues."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data import result_cache
from simcore.errors import BadDataError
from simcore.evaluate.combinations import (
    gate_weights,
    subset_search,
    subset_statistics,
    sum_weights,
)
from simcore.evaluate.statistics.bootstrap import difference
from simcore.lab import recipes
from simcore.lab.evaluate import combinations
from simcore.lab.evaluate.combinations import HeldOut, HitCount
from simcore.lab.library import features, similarity, subsets
from simcore.recipe import CUES, CUES_BACKBONE, FACE_BACKBONE, Cue, Gate, Part, Question, Recipe
from simcore.results import Interval, Table, TableResult
from simcore.sim import combine, gating
from simcore.types import Array, Collection, Monitor

WEIGHTS = "sum-weights"  # kind of result on disk


@dataclass(frozen=True)
class LearnedWeights(TableResult):
    """Weights for a z-sum, learned from the pairs, beside the best subset.

    Attributes:
        pairs: number of queries.
        weights: learned on all pairs; they add up to 1.
        held_out: cross-validated hits of learned weights; None for a single pair.
        same_pairs: hits on the pairs that the weights were learned from, optimistically biased.
        best_subset_held_out, best_subset_same_pairs: the same for the best subset.
    """

    pairs: int
    weights: dict[str, float]
    held_out: HitCount | None
    same_pairs: int
    best_subset_held_out: HeldOut | None
    best_subset_same_pairs: int

    def to_table(self) -> Table:
        """One row per backbone."""
        rows = tuple((name, f"{weight:.3f}") for name, weight in self.weights.items())
        if self.held_out is None or self.best_subset_held_out is None:
            note = "A single pair: nothing can be cross-validated"
        else:
            note = (
                f"Cross-validated: {self.held_out.hits:,} hits with weights, "
                f"{self.best_subset_held_out.hits:,} with the best subset, of {self.pairs:,}"
            )
        return Table(("backbone", "weight"), rows, "Weights of a z-sum", (note,))


def learned_weights(
    question: Question, *, seed: int = 0, monitor: Monitor = Monitor()
) -> LearnedWeights:
    """Non-negative weights for a z-sum, cross-validated, beside the best subset.

    Args:
        question: its backbones are weighted.
        seed: of the folds.

    Raises:
        Stopped: the monitor asked to stop.
    """
    collection = subsets.open_subset(question.collection, question.subset, monitor=monitor)
    results = combinations.search(question, monitor=monitor)
    key = (*combinations.search_key(question, collection, results.models), seed)
    stored = result_cache.get(
        WEIGHTS, key, lambda: _fit_weights(question, collection, seed, monitor)
    )
    weights, n_pairs = stored["weights"], len(collection.left)
    held_out = stored["held_out"]
    return LearnedWeights(
        n_pairs,
        dict(zip(results.models, (round(float(weight), 4) for weight in weights), strict=True)),
        combinations.hit_count(held_out) if len(held_out) else None,
        int(stored["same_pairs"]),
        results.held_out("zsum", seed=seed),
        subset_statistics.best(results.hits["zsum"]).hits,
    )


def _fit_weights(
    question: Question, collection: Collection, seed: int, monitor: Monitor
) -> result_cache.Arrays:
    """Weights (M,), hits with them on the same pairs, and (Q,) held-out hits; none for one pair."""
    target = collection.pairs(question.direction).target
    sides = _sides(collection, question)
    terms = combine.terms(sides, [1.0] * len(sides), "zsum", question.missing)

    def stage(name: str, done: int) -> None:
        monitor.check()
        monitor.report(name, done, 4)

    stage("rivals of each mate", 0)
    rivals = sum_weights.near_rivals(_blocks(sides), target, terms)
    stage("weights on all pairs", 1)
    weights = sum_weights.fit(rivals, np.arange(len(target)))
    stage("weights of each fold", 2)
    by_query = sum_weights.held_out(rivals, seed=seed) if len(target) > 1 else None
    stage("hits", 3)
    same = np.tile(weights, (len(target), 1))
    chosen = [same] if by_query is None else [same, by_query]
    biased, *held_out = sum_weights.weighted_hits(_blocks(sides), target, terms, chosen)
    return {
        "weights": np.asarray(weights),
        "same_pairs": np.array(biased.sum()),
        "held_out": held_out[0] if held_out else np.zeros(0, bool),
    }


@dataclass(frozen=True)
class LearnedGates(TableResult):
    """A z-sum whose weights depend on cues of the query, beside fixed weights.

    Attributes:
        pairs: number of queries.
        recipe: learned on all pairs.
        fixed, gated: cross-fitted hits of fixed and of gated weights: those of each fold are
            learned from the others.
        gain, gain_ci95: recall at 1 of gated minus that of fixed weights, with its paired interval.
    """

    collection: str
    subset: str
    pairs: int
    recipe: Recipe
    fixed: HitCount
    gated: HitCount
    gain: float
    gain_ci95: Interval

    @property
    def source(self) -> str:
        """Where the recipe comes from, one sentence."""
        return f"Gates learned from {self.pairs:,} pairs of {self.collection}, {self.subset}."

    def to_table(self) -> Table:
        """One row per backbone: its weight without any cue, and what each cue adds."""
        gates = self.recipe.gates
        rows = [
            (part.backbone, f"{part.weight:.3f}", *(f"{g.changes[k]:+.3f}" for g in gates))
            for k, part in enumerate(self.recipe.parts)
        ]
        low, high = self.gain_ci95
        notes = (
            f"Cross-fitted hits of {self.pairs:,}: {self.fixed.hits:,} with fixed weights, "
            f"{self.gated.hits:,} with gates; {100 * self.gain:+.1f} points "
            f"[{100 * low:+.1f}, {100 * high:+.1f}]",
        )
        columns = ("backbone", "weight", *(f"with {gate.cue}" for gate in gates))
        return Table(columns, tuple(rows), f"{self.collection}, {self.subset}: gates", notes)


def learned_gates(
    question: Question, *, seed: int = 0, monitor: Monitor = Monitor()
) -> LearnedGates:
    """Weights that depend on the query: on a face in it, on whether it is a drawing, ...

    Args:
        question: its backbones are weighted, under its post-processing. Faces are a cue if the
            backbone `face` is among them.
        seed: of the folds.

    Raises:
        BadDataError: fewer than two backbones or pairs, no known mates, missing evidence that
            counts as worst, or features are missing, those of the backbone `cues` among them.
        Stopped: the monitor asked to stop.
    """
    collection = subsets.open_subset(question.collection, question.subset, monitor=monitor)
    pairs = collection.pairs(question.direction)
    if len(question.backbones) < 2 or len(pairs) < 2:
        raise BadDataError(
            "Gates are learned for two or more backbones, from two or more pairs. Name more."
        )
    if question.missing != "mean":
        raise BadDataError("With gates, missing evidence counts as the mean. Leave out --missing.")

    def stage(name: str, done: int) -> None:
        monitor.check()
        monitor.report(name, done, 4)

    stage("rivals of each mate", 0)
    sides = _sides(collection, question)
    terms = combine.terms(sides, [1.0] * len(sides), "zsum", "mean")
    cues = cues_of(question.backbones)
    values = cue_values(collection, cues, question)
    rivals = sum_weights.near_rivals(_blocks(sides), pairs.target, terms)
    stage("weights of each fold", 1)
    by_query = [
        sum_weights.held_out(rivals, seed=seed),
        gate_weights.held_out(rivals, values, seed=seed),
    ]
    stage("hits", 2)
    hits = sum_weights.weighted_hits(_blocks(sides), pairs.target, terms, by_query)
    stage("weights on all pairs", 3)
    learned = gate_weights.fit(rivals, values, np.arange(len(pairs)))
    each = np.arange(len(pairs))
    before, after = (hit.astype(np.float64) for hit in hits)
    gain = difference(before, after, 0 * each, each, zero_is_exact=False)
    return LearnedGates(
        question.collection,
        question.subset,
        len(pairs),
        gated_recipe(question, cues, learned),
        combinations.hit_count(hits[0]),
        combinations.hit_count(hits[1]),
        gain.value,
        (gain.low, gain.high),
    )


def cues_of(backbones: Sequence[str]) -> tuple[Cue, ...]:
    """The cues that gates of these backbones can read."""
    return tuple(cue for cue in CUES if cue != "face" or FACE_BACKBONE in backbones)


def cue_values(collection: Collection, cues: Sequence[Cue], question: Question) -> Array:
    """(Q, F) value of each cue in each query.

    Raises:
        BadDataError: features of `cues` or `face` are missing.
    """
    queries = collection.pairs(question.direction).queries
    needed = {FACE_BACKBONE if cue == "face" else CUES_BACKBONE for cue in cues}
    by_name = {name: features.for_side(collection, queries, name) for name in needed}
    return np.stack([gating.cue_values(cue, by_name) for cue in cues], axis=1)


def gated_recipe(
    question: Question, cues: Sequence[Cue], learned: gate_weights.GatedWeights
) -> Recipe:
    """Learned weights as a recipe, rounded to what is printed."""
    metric = recipes.shared_metric(question)
    base, changes = np.round(learned.base, 3), np.round(learned.changes, 3)
    parts = tuple(
        Part(name, metric, float(weight))
        for name, weight in zip(question.backbones, base, strict=True)
    )
    gates = tuple(Gate(cue, tuple(map(float, row))) for cue, row in zip(cues, changes, strict=True))
    return Recipe(parts, "gated", question.post, gates=gates)


def _sides(collection: Collection, question: Question) -> list[combine.PreparedSides]:
    return similarity.sides(
        collection,
        question.backbones,
        question.direction,
        recipes.shared_metric(question),
        question.post,
    )


def _blocks(sides: Sequence[combine.PreparedSides]) -> subset_search.Blocks:
    return subset_search.zip_streams([side.stream() for side in sides])
