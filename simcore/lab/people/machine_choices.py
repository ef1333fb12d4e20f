"""What backbones answer to the questions of an experiment, as people would."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data.answers.schema import Experiment, Question
from simcore.lab.library import collections, features
from simcore.lab.people import tasks
from simcore.models import registry
from simcore.sim import metrics
from simcore.types import Array, Features, Metric

MachineAnswers = dict[str, "Machine"]  # backbone -> its answers


@dataclass(frozen=True, eq=False)
class Machine:
    """The answers of one backbone.

    Attributes:
        option: (N,) what it answers to each question, -1 without evidence; always -1 where the
            answer needs a criterion (same or different).
        second: (N,) its second choice, -1 where one image is chosen.
        similarity: (N,) of the two images of same or different; NaN without evidence, and in other
            tasks.
    """

    option: Array
    second: Array
    similarity: Array


def answer(
    experiment: Experiment, questions: Sequence[Question], models: Sequence[str] | None
) -> MachineAnswers:
    """The answers of backbones.

    Args:
        models: None takes those whose features are ready, and none without the collection.

    Raises:
        UnknownNameError: no such collection or backbone. BadDataError: features are missing.
    """
    if models is None:
        if experiment.collection not in collections.names():
            return {}  # answers can be analyzed without the images
        models = [
            count.backbone
            for count in collections.feature_counts(experiment.collection)
            if count.complete
        ]
    collection = collections.open_(experiment.collection)
    sides = collection.sides()
    machines = {}
    for model in registry.expand_groups(list(models)):
        images = _Images(
            [dict(zip(side.keys, range(len(side)), strict=True)) for side in sides],
            [features.for_side(collection, side, model) for side in sides],
            registry.get(model).metric,
        )
        machines[model] = _answer(experiment.task, questions, images)
    return machines


@dataclass(frozen=True, eq=False)
class _Images:
    """Features by content key, on the side where an image is looked for first."""

    rows: list[dict[str, int]]
    features: list[Features]
    metric: Metric

    def has(self, key: str) -> bool:
        return any(key in rows for rows in self.rows)

    def of(self, keys: Sequence[str], side: int) -> Features:
        """The features of images that are all on one side."""
        rows = self.rows[side]
        return self.features[side].take([rows[key] for key in keys])

    def side(self, key: str, first: int) -> int:
        return first if key in self.rows[first] else 1 - first

    def similarities(self, query: str, others: Sequence[str]) -> Array:
        """(n,) similarity of an image to others; the query is looked for on the left first."""
        own = self.of([query], self.side(query, 0))
        sides = [self.side(key, 1) for key in others]
        if len(set(sides)) == 1:
            values: Array = metrics.pairwise(own, self.of(others, sides[0]), self.metric)[0]
            return values
        return np.array(
            [
                metrics.pairwise(own, self.of([key], side), self.metric)[0, 0]
                for key, side in zip(others, sides, strict=True)
            ]
        )


def _answer(task: str, questions: Sequence[Question], images: _Images) -> Machine:
    option = np.full(len(questions), -1)
    second = option.copy()
    similarity = np.full(len(questions), np.nan)
    for n, question in enumerate(questions):
        keys = [key for _, key in question.options]
        if not all(images.has(key) for key in (question.query_key, *keys)):
            continue
        if task == tasks.SAME_DIFFERENT.name:
            similarity[n] = images.similarities(question.query_key, keys)[0]
        elif task == tasks.ODD_ONE_OUT.name:
            option[n] = _odd(keys, images)
        else:
            values = images.similarities(question.query_key, keys)
            option[n] = best(values, question.mate)
            if task == tasks.RANK.name and option[n] >= 0:
                second[n] = best(np.where(np.arange(len(keys)) == option[n], np.nan, values), -1)
    return Machine(option, second, similarity)


def best(values: Array, mate: int) -> int:
    """The most similar option; -1 without evidence. A tie with the mate is never a hit."""
    if np.isnan(values).all():
        return -1
    highest = np.flatnonzero(values == np.nanmax(values))
    return int(highest[0] if highest.size == 1 or highest[0] != mate else highest[1])


def _odd(keys: Sequence[str], images: _Images) -> int:
    """The image outside the most similar pair; -1 without evidence, and for a tie."""
    first, second, third = keys
    to_first = images.similarities(first, [second, third])
    pairs = np.array([images.similarities(second, [third])[0], to_first[1], to_first[0]])
    if np.isnan(pairs).all():
        return -1
    highest = np.flatnonzero(pairs == np.nanmax(pairs))
    return int(highest[0]) if highest.size == 1 else -1
