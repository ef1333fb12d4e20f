"""Maps of the images of a judgement set, one per network, with the separation of their folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

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
from simcore.types import JSON, Monitor


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
    images = collection.left
    labels = tuple(PurePosixPath(image).parent.as_posix() for image in images.ids)
    names = registry.expand_groups(models)
    extraction.extract(collection.name, names, monitor=monitor)
    networks = []
    for model in names:
        question = Question(collection.name, tuple(recipes.parse([model])))
        rows = features.for_side(collection, images, model)
        measured = None
        if 1 < len(set(labels)) < len(labels):
            metric = registry.get(model).metric
            similarity = pairwise(rows, rows, metric)
            if np.isnan(similarity).any():
                raise BadDataError(
                    f"{model} has no evidence for some images of {name!r}. Leave it out."
                )
            distance = (1 if metric == "cosine" else 0) - similarity
            measured = separation(distance, np.array(labels))
        networks.append(NetworkMap(model, maps.make(question, settings, monitor=monitor), measured))
    return SetMaps(name, collection.name, labels, tuple(networks))


def is_set(name: str) -> bool:
    """Whether a name is that of a judgement set, and not of a collection of other images."""
    if name not in {*sets.names(), sets.KNOWN}:
        return False
    return name not in collections.names() or collections.summary(name).kind == "judgements"
