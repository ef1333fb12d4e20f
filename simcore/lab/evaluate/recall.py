"""Running evaluations on a collection and putting the numbers into tables."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.retrieval import associative_recall as retrieval_associative_recall
from simcore.evaluate.retrieval import recall as retrieval_recall
from simcore.evaluate.retrieval.recall import curve as recall_curve
from simcore.evaluate.retrieval.recall import recall_at
from simcore.evaluate.statistics.bootstrap import interval
from simcore.evaluate.statistics.correlation import correlations
from simcore.lab import recipes
from simcore.lab.library import collections, features, subsets
from simcore.models import registry
from simcore.recipe import Recipe
from simcore.results import RecallRow, RecallTable
from simcore.sim import combine
from simcore.types import Array, Collection, Direction


def recall(
    name: str,
    asked: Sequence[Recipe],
    *,
    direction: Direction = "lr",
    ks: Sequence[int] = (1, 5, 10),
    metric: str = "own",
    subset: str = "all",
) -> RecallTable:
    """Share of queries whose mate is among the first k, for every recipe and k.

    Args:
        name: a collection of pairs with features.
        asked: recipes, one row each.
        metric: only written into the table; the recipes decide.
        subset: a part of the pairs, see `selection.SUBSETS`.

    Raises:
        BadDataError: no known mates, features missing, or a k outside 1..G.
    """
    found = ranks_of_each(name, asked, direction, subset=subset)
    rows = [
        RecallRow(recipe, {k: recall_at(ranks, k) for k in ks})
        for recipe, ranks in zip(asked, found, strict=True)
    ]
    pairs = len(subsets.open_subset(name, subset).pairs(direction))
    return RecallTable(name, pairs, metric, direction, tuple(rows), subset)


def curve(
    name: str, asked: Sequence[Recipe], *, direction: Direction = "lr", subset: str = "all"
) -> dict:
    """Recall at every k for every recipe (Fig. 2b): {"k", "rows": [{"recipe", "recall"}]}."""
    gallery = len(subsets.open_subset(name, subset).pairs(direction).gallery)
    found = ranks_of_each(name, asked, direction, subset=subset)
    rows = [
        {
            "recipe": list(one.backbones),
            "combine": one.combine,
            "label": one.label,
            "recall": recall_curve(ranks, gallery).tolist(),
        }
        for one, ranks in zip(asked, found, strict=True)
    ]
    return {"collection": name, "subset": subset, "gallery": gallery, "rows": rows}


def cosine_minus_l2(
    name: str, models: Sequence[str], *, subset: str = "all", direction: Direction = "lr"
) -> dict:
    """Recall by cosine minus recall by L2 at every k (Fig. 2a)."""
    curves = [
        curve(name, recipes.parse(models, metric=metric), direction=direction, subset=subset)
        for metric in ("cosine", "l2")
    ]
    rows = [
        {
            "recipe": one["recipe"],
            "difference": [a - b for a, b in zip(one["recall"], other["recall"], strict=True)],
        }
        for one, other in zip(curves[0]["rows"], curves[1]["rows"], strict=True)
    ]
    return {"collection": name, "subset": subset, "rows": rows}


def associative_recall(
    name: str,
    recipe: Recipe,
    *,
    subset: str = "all",
    direction: Direction = "lr",
    sizes: Sequence[int] = retrieval_associative_recall.SIZES,
    repetitions: int = 10,
    seed: int = 0,
) -> dict:
    """Correct choices among m images (Table 2a): exact, and drawn as the paper drew them."""
    found = ranks(name, recipe, direction, subset=subset)
    gallery = len(subsets.open_subset(name, subset).pairs(direction).gallery)
    rows = []
    for m in (size for size in sizes if size <= gallery):
        exact = retrieval_associative_recall.exact_recall(found, gallery, m)
        low, high = interval(exact.astype("float32"))
        draws = retrieval_associative_recall.simulated_recall(
            found, gallery, m, repetitions=repetitions, seed=seed
        )
        rows.append(
            {
                "m": m,
                "exact": float(exact.mean()),
                "ci95": [low, high],
                "simulated": float(draws.mean()),
                "spread": float(draws.std()),
            }
        )
    return {"collection": name, "subset": subset, "recipe": recipe.label, "rows": rows}


def votes(name: str, recipe: Recipe, *, subset: str = "all", direction: Direction = "lr") -> dict:
    """Correlation of up- and down-votes with each pair's similarity.

    Only CSLS, which looks at the gallery, makes a pair's similarity depend on the direction.

    Raises:
        BadDataError: the collection has no votes.
    """
    collection = subsets.open_subset(name, subset)
    if collection.votes is None:
        raise BadDataError(
            f"found no votes for {name!r}; expected a CSV with id, wins, fails; "
            "add the collection again with --votes"
        )
    alike = mate_scores(name, recipe, direction, subset=subset)
    rows = {
        kind: [vars(found) for found in correlations(collection.votes[:, column], alike)]
        for column, kind in enumerate(("up", "down"))
    }
    return {"collection": name, "subset": subset, "recipe": recipe.label, "votes": rows}


def post_processing_gains(
    name: str,
    models: Sequence[str],
    *,
    subset: str = "all",
    direction: Direction = "lr",
    metric: str = "own",
) -> dict:
    """What grid pooling, centring and CSLS add to each backbone: hits, one step after another.

    A backbone with a "-grid" twin whose features are ready goes on from that twin.

    Returns:
        {"steps", "rows": [{"backbone", "hits": one a step, None where there is no twin}]}.
    """
    steps = ("as the papers", "3 x 3 grid", "+ centring", "+ CSLS")
    pairs = subsets.open_subset(name, subset).pairs(direction)
    rows = []
    for model in registry.expand_groups(list(models)):
        grid = f"{model}-grid"
        there = grid in registry.names() and features.is_ready(collections.open_(name), grid)
        ways = [
            (model, "none"),
            (grid if there else "", "none"),
            (grid if there else model, "center"),
            (grid if there else model, "center+csls"),
        ]
        found: list[int | None] = []
        for backbone, post in ways:
            if not backbone:
                found.append(None)
                continue
            (recipe,) = recipes.parse([backbone], metric=metric, post=post)
            mate_ranks = ranks(name, recipe, direction, subset=subset)
            found.append(int((mate_ranks == 1).sum()))
        rows.append({"backbone": model, "hits": found})
    return {
        "collection": name,
        "subset": subset,
        "pairs": len(pairs),
        "steps": list(steps),
        "rows": rows,
    }


def failed_queries(name: str, recipe: Recipe, direction: Direction = "lr") -> list[str]:
    """Ids of the queries whose mate does not come first, in the collection's order."""
    queries, _ = collections.open_(name).sides(direction)
    return [queries.ids[i] for i in np.flatnonzero(ranks(name, recipe, direction) > 1)]


