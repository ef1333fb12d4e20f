"""What learning changed, on the pairs that it never saw: ranks and nearest pictures, before, after.

A learned backbone looks far too good on the pairs that it was learned from. Which those are is in
its lineage; the subset `unseen:NAME` of a collection holds the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcore.evaluate import asymmetric
from simcore.lab import collections, features, learning, selection
from simcore.models import adapted, learned
from simcore.sim import rank
from simcore.sim.metrics import normalised
from simcore.types import Array, Collection

TEN_LINES = adapted.TEN_LINES
SHOWN = 8  # pictures a row of the galleries (Fig. 4)


@dataclass(frozen=True, eq=False)
class Outcome:
    """One learned backbone on its test pairs.

    Attributes:
        pairs: the test pairs. before, after: (T, T) cosine, of the base's features side by side and
            of the learned ones. ranks: {"before", "after"}: (T,) rank of the mate from the left.
    """

    name: str
    pairs: Collection
    before: Array
    after: Array
    ranks: dict[str, Array]

    def nearest(self, row: int, stage: str, k: int = SHOWN) -> list[int]:
        """The k right images most like the left one of a row."""
        values = self.before if stage == "before" else self.after
        return [int(i) for i in rank.topk(values[row], min(k, len(values)))[0]]

    def rows(self, which: str) -> list[int]:
        """Test pairs "found" since (most gained first), "lost" since, or "all".

        A pair is found when its mate comes first.
        """
        was, now = self.ranks["before"], self.ranks["after"]
        chosen = {
            "found": (now == 1) & (was > 1), "lost": (now > 1) & (was == 1),
            "all": np.ones(len(now), bool),
        }[which]  # fmt: skip
        order = np.argsort(-np.abs(was - now), kind="stable")
        return [int(row) for row in order if chosen[row]]


def outcome(name: str) -> Outcome:
    """A learned backbone's test pairs before and after.

    Raises:
        UnknownNameError: no such learned backbone, or its collection is gone.
        BadDataError: the features of its base are gone.
    """
    told = learned.lineage(name)
    return _outcome(name, told["sha256"], selection.open_(told["collection"], f"unseen:{name}"))


@lru_cache(maxsize=8)
def _outcome(name: str, _digest: str, collection: Collection) -> Outcome:
    told = learned.lineage(name)
    both = learning.gathered(collection, told["base"])
    before = np.nan_to_num(both.left) @ np.nan_to_num(both.right).T
    pairs = collection.pairs()
    typed = learned.PREFIX + name.removeprefix(learned.PREFIX)
    sides = [features.read(collection, s, typed) for s in (pairs.queries, pairs.gallery)]
    left, right = (normalised(side.values) for side in sides)
    after = left @ right.T
    ranks = {
        stage: rank.ranks(values, pairs.target)
        for stage, values in (("before", before), ("after", after))
    }
    return Outcome(name, collection, before, after, ranks)


def file(name: str) -> bytes:
    """An adaptation's .npz, for whoever wants to use it elsewhere with `TEN_LINES`.

    Raises:
        UnknownNameError: no such learned backbone.
    """
    stem = name.removeprefix(learned.PREFIX)
    return learned.place(stem, learned.lineage(stem)["file"].rpartition(".")[2]).read_bytes()


def table(collection: str) -> list[dict]:
    """Every learned backbone of a collection: what it was made of, and aR on its test pairs."""
    return [
        {
            "backbone": one["name"],
            "paradigm": one["paradigm"],
            "base": " + ".join(one["base"]),
            **{f"aR@{k} %": round(100 * one["aR"][str(k)], 1) for k in asymmetric.KS},
            "test pairs": len(one["test_ids"]),
            "seed": one["seed"],
        }
        for one in learning.listing()
        if one.get("collection") == collection
    ]


def seen(collection: str, models: Sequence[str], subset: str) -> str:
    """A sentence where numbers are about pairs that a backbone was learned from; else empty."""
    guilty = [
        name
        for name in selection.taught(collections.open_(collection))
        if name in models and subset != f"unseen:{name.removeprefix(learned.PREFIX)}"
    ]
    if not guilty:
        return ""
    own = guilty[0].removeprefix(learned.PREFIX)
    return (
        f"{', '.join(guilty)} was learned from some of these very pairs, so its numbers are far "
        f"too good; the pairs that it never saw are the subset unseen:{own}"
    )
