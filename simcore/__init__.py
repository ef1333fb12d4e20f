"""Perceptual similarity: which images look alike to people, and which network sees it the same way.

    import simcore as sc

    pairs = sc.add("pairs", "folder", name="mine")
    sc.extract(pairs, ["mobilenetv2", "hog"])
    sc.recall(pairs, ["hog", sc.zsum("mobilenetv2", "hog")])

The functions are those of the modules of `simcore.lab.api`, each loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simcore.data import library_caches

if TYPE_CHECKING:
    from simcore.lab.api.backbone_features import extract as extract
    from simcore.lab.api.backbone_features import import_features as import_features
    from simcore.lab.api.backbone_features import list_backbones as list_backbones
    from simcore.lab.api.backbone_features import metric as metric
    from simcore.lab.api.backbone_features import register as register
    from simcore.lab.api.evaluations import compare as compare
    from simcore.lab.api.evaluations import invariance as invariance
    from simcore.lab.api.evaluations import leaderboard as leaderboard
    from simcore.lab.api.evaluations import ranks as ranks
    from simcore.lab.api.evaluations import recall as recall
    from simcore.lab.api.evaluations import similarity as similarity
    from simcore.lab.api.evaluations import waterfall as waterfall
    from simcore.lab.api.learning import learn as learn
    from simcore.lab.api.named_collections import add as add
    from simcore.lab.api.named_collections import list_collections as list_collections
    from simcore.lab.api.named_collections import open_collection as open_collection
    from simcore.lab.api.search_and_maps import map as map
    from simcore.lab.api.search_and_maps import search as search
    from simcore.lab.api.similarity_recipes import gates as gates
    from simcore.lab.api.similarity_recipes import plain_sum as plain_sum
    from simcore.lab.api.similarity_recipes import rerank as rerank
    from simcore.lab.api.similarity_recipes import rrf as rrf
    from simcore.lab.api.similarity_recipes import stored_recipe as stored_recipe
    from simcore.lab.api.similarity_recipes import zsum as zsum

# Module of `simcore.lab.api` -> its functions.
_FUNCTIONS = {
    "named_collections": ("add", "list_collections", "open_collection"),
    "backbone_features": ("extract", "import_features", "list_backbones", "metric", "register"),
    "evaluations": (
        "compare",
        "invariance",
        "leaderboard",
        "ranks",
        "recall",
        "similarity",
        "waterfall",
    ),
    "learning": ("learn",),
    "search_and_maps": ("map", "search"),
    "similarity_recipes": ("gates", "plain_sum", "rerank", "rrf", "stored_recipe", "zsum"),
}
_MODULES = {name: module for module, names in _FUNCTIONS.items() for name in names}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'simcore' has no attribute {name!r}")
    return getattr(import_module(f"simcore.lab.api.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__file__", "__name__"]


library_caches.redirect()  # before any library reads where its cache is
