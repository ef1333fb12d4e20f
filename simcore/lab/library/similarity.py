"""Both sides of a backbone as they are compared: what one query's row and a z-sum need."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from weakref import WeakKeyDictionary

from simcore.data import cache_dir
from simcore.errors import SimError
from simcore.lab import recipes
from simcore.lab.library import features
from simcore.models import registry
from simcore.recipe import PostProcessing, Recipe
from simcore.sim import combine, metrics
from simcore.types import Array, Collection, Direction, Features, Metric


def sides(
    collection: Collection,
    names: Sequence[str],
    direction: Direction,
    metric: Metric | None,
    post: PostProcessing,
) -> list[combine.PreparedSides]:
    """Each backbone's two sides, ready to be compared."""
    pairs = collection.pairs(direction)
    return [
        combine.prepare_sides(
            features.for_side(collection, pairs.queries, b),
            features.for_side(collection, pairs.gallery, b),
            metric or registry.get(b).metric,
            post,
        )
        for b in names
    ]


def recipe_row(
    collection: Collection,
    recipe: Recipe,
    direction: Direction,
    mine: dict[str, Features],
    theirs: dict[str, Features],
) -> Array:
    """(G,) similarity of one query to the gallery under a recipe."""
    chosen = [(part.backbone, recipes.resolve_metric(part)) for part in recipe.parts]
    matrices = [
        query_row(collection, b, metric, recipe.post, direction, mine[b], theirs[b])
        for b, metric in chosen
    ]
    standards = (
        [moments(collection, b, metric, recipe.post, direction) for b, metric in chosen]
        if recipe.combine == "zsum"
        else None
    )
    weights = [part.weight for part in recipe.parts]
    return combine.weighted_sum(matrices, weights, recipe.combine, standards)[0]


# A Collection is hashed by identity, and the same object is handed out until its files change.
@lru_cache(maxsize=256)
def moments(
    collection: Collection,
    backbone: str,
    metric: Metric,
    post: PostProcessing,
    direction: Direction,
) -> combine.Moments:
    """Mean and deviation of the whole matrix.

    Kept in the cache as well: it takes seconds, and the next start of the app asks for it first.
    """
    both = _compared(collection, backbone, metric, post, direction)
    keys = [side.keys for side in collection.sides(direction)]
    told = [features.identity(collection, backbone), metric, post, keys]
    name = f"{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}.json"
    try:
        mean, std = (
            float(v) for v in json.loads((cache_dir.subfolder("moments") / name).read_bytes())
        )
        found = combine.Moments(mean, std)
    except (OSError, ValueError, TypeError):
        found = both.moments()
        with suppress(SimError):  # a cache that is closed to writing can still be looked at
            cache_dir.write_atomic(
                cache_dir.subfolder("moments") / name, json.dumps([found.mean, found.std]).encode()
            )
    both.remember(found)
    return found


@lru_cache(maxsize=32)
def _compared(
    collection: Collection,
    backbone: str,
    metric: Metric,
    post: PostProcessing,
    direction: Direction,
) -> combine.PreparedSides:
    """Both sides of a backbone with what the lift learns from the whole collection."""
    queries, gallery = collection.sides(direction)
    return combine.prepare_sides(
        features.for_side(collection, queries, backbone),
        features.for_side(collection, gallery, backbone),
        metric,
        post,
    )


# A query's own rows are in several recipes; they are forgotten with the query's features.
_Seen = WeakKeyDictionary[Features, dict[tuple[Metric, PostProcessing], Array]]
_ROWS: WeakKeyDictionary[Features, _Seen] = WeakKeyDictionary()


def query_row(
    collection: Collection,
    backbone: str,
    metric: Metric,
    post: PostProcessing,
    direction: Direction,
    mine: Features,
    theirs: Features,
) -> Array:
    """(1, G) similarity of one query to the gallery under a backbone."""
    seen = _ROWS.setdefault(mine, WeakKeyDictionary()).setdefault(theirs, {})
    if (metric, post) not in seen:
        seen[metric, post] = (
            metrics.pairwise(mine, theirs, metric)
            if post == "none"
            else _compared(collection, backbone, metric, post, direction).rows(mine)
        )
    return seen[metric, post]
