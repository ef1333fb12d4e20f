"""Looking up what looks alike: one query, several recipes."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from simcore.data import images
from simcore.errors import BadDataError, BadImageError, unknown
from simcore.evaluate import recall
from simcore.lab import collections, features, nearest, recipes, selection, sides
from simcore.lab.hits import Hits, Query
from simcore.models import forward, registry
from simcore.sim import combine, rank
from simcore.specs import Recipe
from simcore.types import Array, Collection, Direction, Features


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
) -> list[Hits]:
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
            raise unknown(f"image in {name!r} ({direction})", query.id, queries.ids)
        row = queries.ids.index(query.id)
    ways = [nearest.way(name, gallery, recipe, way) for recipe in asked]
    needed = tuple(dict.fromkeys(b for recipe in asked for b in recipe.backbones))
    mine = (
        {b: features.read(collection, queries, b).take([row]) for b in needed}
        if row is not None and not any(one.index for one in ways)
        else {b: features.read(collection, queries.take([row]), b, large=True) for b in needed}
        if row is not None
        else embed(query.image or b"", needed, trim=gallery.trim)
    )
    found = []
    for recipe, one in zip(asked, ways, strict=True):
        hits = one.index and nearest.hits(collection, recipe, one, mine, direction, row, k)
        found.append(hits or _exact(collection, recipe, one, mine, direction, row, k))
    return found


def _exact(
    collection: Collection,
    recipe: Recipe,
    way: nearest.Way,
    mine: dict[str, Features],
    direction: Direction,
    row: int | None,
    k: int,
) -> Hits:
    gallery = collection.sides(direction)[1]
    theirs = {b: features.read(collection, gallery, b) for b in recipe.backbones}
    values = _row(collection, recipe, direction, mine, theirs)
    hits = _hits(collection, recipe, values, direction, row, k)
    return hits if way.index else replace(hits, note=f"{hits.note} {way.note}".strip())


def embed(data: bytes, backbones: tuple[str, ...], *, trim: int = 0) -> dict[str, Features]:
    """Features of one uploaded image; the last few uploads are kept in memory, never on disk."""
    return dict(zip(backbones, _embed(data, backbones, trim), strict=True))


def failures(name: str, recipe: Recipe, direction: Direction = "lr") -> list[str]:
    """Ids of the queries whose mate does not come first, in the collection's order."""
    queries, _ = collections.open_(name).sides(direction)
    return [queries.ids[i] for i in np.flatnonzero(ranks(name, recipe, direction) > 1)]


def ranks(name: str, recipe: Recipe, direction: Direction = "lr", *, subset: str = "all") -> Array:
    """(Q,) int64, 1-based rank of each query's mate; every tie is ahead of it.

    Raises:
        BadDataError: the collection has no known mates, or features are missing.
    """
    (found,) = ranks_of_each(name, [recipe], direction, subset=subset)
    return found


def ranks_of_each(
    name: str, asked: Sequence[Recipe], direction: Direction = "lr", *, subset: str = "all"
) -> list[Array]:
    """As `ranks` for several recipes; those not known yet are worked out together."""
    collection = selection.open_(name, subset)
    known = _RANKS.setdefault(collection, {})
    new = [one for one in dict.fromkeys(asked) if (one, direction) not in known]
    if new:
        pairs = collection.pairs(direction)
        needed = dict.fromkeys(b for recipe in new for b in recipe.backbones)
        mine = {b: features.read(collection, pairs.queries, b) for b in needed}
        theirs = {b: features.read(collection, pairs.gallery, b) for b in needed}
        found = recall.ranks_of_each(pairs, new, mine, theirs, recipes.own(new))
        for recipe, ranks in zip(new, found, strict=True):
            ranks.flags.writeable = False
            known[recipe, direction] = ranks
    return [known[recipe, direction] for recipe in asked]


# `open_` hands out the same object until its files change, so what is kept by it is never stale.
_RANKS: WeakKeyDictionary[Collection, dict[tuple[Recipe, Direction], Array]] = WeakKeyDictionary()


def mate_scores(
    name: str, recipe: Recipe, direction: Direction = "lr", *, subset: str = "all"
) -> Array:
    """(Q,) similarity of each query to its own mate; NaN without evidence."""
    collection = selection.open_(name, subset)
    pairs = collection.pairs(direction)
    mine = {b: features.read(collection, pairs.queries, b) for b in recipe.backbones}
    theirs = {b: features.read(collection, pairs.gallery, b) for b in recipe.backbones}
    found = np.empty(len(pairs))
    for start, values in combine.blocks(recipe, mine, theirs, recipes.own([recipe])):
        rows = np.arange(start, start + len(values))
        found[rows] = values[rows - start, pairs.target[rows]]
    return found


def _row(
    collection: Collection,
    recipe: Recipe,
    direction: Direction,
    mine: dict[str, Features],
    theirs: dict[str, Features],
) -> Array:
    """(G,) similarity of one query to the gallery under a recipe."""
    own = recipes.own([recipe])
    chosen = [(part.backbone, part.metric or own[part.backbone]) for part in recipe.parts]
    matrices = [
        sides.rows(collection, b, metric, recipe.lift, direction, mine[b], theirs[b])
        for b, metric in chosen
    ]
    moments = (
        [sides.moments(collection, b, metric, recipe.lift, direction) for b, metric in chosen]
        if recipe.combine == "zsum"
        else None
    )
    weights = [part.weight for part in recipe.parts]
    return combine.blend(matrices, weights, recipe.combine, moments)[0]


def _hits(
    collection: Collection,
    recipe: Recipe,
    row: Array,
    direction: Direction,
    query: int | None,
    k: int,
) -> Hits:
    gallery = collection.sides(direction)[1]
    mate = None
    if query is not None and collection.right is None:
        row = row.copy()
        row[query] = np.nan  # an image is not its own neighbour
    elif query is not None:
        mate = query  # row i of one side is the mate of row i of the other
    index, scores = rank.topk(row, k)
    seen = ~np.isnan(scores)
    index, scores = index[seen], scores[seen]
    known = mate is not None and not np.isnan(row[mate])
    blind = int(np.isnan(row).sum()) - (query is not None and collection.right is None)
    return Hits(
        recipe=recipe,
        ids=tuple(gallery.ids[i] for i in index),
        keys=tuple(gallery.keys[i] for i in index),
        scores=scores,
        mate_id=None if mate is None else gallery.ids[mate],
        mate_key=None if mate is None else gallery.keys[mate],
        mate_rank=int(rank.ranks(row[None], np.array([mate]))[0]) if known else None,
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


@lru_cache(maxsize=16)
def _embed(data: bytes, backbones: tuple[str, ...], trim: int) -> tuple[Features, ...]:
    picture = images.load(data, trim=trim)
    device = forward.resolve_device("auto")
    precision = forward.resolve_precision("auto", device)
    found = []
    for name in backbones:
        (rows,) = forward.embed_one([picture], registry.spec(name), device, precision)
        found.append(Features(name, np.zeros(len(rows), np.int64), rows, 1))
    return tuple(found)
