"""Failure cases and what people say of them: the queue, tags, other mates, undo."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simcore.data.answers import review_store
from simcore.data.answers.review_store import PairKeys, Review
from simcore.data.answers.schema import Judgement
from simcore.errors import BadDataError, unknown_name
from simcore.evaluate.judgements import inter_annotator
from simcore.evaluate.retrieval.recall import recall_at
from simcore.lab import recipes
from simcore.lab.evaluate import recall
from simcore.lab.library import collections, features, subsets
from simcore.recipe import Recipe
from simcore.sim import combine, rank
from simcore.types import Array, Collection

# What makes two pictures look alike, and what is wrong with a pair (after the papers' discussions).
FACETS = (
    "colour",
    "shape",
    "texture",
    "pose",
    "layout",
    "face",
    "expression",
    "semantic part",
    "duplicate",
    "bad pair",
)

KS = (1, 5, 10)
Standing = Mapping[PairKeys, Mapping[str, Review]]


@dataclass(frozen=True)
class FailureCase:
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


def queue(name: str, recipe: Recipe) -> list[FailureCase]:
    """The queries whose mate does not come first; the surest mistakes first.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    collection = collections.open_(name)
    ranks, margin = _stands(collection, recipe)
    failed = np.flatnonzero(ranks > 1)
    order = np.argsort(-np.nan_to_num(margin[failed], nan=-np.inf), kind="stable")
    ids = collection.left.ids
    return [FailureCase(ids[i], int(ranks[i]), float(margin[i])) for i in failed[order]]


def pair(name: str, query: str) -> tuple[PairKeys, str]:
    """The content keys of a query and its mate, and the mate's id.

    Raises:
        UnknownNameError: no such query.
    """
    known = pairs_of(collections.open_(name))
    if query not in known:
        raise unknown_name(f"image in {name!r}", query, known)
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


def add_review(name: str, query: str, annotator: str, kind: str, value: str = "") -> None:
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
        if words not in gallery.row_of:
            raise unknown_name(f"right image in {name!r}", words, gallery.ids)
        words = gallery.keys[gallery.row_of[words]]
        if words == mate_key:
            raise BadDataError(f"found the mate itself, {mate!r}; expected another right image")
    elif kind == "note":
        words = value.strip()
    review_store.add_review(
        Judgement(
            collection=name,
            query=query,
            query_key=query_key,
            mate=mate,
            mate_key=mate_key,
            annotator=" ".join(annotator.split()),
            kind=kind,
            value=words,
        )
    )


def undo(name: str, annotator: str) -> str | None:
    """Take back an annotator's last judgement; the id of its query, or None where there is none."""
    taken = review_store.undo(name, " ".join(annotator.split()))
    return None if taken is None else taken.query


def current_review(name: str) -> dict[PairKeys, dict[str, Review]]:
    """{pair: {annotator: what they say}}."""
    return review_store.current_reviews(name)


def own_tags(standing: Mapping[PairKeys, Mapping[str, Review]]) -> list[str]:
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
    for one in review_store.judgements(name):
        write.writerow(
            [
                one.query,
                one.mate,
                one.annotator,
                one.kind,
                one.value,
                f"{one.said:.3f}",
                one.query_key,
                one.mate_key,
            ]
        )
    return out.getvalue()


@lru_cache(maxsize=32)
def _stands(collection: Collection, recipe: Recipe) -> tuple[Array, Array]:
    """(Q,) rank of the mate, and how much more alike the best other picture is than the mate."""
    pairs = collection.pairs()
    mine = {b: features.for_side(collection, pairs.queries, b) for b in recipe.backbones}
    theirs = {b: features.for_side(collection, pairs.gallery, b) for b in recipe.backbones}
    found, ranks = np.full(len(pairs), np.nan), np.empty(len(pairs), np.int64)
    for start, values in combine.blocks(recipe, mine, theirs, recipes.default_metrics([recipe])):
        rows = np.arange(len(values))
        target = pairs.target[start + rows]
        ranks[start + rows] = rank.mate_ranks(values, target)
        mate = values[rows, target].copy()
        others = np.nan_to_num(values, nan=-np.inf)
        others[rows, target] = -np.inf
        best = others.max(axis=1)
        found[start + rows] = np.where(np.isfinite(best), best, np.nan) - mate
    ranks.flags.writeable = found.flags.writeable = False
    return ranks, found


def summary(name: str, asked: Sequence[Recipe]) -> dict:
    """Everything that the reviews of a collection say.

    A tag, another mate or a copy counts where at least half of those who looked at the pair say so.

    Args:
        asked: recipes; those of one backbone stand beside each other in the facets.

    Returns:
        The document that `simcore review summary --json` prints.

    Raises:
        BadDataError: no known mates, or features are missing.
    """
    collection, standing = collections.open_(name), current_review(name)
    tags = review_store.agreed_reviews(standing)
    return {
        "collection": name,
        "pairs": len(collection.left),
        "reviewed": len(standing),
        "annotators": _annotators(standing),
        "agreement": _agreement(standing),
        "left_out": len(collection.left) - len(subsets.open_subset(name, "reviewed").left),
        "recall": [_recall(name, recipe, standing) for recipe in asked],
        "facets": _facets(collection, [one for one in asked if one.combine == "none"], tags),
    }


