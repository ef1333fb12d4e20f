"""The best combination of each size: from all subsets, or by beam search of many backbones."""

import time

from simcore import memory
from simcore.evaluate.combinations import beam_search, subset_search
from simcore.lab import recipes
from simcore.lab.evaluate import combinations, recall
from simcore.lab.evaluate.combinations import ScoredSubset, SubsetReport
from simcore.lab.library import features, similarity, subsets
from simcore.recipe import Combination, Question
from simcore.sim import combine
from simcore.types import Monitor

MAX_BACKBONES = 48  # of a beam search; its work grows with the square
_BLOCK_BYTES = 200_000_000  # of the terms of all backbones that are held at a time


def report(question: Question, *, monitor: Monitor = Monitor()) -> SubsetReport:
    """The best subset of each size: exact up to 16 backbones, by beam search beyond.

    Raises:
        BadDataError: no backbone or more than 48, no known mates, or features are missing.
        Stopped: the monitor asked to stop.
    """
    collection = subsets.open_subset(question.collection, question.subset, monitor=monitor)
    if len(question.backbones) <= subset_search.MAX_BACKBONES:
        return combinations.report(combinations.search(question, monitor=monitor))
    combinations.check_backbone_count(question.backbones, MAX_BACKBONES)
    key = (
        "beam search",
        recall.pairs_digest(collection),
        question.backbones,
        tuple(features.identity(collection, name) for name in question.backbones),
        question.direction,
        question.metric,
        question.post,
        question.missing,
    )
    return memory.get(key, lambda: _beam_report(question, monitor))


def _beam_report(question: Question, monitor: Monitor) -> SubsetReport:
    collection = subsets.open_subset(question.collection, question.subset)
    start, backbones = time.perf_counter(), question.backbones
    pairs = collection.pairs(question.direction)
    sides = similarity.sides(
        collection,
        backbones,
        question.direction,
        recipes.shared_metric(question),
        question.post,
    )
    rows = max(1, _BLOCK_BYTES // (8 * len(sides) * len(pairs.gallery)))

    def blocks() -> subset_search.Blocks:
        return subset_search.zip_streams([side.stream(rows) for side in sides])

    best: dict[Combination, tuple[ScoredSubset, ...]] = {}
    evaluated = 0
    kinds: tuple[Combination, ...] = ("zsum", "sum")
    for kind in kinds:
        terms = combine.terms(sides, [1.0] * len(sides), kind, question.missing)
        levels = beam_search.search(blocks, pairs.target, terms, monitor=monitor)
        best[kind] = tuple(
            combinations.scored_subset(
                tuple(backbones[k] for k in tried[0].members), kind, tried[0].hits, len(pairs)
            )
            for tried in levels
        )
        evaluated = max(evaluated, sum(map(len, levels)))
    leading = [max(by_size, key=lambda subset: subset.hits) for by_size in best.values()]
    return SubsetReport(
        pairs=len(pairs),
        models=backbones,
        best_by_size=best,
        best=max(leading, key=lambda subset: subset.hits),
        held_out={},
        evaluated=evaluated,
        seconds=round(time.perf_counter() - start, 3),
        method="beam search",
    )
