"""Maps of the images of a judgement set, one per network, with the separation of their folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from simcore.data import result_cache
from simcore.errors import BadDataError
from simcore.evaluate.statistics.separation import Separation, separation
from simcore.lab import recipes
from simcore.lab.judgements import sets
from simcore.lab.library import collections, extraction, features
from simcore.lab.search import maps
from simcore.models import registry
from simcore.recipe import Question
from simcore.results import Table, TableResult
from simcore.sim.metrics import pairwise
from simcore.sim.projection import ProjectionSettings
from simcore.types import JSON, Collection, Monitor

SEPARATION = "separation"  # kind of stored results


@dataclass(frozen=True, eq=False)
class NetworkMap:
    """The map of one network, and how far folders are apart under its own similarity.

    Attributes:
        separation: None where the images are in one folder, or each in its own.
    """

    model: str
    map: maps.Map
    separation: Separation | None


@dataclass(frozen=True, eq=False)
class SetMaps(TableResult):
    """Maps of a judgement set under several networks (margaritescu2024, Fig. 5.2).

    Attributes:
        labels: (N,) folder of each image.
    """

    judgements: str
    collection: str
    labels: tuple[str, ...]
    networks: tuple[NetworkMap, ...]

    def to_dict(self) -> JSON:
        """The document that `simcore map SET --json` prints."""
        return {
            "judgements": self.judgements,
            "collection": self.collection,
            "labels": list(self.labels),
            "networks": [
                {
                    "model": each.model,
                    "separation": each.separation and vars(each.separation),
                    "map": each.map.to_dict(),
                }
                for each in self.networks
            ],
        }

    def to_table(self) -> Table:
        """One row per network, the best separated first."""
        rows = [
            (each.model, *(round(value, 3) for value in vars(each.separation).values()))
            if each.separation
            else (each.model, None, None, None)
            for each in self.networks
        ]
        rows.sort(key=lambda row: (row[1] is None, -(row[1] or 0)))
        folders = len(set(self.labels))
        title = f"{self.judgements}: {len(self.labels):,} images in {folders:,} folders"
        columns = ("network", "silhouette", "5-NN purity", "purity by chance")
        notes = (f"The page Map shows them as the collection {self.collection!r}.",)
        return Table(columns, tuple(rows), title, notes)


def make(
    name: str,
    models: Sequence[str],
    settings: ProjectionSettings,
    *,
    monitor: Monitor = Monitor(),
) -> SetMaps:
    """Map the images of a judgement set; features that are missing are extracted.

    Args:
        name: of the set. models: backbones, one map each.

    Raises:
        UnknownNameError: no such set or backbone. BadDataError: too few images for a map, or a
            backbone without evidence.
        Stopped: `monitor` asked to stop.
    """
    collection = sets.collection(name, monitor=monitor)
    labels = _folders(collection)
    names = registry.expand_groups(models)
    extraction.extract(collection.name, names, monitor=monitor)
    networks = []
    for model in names:
        question = Question(collection.name, tuple(recipes.parse([model])))
        measured = None
        if _can_separate(labels):
            key = _separation_key(collection, model)
            compute = partial(_measure, collection, model, labels)
            stored = result_cache.get(SEPARATION, key, compute)
            measured = _parse_separation(stored)
        networks.append(NetworkMap(model, maps.make(question, settings, monitor=monitor), measured))
    return SetMaps(name, collection.name, labels, tuple(networks))


def load(
    name: str, collection_name: str, models: Sequence[str], settings: ProjectionSettings
) -> SetMaps:
    """The maps of those networks that `make` has made before; nothing is computed.

    Args:
        name: of the judgement set. collection_name: of the collection of its images.

    Raises:
        BadDataError: features are missing.
    """
    collection = collections.open_(collection_name)
    labels = _folders(collection)
    networks = []
    for model in models:
        question = Question(collection_name, tuple(recipes.parse([model])))
        stored_map, measured = maps.load(question, settings), None
        if stored_map is not None and _can_separate(labels):
            stored = result_cache.read(SEPARATION, _separation_key(collection, model))
            if stored is None:
                continue
            measured = _parse_separation(stored)
        if stored_map is not None:
            networks.append(NetworkMap(model, stored_map, measured))
    return SetMaps(name, collection_name, labels, tuple(networks))


def _folders(collection: Collection) -> tuple[str, ...]:
    return tuple(PurePosixPath(image).parent.as_posix() for image in collection.left.ids)


def _can_separate(labels: Sequence[str]) -> bool:
    """Whether there are several folders, and one of them has several images."""
    return 1 < len(set(labels)) < len(labels)


def _separation_key(collection: Collection, model: str) -> tuple[str, str]:
    return collection.digest, features.identity(collection, model)


def _measure(collection: Collection, model: str, labels: Sequence[str]) -> result_cache.Arrays:
    rows = features.for_side(collection, collection.left, model)
    metric = registry.get(model).metric
    similarity = pairwise(rows, rows, metric)
    if np.isnan(similarity).any():
        raise BadDataError(
            f"{model} has no evidence for some images of {collection.name!r}. Leave it out."
        )
    distance = (1 if metric == "cosine" else 0) - similarity
    measured = separation(distance, np.array(labels))
    return {"separation": np.array([measured.silhouette, measured.purity, measured.chance])}


def _parse_separation(stored: result_cache.Arrays) -> Separation:
    silhouette, purity, chance = map(float, stored["separation"])
    return Separation(silhouette, purity, chance)


def set_of(collection_name: str) -> str:
    """The judgement set whose images a collection holds, "" if it holds other images."""
    summary = collections.summary(collection_name)
    return sets.name_of_source(summary.source) if summary.kind == "judgements" else ""


def is_set(name: str) -> bool:
    """Whether a name is that of a judgement set, and not of a collection of other images."""
    if name not in {*sets.names(), sets.KNOWN}:
        return False
    return name not in collections.names() or collections.summary(name).kind == "judgements"