def ranks(name: str, recipe: Recipe, direction: Direction = "lr", *, subset: str = "all") -> Array:
    """(Q,) int64, 1-based rank of each query's mate; every tie is ahead of it.

    Raises:
        BadDataError: the collection has no known mates, or features are missing.
    """
    (found,) = ranks_of_each(name, [recipe], direction, subset=subset)
    return found


def ranks_of_each(
    name: str, asked: Sequence[Recipe], direction: Direction = "lr", *, subset: str = "all"
) -> list[Array]:
    """As `ranks` for several recipes; those not known yet are worked out together."""
    collection = subsets.open_subset(name, subset)
    known = _RANKS.setdefault(collection, {})
    new = [one for one in dict.fromkeys(asked) if (one, direction) not in known]
    if new:
        pairs = collection.pairs(direction)
        needed = dict.fromkeys(b for recipe in new for b in recipe.backbones)
        mine = {b: features.for_side(collection, pairs.queries, b) for b in needed}
        theirs = {b: features.for_side(collection, pairs.gallery, b) for b in needed}
        found = retrieval_recall.ranks_of_each(
            pairs, [recipes.resolve(recipe) for recipe in new], mine, theirs
        )
        for recipe, ranks in zip(new, found, strict=True):
            ranks.flags.writeable = False
            known[recipe, direction] = ranks
    return [known[recipe, direction] for recipe in asked]


# `open_` hands out the same object until its files change, so what is kept by it is never stale.
_RANKS: WeakKeyDictionary[Collection, dict[tuple[Recipe, Direction], Array]] = WeakKeyDictionary()


def mate_scores(
    name: str, recipe: Recipe, direction: Direction = "lr", *, subset: str = "all"
) -> Array:
    """(Q,) similarity of each query to its own mate; NaN without evidence."""
    collection = subsets.open_subset(name, subset)
    pairs = collection.pairs(direction)
    mine = {b: features.for_side(collection, pairs.queries, b) for b in recipe.backbones}
    theirs = {b: features.for_side(collection, pairs.gallery, b) for b in recipe.backbones}
    found = np.empty(len(pairs))
    for start, values in combine.blocks(recipes.resolve(recipe), mine, theirs):
        rows = np.arange(start, start + len(values))
        found[rows] = values[rows - start, pairs.target[rows]]
    return found
