"""What the questions of an experiment are drawn from, and images drawn for one query."""

from dataclasses import dataclass, replace

import numpy as np

from simcore.lab.library import features
from simcore.models import registry
from simcore.sim import metrics
from simcore.types import Array, Collection, ImageSet


@dataclass(frozen=True, eq=False)
class QuestionPool:
    """Queries, the gallery to choose from, and (Q,) the gallery column of each mate or -1."""

    queries: ImageSet
    gallery: ImageSet
    target: Array

    @classmethod
    def of(cls, collection: Collection) -> "QuestionPool":
        """The pool of a collection; without mates both sides are its images."""
        queries, gallery = collection.sides()
        if collection.right is None:
            return cls(queries, gallery, np.full(len(queries), -1))
        return cls(queries, gallery, collection.pairs().target)

    def without_mates(self) -> "QuestionPool":
        """The same images, where a mate is an image like all others."""
        return replace(self, target=np.full(len(self.queries), -1))

    def excluded(self, row: int) -> set[str]:
        """Content keys that cannot be distractors of a query: its own and that of its mate."""
        mate = int(self.target[row])
        return {self.queries.keys[row]} | ({self.gallery.keys[mate]} if mate >= 0 else set())


def nearest(collection: Collection, pool: QuestionPool, backbone: str, row: int) -> Array:
    """Gallery columns, most similar first by a backbone; those without evidence are left out.

    Raises:
        BadDataError: features are missing. UnknownNameError: no such backbone.
    """
    query = features.for_side(collection, pool.queries, backbone).take([row])
    gallery = features.for_side(collection, pool.gallery, backbone)
    values = metrics.pairwise(query, gallery, registry.get(backbone).metric)[0]
    order = np.argsort(-values, kind="stable")
    return order[~np.isnan(values[order])]


def make_options(
    pool: QuestionPool, row: int, nearest_columns: Array, choices: int, random: np.random.Generator
) -> list[int] | None:
    """The nearest distinct images; the mate replaces a random one if it is not among them.

    As in rosenfeld2018, 4.3: "If the top-5 images retrieved did not contain the correct answer, we
    randomly replaced one of them with it." None if there are too few images.
    """
    keys, mate = pool.gallery.keys, int(pool.target[row])
    excluded = pool.excluded(row)
    taken: dict[str, int] = {}
    for column in nearest_columns.tolist():
        key = keys[column]
        if column == mate or (key not in excluded and key not in taken):
            taken[key] = column
        if len(taken) == choices:
            break
    if len(taken) < choices:
        return None
    columns = list(taken.values())
    if mate >= 0 and mate not in columns:
        columns[int(random.integers(choices))] = mate
    return [columns[i] for i in random.permutation(choices)]
