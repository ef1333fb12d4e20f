"""How a map is drawn: where its points go, and what they can be coloured by."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from simcore.data.answers import reviews
from simcore.errors import BadDataError, unknown
from simcore.lab.maps import Map
from simcore.types import Array

BY = {
    "side": "Side",
    "found": "Mate first or missed",
    "rank": "Rank of the mate",
    "cluster": "Group of alike images",
    "faces": "Detected faces",
    "tags": "What reviewers tagged",
}
MOST_TAGS = 5  # in colours of their own; the palette has seven
RANKS = (1, 5, 20, 100)  # up to and with; beyond the last is the last group


@dataclass(frozen=True)
class Colours:
    """Groups of a map's points.

    Attributes:
        names: (g,) what each group is called; counts: how many of its images have a place.
        group: (n,) group of each point.
        ordered: whether the groups are steps of one scale.
        quiet: whether the last group is what the others stand out from.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]
    group: tuple[int, ...]
    ordered: bool
    quiet: bool


def placed(at: Array, size: int) -> tuple[list[int], list[int]]:
    """x and y in a square from 0 to `size`; -1 = no place. Both axes keep one scale, up is up.

    >>> placed(np.array([[0, 0], [4, 1], [np.nan, np.nan]]), 100)
    ([0, 100, -1], [62, 38, -1])
    """
    known = ~np.isnan(at[:, 0])
    low, high = at[known].min(axis=0), at[known].max(axis=0)
    scale = size / max(float((high - low).max()), 1e-12)
    out = np.full(at.shape, -1, np.int64)
    out[known] = np.rint((at[known] - (low + high) / 2) * (scale, -scale) + size / 2)
    return out[:, 0].tolist(), out[:, 1].tolist()


def possible(found: Map) -> list[str]:
    """What this map's points can be coloured by."""
    kept = list(BY)
    if len(found.sides) < 2:
        kept = [by for by in kept if by not in {"side", "found", "rank"}]
    if not any(tags(found)):
        kept = [by for by in kept if by != "tags"]
    return kept if found.faces() is not None else [by for by in kept if by != "faces"]


def of(found: Map, by: str) -> Colours:
    """The groups of a map's points.

    Raises:
        UnknownNameError: no such thing to colour by. BadDataError: nothing is known of it here.
    """
    if by not in BY:
        raise unknown("colouring", by, BY)
    if by not in possible(found):
        raise BadDataError(
            f"found nothing about {BY[by].lower()} in {found.collection!r}; expected "
            f"{' or '.join(possible(found))}; faces need `simcore extract {found.collection} "
            "--models face`, tags the page Review"
        )
    names, group = _groups(found, by)
    known = group[~np.isnan(found.at[:, 0])]
    counts = np.bincount(known, minlength=len(names))
    return Colours(
        tuple(names), tuple(counts.tolist()), tuple(group.tolist()),
        by in {"rank", "faces"}, by in {"rank", "found", "tags"},
    )  # fmt: skip


def _groups(found: Map, by: str) -> tuple[list[str], Array]:
    ranks = found.ranks()
    if by == "side":
        return ["left", "right"], found.side
    if by == "found" and ranks is not None:
        return ["mate first", "missed"], (ranks > 1).astype(np.int64)
    if by == "rank" and ranks is not None:
        starts = (1, *(rank + 1 for rank in RANKS))
        ends = (*(f"{rank}" for rank in RANKS), "")
        names = [
            f"rank {a}" if str(a) == b else f"{a} to {b}" if b else f"beyond {a - 1}"
            for a, b in zip(starts, ends, strict=True)
        ]
        return names, np.searchsorted(RANKS, ranks)
    if by == "cluster":
        names = [f"group {number + 1}" for number in range(int(found.cluster.max()) + 1)]
        return names, np.maximum(found.cluster, 0)
    if by == "tags":
        return _tagged(tags(found))
    faces = found.faces()
    assert faces is not None  # `possible` said so
    return ["no face", "1 face", "2 faces", "3 or more"], np.minimum(faces, 3)


def tags(found: Map) -> list[set[str]]:
    """(n,) what at least half of its reviewers tagged the pair of each image with."""
    if len(found.sides) < 2:
        return [set() for _ in found.ids]
    agreed = reviews.agreed(reviews.standing(found.collection))
    pairs = zip(*(side.keys for side in found.sides), strict=True)
    return [agreed.get((one, other), set()) for one, other in pairs] * 2


def _tagged(said: list[set[str]]) -> tuple[list[str], Array]:
    """The commonest tags; a pair that has several counts as its commonest."""
    common = [tag for tag, _ in Counter(tag for one in said for tag in sorted(one)).most_common()]
    shown = common[:MOST_TAGS]
    names = [*shown, *(["another tag"] if len(common) > len(shown) else []), "no tag"]
    place = {tag: min(number, len(shown)) for number, tag in enumerate(common)}
    group = [min((place[tag] for tag in one), default=len(names) - 1) for one in said]
    return names, np.array(group, np.int64)
