"""Where backbones differ most about a pair: one puts the mate first, another far behind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.evaluate import exclusive
from simcore.lab import features, retrieve, selection
from simcore.specs import Recipe
from simcore.types import Array, Collection, Direction, ImageSet


@dataclass(frozen=True)
class Dispute:
    """What backbones make of one pair.

    Attributes:
        query, mate: ids. ranks: of the mate, for each backbone that knows both pictures.
        apart: log2 of the last rank over the first; 0 where fewer than two know them.
    """

    query: str
    mate: str
    ranks: dict[str, int]
    apart: float

    @property
    def told(self) -> str:
        """The two that differ most, in words."""
        if len(self.ranks) < 2:
            return "fewer than two know it"
        order = sorted(self.ranks, key=self.ranks.__getitem__)
        (first, at), (last, there) = ((n, self.ranks[n]) for n in (order[0], order[-1]))
        return f"all at rank {at:,}" if at == there else f"{first} {at:,}, {last} {there:,}"


def disputes(
    name: str, asked: Sequence[Recipe], *, subset: str = "all", direction: Direction = "lr"
) -> list[Dispute]:
    """Every pair, the most disputed first.

    Args:
        asked: recipes of which those of one backbone are held against each other.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    collection = selection.open_(name, subset)
    pairs = collection.pairs(direction)
    singles = [one for one in asked if one.combine == "none"]
    ranks = np.stack(retrieve.ranks_of_each(name, singles, direction, subset=subset))
    known = np.stack(
        [
            _knows(collection, pairs.queries, one)
            & _knows(collection, pairs.gallery, one)[pairs.target]
            for one in singles
        ]
    )
    apart = exclusive.apart(ranks, known)
    return [
        Dispute(
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
    index = features.read(collection, side, recipe.backbones[0]).index
    return np.bincount(index, minlength=len(side)) > 0
