"""All combinations of backbones: best by size, participation, ablation, exclusives, oracle."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate import combinations, exclusive, significance, subsets
from simcore.evaluate.bootstrap import interval
from simcore.evaluate.subsets import SubsetHits
from simcore.lab import features, recipes, retrieve, selection
from simcore.models import registry
from simcore.sim import combine
from simcore.specs import Part, Recipe
from simcore.types import Array, Collection, Combine, Direction, Lift, Metric


@dataclass(frozen=True, eq=False)
class Search:
    """Every subset of some backbones on one collection.

    Attributes:
        pairs: how many queries.
        hits: {"zsum": ..., "sum": ...}.
        seconds: of both searches, similarities included.
    """

    pairs: int
    models: tuple[str, ...]
    hits: dict[Combine, SubsetHits]
    seconds: float

    def json(self) -> dict:
        """The document that `simcore evaluate subsets --json` prints."""
        kinds = {
            kind: [_chosen(c, self.pairs) for c in combinations.best_by_size(found)]
            for kind, found in self.hits.items()
        }
        best = {kind: combinations.best(found) for kind, found in self.hits.items()}
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

    def held_out(self, kind: Combine, *, parts: int = 5, seed: int = 0) -> dict:
        """ "Choose the best subset" judged on queries that had no say in the choice."""
        found, chosen = combinations.held_out(self.hits[kind], parts=parts, seed=seed)
        low, high = interval(found.astype(np.float32))
        return {
            "hits": int(found.sum()),
            "ci95": [low * self.pairs, high * self.pairs],
            "folds": [list(c.models) for c in chosen],
        }

    def found(self) -> dict[str, Array]:
        """What each backbone finds alone: {name: (Q,) bool}."""
        alone = next(iter(self.hits.values()))
        return {name: alone.of(1 << k) for k, name in enumerate(self.models)}


def search(
    name: str,
    models: Sequence[str],
    *,
    subset: str = "all",
    direction: Direction = "lr",
    metric: str = recipes.OWN,
    lift: str = "none",
) -> Search:
    """Hits of all 2^M - 1 combinations, plain and normalised; kept for the next question.

    Raises:
        BadDataError: more than 16 backbones, no known mates, or features are missing.
    """
    names = tuple(registry.expand(list(models)))
    collection = selection.open_(name, subset)
    return search_in(
        collection, names, direction, recipes.check_metric(metric), recipes.check_lift(lift)
    )


def recipe(models: Sequence[str], kind: Combine, metric: str = recipes.OWN) -> Recipe:
    """The recipe of a subset, to be opened elsewhere."""
    chosen = recipes.check_metric(metric)
    parts = tuple(Part(name, chosen) for name in models)
    return Recipe(parts, kind if len(parts) > 1 else "none")


def ranking(found: Search, kind: Combine) -> list[dict]:
    """All combinations, most hits first: [{"size", "models", "hits"}]."""
    return [
        {"size": len(one.models), "models": list(one.models), "hits": one.hits}
        for one in combinations.ranking(found.hits[kind])
    ]


def participation(found: Search, kind: Combine, size: int) -> dict:
    """Share of the q leading combinations of a size that hold each backbone (Fig. 4)."""
    share = combinations.participation(found.hits[kind], size)
    return {
        "size": size,
        "combine": kind,
        "models": list(found.models),
        "share": [[float(value) for value in row] for row in share],
    }


def ablation(found: Search, kind: Combine) -> dict:
    """What each member of the best combination is worth (Table 1)."""
    rows = combinations.ablation(found.hits[kind])
    return {
        "combine": kind,
        "best": _chosen(combinations.best(found.hits[kind]), found.pairs),
        "rows": [
            {"without": out, "lost": lost} | _chosen(other, found.pairs)
            for out, other, lost in rows
        ],
    }


def exclusives(found: Search) -> dict:
    """Oracle and exclusive retrievals: {"oracle", "exclusive_total", "by_model", ...}."""
    singles = found.found()
    alone = exclusive.exclusive(singles)
    together = exclusive.oracle(singles)
    low, high = interval(together.astype(np.float32))
    return {
        "pairs": found.pairs,
        "oracle": int(together.sum()),
        "oracle_ci95": [low * found.pairs, high * found.pairs],
        "exclusive_total": sum(len(rows) for rows in alone.values()),
        "by_model": {name: len(rows) for name, rows in alone.items()},
        "isolation": {name: int(hit.sum()) for name, hit in singles.items()},
        "sets": [{"models": list(m), "pairs": n} for m, n in exclusive.intersections(singles)],
    }


def filtered(
    name: str,
    found: Search,
    *,
    by: Sequence[str] = (),
    missed: Sequence[str] = (),
    subset: str = "all",
    direction: Direction = "lr",
) -> list[dict]:
    """Pairs found by all of `by` and by none of `missed`: query and mate, with their keys."""
    pairs = selection.open_(name, subset).pairs(direction)
    rows = exclusive.filtered(found.found(), by, missed)
    return [
        {
            "query": pairs.queries.ids[i],
            "query_key": pairs.queries.keys[i],
            "mate": pairs.gallery.ids[pairs.target[i]],
            "mate_key": pairs.gallery.keys[pairs.target[i]],
        }
        for i in rows
    ]


def compare(
    found: Search,
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
        rows[one.label] = retrieve.ranks(name, one, direction, subset=subset) == 1
    return [vars(row) for row in significance.compare(rows)]


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


@lru_cache(maxsize=16)
def search_in(
    collection: Collection,
    names: tuple[str, ...],
    direction: Direction,
    metric: Metric | None,
    lift: Lift,
) -> Search:
    """The search on an open collection."""
    if not names:
        raise BadDataError("found no backbone to combine; expected at least one")
    began = time.perf_counter()
    pairs = collection.pairs(direction)
    parts = sides(collection, names, direction, metric, lift)
    scale = [one.moments() for one in parts]
    blocks = subsets.together([one.stream() for one in parts])
    zsum, plain = subsets.searches(names, blocks, pairs.target, scales=[scale, None])
    seconds = time.perf_counter() - began
    return Search(len(pairs), names, {"zsum": zsum, "sum": plain}, seconds)


def _chosen(one: combinations.Chosen, pairs: int) -> dict:
    hit = np.zeros(pairs, np.float32)
    hit[: one.hits] = 1
    low, high = interval(hit)
    return {
        "size": len(one.models),
        "models": list(one.models),
        "hits": one.hits,
        "ci95": [low * pairs, high * pairs],
    }
