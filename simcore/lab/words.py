"""Looking up by words: the images of a collection that a CLIP backbone puts nearest to a text."""

import numpy as np

from simcore.errors import BadDataError
from simcore.lab import collections, features
from simcore.lab.retrieve import Hits
from simcore.models import forward, registry, text, weights
from simcore.sim import metrics, rank
from simcore.specs import Part, Recipe
from simcore.types import Direction, Features

MOST = text.MOST


def ready(name: str) -> list[str]:
    """Backbones of a collection that can be asked by words: features and weights are here."""
    return [
        row["backbone"]
        for row in features.counts(collections.open_(name))
        if text.speaks(row["backbone"])
        and row["done"] == row["images"]
        and weights.status(registry.spec(row["backbone"]))[0]
    ]


def search(
    name: str, words: str, backbone: str, *, direction: Direction = "lr", k: int = 10
) -> Hits:
    """The k images of the gallery side nearest to a text, by cosine.

    Args:
        direction: "lr" looks into the right side, "rl" into the left, as for images.

    Raises:
        BadDataError: no CLIP backbone, no words, features missing, or k below 1.
        MissingWeightsError: the backbone's weights are not here.
    """
    if k < 1:
        raise BadDataError(f"found k = {k}; expected 1 or more")
    collection = collections.open_(name)
    gallery = collection.sides(direction)[1]
    row = text.embed(backbone, words, forward.resolve_device("auto"))
    query = Features(backbone, np.zeros(1, np.int64), row[None], 1)
    values = metrics.pairwise(query, features.read(collection, gallery, backbone), "cosine")[0]
    index, scores = rank.topk(values, k)
    return Hits(
        Recipe((Part(backbone, "cosine"),)),
        tuple(gallery.ids[i] for i in index),
        tuple(gallery.keys[i] for i in index),
        scores, None, None, None, None, len(gallery), "",
    )  # fmt: skip
