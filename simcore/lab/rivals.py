"""What learning has to beat: the best z-sum, chosen on the pairs that it may learn from."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate import asymmetric, combinations
from simcore.evaluate.recall import ranks_of
from simcore.lab import combine, features, recipes
from simcore.learn.splits import Split
from simcore.specs import Part, Recipe
from simcore.types import DIRECTIONS, LIFTS, Array, Collection, Lift

MOST = 12  # backbones whose 4,095 subsets are searched for every split and lift


def check(names: Sequence[str]) -> None:
    """Whether a best z-sum can be searched among so many.

    Raises:
        BadDataError: there are more than `MOST`.
    """
    if len(names) > MOST:
        raise BadDataError(
            f"found {len(names)} backbones; the best z-sum is searched among at most {MOST}; "
            "leave some out, or --rival"
        )


def best_sum(
    collection: Collection,
    names: Sequence[str],
    split: Split,
    *,
    lifts: Sequence[Lift] = LIFTS,
) -> tuple[Recipe, Array]:
    """The z-sum and lift with most hits on the pairs learned from, judged on the test pairs.

    Args:
        names: at most `MOST`. lifts: that may be chosen.

    Returns:
        the recipe, and (T,) asymmetric ranks in the gallery of the test pairs.

    Raises:
        BadDataError: more backbones than that.
    """
    check(names)
    rows = np.sort(np.concatenate([split.train, split.validation]))
    known = _part(collection, rows)
    best: tuple[int, Recipe] | None = None
    for lift in lifts:
        found = combine.search_in(known, tuple(names), "lr", None, lift)
        top = combinations.best(found.hits["zsum"])
        parts = tuple(Part(name) for name in top.models)
        recipe = Recipe(parts, "zsum" if len(parts) > 1 else "none", lift)
        if best is None or top.hits > best[0]:
            best = top.hits, recipe
    assert best is not None
    return best[1], asymmetric_ranks(_part(collection, split.test), best[1])


def asymmetric_ranks(collection: Collection, recipe: Recipe) -> Array:
    """(N,) the better of both directions' ranks of each pair of a collection."""
    own, found = recipes.own([recipe]), []
    for direction in DIRECTIONS:
        pairs = collection.pairs(direction)
        sides = [
            {name: features.read(collection, side, name) for name in recipe.backbones}
            for side in (pairs.queries, pairs.gallery)
        ]
        found.append(ranks_of(pairs, recipe, sides[0], sides[1], own))
    return np.minimum(*found)


def spread(
    collection: Collection, names: Sequence[str], drawn: Sequence[Split]
) -> tuple[asymmetric.Spread, list[str]]:
    """`best_sum` of every split: asymmetric recall, and the recipe that each chose."""
    told = [best_sum(collection, names, split) for split in drawn]
    return asymmetric.spread([ranks for _, ranks in told]), [
        f"{recipe.label}, {recipe.lift}" for recipe, _ in told
    ]


def _part(collection: Collection, rows: Array) -> Collection:
    return replace(
        collection,
        left=collection.left.take(rows),
        right=collection.pairs().gallery.take(rows),
        votes=None,
        digest=f"{collection.digest}-rows",
    )
