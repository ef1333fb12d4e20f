"""Failure cases and what people say of them: the queue, tags, other mates, undo."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcore.data.answers import reviews
from simcore.data.answers.reviews import PairKeys, Said
from simcore.data.answers.tables import Judgement
from simcore.errors import BadDataError, unknown
from simcore.lab import collections, features, recipes
from simcore.sim import combine, rank
from simcore.specs import Recipe
from simcore.types import Array, Collection

# What makes two pictures look alike, and what is wrong with a pair (after the papers' discussions).
FACETS = (
    "colour", "shape", "texture", "pose", "layout", "face", "expression", "semantic part",
    "duplicate", "bad pair",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One failure.

    Attributes:
        query: id of the left image.
        rank: of its mate.
        margin: how much more alike the recipe finds the first picture than the mate; NaN where it
            knows nothing about the mate.
    """

    query: str
    rank: int
    margin: float


def queue(name: str, recipe: Recipe) -> list[Case]:
    """The queries whose mate does not come first; the surest mistakes first.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    collection = collections.open_(name)
    ranks, margin = _stands(collection, recipe)
    failed = np.flatnonzero(ranks > 1)
    order = np.argsort(-np.nan_to_num(margin[failed], nan=-np.inf), kind="stable")
    ids = collection.left.ids
    return [Case(ids[i], int(ranks[i]), float(margin[i])) for i in failed[order]]


def pair(name: str, query: str) -> tuple[PairKeys, str]:
    """The content keys of a query and its mate, and the mate's id.

    Raises:
        UnknownNameError: no such query.
    """
    known = pairs_of(collections.open_(name))
    if query not in known:
        raise unknown(f"image in {name!r}", query, known)
    return known[query]


# A Collection is hashed by identity, and the same object is handed out until its files change.
@lru_cache(maxsize=8)
def pairs_of(collection: Collection) -> dict[str, tuple[PairKeys, str]]:
    """{query's id: (content keys of it and its mate, the mate's id)}."""
    pairs = collection.pairs()
    mates = pairs.gallery.take(pairs.target)
    both = zip(pairs.queries.keys, mates.keys, mates.ids, strict=True)
    return {
        query: ((one, other), mate)
        for query, (one, other, mate) in zip(pairs.queries.ids, both, strict=True)
    }


def say(name: str, query: str, annotator: str, kind: str, value: str = "") -> None:
    """Keep one judgement; it is on disk when this returns.

    Args:
        query: id of the left image of the pair.
        kind: one of `reviews.KINDS`.
        value: the tag, the note, or the id of a right image (accept, refuse, copy, no-copy).

    Raises:
        BadDataError: an unknown kind, a name, tag or note that is empty or too long, or the mate
            itself given as another mate.
        UnknownNameError: no such query or right image.
    """
    (query_key, mate_key), mate = pair(name, query)
    words = " ".join(value.split())
    if kind in {"accept", "refuse", "copy", "no-copy"}:
        gallery = collections.open_(name).pairs().gallery
        if words not in gallery.ids:
            raise unknown(f"right image in {name!r}", words, gallery.ids)
        words = gallery.keys[gallery.ids.index(words)]
        if words == mate_key:
            raise BadDataError(f"found the mate itself, {mate!r}; expected another right image")
    elif kind == "note":
        words = value.strip()
    reviews.say(
        Judgement(
            collection=name, query=query, query_key=query_key, mate=mate, mate_key=mate_key,
            annotator=" ".join(annotator.split()), kind=kind, value=words,
        )
    )  # fmt: skip


def undo(name: str, annotator: str) -> str | None:
    """Take back an annotator's last judgement; the id of its query, or None where there is none."""
    taken = reviews.undo(name, " ".join(annotator.split()))
    return None if taken is None else taken.query


def said(name: str) -> dict[PairKeys, dict[str, Said]]:
    """{pair: {annotator: what they say}}."""
    return reviews.standing(name)


def own_tags(standing: Mapping[PairKeys, Mapping[str, Said]]) -> list[str]:
    """Tags beyond `FACETS` that somebody uses, sorted."""
    used = {tag for pair in standing.values() for one in pair.values() for tag in one.tags}
    return sorted(used - set(FACETS))


def export(name: str) -> str:
    """All judgements that stand, one a row, as CSV.

    Raises:
        UnknownNameError: no such collection.
    """
    collections.open_(name)
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["query", "mate", "annotator", "kind", "value", "said", "query_key", "mate_key"])
    for one in reviews.judgements(name):
        write.writerow([one.query, one.mate, one.annotator, one.kind, one.value,
                        f"{one.said:.3f}", one.query_key, one.mate_key])  # fmt: skip
    return out.getvalue()


@lru_cache(maxsize=32)
def _stands(collection: Collection, recipe: Recipe) -> tuple[Array, Array]:
    """(Q,) rank of the mate, and how much more alike the best other picture is than the mate."""
    pairs = collection.pairs()
    mine = {b: features.read(collection, pairs.queries, b) for b in recipe.backbones}
    theirs = {b: features.read(collection, pairs.gallery, b) for b in recipe.backbones}
    found, ranks = np.full(len(pairs), np.nan), np.empty(len(pairs), np.int64)
    for start, values in combine.blocks(recipe, mine, theirs, recipes.own([recipe])):
        rows = np.arange(len(values))
        target = pairs.target[start + rows]
        ranks[start + rows] = rank.ranks(values, target)
        mate = values[rows, target].copy()
        others = np.nan_to_num(values, nan=-np.inf)
        others[rows, target] = -np.inf
        best = others.max(axis=1)
        found[start + rows] = np.where(np.isfinite(best), best, np.nan) - mate
    ranks.flags.writeable = found.flags.writeable = False
    return ranks, found
