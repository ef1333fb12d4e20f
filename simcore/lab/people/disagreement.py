"""Questions on which several backbones disagree: what people answer says which of them is right.

For each query, the images that some backbone finds most similar are candidates. Of the questions
with these candidates, or a sample of them, the most informative are taken, one for each query
(`evaluate.judgements.choice_information`). A hub, which one backbone finds similar to everything,
would be in most of them; so no image is shown twice as long as others are left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.judgements import choice_information
from simcore.lab.library import features
from simcore.lab.people import tasks
from simcore.lab.people.plans import Condition, Plan
from simcore.lab.people.question_pool import QuestionPool
from simcore.models import registry
from simcore.sim import metrics
from simcore.types import Array, Collection

MAX_QUERIES = 400  # that are looked at
MAX_SAMPLED = 64  # questions about one query that are compared
PER_QUERY = 16  # of them that may be taken
PER_BACKBONE = 6  # candidates of each backbone, or twice the images that a question shows


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The images that may be shown with one query.

    Attributes:
        row: of the query.
        columns: (C,) of the gallery.
        to_query: (M, C) similarity to the query under each backbone.
        to_each_other: (M, C, C), only for odd-one-out; else (M, 0, 0).
    """

    row: int
    columns: Array
    to_query: Array
    to_each_other: Array


def most_informative(
    collection: Collection,
    pool: QuestionPool,
    plan: Plan,
    condition: Condition,
    *,
    order: Sequence[int],
    random: np.random.Generator,
) -> list[tuple[int, list[int]]]:
    """The rows of the most informative queries and the gallery columns to show, best first.

    Args:
        order: rows of the queries, those that should be used first; the first 400 are looked at.

    Raises:
        UnknownNameError: no such backbone.
        BadDataError: features are missing, or too few queries have enough candidates.
    """
    considered = _candidates(collection, pool, plan, condition, list(order)[:MAX_QUERIES])
    shift, scale = _standardization(considered, len(condition.committee))
    scored: list[_Scored] = []
    for candidates in considered:
        subsets = _sample(candidates, pool, plan, random)
        if len(subsets):
            bits = choice_information.information(
                _predictions(candidates, subsets, plan, shift, scale)
            )
            best = np.argsort(-bits, kind="stable")[:PER_QUERY]
            scored += [
                _Scored(float(bits[n]), candidates.row, tuple(candidates.columns[subsets[n]]))
                for n in best
            ]
    chosen = _most_informative(scored, condition.count)
    if len(chosen) < condition.count:
        raise BadDataError(
            f"Only {len(chosen)} queries of {collection.name!r} ({condition.subset}) have "
            f"{plan.n_drawn} distinct choices by {condition.by}. Ask at most that many questions."
        )
    return [
        (entry.row, [int(entry.columns[i]) for i in random.permutation(len(entry.columns))])
        for entry in chosen
    ]


@dataclass(frozen=True)
class _Scored:
    """A question about the query of a row, and how informative it is."""

    bits: float
    row: int
    columns: tuple[int, ...]


def _most_informative(scored: Sequence[_Scored], count: int) -> list[_Scored]:
    """At most `count` questions, one per query; first those that share no image, best first."""
    ordered = sorted(scored, key=lambda entry: -entry.bits)  # stable: equal ones keep their order
    chosen: dict[int, _Scored] = {}
    shown: set[int] = set()
    for repeats in (False, True):
        for entry in ordered:
            if len(chosen) == count:
                break
            if entry.row not in chosen and (repeats or shown.isdisjoint(entry.columns)):
                chosen[entry.row] = entry
                shown.update(entry.columns)
    return list(chosen.values())


