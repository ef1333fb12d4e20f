"""Both sides of a backbone prepared for comparison, and one query's similarity to a gallery."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from simcore import memory
from simcore.data import cache_dir, state_files
from simcore.errors import SimError
from simcore.lab import recipes
from simcore.lab.library import features
from simcore.models import registry
from simcore.recipe import PostProcessing, Recipe
from simcore.sim import combine, metrics
from simcore.types import Array, Collection, Direction, Features, ImageSet, Metric


def sides(
    collection: Collection,
    names: Sequence[str],
    direction: Direction,
    metric: Metric | None,
    post: PostProcessing,
) -> list[combine.PreparedSides]:
    """Queries and gallery of each backbone, prepared for comparison.

    Args:
        names: backbones.
        metric: None for each backbone's own.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    pairs = collection.pairs(direction)
    return [
        combine.prepare_sides(
            features.for_side(collection, pairs.queries, backbone),
            features.for_side(collection, pairs.gallery, backbone),
            metric or registry.get(backbone).metric,
            post,
        )
        for backbone in names
    ]


def recipe_row(
    collection: Collection,
    recipe: Recipe,
    direction: Direction,
    query: Mapping[str, Features],
) -> Array:
    """(G,) similarity of one query to the gallery under a recipe.

    Args:
        query: backbone -> features of the one query image.
    """
    sides = [
        _BackboneSides(
            collection, part.backbone, recipes.resolve_metric(part), recipe.post, direction
        )
        for part in recipe.parts
    ]
    terms: list[combine.Term] = []
    if recipe.combine != "none":
        for side in sides:
            if recipe.combine == "zsum" or not side.prepared().complete:
                side.moments()  # reads those on disk, which `recipe_terms` then finds in memory
        terms = combine.recipe_terms(recipe, [side.prepared() for side in sides])
    rows = [side.row(query[side.backbone]) for side in sides]
    return combine.recipe_similarity(rows, recipe, terms)[0]


class _BackboneSides:
    """One backbone's queries and gallery under a metric and post-processing."""

    def __init__(
        self,
        collection: Collection,
        backbone: str,
        metric: Metric,
        post: PostProcessing,
        direction: Direction,
    ) -> None:
        self.collection = collection
        self.backbone = backbone
        self.metric = metric
        self.post = post
        self.queries, self.gallery = collection.sides(direction)
        self.key = (  # everything that the similarities depend on
            # An upload can be compared as soon as the gallery has its features.
            features.collection_key(collection, backbone)
            or features.complete_key([self.gallery], backbone),
            self.queries.digest,
            self.gallery.digest,
            metric,
            post,
        )

    def prepared(self) -> combine.PreparedSides:
        """Both sides after the post-processing, which learns from the whole collection."""
        return memory.get(
            ("prepared sides", *self.key),
            lambda: combine.prepare_sides(
                self.features_of(self.queries),
                self.features_of(self.gallery),
                self.metric,
                self.post,
            ),
        )

    def features_of(self, images: ImageSet) -> Features:
        """Features of one of the two sides."""
        return features.for_side(self.collection, images, self.backbone)

    def row(self, query: Features) -> Array:
        """(1, G) similarity of one query to the gallery; recipes share it."""

        def compare() -> Array:
            if self.post == "none":
                return metrics.pairwise(query, self.features_of(self.gallery), self.metric)
            return self.prepared().rows(query)

        digest = hashlib.sha256(query.values.tobytes()).digest()
        return memory.get(("query row", *self.key, digest), compare)

    def moments(self) -> combine.Moments:
        """Mean and standard deviation of the whole similarity matrix.

        Stored on disk too: they take seconds, and the app needs them first after a restart.
        """
        return memory.get(("moments", *self.key), self._stored_moments)

    def _stored_moments(self) -> combine.Moments:
        sides = self.prepared()
        keys = [self.queries.keys, self.gallery.keys]
        settings = [features.identity(self.collection, self.backbone), self.metric, self.post, keys]
        name = hashlib.sha256(repr(settings).encode()).hexdigest()[:32]
        path = cache_dir.subfolder("moments") / f"{name}.json"
        moments = state_files.read_json(path, _parse_moments, rebuild=True)
        if moments is None:
            moments = sides.moments()
            with suppress(SimError):  # a read-only cache is no reason to fail
                state_files.write_json(path, [moments.mean, moments.std])
        sides.remember(moments)
        return moments


def _parse_moments(document: Any) -> combine.Moments:
    mean, std = (float(value) for value in document)
    if not (np.isfinite(mean) and np.isfinite(std)):
        raise ValueError("it has no finite numbers")
    return combine.Moments(mean, std)
