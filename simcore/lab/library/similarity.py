"""Both sides of a backbone prepared for comparison, and one query's similarity to a gallery."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from simcore import memory
from simcore.data import result_cache
from simcore.lab import recipes
from simcore.lab.library import features
from simcore.models import registry
from simcore.recipe import PostProcessing, Recipe
from simcore.sim import combine, metrics, recipe_blocks
from simcore.types import Array, Collection, Direction, Features, ImageSet, Metric, Monitor

MOMENTS = "moments"  # kind of result on disk


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
    rows = [side.row(query[side.backbone]) for side in sides]
    if recipe.combine == "none":
        return rows[0][0].astype(np.float64)
    prepared = [
        side.with_moments()
        if recipe.standardized or (recipe.combine == "sum" and not side.prepared().complete)
        else side.prepared()
        for side in sides
    ]
    block = recipe_blocks.recipe_block(recipes.resolve(recipe), rows, prepared, query)
    return block.similarity()[0]


def read_moments(
    collection: Collection,
    resolved: Sequence[Recipe],
    direction: Direction,
    *,
    monitor: Monitor = Monitor(),
) -> None:
    """Read the stored moments that some z-sums need into memory; store those that are absent.

    Evaluations of all pairs find them there.

    Raises:
        Stopped: the monitor asked to stop.
    """
    parts = _standardized_parts(resolved)
    for number, (backbone, metric, post) in enumerate(parts):
        side = _BackboneSides(collection, backbone, metric, post, direction)
        part = monitor.part(number / len(parts), (number + 1) / len(parts), f"{backbone}: ")
        side.prepared().remember(side.moments(part))


def absent_moments(
    collection: Collection, resolved: Sequence[Recipe], direction: Direction
) -> list[tuple[str, Metric]]:
    """Backbone and metric of the moments that some z-sums need and that are not stored.

    Raises:
        BadDataError: features are missing.
    """
    return [
        (backbone, metric)
        for backbone, metric, post in _standardized_parts(resolved)
        if not _BackboneSides(collection, backbone, metric, post, direction).has_moments()
    ]


def _standardized_parts(
    resolved: Sequence[Recipe],
) -> list[tuple[str, Metric, PostProcessing]]:
    """Backbone, metric and post-processing of the parts of z-sums."""
    return sorted(
        {
            (part.backbone, combine.resolved_metric(part), recipe.post)
            for recipe in resolved
            if recipe.standardized
            for part in recipe.parts
        }
    )


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

    def with_moments(self) -> combine.PreparedSides:
        """Both sides, and the moments of their matrix, from disk if they are there."""
        return replace(self.prepared(), stored_moments=self.moments())

    def features_of(self, images: ImageSet) -> Features:
        """Features of one of the two sides."""
        return features.for_side(self.collection, images, self.backbone)

    def row(self, query: Features) -> Array:
        """(1, G) similarity of one query to the gallery; recipes share it."""

        def compare() -> Array:
            if self.post == "none":
                return metrics.matrix_rows(query, self.features_of(self.gallery), self.metric)
            return self.prepared().rows(query)

        digest = hashlib.sha256(query.values.tobytes()).digest()
        return memory.get(("query row", *self.key, digest), compare)

    def moments(self, monitor: Monitor = Monitor()) -> combine.Moments:
        """Mean and standard deviation of the whole similarity matrix.

        Stored on disk too: they take seconds, and the app needs them first after a restart.
        """

        def compute() -> result_cache.Arrays:
            moments = self.prepared().moments(monitor)
            return {"moments": np.array([moments.mean, moments.std])}

        def stored() -> combine.Moments:
            moments = result_cache.get(MOMENTS, self._stored_key(), compute)["moments"]
            return combine.Moments(*map(float, moments))

        return memory.get((MOMENTS, *self.key), stored)

    def has_moments(self) -> bool:
        """Whether they are stored."""
        return memory.contains((MOMENTS, *self.key)) or result_cache.contains(
            MOMENTS, self._stored_key()
        )

    def _stored_key(self) -> tuple[object, ...]:
        identity = features.identity(self.collection, self.backbone)
        return identity, self.metric, self.post, self.queries.digest, self.gallery.digest
