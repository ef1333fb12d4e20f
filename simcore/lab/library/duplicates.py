"""Near-duplicate images of a collection: finding them, and the verdicts people gave."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from simcore.data import cache_dir
from simcore.errors import BadDataError
from simcore.evaluate.retrieval import near_duplicates
from simcore.lab.library import collections, features
from simcore.models import registry
from simcore.types import Array, Collection, Features, Metric

ALIKE = 0.10  # cosine distance below which two images stay on one side of a split
DUPLICATE_BACKBONES = ("densenet121", "conv", "torchvision:densenet121", "mobilenetv2")


def read_verdicts(name: str) -> frozenset[tuple[str, str]]:
    """Pairs of content keys that a person said are no near-duplicates."""
    path = _overruled(name)
    return (
        frozenset((a, b) for a, b in json.loads(path.read_text())) if path.exists() else frozenset()
    )


def store_verdicts(name: str, pairs: frozenset[tuple[str, str]]) -> None:
    """Remember such pairs, in place of what was remembered."""
    cache_dir.write_atomic(_overruled(name), json.dumps(sorted(pairs)).encode())


def verdicts_changed(name: str) -> int:
    """Changes whenever such a pair is added or taken back."""
    path = _overruled(name)
    return path.stat().st_mtime_ns if path.exists() else 0


def _overruled(name: str) -> Path:
    return cache_dir.root() / "collections" / name / "overruled.json"


def pair_groups(collection: Collection) -> tuple[Array, str]:
    """(N,) groups of pairs that must stay together, and the backbone that says so ("" = none).

    Pairs with the same picture always do; near-duplicates where a generic network's features are
    there to find them.
    """
    pairs = collection.pairs()
    sides = (pairs.queries, pairs.gallery)
    by = default_backbone_if_ready(collection)
    twins = []
    if by:
        rows = [features.for_side(collection, side, by) for side in sides]
        twins = near_duplicates.find(rows[0], rows[1], within=ALIKE, across=ALIKE)
    seen: dict[str, int] = {}
    for side in sides:
        for row, key in enumerate(side.keys):
            first = seen.setdefault(key, row)
            if first != row:
                twins.append(near_duplicates.NearDuplicate("left", first, "left", row, 0.0))
    return near_duplicates.groups(twins, len(pairs)), by


def set_verdict(name: str, twin: near_duplicates.NearDuplicate, *, duplicate: bool) -> None:
    """Remember what a person says of two images: by their content, so it outlives thresholds.

    It counts for the protocols that follow the text; the `-paper` ones stay as they were run.
    """
    pair = image_keys(collections.open_(name), twin)
    known = read_verdicts(name)
    store_verdicts(name, known - {pair} if duplicate else known | {pair})


def default_backbone(name: str) -> str:
    """The network that near-duplicates are judged by unless another is asked for.

    Raises:
        BadDataError: no generic network's features are there yet.
    """
    return generic_backbone(collections.open_(name))


def default_backbone_if_ready(collection: Collection) -> str:
    """The same for an open collection; empty where no generic network's features are there."""
    try:
        return generic_backbone(collection)
    except BadDataError:
        return ""


# Pages ask again whenever anything on them changes; what a person refuses is taken off afterwards.
@lru_cache(maxsize=8)
def find_near_duplicates(
    collection: Collection, by: str, within: float, across: float, metric: Metric = "cosine"
) -> tuple[near_duplicates.NearDuplicate, ...]:
    both = both_sides(collection, by)
    return tuple(near_duplicates.find(*both, within=within, across=across, metric=metric))


def both_sides(collection: Collection, backbone: str) -> tuple[Features, Features]:
    pairs = collection.pairs()
    left, right = (
        features.for_side(collection, s, backbone) for s in (pairs.queries, pairs.gallery)
    )
    return left, right


def image_keys(collection: Collection, twin: near_duplicates.NearDuplicate) -> tuple[str, str]:
    """The content keys of two images, in an order that does not depend on who came first."""
    sides = {"left": collection.left, "right": collection.pairs().gallery}
    one, other = sides[twin.side].keys[twin.row], sides[twin.other_side].keys[twin.other]
    return min(one, other), max(one, other)


def refused_pairs(
    collection: Collection, twins: Sequence[near_duplicates.NearDuplicate]
) -> frozenset[near_duplicates.Identity]:
    known = read_verdicts(collection.name)
    if not known:
        return frozenset()
    return frozenset(
        near_duplicates.identity(t) for t in twins if image_keys(collection, t) in known
    )


def generic_backbone(collection: Collection) -> str:
    """The network that near-duplicates are judged by: densenet121 where it is ready."""
    for name in (*DUPLICATE_BACKBONES, *registry.names("networks")):
        if features.is_ready(collection, name):
            return name
    raise BadDataError(
        f"found no features of a generic network for {collection.name!r}; near-duplicates need "
        f"one; run `simcore extract {collection.name} --models mobilenetv2` first"
    )
