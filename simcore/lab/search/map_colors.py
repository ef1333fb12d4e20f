"""What the points of a map are colored by, and which of them a filter shows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.data.answers import review_store
from simcore.errors import BadDataError, unknown_name
from simcore.lab.library import fields, subsets
from simcore.lab.search.maps import Map
from simcore.types import Array, Labels

COLOR_BY = {
    "side": "Side",
    "found": "Mate first or missed",
    "rank": "Rank of the mate",
    "cluster": "Cluster of similar images",
    "faces": "Detected faces",
    "tags": "Tags from reviewers",
}
FIELD = "field:"  # begins the name of a coloring by a field of the collection's table
MAX_TAGS = 5  # tags with a color of their own; the palette has seven
MAX_VALUES = 7  # groups of a field; the palette has seven colors
NO_TAG = "no tag"
RANKS = (1, 5, 20, 100)  # last rank of each group; one more group holds the rest


@dataclass(frozen=True)
class Colors:
    """Groups of a map's points.

    Attributes:
        names: (g,) labels of the groups. counts: how many images of each are on the map.
        group: (n,) group of each point.
        ordered: whether the groups are steps of one scale.
        quiet: whether the last group is the background for the others.
        hits: whether the first group are images whose mate is first, which are green.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]
    group: tuple[int, ...]
    ordered: bool
    quiet: bool
    hits: bool = False


def labels(name: str) -> Labels:
    """All ways to color the maps of a collection, its fields included, with their labels."""
    return COLOR_BY | {FIELD + field: f"Field {field}" for field in fields.names(name)}


def choices(map_: Map) -> list[str]:
    """Those of `labels` that this map has data for."""
    names = list(labels(map_.collection))
    if len(map_.sides) < 2:
        names = [name for name in names if name != "side"]
    if not map_.has_ranks:
        names = [name for name in names if name not in {"found", "rank"}]
    if not any(tags(map_)):
        names = [name for name in names if name != "tags"]
    return names if map_.faces() is not None else [name for name in names if name != "faces"]


def groups(map_: Map, by: str, shown: Array | None = None) -> Colors:
    """The groups of a map's points.

    Args:
        by: one of `labels`.
        shown: (n,) bool, the points that `Colors.counts` counts, as from `fitting`; None for all.

    Raises:
        UnknownNameError: no such coloring. BadDataError: this map has no data for it.
    """
    label_of = labels(map_.collection)
    if by not in label_of:
        raise unknown_name("coloring", by, label_of)
    if by not in choices(map_):
        raise BadDataError(
            f"Collection {map_.collection!r} has no data about {label_of[by].lower()}. Choose "
            f"{' or '.join(choices(map_))}; faces need `simcore extract {map_.collection} "
            "--models face`, tags the page Review."
        )
    names, group = _groups(map_, by)
    counted = ~np.isnan(map_.xy[:, 0])
    if shown is not None:
        counted &= shown
    counts = np.bincount(group[counted], minlength=len(names))
    return Colors(
        tuple(names),
        tuple(counts.tolist()),
        tuple(group.tolist()),
        by in {"rank", "faces"},
        by in {"rank", "found", "tags"},
        by == "found",
    )


def _groups(map_: Map, by: str) -> tuple[list[str], Array]:
    if by.startswith(FIELD):
        collection = subsets.open_subset(map_.collection, map_.subset)
        grouping = fields.group(collection, by.removeprefix(FIELD), MAX_VALUES)
        return list(grouping.names), np.tile(grouping.group, len(map_.sides))
    ranks = map_.ranks()
    if by == "side":
        return ["left", "right"], map_.side
    if by == "found" and ranks is not None:
        return ["mate first", "missed"], (ranks > 1).astype(np.int64)
    if by == "rank" and ranks is not None:
        return _rank_labels(), np.searchsorted(RANKS, ranks)
    if by == "cluster":
        names = [f"cluster {number + 1}" for number in range(int(map_.cluster.max()) + 1)]
        return names, np.maximum(map_.cluster, 0)
    if by == "tags":
        return _tag_groups(tags(map_))
    faces = map_.faces()
    assert faces is not None  # `choices` has checked it
    return ["no face", "1 face", "2 faces", "3 or more"], np.minimum(faces, 3)


def _rank_labels() -> list[str]:
    """Labels of the groups of ranks.

    >>> _rank_labels()
    ['rank 1', '2 to 5', '6 to 20', '21 to 100', 'beyond 100']
    """
    starts = [1, *(rank + 1 for rank in RANKS)]
    labels = [
        f"rank {first}" if first == last else f"{first} to {last}"
        for first, last in zip(starts, RANKS, strict=False)
    ]
    return [*labels, f"beyond {RANKS[-1]}"]


def tags(map_: Map) -> list[set[str]]:
    """(n,) tags that at least half of its reviewers gave the pair of each image."""
    agreed, untagged = {}, set[str]()
    if len(map_.sides) == 2:
        agreed = review_store.agreed_reviews(review_store.current_reviews(map_.collection))
    if not agreed:
        return [untagged] * len(map_.ids)
    pairs = zip(*(side.keys for side in map_.sides), strict=True)
    return [agreed.get((left, right), untagged) for left, right in pairs] * 2


def _tag_groups(point_tags: Sequence[set[str]]) -> tuple[list[str], Array]:
    """The most frequent tags; a pair with several counts as its most frequent one."""
    counts = Counter(tag for tags_of_point in point_tags for tag in sorted(tags_of_point))
    frequent = [tag for tag, _ in counts.most_common()]
    labeled = frequent[:MAX_TAGS]
    rest = ["another tag"] if len(frequent) > len(labeled) else []
    names = [*labeled, *rest, NO_TAG]
    number_of = {tag: min(number, len(labeled)) for number, tag in enumerate(frequent)}
    group = [
        min((number_of[tag] for tag in tags_of_point), default=len(names) - 1)
        for tags_of_point in point_tags
    ]
    return names, np.array(group, np.int64)


def tag_names(name: str) -> list[str]:
    """The tags of a collection's pairs, the most frequent first, then `NO_TAG`; or nothing."""
    agreed = review_store.agreed_reviews(review_store.current_reviews(name))
    counts = Counter(tag for own in agreed.values() for tag in sorted(own))
    return [*(tag for tag, _ in counts.most_common()), NO_TAG] if counts else []


def fitting(map_: Map, *, where: str = "", tag: str = "") -> Array | None:
    """The points that a filter shows; the map itself does not depend on it.

    Args:
        where: SQL expression over the fields of the collection, "" for none.
        tag: one of `tag_names`, "" for any.

    Returns:
        (n,) bool; None without a filter.

    Raises:
        BadDataError: no usable expression, no fields, or no image fits.
        UnknownNameError: no such field or tag.
    """
    if not where and not tag:
        return None
    shown = np.ones(len(map_.xy), bool)
    if where:
        collection = subsets.open_subset(map_.collection, map_.subset)
        rows = fields.matching_rows(collection, where)
        shown = np.tile(np.isin(np.arange(len(collection.left)), rows), len(map_.sides))
    if tag:
        if tag not in (names := tag_names(map_.collection)):
            raise unknown_name("tag", tag, names)
        has_tag = [tag in own or (tag == NO_TAG and not own) for own in tags(map_)]
        shown &= np.array(has_tag, bool)
    if not shown.any():
        raise BadDataError("No image fits the filter. Change it.")
    return shown
