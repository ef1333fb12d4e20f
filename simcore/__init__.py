"""Perceptual similarity: which images look alike to people, and which network sees it the same way.

    import simcore as sc

    pairs = sc.add("pairs", "folder", name="mine")
    sc.extract(pairs, ["mobilenetv2", "hog"])
    sc.recall(pairs, ["hog", sc.zsum("mobilenetv2", "hog")])

The functions are those of `simcore.lab.api`, loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simcore.data import library_caches

if TYPE_CHECKING:
    from simcore.lab.api import (
        add,
        compare,
        extract,
        gates,
        import_features,
        invariance,
        leaderboard,
        learn,
        list_backbones,
        list_collections,
        metric,
        open_collection,
        plain_sum,
        ranks,
        recall,
        register,
        rerank,
        rrf,
        search,
        similarity,
        stored_recipe,
        zsum,
    )
    from simcore.lab.api import map_figure as map

__all__ = [
    "add",
    "compare",
    "extract",
    "gates",
    "import_features",
    "invariance",
    "leaderboard",
    "learn",
    "list_backbones",
    "list_collections",
    "map",
    "metric",
    "open_collection",
    "plain_sum",
    "ranks",
    "recall",
    "register",
    "rerank",
    "rrf",
    "search",
    "similarity",
    "stored_recipe",
    "zsum",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'simcore' has no attribute {name!r}")
    return getattr(import_module("simcore.lab.api"), "map_figure" if name == "map" else name)


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__file__", "__name__"]


library_caches.redirect()  # before any library reads where its cache is
