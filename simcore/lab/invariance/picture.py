"""One picture under a change of growing strength: how far it moves under each recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcore.data import images
from simcore.errors import unknown_name
from simcore.evaluate.retrieval import invariance
from simcore.lab import recipes
from simcore.lab.invariance import changed_features, invariance_evaluation
from simcore.lab.library import features, similarity, subsets
from simcore.lab.library.features import DecodedImage
from simcore.models import transforms
from simcore.models.transforms import Setting
from simcore.recipe import Question, Recipe, distinct_labels
from simcore.results import Result
from simcore.sim import rank
from simcore.types import Collection, Features, Monitor

FeaturesByBackbone = Mapping[str, Features]


@dataclass(frozen=True)
class CurvePoint(Result):
    """One strength; NaN without evidence.

    Attributes:
        similarity: of the picture to its changed self.
        floor: share of unrelated pairs that are less similar.
        rank: of the mate, with the changed picture as query.
    """

    strength: float
    similarity: float
    floor: float
    rank: int


@dataclass(frozen=True)
class PictureCurve(Result):
    """One recipe.

    Attributes:
        recipe: its label.
        mate: share of unrelated pairs that are less similar than the picture and its true mate.
        mates: median of that share over all pairs.
        points: one per strength, mild to strong.
    """

    recipe: str
    mate: float
    mates: float
    points: tuple[CurvePoint, ...]


def open_picture(question: Question, query: str) -> DecodedImage:
    """A query of a collection, decoded.

    Raises:
        UnknownNameError: no such image. BadImageError: its file cannot be used.
    """
    queries = _collection(question).pairs(question.direction).queries
    row = queries.find(query)
    if row is None:
        raise unknown_name("image", query, queries.ids)
    return features.decode_as(images.read(queries.path(row)), queries.keys[row], name=query)


def curves(
    question: Question,
    query: str,
    transform: str,
    *,
    seed: int = 0,
    monitor: Monitor = Monitor(),
) -> tuple[PictureCurve, ...]:
    """One picture under every strength of a change, for each recipe; stores nothing.

    Raises:
        UnknownNameError: no such image or transform. BadDataError: features are missing.
        MissingWeightsError: a backbone cannot be loaded. Stopped: the monitor asked to stop.
    """
    collection, image = _collection(question), open_picture(question, query)
    levels = [Setting(transform, level, seed) for level in transforms.get(transform).levels]
    changed: list[dict[str, Features]] = [{} for _ in levels]
    for number, name in enumerate(question.backbones):
        monitor.report(f"features of {name}", number, len(question.backbones))
        for setting, vectors in zip(levels, changed, strict=True):
            monitor.check()
            vectors[name] = changed_features.embed(image, name, setting)
    by_setting = list(zip(levels, changed, strict=True))
    drawn: list[PictureCurve] = []
    for label, recipe in zip(distinct_labels(question.recipes), question.recipes, strict=True):
        monitor.check()
        monitor.report("ranks", len(drawn), len(question.recipes))
        curve = _curve(question, collection, query, recipe, by_setting)
        drawn.append(replace(curve, recipe=label))
    return tuple(drawn)


def _curve(
    question: Question,
    collection: Collection,
    query: str,
    recipe: Recipe,
    changed: Sequence[tuple[Setting, FeaturesByBackbone]],
) -> PictureCurve:
    pairs = collection.pairs(question.direction)
    row = pairs.queries.row_of[query]
    resolved = recipes.resolve(recipe)
    queries, gallery = (
        {name: features.for_side(collection, side, name) for name in recipe.backbones}
        for side in (pairs.queries, pairs.gallery)
    )
    floor = invariance_evaluation.floor_of(question, recipe)
    points = []
    for setting, vectors in changed:
        (value,) = invariance.self_similarity(
            resolved, queries, gallery, vectors, rows=np.array([row])
        )
        scores = similarity.recipe_row(collection, recipe, question.direction, vectors)
        (place,) = rank.mate_ranks(scores[None], pairs.target[row : row + 1])
        share = float(floor.percentiles(np.array([value]))[0])
        points.append(CurvePoint(setting.strength, float(value), share, int(place)))
    mates = floor.percentiles(floor.mates)
    evident = mates[~np.isnan(mates)]
    median = float(np.median(evident)) if evident.size else float("nan")
    return PictureCurve(recipe.label, float(mates[row]), median, tuple(points))


def _collection(question: Question) -> Collection:
    return subsets.open_subset(question.collection, question.subset)
