"""What is looked for, and what one recipe finds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simcore.data.store.vector_index import VectorIndex
from simcore.errors import BadDataError, BadImageError, unknown_name
from simcore.lab.library import collections, features, indexes
from simcore.lab.library.features import embed_upload
from simcore.lab.library.indexes import SearchPlan, best, similarity
from simcore.lab.library.similarity import recipe_row
from simcore.models import forward, registry, text_encoder, weights
from simcore.recipe import Part, Recipe
from simcore.sim import metrics, rank
from simcore.types import Array, Collection, Direction, Features

MOST = text_encoder.MAX_CHARACTERS


@dataclass(frozen=True)
class Query:
    """What is asked for: an image of the collection by its id, or the bytes of any image file."""

    id: str | None = None
    image: bytes | None = None

    def __post_init__(self) -> None:
        if (self.id is None) == (self.image is None):
            raise BadDataError("found a query with both or neither of id and image; give one")


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What one recipe finds for one query.

    Attributes:
        ids, keys: (k,) gallery images, most alike first.
        scores: (k,) similarity, higher = more alike.
        mate_id, mate_key, mate_rank, mate_score: the true mate, rank 1 = first, ties counted ahead
            of it; None where no mate is known or nothing is known about it.
        gallery: G, how many images were ranked.
        note: a sentence when evidence is missing or the search is approximate, else "".
        index: the index that the search went through, with its measured recall; None where
            everything was compared. Then the mate has a rank only if it is among the hits.
    """

    recipe: Recipe
    ids: tuple[str, ...]
    keys: tuple[str, ...]
    scores: Array
    mate_id: str | None
    mate_key: str | None
    mate_rank: int | None
    mate_score: float | None
    gallery: int
    note: str
    index: VectorIndex | None = None

    def to_dict(self) -> dict:
        """One row of the document that `simcore search --json` prints."""
        parts = self.recipe.parts
        return {
            "recipe": list(self.recipe.backbones),
            "combine": self.recipe.combine,
            "weights": [part.weight for part in parts],
            "hits": [
                {"rank": rank, "id": name, "score": float(score)}
                for rank, (name, score) in enumerate(zip(self.ids, self.scores, strict=True), 1)
            ],
            "mate": None
            if self.mate_id is None
            else {"id": self.mate_id, "rank": self.mate_rank, "score": self.mate_score},
            "search": "exact"
            if self.index is None
            else {"index": self.index.kind}
            | {"recall_at_10": self.index.recall, "queries": self.index.queries},
            "note": self.note,
        }


def hits(
    collection: Collection,
    recipe: Recipe,
    found: SearchPlan,
    mine: dict[str, Features],
    direction: Direction,
    row: int | None,
    k: int,
) -> SearchResult | None:
    """Hits through the index; None where it cannot serve this gallery."""
    gallery, query = collection.sides(direction)[1], mine[recipe.backbones[0]]
    near = best(found, gallery, query, k + 1)
    if near is None:
        return None
    index, scores = near
    if row is not None and collection.right is None:
        index, scores = index[index != row], scores[index != row]
    index, scores = index[:k], scores[:k]
    mate = row if collection.right is not None else None
    score = np.nan if mate is None else similarity(found, gallery.keys[mate], query)
    ahead = int((scores >= score).sum()) if mate is not None and mate in index else None
    return SearchResult(
        recipe=recipe,
        ids=tuple(gallery.ids[i] for i in index),
        keys=tuple(gallery.keys[i] for i in index),
        scores=scores,
        mate_id=None if mate is None else gallery.ids[mate],
        mate_key=None if mate is None else gallery.keys[mate],
        mate_rank=ahead,
        mate_score=None if np.isnan(score) else float(score),
        gallery=len(gallery),
        note=found.note,
        index=found.index,
    )


