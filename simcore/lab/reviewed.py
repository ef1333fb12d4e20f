"""What judgements change: recall without bad pairs, facets and who serves them, agreement."""

from collections.abc import Mapping, Sequence

import numpy as np

from simcore.data.answers import reviews
from simcore.data.answers.reviews import PairKeys, Said
from simcore.evaluate import agreement
from simcore.evaluate.recall import recall_at
from simcore.lab import collections, features, recipes, retrieve, review, selection
from simcore.sim import combine, rank
from simcore.specs import Recipe
from simcore.types import Array, Collection

KS = (1, 5, 10)
Standing = Mapping[PairKeys, Mapping[str, Said]]


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
    collection, standing = collections.open_(name), review.said(name)
    tags = reviews.agreed(standing)
    return {
        "collection": name,
        "pairs": len(collection.left),
        "reviewed": len(standing),
        "annotators": _annotators(standing),
        "agreement": _agreement(standing),
        "left_out": len(collection.left) - len(selection.open_(name, "reviewed").left),
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
            {"tag": tag, "pairs": len(shared), "same": same, "alpha": agreement.alpha(counts)}
        )
    return rows


def _recall(name: str, recipe: Recipe, standing: Standing) -> dict:
    """Recall as it is; with bad pairs left out; with other mates and copies accepted as well."""
    kept = selection.open_(name, "reviewed")
    fair = retrieve.ranks(name, recipe, subset="reviewed")
    return {
        "recipe": recipe.label,
        "as_it_is": _scores(retrieve.ranks(name, recipe)),
        "without_bad_pairs": _scores(fair),
        "others_accepted": _scores(_accepting(kept, recipe, fair, _columns(kept, standing))),
    }


def _rows(collection: Collection) -> dict[PairKeys, int]:
    return {keys: row for row, (keys, _) in enumerate(review.pairs_of(collection).values())}


def _columns(collection: Collection, standing: Standing) -> dict[int, list[int]]:
    """{row: columns that are as good as its mate, in people's eyes}."""
    rows, columns = _rows(collection), dict[str, int]()
    for column, key in enumerate(collection.pairs().gallery.keys):
        columns.setdefault(key, column)
    found = {}
    for pair, said in standing.items():
        other = reviews.most([one.accepted | one.copies for one in said.values()])
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
    mine = {b: features.read(collection, pairs.queries, b) for b in recipe.backbones}
    theirs = {b: features.read(collection, pairs.gallery, b) for b in recipe.backbones}
    for start, values in combine.blocks(recipe, mine, theirs, recipes.own([recipe])):
        for row in range(start, start + len(values)):
            for column in accepted.get(row, ()):
                one = rank.ranks(values[row - start][None], np.array([column]))
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
    found = {one.backbones[0]: retrieve.ranks(collection.name, one) for one in singles}
    order = {tag: n for n, tag in enumerate(review.FACETS)}
    told = []
    for tag in sorted(by_tag, key=lambda tag: (order.get(tag, len(order)), tag)):
        at = np.array(by_tag[tag])
        told.append(
            {"tag": tag, "pairs": len(at),
             "backbones": {b: _served(ranks[at]) for b, ranks in found.items()}}
        )  # fmt: skip
    return told


def _served(ranks: Array) -> dict:
    """Hits, recall at 10, and the median rank, which says most where hardly any is a hit."""
    return {
        "hits": int((ranks == 1).sum()),
        "recall_10": float((ranks <= 10).mean()),
        "median_rank": float(np.median(ranks)),
    }
