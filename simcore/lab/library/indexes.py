"""Large galleries: whether a search compares all images or uses an index, and building indexes."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from simcore import memory
from simcore.data.store import vector_index
from simcore.data.store.feature_key import FeatureKey
from simcore.data.store.feature_store import FeatureStore
from simcore.errors import BadDataError, unknown_name
from simcore.lab import recipes
from simcore.lab.library import collections, features
from simcore.models import registry
from simcore.recipe import Recipe
from simcore.sim import metrics
from simcore.types import JSON, Array, Features, ImageSet, Metric, Monitor

INDEX_ABOVE = 200_000  # gallery images from which an index is built and used
MIN_RECALL = 0.9  # an index with a lower measured recall is used only on request
MODES = ("auto", "exact", "index")
_MAX_FETCH = 20_000  # rows to fetch for a gallery that is a small part of its table

Index = vector_index.VectorIndex
RowsOfKeys = dict[str, tuple[int, ...]]  # content key -> rows of a gallery
Reason = Literal["exact", "unsupported", "not extracted", "no index", "low recall", "index"]


@dataclass(frozen=True)
class SearchPlan:
    """How one recipe searches one gallery.

    Attributes:
        reason: why: "exact" (asked for, or the gallery is small), "unsupported" (an index cannot
            serve the recipe), "not extracted", "no index" (none, or for another metric),
            "low recall" (of the index), or "index".
        key, index: the table and its index; None where everything is compared.
        note: a sentence where the reason needs one, else "".
    """

    reason: Reason = "exact"
    key: FeatureKey | None = None
    index: Index | None = None
    note: str = ""


@dataclass(frozen=True)
class TableIndex:
    """The index of one backbone's features.

    Attributes:
        behind: rows that were added after the index was built; a search still compares them.
    """

    backbone: str
    index: Index
    behind: int = 0

    def to_dict(self) -> JSON:
        """One entry of `indexes` in the document that `simcore doctor --json` prints."""
        return {"backbone": self.backbone, "behind": self.behind, **asdict(self.index)}


def search_mode(mode: str = "") -> str:
    """The mode that was asked for, else that of SIMCORE_SEARCH, else "auto".

    Raises:
        UnknownNameError: no such mode.
    """
    mode = mode or os.environ.get("SIMCORE_SEARCH", "").strip() or "auto"
    if mode not in MODES:
        raise unknown_name("search mode", mode, MODES)
    return mode


def choose(name: str, gallery: ImageSet, recipe: Recipe, mode: str = "") -> SearchPlan:
    """Exact search, or search through the index: by the gallery's size unless a mode is given.

    Args:
        name: collection.
        mode: "exact", "index", "auto", or "" for SIMCORE_SEARCH. "index" fails without an index;
            in SIMCORE_SEARCH it means an index wherever there is one.

    Raises:
        BadDataError: `mode` is "index", but there is none, or it cannot serve the recipe.
        UnknownNameError: no such mode.
    """
    reason, key, index = _decide(gallery, recipe, search_mode(mode))
    sentence = _explain(reason, name, recipe, index)
    if reason == "index":
        return SearchPlan(reason, key, index, sentence)
    if mode == "index" and sentence:
        raise BadDataError(sentence)
    compared = f"All {len(gallery):,} images were compared."
    return SearchPlan(reason, note=f"{compared} {sentence}" if sentence else "")


def _decide(
    gallery: ImageSet, recipe: Recipe, mode: str
) -> tuple[Reason, FeatureKey | None, Index | None]:
    if mode == "exact" or (mode == "auto" and len(gallery) <= INDEX_ABOVE):
        return "exact", None, None
    metric = _index_metric(recipe)
    if metric is None:
        return "unsupported", None, None
    key = features.complete_key([gallery], recipe.backbones[0])
    if key is None:
        return "not extracted", None, None  # reading the features says how to make them
    index = vector_index.load(FeatureStore.shared(), key)
    if index is None or index.metric != metric:
        return "no index", key, index
    if mode == "auto" and index.recall < MIN_RECALL:
        return "low recall", key, index
    return "index", key, index


def _explain(reason: Reason, name: str, recipe: Recipe, index: Index | None) -> str:
    """The sentence about a plan for a user; empty where the plan needs none."""
    backbone, metric = recipe.backbones[0], _index_metric(recipe)
    if reason == "unsupported":
        return (
            f"An index cannot serve {recipe.label!r}, only one backbone with cosine or L2 and no "
            "post-processing."
        )
    if reason == "no index":
        sentence = f"{backbone} has no index for {metric}."
        if index is None and metric == registry.get(backbone).metric:
            sentence += f" Run `simcore index {name} --models {backbone}` to build one."
        return sentence
    if reason == "low recall" and index is not None:
        return f"The index finds only {index.recall:.0%} of the nearest images."
    return index.summary if reason == "index" and index is not None else ""


def build(name: str, models: Sequence[str], *, monitor: Monitor = Monitor()) -> list[TableIndex]:
    """Build the indexes of backbones whose features of a collection are complete.

    Each index serves every collection that shares the features.

    Raises:
        UnknownNameError: no such collection or backbone. SimError: stopped.
        BadDataError: features are missing, or too few to train an index on.
    """
    collection = collections.open_(name)
    built = []
    for backbone in registry.expand_groups(list(models)):
        key = features.collection_key(collection, backbone)
        if key is None:
            raise features.not_extracted(name, backbone)
        metric = registry.get(backbone).metric
        index = vector_index.build(FeatureStore.shared(), key, metric, monitor=monitor)
        built.append(TableIndex(backbone, index))
    return built


def update(name: str, models: Sequence[str], *, monitor: Monitor = Monitor()) -> list[TableIndex]:
    """`build` the indexes that are missing or outdated, if the collection is large enough."""
    collection = collections.open_(name)
    if len(collection.left) <= INDEX_ABOVE or search_mode() == "exact":
        return []
    store, outdated = FeatureStore.shared(), []
    for backbone in registry.expand_groups(list(models)):
        key = features.collection_key(collection, backbone)
        if key is not None:
            rows, behind = vector_index.rows_behind(store, key)
            if vector_index.load(store, key) is None or behind > vector_index.STALE * rows:
                outdated.append(backbone)
    return build(name, outdated, monitor=monitor) if outdated else []


def indexes() -> list[TableIndex]:
    """Every index in the feature store."""
    store, rows = FeatureStore.shared(), []
    for table in store.sizes():
        key = table.key
        if table.images and (index := vector_index.load(store, key)) is not None:
            rows.append(TableIndex(key.backbone, index, vector_index.rows_behind(store, key)[1]))
    return rows


def nearest(
    plan: SearchPlan, gallery: ImageSet, query: Features, k: int
) -> tuple[Array, Array] | None:
    """The k most similar images that the index finds, by their exact similarity.

    Args:
        query: features of one image, any number of rows.

    Returns:
        rows of the gallery (n,) and similarities (n,), best first, n >= k if the gallery has as
        many; None where the gallery is so small a part of the table that it has to be compared.
    """
    assert plan.key is not None
    assert plan.index is not None
    rows_of, store = _rows_of_keys(gallery), FeatureStore.shared()
    hits: dict[str, None] = {}
    for row in query.values:
        fetch = k + 10
        while True:
            keys, is_all = vector_index.search(store, plan.key, plan.index, row, fetch)
            inside = [key for key in keys if key in rows_of]
            if len(inside) >= k or is_all:
                break
            if fetch >= _MAX_FETCH:
                return None
            fetch = min(4 * fetch, _MAX_FETCH)
        hits |= dict.fromkeys(inside)
    if not hits:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    values = _similarities(plan, list(hits), query)
    groups = [rows_of[key] for key in hits]
    rows = np.array([row for group in groups for row in group], np.int64)
    scores = np.repeat(values, [len(group) for group in groups])
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def similarity(plan: SearchPlan, key: str, query: Features) -> float:
    """The exact similarity of the image with a content key; NaN without evidence."""
    return float(_similarities(plan, [key], query)[0])


def _similarities(plan: SearchPlan, keys: list[str], query: Features) -> Array:
    assert plan.key is not None
    assert plan.index is not None
    index, values = FeatureStore.shared().read(plan.key, keys)
    candidates = Features(query.backbone, index, values, len(keys))
    return metrics.pairwise(query, candidates, plan.index.metric)[0]


def _rows_of_keys(gallery: ImageSet) -> RowsOfKeys:
    """The rows of each content key; a collection may hold an image under several names."""

    def collect() -> RowsOfKeys:
        rows_of: RowsOfKeys = {}
        for row, key in enumerate(gallery.keys):
            rows_of[key] = (*rows_of.get(key, ()), row)
        return rows_of

    return memory.get(("rows of keys", gallery.digest), collect)


def _index_metric(recipe: Recipe) -> Metric | None:
    """The metric under which an index can serve a recipe; None where none can."""
    if recipe.combine != "none" or recipe.post != "none":
        return None
    (part,) = recipe.parts
    metric = recipes.resolve_metric(part)
    return metric if metric in ("cosine", "l2") else None