def _candidates(
    collection: Collection, pool: QuestionPool, plan: Plan, condition: Condition, rows: list[int]
) -> list[_Candidates]:
    committee = registry.expand_groups(list(condition.committee))
    gallery = {name: features.for_side(collection, pool.gallery, name) for name in committee}
    similarities = np.stack(  # (M, R, G)
        [
            metrics.pairwise(
                features.for_side(collection, pool.queries, name).take(rows),
                gallery[name],
                registry.get(name).metric,
            )
            for name in committee
        ]
    )
    count = max(PER_BACKBONE, 2 * plan.n_drawn)
    considered = []
    for position, row in enumerate(rows):
        values = similarities[:, position]
        columns = _distinct(pool, row, values, count)
        each_other = np.empty((len(committee), 0, 0))
        if plan.rules is tasks.ODD_ONE_OUT:
            shown = {name: gallery[name].take(columns.tolist()) for name in committee}
            each_other = np.stack(
                [
                    metrics.pairwise(shown[name], shown[name], registry.get(name).metric)
                    for name in committee
                ]
            )
        considered.append(_Candidates(row, columns, values[:, columns], each_other))
    return considered


def _distinct(pool: QuestionPool, row: int, values: Array, count: int) -> Array:
    """Gallery columns of the `count` most similar images of each backbone, and of the mate.

    Different files, not the query; images that a backbone cannot judge are left out.

    Args:
        values: (M, G) similarity to the query.
    """
    keys, excluded = pool.gallery.keys, pool.excluded(row)
    mate = int(pool.target[row])
    judged = ~np.isnan(values).any(axis=0)
    taken = {keys[mate]: mate} if mate >= 0 and judged[mate] else {}
    for similarity in values:
        order = np.argsort(-similarity, kind="stable")
        own = (c for c in order[judged[order]].tolist() if keys[c] not in excluded)
        for _, column in zip(range(count), own, strict=False):
            taken.setdefault(keys[column], column)
    return np.array(list(taken.values()), np.int64)


def _standardization(considered: Sequence[_Candidates], backbones: int) -> tuple[Array, Array]:
    """(M,) mean and standard deviation of each backbone's similarities to all candidates."""
    values = np.concatenate([c.to_query for c in considered], axis=1)
    if not values.size:
        return np.zeros(backbones), np.ones(backbones)
    scale = values.std(axis=1)
    return values.mean(axis=1), np.where(scale > 0, scale, 1)


def _sample(
    candidates: _Candidates, pool: QuestionPool, plan: Plan, random: np.random.Generator
) -> Array:
    """(T, n) positions among the candidates, with that of the mate in each if it is known."""
    mate = np.flatnonzero(candidates.columns == pool.target[candidates.row])
    free = np.setdiff1d(np.arange(len(candidates.columns)), mate)
    size = plan.n_drawn - mate.size
    if len(free) < size or (pool.target[candidates.row] >= 0 and not mate.size):
        return np.empty((0, plan.n_drawn), np.int64)
    if comb(len(free), size) <= MAX_SAMPLED:
        chosen = [list(positions) for positions in combinations(free.tolist(), size)]
    else:
        chosen = [random.choice(free, size, replace=False).tolist() for _ in range(MAX_SAMPLED)]
    return np.array([[*mate.tolist(), *positions] for positions in chosen], np.int64)


def _predictions(
    candidates: _Candidates, subsets: Array, plan: Plan, shift: Array, scale: Array
) -> Array:
    """(M, T, A) probability of each answer to the questions that show `subsets`."""
    center, width = shift[:, None, None], scale[:, None, None]
    values = (candidates.to_query[:, subsets] - center) / width  # (M, T, n)
    if plan.rules is tasks.RANK:
        return choice_information.ranked_pair(values)
    if plan.rules is tasks.SAME_DIFFERENT:
        return choice_information.same_or_different(values)
    if plan.rules is tasks.ODD_ONE_OUT:
        opposite = candidates.to_each_other[:, subsets[:, 0], subsets[:, 1]]  # (M, T)
        opposite = (opposite[..., None] - center) / width
        return choice_information.odd_one_out(np.concatenate([values, opposite], axis=-1))
    return choice_information.choice(values)
