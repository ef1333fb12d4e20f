"""How backbones complete each other, and what weights instead of in or out are worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.evaluate.combinations import complementarity, exclusive
from simcore.evaluate.statistics.bootstrap import interval
from simcore.lab import recipes
from simcore.lab.evaluate import combinations, recall
from simcore.lab.evaluate.combinations import SubsetSearch
from simcore.lab.library import features, subsets
from simcore.models import registry
from simcore.recipe import Recipe
from simcore.sim import metrics
from simcore.types import Array, Collection, Direction, ImageSet


def exclusives(found: SubsetSearch) -> dict:
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


def found_and_missed(
    name: str,
    found: SubsetSearch,
    *,
    by: Sequence[str] = (),
    missed: Sequence[str] = (),
    subset: str = "all",
    direction: Direction = "lr",
) -> list[dict]:
    """Pairs found by all of `by` and by none of `missed`: query and mate, with their keys."""
    pairs = subsets.open_subset(name, subset).pairs(direction)
    rows = exclusive.found_and_missed(found.found(), by, missed)
    return [
        {
            "query": pairs.queries.ids[i],
            "query_key": pairs.queries.keys[i],
            "mate": pairs.gallery.ids[pairs.target[i]],
            "mate_key": pairs.gallery.keys[pairs.target[i]],
        }
        for i in rows
    ]


def complementary(
    name: str,
    models: Sequence[str],
    *,
    subset: str = "all",
    metric: str = recipes.OWN,
    direction: Direction = "lr",
    post: str = "none",
) -> dict:
    """Agreement, conditional gain, linear CKA and RSA, and an order that puts like by like.

    Agreement and gain are about what is found, so metric, direction and lift change them. CKA and
    RSA compare what the backbones make of the left images, before any of that.
    """
    found = combinations.search(
        name, models, subset=subset, metric=metric, direction=direction, post=post
    )
    collection = subsets.open_subset(name, subset)
    singles = found.found()
    alike = [_within(collection, model) for model in found.models]
    rsa = complementarity.rsa(alike)
    one_row = [_images(collection, model) for model in found.models]
    cka = [[_cka(a, b) for b in one_row] for a in one_row]
    return {
        "models": list(found.models),
        "order": complementarity.order(rsa),
        "agreement": exclusive.agreement(singles).tolist(),
        "gain": exclusive.gain(singles).tolist(),
        "cka": cka,
        "rsa": [[None if np.isnan(v) else float(v) for v in row] for row in rsa],
    }


def _within(collection: Collection, model: str) -> Array:
    left = features.for_side(collection, collection.left, model)
    return metrics.pairwise(left, left, registry.get(model).metric)


def _images(collection: Collection, model: str) -> Array | None:
    left = features.for_side(collection, collection.left, model)
    return left.values if left.single else None


def _cka(one: Array | None, other: Array | None) -> float | None:
    """None where an image has no row or several: CKA compares one vector an image."""
    return None if one is None or other is None else complementarity.cka(one, other)


@dataclass(frozen=True)
class Disagreement:
    """What backbones make of one pair.

    Attributes:
        query, mate: ids. ranks: of the mate, for each backbone that knows both pictures.
        log_rank_ratio: log2 of the last rank over the first; 0 where fewer than two know them.
    """

    query: str
    mate: str
    ranks: dict[str, int]
    log_rank_ratio: float

    @property
    def told(self) -> str:
        """The two that differ most, in words."""
        if len(self.ranks) < 2:
            return "fewer than two know it"
        order = sorted(self.ranks, key=self.ranks.__getitem__)
        (first, at), (last, there) = ((n, self.ranks[n]) for n in (order[0], order[-1]))
        return f"all at rank {at:,}" if at == there else f"{first} {at:,}, {last} {there:,}"


def disagreements(
    name: str, asked: Sequence[Recipe], *, subset: str = "all", direction: Direction = "lr"
) -> list[Disagreement]:
    """Every pair, the most disputed first.

    Args:
        asked: recipes of which those of one backbone are held against each other.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    collection = subsets.open_subset(name, subset)
    pairs = collection.pairs(direction)
    singles = [one for one in asked if one.combine == "none"]
    ranks = np.stack(recall.ranks_of_each(name, singles, direction, subset=subset))
    known = np.stack(
        [
            _knows(collection, pairs.queries, one)
            & _knows(collection, pairs.gallery, one)[pairs.target]
            for one in singles
        ]
    )
    apart = exclusive.rank_disagreement(ranks, known)
    return [
        Disagreement(
            pairs.queries.ids[row],
            pairs.gallery.ids[pairs.target[row]],
            {
                one.backbones[0]: int(ranks[k, row])
                for k, one in enumerate(singles)
                if known[k, row]
            },
            float(apart[row]),
        )
        for row in np.argsort(-apart, kind="stable")
    ]


def _knows(collection: Collection, side: ImageSet, recipe: Recipe) -> Array:
    """(N,) bool: pictures that the backbone has evidence of."""
    index = features.for_side(collection, side, recipe.backbones[0]).index
    return np.bincount(index, minlength=len(side)) > 0
