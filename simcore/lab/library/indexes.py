"""Large galleries: whether a search goes through an index or compares everything, and why."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from simcore.data.store import vector_index
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, unknown_name
from simcore.lab import recipes
from simcore.lab.library import collections, features
from simcore.models import registry
from simcore.recipe import Recipe
from simcore.sim import metrics
from simcore.types import Array, Collection, Features, ImageSet, Metric, Monitor

INDEX_ABOVE = 200_000  # gallery images from which an index is made and used
USABLE = 0.9  # measured recall under which an index is not used by itself
WAYS = ("auto", "exact", "index")
_MOST = 20_000  # rows to look through for a gallery that is a small part of its table

Index = vector_index.VectorIndex


@dataclass(frozen=True)
class SearchPlan:
    """How one recipe looks into one gallery.

    Attributes:
        slot, index: the table and its index; None where everything is compared.
        note: a sentence where that needs one, else "".
    """

    slot: FeatureKey | None = None
    index: Index | None = None
    note: str = ""


def wish(asked: str = "") -> str:
    """What somebody asked for, or the environment's SIMCORE_SEARCH, or "auto".

    Raises:
        UnknownNameError: no such way.
    """
    found = asked or os.environ.get("SIMCORE_SEARCH", "").strip() or "auto"
    if found not in WAYS:
        raise unknown_name("way to search", found, WAYS)
    return found


def choose(name: str, gallery: ImageSet, recipe: Recipe, asked: str = "") -> SearchPlan:
    """Exact or through the index: by the gallery's size unless a way is asked for.

    Args:
        asked: "index" insists on one; in SIMCORE_SEARCH it means one wherever there is one.

    Raises:
        BadDataError: an index is asked for, but there is none, or it cannot serve the recipe.
        UnknownNameError: no such way.
    """
    how = wish(asked)
    if how == "exact" or (how == "auto" and len(gallery) <= INDEX_ABOVE):
        return SearchPlan()
    made = f"All {len(gallery):,} compared"
    metric = _metric(recipe)
    if metric is None:
        why = "an index holds one backbone, not l1, no lift"
        if asked == "index":
            raise BadDataError(f"found {recipe.label!r}; expected what an index can hold: {why}")
        return SearchPlan(note=f"{made}: {why}.")
    backbone = recipe.backbones[0]
    slot = features.complete_slot(gallery.keys, backbone)
    if slot is None:
        return SearchPlan()  # reading the features says what is missing
    index = vector_index.load(FeatureStore.shared(), slot)
    if index is None or index.metric != metric:
        command = f"`simcore index {name} --models {backbone}`"
        if asked == "index":
            raise BadDataError(
                f"found no index of {backbone} for {metric}; expected one; run {command} first"
            )
        own = index is None and metric == registry.get(backbone).metric
        return SearchPlan(note=f"{made}; {command} makes this fast." if own else f"{made}.")
    if how == "auto" and index.recall < USABLE:
        return SearchPlan(note=f"{made}: the index finds only {index.recall:.0%} of the nearest.")
    return SearchPlan(slot, index, index.summary)


def build(
    name: str,
    models: Sequence[str],
    *,
    monitor: Monitor = Monitor(),
) -> dict[str, Index]:
    """Makes the indexes of backbones whose features of a collection are complete.

    Returns:
        What was made, by backbone; each serves every collection that shares the features.

    Raises:
        UnknownNameError: no such collection or backbone. SimError: stopped.
        BadDataError: features are missing, or too few to learn an index from.
    """
    collection = collections.open_(name)
    made = {}
    for backbone in registry.expand_groups(list(models)):
        slot = features.complete_slot(_all_keys(collection), backbone)
        if slot is None:
            raise BadDataError(
                f"found no features of {backbone} for all images of {name!r}; "
                f"run `simcore extract {name} --models {backbone}` first"
            )
        metric = registry.get(backbone).metric
        made[backbone] = vector_index.build(FeatureStore.shared(), slot, metric, monitor=monitor)
    return made


def update(
    name: str,
    models: Sequence[str],
    *,
    monitor: Monitor = Monitor(),
) -> dict[str, Index]:
    """`build` where a collection is large enough and an index absent or behind; else nothing."""
    collection = collections.open_(name)
    if len(collection.left) <= INDEX_ABOVE or wish() == "exact":
        return {}
    store, due = FeatureStore.shared(), []
    for backbone in registry.expand_groups(list(models)):
        slot = features.complete_slot(_all_keys(collection), backbone)
        if slot is not None:
            rows, behind = vector_index.rows_behind(store, slot)
            if vector_index.load(store, slot) is None or behind > vector_index.STALE * rows:
                due.append(backbone)
    return build(name, due, monitor=monitor) if due else {}


def indexes() -> list[dict]:
    """Every index: backbone, kind, metric, rows, behind (not in it yet), recall, queries."""
    store, found = FeatureStore.shared(), []
    for table in store.sizes():
        slot = table.key
        if table.images and (index := vector_index.load(store, slot)) is not None:
            told = {"backbone": slot.backbone, "behind": vector_index.rows_behind(store, slot)[1]}
            found.append(told | asdict(index))
    return found


def _all_keys(collection: Collection) -> tuple[str, ...]:
    right = () if collection.right is None else collection.right.keys
    return (*collection.left.keys, *right)


def best(
    found: SearchPlan, gallery: ImageSet, query: Features, k: int
) -> tuple[Array, Array] | None:
    """The k most alike images that the index finds, by their exact similarity.

    Args:
        query: features of one image, any number of rows.

    Returns:
        positions in the gallery (n,) and similarities (n,), best first, n >= k where there are as
        many; None where the gallery is so small a part of the table that it has to be compared.
    """
    assert found.slot is not None
    assert found.index is not None
    where, store = _where(gallery), FeatureStore.shared()
    there: dict[str, None] = {}
    for row in query.values:
        fetch = k + 10
        while True:
            keys, all_of_it = vector_index.search(store, found.slot, found.index, row, fetch)
            inside = [key for key in keys if key in where]
            if len(inside) >= k or all_of_it:
                break
            if fetch >= _MOST:
                return None
            fetch = min(4 * fetch, _MOST)
        there |= dict.fromkeys(inside)
    if not there:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    values = _similar(store, found, list(there), query)
    places = [where[key] for key in there]
    flat = np.array([place for group in places for place in group], np.int64)
    spread = np.repeat(values, [len(group) for group in places])
    order = np.lexsort((flat, -spread))
    return flat[order], spread[order]


def similarity(found: SearchPlan, key: str, query: Features) -> float:
    """The exact similarity of one image; NaN without evidence."""
    return float(_similar(FeatureStore.shared(), found, [key], query)[0])


def _similar(store: FeatureStore, found: SearchPlan, keys: list[str], query: Features) -> Array:
    assert found.slot is not None
    assert found.index is not None
    index, values = store.read(found.slot, keys)
    near = Features(query.backbone, index, values, len(keys))
    return metrics.pairwise(query, near, found.index.metric)[0]


@lru_cache(maxsize=4)
def _where(gallery: ImageSet) -> dict[str, tuple[int, ...]]:
    """Content key -> positions; a picture may be in a collection under several names."""
    found: dict[str, tuple[int, ...]] = {}
    for place, key in enumerate(gallery.keys):
        found[key] = (*found.get(key, ()), place)
    return found


def _metric(recipe: Recipe) -> Metric | None:
    """The metric of a recipe that an index can serve."""
    if len(recipe.parts) != 1 or recipe.post != "none":
        return None
    (part,) = recipe.parts
    metric = recipes.resolve_metric(part)
    return None if metric == "l1" else metric
