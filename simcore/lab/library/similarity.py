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
from simcore.recipe import Recipe
from simcore.sim import combine, metrics
from simcore.types import Array, Collection, Direction, Features, Lift, Metric


def sides(
    collection: Collection,
    names: Sequence[str],
    direction: Direction,
    metric: Metric | None,
    lift: Lift,
) -> list[combine.Compared]:
    """Each backbone's two sides, ready to be compared."""
    pairs = collection.pairs(direction)
    return [
        combine.compared(
            features.read(collection, pairs.queries, b),
            features.read(collection, pairs.gallery, b),
            metric or registry.spec(b).metric,
            lift,
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
    own = recipes.own([recipe])
    chosen = [(part.backbone, part.metric or own[part.backbone]) for part in recipe.parts]
    matrices = [
        rows(collection, b, metric, recipe.lift, direction, mine[b], theirs[b])
        for b, metric in chosen
    ]
    standards = (
        [moments(collection, b, metric, recipe.lift, direction) for b, metric in chosen]
        if recipe.combine == "zsum"
        else None
    )
    weights = [part.weight for part in recipe.parts]
    return combine.blend(matrices, weights, recipe.combine, standards)[0]


# A Collection is hashed by identity, and the same object is handed out until its files change.
@lru_cache(maxsize=256)
def moments(
    collection: Collection, backbone: str, metric: Metric, lift: Lift, direction: Direction
) -> combine.Moments:
    """Mean and deviation of the whole matrix.

    Kept in the cache as well: it takes seconds, and the next start of the app asks for it first.
    """
    both = _compared(collection, backbone, metric, lift, direction)
    keys = [side.keys for side in collection.sides(direction)]
    told = [features.identity(collection, backbone), metric, lift, keys]
    name = f"{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}.json"
    try:
        mean, std = (float(v) for v in json.loads((cache_dir.room("moments") / name).read_bytes()))
        found = combine.Moments(mean, std)
    except (OSError, ValueError, TypeError):
        found = both.moments()
        with suppress(SimError):  # a cache that is closed to writing can still be looked at
            cache_dir.write(cache_dir.room("moments") / name, json.dumps([found.mean, found.std]).encode())
    both.remember(found)
    return found


@lru_cache(maxsize=32)
def _compared(
    collection: Collection, backbone: str, metric: Metric, lift: Lift, direction: Direction
) -> combine.Compared:
    """Both sides of a backbone with what the lift learns from the whole collection."""
    queries, gallery = collection.sides(direction)
    return combine.compared(
        features.read(collection, queries, backbone),
        features.read(collection, gallery, backbone),
        metric,
        lift,
    )


# A query's own rows are in several recipes; they are forgotten with the query's features.
_Seen = WeakKeyDictionary[Features, dict[tuple[Metric, Lift], Array]]
_ROWS: WeakKeyDictionary[Features, _Seen] = WeakKeyDictionary()


def rows(
    collection: Collection,
    backbone: str,
    metric: Metric,
    lift: Lift,
    direction: Direction,
    mine: Features,
    theirs: Features,
) -> Array:
    """(1, G) similarity of one query to the gallery under a backbone."""
    seen = _ROWS.setdefault(mine, WeakKeyDictionary()).setdefault(theirs, {})
    if (metric, lift) not in seen:
        seen[metric, lift] = (
            metrics.pairwise(mine, theirs, metric)
            if lift == "none"
            else _compared(collection, backbone, metric, lift, direction).rows(mine)
        )
    return seen[metric, lift]
