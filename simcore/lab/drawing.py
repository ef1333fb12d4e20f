"""Single questions of an experiment: a query, its mate if it has one, and distractors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data.answers.tables import Question
from simcore.errors import BadDataError
from simcore.lab import features
from simcore.models import registry
from simcore.sim import metrics
from simcore.types import Array, Collection, ImageSet


@dataclass(frozen=True, eq=False)
class Sides:
    """What is asked about, what is chosen from, and the (Q,) gallery column of each mate or -1."""

    queries: ImageSet
    gallery: ImageSet
    target: Array

    @classmethod
    def of(cls, collection: Collection) -> "Sides":
        """Those of a collection; without mates both sides are its images."""
        queries, gallery = collection.sides()
        if collection.right is None:
            return cls(queries, gallery, np.full(len(queries), -1))
        return cls(queries, gallery, collection.pairs().target)


def nearest(collection: Collection, sides: Sides, by: str, row: int) -> Array:
    """Gallery columns, most alike first by a backbone; those without evidence are left out.

    Raises:
        BadDataError: its features have not been extracted. UnknownNameError: no such backbone.
    """
    query = features.read(collection, sides.queries, by).take([row])
    gallery = features.read(collection, sides.gallery, by)
    values = metrics.pairwise(query, gallery, registry.spec(by).metric)[0]
    order = np.argsort(-values, kind="stable")
    return order[~np.isnan(values[order])]


def options(
    sides: Sides, row: int, near: Array, choices: int, random: np.random.Generator
) -> list[int] | None:
    """The nearest few, all different pictures; where the mate is not among them, it replaces one.

    As in rosenfeld2018: "If the top-5 images retrieved did not contain the correct answer, we
    randomly replaced one of them with it." None where there are too few.
    """
    keys, mate = sides.gallery.keys, int(sides.target[row])
    barred = {sides.queries.keys[row]} | ({keys[mate]} if mate >= 0 else set())
    taken: dict[str, int] = {}
    for column in near.tolist():
        key = keys[column]
        if column == mate or (key not in barred and key not in taken):
            taken[key] = column
        if len(taken) == choices:
            break
    if len(taken) < choices:
        return None
    columns = list(taken.values())
    if mate >= 0 and mate not in columns:
        columns[int(random.integers(choices))] = mate
    return [columns[i] for i in random.permutation(choices)]


def question(sides: Sides, row: int, columns: Sequence[int], condition: str) -> Question:
    """A question about a query, with the gallery's columns to choose from."""
    mate = int(sides.target[row])
    return Question(
        condition=condition, catch=False, query=sides.queries.ids[row],
        query_key=sides.queries.keys[row],
        options=[[sides.gallery.ids[i], sides.gallery.keys[i]] for i in columns],
        mate=columns.index(mate) if mate >= 0 else -1,
    )  # fmt: skip


def catches(sides: Sides, count: int, choices: int, random: np.random.Generator) -> list[Question]:
    """Questions with an obvious answer: the query itself among pictures drawn at random.

    Raises:
        BadDataError: there are too few pictures.
    """
    gallery, found = sides.gallery, []
    for row in random.permutation(len(sides.queries))[:count].tolist():
        name, key = sides.queries.ids[row], sides.queries.keys[row]
        mate = int(sides.target[row])
        others = {k: i for i, k in enumerate(gallery.keys) if k != key and i != mate}
        if len(others) < choices - 1:
            raise BadDataError(
                f"found {len(others)} other pictures; expected {choices - 1} for a catch trial"
            )
        columns = random.choice(list(others.values()), choices - 1, replace=False)
        shown = [[gallery.ids[i], gallery.keys[i]] for i in columns.tolist()]
        place = int(random.integers(choices))
        shown.insert(place, [name, key])
        found.append(
            Question(condition="catch", catch=True, query=name, query_key=key, options=shown,
                     mate=place)
        )  # fmt: skip
    if len(found) < count:
        raise BadDataError(f"found {len(found)} queries; expected {count} for the catch trials")
    return found
