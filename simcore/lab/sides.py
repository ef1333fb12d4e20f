"""Both sides of a backbone as they are compared: what one query's row and a z-sum need."""

import hashlib
import json
from contextlib import suppress
from functools import lru_cache
from weakref import WeakKeyDictionary

from simcore.data import home
from simcore.errors import SimError
from simcore.lab import features
from simcore.sim import combine, metrics
from simcore.types import Array, Collection, Direction, Features, Lift, Metric


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
        mean, std = (float(v) for v in json.loads((home.room("moments") / name).read_bytes()))
        found = combine.Moments(mean, std)
    except (OSError, ValueError, TypeError):
        found = both.moments()
        with suppress(SimError):  # a cache that is closed to writing can still be looked at
            home.write(home.room("moments") / name, json.dumps([found.mean, found.std]).encode())
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
