"""All combinations of backbones: best by size, participation, ablation, exclusives, oracle."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.combinations import subset_search, subset_statistics, sum_weights
from simcore.evaluate.combinations.subset_search import SubsetHits
from simcore.evaluate.statistics import significance
from simcore.evaluate.statistics.bootstrap import interval
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import similarity, subsets
from simcore.lab.library.similarity import sides
from simcore.models import registry
from simcore.recipe import Combination, Part, PostProcessing, Recipe
from simcore.types import Array, Collection, Direction, Metric


@dataclass(frozen=True, eq=False)
class SubsetSearch:
    """Every subset of some backbones on one collection.

    Attributes:
        pairs: how many queries.
        hits: {"zsum": ..., "sum": ...}.
        seconds: of both searches, similarities included.
    """

    pairs: int
    models: tuple[str, ...]
    hits: dict[Combination, SubsetHits]
    seconds: float

    def to_dict(self) -> dict:
        """The document that `simcore evaluate subsets --json` prints."""
        kinds = {
            kind: [_chosen(c, self.pairs) for c in subset_statistics.best_by_size(found)]
            for kind, found in self.hits.items()
        }
        best = {kind: subset_statistics.best(found) for kind, found in self.hits.items()}
        top = max(best, key=lambda kind: (best[kind].hits, kind == "zsum"))
        return {
            "pairs": self.pairs,
            "models": list(self.models),
            "best_by_size": kinds,
            "best": _chosen(best[top], self.pairs) | {"combine": top},
            "held_out": {kind: self.held_out(kind) for kind in self.hits},
            "evaluated": (1 << len(self.models)) - 1,
            "seconds": round(self.seconds, 3),
        }

    def held_out(self, kind: Combination, *, parts: int = 5, seed: int = 0) -> dict:
        """ "Choose the best subset" judged on queries that had no say in the choice."""
        found, chosen = subset_statistics.held_out(self.hits[kind], parts=parts, seed=seed)
        low, high = interval(found.astype(np.float32))
        return {
            "hits": int(found.sum()),
            "ci95": [low * self.pairs, high * self.pairs],
            "folds": [list(c.models) for c in chosen],
        }

    def found(self) -> dict[str, Array]:
        """What each backbone finds alone: {name: (Q,) bool}."""
        alone = next(iter(self.hits.values()))
        return {name: alone.hits_of(1 << k) for k, name in enumerate(self.models)}


def search(
    name: str,
    models: Sequence[str],
    *,
    subset: str = "all",
    direction: Direction = "lr",
    metric: str = recipes.OWN,
    post: str = "none",
) -> SubsetSearch:
    """Hits of all 2^M - 1 combinations, plain and normalised; kept for the next question.

    Raises:
        BadDataError: more than 16 backbones, no known mates, or features are missing.
    """
    names = tuple(registry.expand_groups(list(models)))
    collection = subsets.open_subset(name, subset)
    return search_in(
        collection,
        names,
        direction,
        recipes.check_metric(metric),
        recipes.check_post_processing(post),
    )


def recipe(models: Sequence[str], kind: Combination, metric: str = recipes.OWN) -> Recipe:
    """The recipe of a subset, to be opened elsewhere."""
    chosen = recipes.check_metric(metric)
    parts = tuple(Part(name, chosen) for name in models)
    return Recipe(parts, kind if len(parts) > 1 else "none")


def ranking(found: SubsetSearch, kind: Combination) -> list[dict]:
    """All combinations, most hits first: [{"size", "models", "hits"}]."""
    return [
        {"size": len(one.models), "models": list(one.models), "hits": one.hits}
        for one in subset_statistics.ranking(found.hits[kind])
    ]


def participation(found: SubsetSearch, kind: Combination, size: int) -> dict:
    """Share of the q leading combinations of a size that hold each backbone (Fig. 4)."""
    share = subset_statistics.participation(found.hits[kind], size)
    return {
        "size": size,
        "combine": kind,
        "models": list(found.models),
        "share": [[float(value) for value in row] for row in share],
    }


def ablation(found: SubsetSearch, kind: Combination) -> dict:
    """What each member of the best combination is worth (Table 1)."""
    rows = subset_statistics.ablation(found.hits[kind])
    return {
        "combine": kind,
        "best": _chosen(subset_statistics.best(found.hits[kind]), found.pairs),
        "rows": [
            {"without": out, "lost": lost} | _chosen(other, found.pairs)
            for out, other, lost in rows
        ],
    }


def compare(
    found: SubsetSearch,
    extra: Sequence[Recipe] = (),
    *,
    name: str = "",
    subset: str = "all",
    direction: Direction = "lr",
) -> list[dict]:
    """Exact McNemar between all backbones and any recipes, corrected for how many there are.

    Args:
        extra, name, subset, direction: recipes to compare as well, on what `found` is about.
    """
    rows = dict(found.found())
    for one in extra:
        rows[one.label] = recall.ranks(name, one, direction, subset=subset) == 1
    return [vars(row) for row in significance.compare(rows)]


@lru_cache(maxsize=16)
def search_in(
    collection: Collection,
    names: tuple[str, ...],
    direction: Direction,
    metric: Metric | None,
    post: PostProcessing,
) -> SubsetSearch:
    """The search on an open collection."""
    if not names:
        raise BadDataError("found no backbone to combine; expected at least one")
    began = time.perf_counter()
    pairs = collection.pairs(direction)
    parts = sides(collection, names, direction, metric, post)
    scale = [one.moments() for one in parts]
    blocks = subset_search.zip_streams([one.stream() for one in parts])
    zsum, plain = subset_search.search_each(names, blocks, pairs.target, scales=[scale, None])
    seconds = time.perf_counter() - began
    return SubsetSearch(len(pairs), names, {"zsum": zsum, "sum": plain}, seconds)


def _chosen(one: subset_statistics.SubsetResult, pairs: int) -> dict:
    hit = np.zeros(pairs, np.float32)
    hit[: one.hits] = 1
    low, high = interval(hit)
    return {
        "size": len(one.models),
        "models": list(one.models),
        "hits": one.hits,
        "ci95": [low * pairs, high * pairs],
    }


def learned_weights(
    name: str,
    models: Sequence[str],
    *,
    subset: str = "all",
    seed: int = 0,
    metric: str = recipes.OWN,
    direction: Direction = "lr",
    post: str = "none",
) -> dict:
    """Non-negative weights for a z-sum, cross-validated, beside the best subset."""
    found = search(name, models, subset=subset, metric=metric, direction=direction, post=post)
    pairs = subsets.open_subset(name, subset).pairs(direction)
    sides = similarity.sides(
        subsets.open_subset(name, subset),
        found.models,
        direction,
        recipes.check_metric(metric),
        recipes.check_post_processing(post),
    )
    scales = [one.moments() for one in sides]

    def blocks() -> subset_search.Blocks:
        return subset_search.zip_streams([one.stream() for one in sides])

    rivals = sum_weights.near_rivals(blocks(), pairs.target, scales)
    fair = sum_weights.held_out(rivals, seed=seed)
    everyone = sum_weights.fit(rivals, np.arange(len(pairs)))
    same = np.tile(everyone, (len(pairs), 1))
    kept, flattered = sum_weights.weighted_hits(blocks(), pairs.target, scales, [fair, same])
    low, high = interval(kept.astype(np.float32))
    total = len(pairs)
    return {
        "pairs": total,
        "weights": dict(zip(found.models, (round(float(w), 4) for w in everyone), strict=True)),
        "held_out": {"hits": int(kept.sum()), "ci95": [low * total, high * total]},
        "same_pairs": {"hits": int(flattered.sum())},
        "best_subset_held_out": found.held_out("zsum", seed=seed),
        "best_subset_same_pairs": subset_statistics.best(found.hits["zsum"]).hits,
    }