def _annotators(standing: Standing) -> list[dict]:
    names = sorted({name for said in standing.values() for name in said})
    return [{"name": n, "pairs": sum(n in said for said in standing.values())} for n in names]


def _agreement(standing: Standing) -> list[dict]:
    """One row a tag: on how many pairs two or more could agree, and Krippendorff's alpha."""
    shared = [said for said in standing.values() if len(said) >= 2]
    tags = sorted({tag for said in shared for one in said.values() for tag in one.tags})
    rows = []
    for tag in tags:
        given = [[tag in one.tags for one in said.values()] for said in shared]
        counts = np.array([[len(row) - sum(row), sum(row)] for row in given])
        same = float(np.mean([len(set(row)) == 1 for row in given]))
        rows.append(
            {
                "tag": tag,
                "pairs": len(shared),
                "same": same,
                "alpha": inter_annotator.krippendorff_alpha(counts),
            }
        )
    return rows


def _recall(name: str, recipe: Recipe, standing: Standing) -> dict:
    """Recall as it is; with bad pairs left out; with other mates and copies accepted as well."""
    kept = subsets.open_subset(name, "reviewed")
    fair = recall.ranks(name, recipe, subset="reviewed")
    return {
        "recipe": recipe.label,
        "as_it_is": _scores(recall.ranks(name, recipe)),
        "without_bad_pairs": _scores(fair),
        "others_accepted": _scores(_accepting(kept, recipe, fair, _columns(kept, standing))),
    }


def _rows(collection: Collection) -> dict[PairKeys, int]:
    return {keys: row for row, (keys, _) in enumerate(pairs_of(collection).values())}


def _columns(collection: Collection, standing: Standing) -> dict[int, list[int]]:
    """{row: columns that are as good as its mate, in people's eyes}."""
    rows, columns = _rows(collection), dict[str, int]()
    for column, key in enumerate(collection.pairs().gallery.keys):
        columns.setdefault(key, column)
    found = {}
    for pair, said in standing.items():
        other = review_store.most([one.accepted | one.copies for one in said.values()])
        known = [columns[key] for key in sorted(other) if key in columns]
        if pair in rows and known:
            found[rows[pair]] = known
    return found


def _accepting(
    collection: Collection, recipe: Recipe, ranks: Array, accepted: Mapping[int, Sequence[int]]
) -> Array:
    """Rank of the mate, or of the best of the pictures that are as good."""
    if not accepted:
        return ranks
    pairs, found = collection.pairs(), ranks.copy()
    mine = {b: features.for_side(collection, pairs.queries, b) for b in recipe.backbones}
    theirs = {b: features.for_side(collection, pairs.gallery, b) for b in recipe.backbones}
    for start, values in combine.blocks(recipe, mine, theirs, recipes.default_metrics([recipe])):
        for row in range(start, start + len(values)):
            for column in accepted.get(row, ()):
                one = rank.mate_ranks(values[row - start][None], np.array([column]))
                found[row] = min(found[row], int(one[0]))
    return found


def _scores(ranks: Array) -> dict:
    ks = [k for k in KS if k <= max(len(ranks), 1)]
    scores = {k: recall_at(ranks, k) for k in ks}
    return {
        "pairs": len(ranks),
        "recall": {str(k): score.value for k, score in scores.items()},
        "ci95": {str(k): [score.low, score.high] for k, score in scores.items()},
    }


def _facets(
    collection: Collection, singles: Sequence[Recipe], tags: Mapping[PairKeys, set[str]]
) -> list[dict]:
    """One row a tag: how many pairs, and each backbone's recall on them."""
    rows = _rows(collection)
    by_tag: dict[str, list[int]] = {}
    for pair, given in tags.items():
        for tag in given if pair in rows else ():
            by_tag.setdefault(tag, []).append(rows[pair])
    found = {one.backbones[0]: recall.ranks(collection.name, one) for one in singles}
    order = {tag: n for n, tag in enumerate(FACETS)}
    told = []
    for tag in sorted(by_tag, key=lambda tag: (order.get(tag, len(order)), tag)):
        at = np.array(by_tag[tag])
        told.append(
            {
                "tag": tag,
                "pairs": len(at),
                "backbones": {b: _served(ranks[at]) for b, ranks in found.items()},
            }
        )
    return told


def _served(ranks: Array) -> dict:
    """Hits, recall at 10, and the median rank, which says most where hardly any is a hit."""
    return {
        "hits": int((ranks == 1).sum()),
        "recall_10": float((ranks <= 10).mean()),
        "median_rank": float(np.median(ranks)),
    }