def read_file(path: Path) -> bytes:
    """The bytes of an image file that a person named.

    Raises:
        BadImageError: no such file, or a folder.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadImageError(
            f"found no readable file at {str(path)!r} ({error.strerror}); expected an image file"
        ) from error


def search(
    name: str,
    query: Query,
    asked: Sequence[Recipe],
    *,
    direction: Direction = "lr",
    k: int = 10,
    way: str = "",
) -> list[SearchResult]:
    """The k most similar gallery images under each recipe.

    Args:
        name: collection; features must have been extracted.
        asked: recipes, in the order in which they come back.
        direction: "lr" looks from a left image into the right side, "rl" the other way.
        k: how many to return, 1 or more.
        way: "exact", "index", or "auto" by the gallery's size; "" is SIMCORE_SEARCH, else "auto".

    Raises:
        UnknownNameError: no such collection, id, backbone or way.
        BadImageError: the query's bytes are no usable image.
        BadDataError: features are missing, or k is below 1.
    """
    if k < 1:
        raise BadDataError(f"found k = {k}; expected 1 or more")
    collection = collections.open_(name)
    queries, gallery = collection.sides(direction)
    row = None
    if query.id is not None:
        if query.id not in queries.ids:
            raise unknown_name(f"image in {name!r} ({direction})", query.id, queries.ids)
        row = queries.ids.index(query.id)
    ways = [indexes.choose(name, gallery, recipe, way) for recipe in asked]
    needed = tuple(dict.fromkeys(b for recipe in asked for b in recipe.backbones))
    mine = (
        {b: features.for_side(collection, queries, b).take([row]) for b in needed}
        if row is not None and not any(one.index for one in ways)
        else {b: features.for_side(collection, queries.take([row]), b, large=True) for b in needed}
        if row is not None
        else embed_upload(query.image or b"", needed, trim=gallery.trim)
    )
    found = []
    for recipe, one in zip(asked, ways, strict=True):
        near = one.index and hits(collection, recipe, one, mine, direction, row, k)
        found.append(near or _exact(collection, recipe, one, mine, direction, row, k))
    return found


def _exact(
    collection: Collection,
    recipe: Recipe,
    way: indexes.SearchPlan,
    mine: dict[str, Features],
    direction: Direction,
    row: int | None,
    k: int,
) -> SearchResult:
    gallery = collection.sides(direction)[1]
    theirs = {b: features.for_side(collection, gallery, b) for b in recipe.backbones}
    values = recipe_row(collection, recipe, direction, mine, theirs)
    hits = _hits(collection, recipe, values, direction, row, k)
    return hits if way.index else replace(hits, note=f"{hits.note} {way.note}".strip())


def _hits(
    collection: Collection,
    recipe: Recipe,
    row: Array,
    direction: Direction,
    query: int | None,
    k: int,
) -> SearchResult:
    gallery = collection.sides(direction)[1]
    mate = None
    if query is not None and collection.right is None:
        row = row.copy()
        row[query] = np.nan  # an image is not its own neighbour
    elif query is not None:
        mate = query  # row i of one side is the mate of row i of the other
    index, scores = rank.top_k(row, k)
    seen = ~np.isnan(scores)
    index, scores = index[seen], scores[seen]
    known = mate is not None and not np.isnan(row[mate])
    blind = int(np.isnan(row).sum()) - (query is not None and collection.right is None)
    return SearchResult(
        recipe=recipe,
        ids=tuple(gallery.ids[i] for i in index),
        keys=tuple(gallery.keys[i] for i in index),
        scores=scores,
        mate_id=None if mate is None else gallery.ids[mate],
        mate_key=None if mate is None else gallery.keys[mate],
        mate_rank=int(rank.mate_ranks(row[None], np.array([mate]))[0]) if known else None,
        mate_score=float(row[mate]) if mate is not None and known else None,
        gallery=len(gallery),
        note=_note(blind, len(gallery), mate is not None and not known),
    )


def _note(blind: int, gallery: int, mate_blind: bool) -> str:
    if blind == gallery:
        return "No evidence: this recipe found nothing to compare in the query."
    if mate_blind:
        return f"No evidence about the mate, nor about {blind - 1:,} other images."
    return (
        f"No evidence about {blind:,} of {gallery:,} images; they are not ranked." if blind else ""
    )


def ready(name: str) -> list[str]:
    """Backbones of a collection that can be asked by words: features and weights are here."""
    return [
        row["backbone"]
        for row in features.counts(collections.open_(name))
        if text_encoder.has_text_encoder(row["backbone"])
        and row["done"] == row["images"]
        and weights.status(registry.get(row["backbone"]))[0]
    ]


def search_text(
    name: str, words: str, backbone: str, *, direction: Direction = "lr", k: int = 10
) -> SearchResult:
    """The k images of the gallery side nearest to a text, by cosine.

    Args:
        direction: "lr" looks into the right side, "rl" into the left, as for images.

    Raises:
        BadDataError: no CLIP backbone, no words, features missing, or k below 1.
        MissingWeightsError: the backbone's weights are not here.
    """
    if k < 1:
        raise BadDataError(f"found k = {k}; expected 1 or more")
    collection = collections.open_(name)
    gallery = collection.sides(direction)[1]
    row = text_encoder.embed(backbone, words, forward.resolve_device("auto"))
    query = Features(backbone, np.zeros(1, np.int64), row[None], 1)
    values = metrics.pairwise(query, features.for_side(collection, gallery, backbone), "cosine")[0]
    index, scores = rank.top_k(values, k)
    return SearchResult(
        Recipe((Part(backbone, "cosine"),)),
        tuple(gallery.ids[i] for i in index),
        tuple(gallery.keys[i] for i in index),
        scores,
        None,
        None,
        None,
        None,
        len(gallery),
        "",
    )
