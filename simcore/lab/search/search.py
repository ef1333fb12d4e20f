"""Search: the most similar images to an image of the collection, to an upload, or to a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simcore.data import images as data_images
from simcore.data.store.vector_index import VectorIndex
from simcore.errors import BadDataError, check_whole_number, unknown_name
from simcore.lab import recipes, work_estimates
from simcore.lab.library import (
    collections,
    features,
    fields,
    indexes,
    similarity,
    subsets,
)
from simcore.lab.library.indexes import SearchPlan
from simcore.lab.search import stored_hits
from simcore.models import forward, registry, text_encoder, weights
from simcore.recipe import Part, Question, Recipe
from simcore.sim import metrics, rank
from simcore.sim.rank import Hits
from simcore.types import JSON, Array, Collection, Direction, Features, ImageSet, Monitor, Reasons

MAX_TEXT = text_encoder.MAX_CHARACTERS  # characters


@dataclass(frozen=True)
class Query:
    """The query: an image of the collection by its id, or the bytes of any image file."""

    id: str | None = None
    image: bytes | None = None

    def __post_init__(self) -> None:
        if (self.id is None) == (self.image is None):
            raise BadDataError("A query needs either an id or an image.")


@dataclass(frozen=True)
class Mate:
    """The true mate of a query.

    Attributes:
        row: in the gallery.
        rank: 1 = first, ties counted ahead of it. score: its similarity. Both are None without
            evidence; an approximate search ranks the mate only if it is among the hits.
    """

    row: int
    rank: int | None
    score: float | None


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The hits of one recipe for one query.

    Attributes:
        ids, keys: (k,) gallery images, most similar first.
        scores: (k,) similarities, higher = more similar.
        mate_id, mate_key, mate_rank, mate_score: of the true mate, see `Mate`; None where no mate
            is known.
        gallery: G, how many images were searched.
        note: a sentence where evidence is missing or the search is approximate, else "".
        index: the index that was searched, with its measured recall; None for exact search.
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

    @classmethod
    def from_scores(
        cls,
        recipe: Recipe,
        gallery: ImageSet,
        rows: Array,
        scores: Array,
        *,
        mate: Mate | None = None,
        note: str = "",
        index: VectorIndex | None = None,
    ) -> "SearchResult":
        """The result that names the images at some rows of a gallery.

        Args:
            rows: (k,) rows of the gallery, most similar first. scores: (k,) their similarities.
        """
        return cls(
            recipe=recipe,
            ids=tuple(gallery.ids[row] for row in rows),
            keys=tuple(gallery.keys[row] for row in rows),
            scores=scores,
            mate_id=None if mate is None else gallery.ids[mate.row],
            mate_key=None if mate is None else gallery.keys[mate.row],
            mate_rank=None if mate is None else mate.rank,
            mate_score=None if mate is None else mate.score,
            gallery=len(gallery),
            note=note,
            index=index,
        )

    def to_dict(self) -> JSON:
        """One row of the document that `simcore search --json` prints."""
        mate = {"id": self.mate_id, "rank": self.mate_rank, "score": self.mate_score}
        index = self.index
        return {
            "recipe": list(self.recipe.backbones),
            "combine": self.recipe.combine,
            "weights": [part.weight for part in self.recipe.parts],
            "missing": self.recipe.missing,
            "hits": [
                {"rank": rank, "id": name, "score": float(score)}
                for rank, (name, score) in enumerate(zip(self.ids, self.scores, strict=True), 1)
            ],
            "mate": None if self.mate_id is None else mate,
            "search": "exact"
            if index is None
            else {"index": index.kind, "recall_at_10": index.recall, "queries": index.queries},
            "note": self.note,
        }


@dataclass(frozen=True, eq=False)
class _Lookup:
    """One query against one gallery.

    Attributes:
        row: of the query on its side; None for an upload.
        features: backbone -> features of the query image.
        k: how many hits to return.
        eligible: (G,) whether a gallery image may be a hit; None for all.
    """

    collection: Collection
    direction: Direction
    row: int | None
    features: Mapping[str, Features]
    k: int
    eligible: Array | None = None

    @property
    def gallery(self) -> ImageSet:
        return self.collection.sides(self.direction)[1]

    @property
    def mate(self) -> int | None:
        """Row of the true mate: row i of one side is the mate of row i of the other."""
        if self.collection.right is None or self.row is None:
            return None
        return self.row if self.eligible is None or self.eligible[self.row] else None

    @property
    def same_image(self) -> int | None:
        """Row of the query itself, where queries and gallery are the same images."""
        return self.row if self.collection.right is None else None


def read_file(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        BadImageError: no such file, no regular file, or too large.
    """
    return data_images.read(path)


def search(
    question: Question,
    query: Query,
    *,
    k: int = 10,
    mode: str = "",
    where: str = "",
    monitor: Monitor = Monitor(),
) -> list[SearchResult]:
    """The k most similar gallery images under each recipe of a question.

    Args:
        question: collection, recipes, direction and subset; "lr" searches the right side.
        k: how many to return, 1 or more.
        mode: "exact", "index", or "auto" by the gallery's size; "" is SIMCORE_SEARCH, else "auto".
        where: SQL expression over the fields of the images that may be hits, which are then
            searched exactly. The query may be any image, and scores stay as without it.
        monitor: asked between the backbones, each of which must embed an image from outside.

    Raises:
        UnknownNameError: no such collection, id, backbone or mode.
        BadImageError: the query's bytes are no usable image. Stopped: the monitor asked to stop.
        BadDataError: features are missing, k is below 1, or no image fits `where`.
    """
    _check_k(k)
    name, direction = question.collection, question.direction
    collection = subsets.open_subset(name, question.subset)
    queries, gallery = collection.sides(direction)
    row = None
    if query.id is not None:
        row = queries.find(query.id)
        if row is None:
            raise unknown_name(f"image in {name!r} ({direction})", query.id, queries.ids)
    eligible = _eligible(collection, where)
    mode = "exact" if eligible is not None else mode
    plans = [indexes.choose(name, gallery, recipe, mode) for recipe in question.recipes]
    stored = [
        None
        if row is None or eligible is not None or plan.index
        else stored_hits.find(collection, recipe, direction, row, k)
        for recipe, plan in zip(question.recipes, plans, strict=True)
    ]
    compared = [
        recipe for recipe, hits in zip(question.recipes, stored, strict=True) if hits is None
    ]
    backbones = question.with_recipes(*compared).backbones
    if row is None:
        image = features.decode(
            query.image or b"", trim=gallery.trim, ignore_profile=gallery.ignore_profiles
        )
        query_features = {}
        for backbone in backbones:
            monitor.check()
            query_features[backbone] = features.embed_upload(image, backbone)
    elif any(plan.index for plan in plans):  # read one image, not both sides of a large collection
        images = queries.take([row])
        query_features = {b: features.for_side(collection, images, b) for b in backbones}
    else:
        query_features = {
            b: features.for_side(collection, queries, b).take([row]) for b in backbones
        }
    similarity.read_moments(
        collection,
        [
            recipes.resolve(recipe)
            for recipe, plan in zip(question.recipes, plans, strict=True)
            if recipe in compared and not plan.index
        ],
        direction,
        monitor=monitor,
    )
    lookup = _Lookup(collection, direction, row, query_features, k, eligible)
    return [
        (_index_search(lookup, recipe, plan) if plan.index else None)
        or _exact_search(lookup, recipe, plan, hits)
        for recipe, plan, hits in zip(question.recipes, plans, stored, strict=True)
    ]


def is_quick(question: Question, query: Query) -> bool:
    """Whether a visitor can wait for `search`: of z-sums only if the moments are soon known.

    Raises:
        BadDataError: features are missing.
    """
    collection = subsets.open_subset(question.collection, question.subset)
    compared = [
        recipes.resolve(recipe)
        for recipe in question.recipes
        if recipe.standardized
        and not (
            query.id is not None and stored_hits.are_stored(collection, recipe, question.direction)
        )
    ]
    absent = similarity.absent_moments(collection, compared, question.direction)
    return work_estimates.is_short(work_estimates.moments(absent, len(collection.left)))


def _eligible(collection: Collection, where: str) -> Array | None:
    """(G,) whether the fields of each gallery image fit an expression; None without one."""
    if not where:
        return None
    eligible = np.zeros(len(collection.left), bool)
    eligible[fields.matching_rows(collection, where)] = True
    if not eligible.any():
        raise BadDataError(
            f"No image of {collection.name!r} fits the filter {where[:80]!r}. Change it."
        )
    return eligible


@dataclass(frozen=True)
class ReadyBackbones:
    """Backbones that a search can use now, and why it cannot use others.

    Attributes:
        names: that can be used. left_out: backbone -> the reason, a sentence.
    """

    names: tuple[str, ...]
    left_out: Reasons

    @property
    def note(self) -> str:
        """One sentence that names the backbones left out; "" for none."""
        if not self.left_out:
            return ""
        reasons = "; ".join(f"{name} ({reason})" for name, reason in self.left_out.items())
        return f"Left out: {reasons}."


def ready_backbones(
    name: str, names: Sequence[str] = (), *, uploaded: bool = False
) -> ReadyBackbones:
    """The backbones of a search; of groups and of the default, those that are ready.

    Args:
        name: of the collection.
        names: backbones and @groups; empty for all that are extracted. A backbone that is named
            itself is used in any case, so that the search fails with the reason.
        uploaded: whether the query is an image that the networks have yet to embed.

    Raises:
        UnknownNameError: no such collection, backbone or group. BadDataError: none is ready.
    """
    collection = collections.open_(name)
    chosen = registry.expand_groups(list(names)) or collections.default_backbones(name)
    ready, left_out = [], {}
    for backbone in chosen:
        reason = ""
        if backbone not in names:
            reason = _unready_reason(collection, backbone, uploaded)
        if reason:
            left_out[backbone] = reason
        else:
            ready.append(backbone)
    if not ready:
        raise BadDataError(
            f"No backbone is ready to search {name!r}: {', '.join(left_out)}. Run "
            f"`simcore extract {name}` first."
        )
    return ReadyBackbones(tuple(ready), left_out)


def _unready_reason(collection: Collection, backbone: str, uploaded: bool) -> str:
    if not features.is_ready(collection, backbone):
        return "not extracted"
    if uploaded:
        has_weights, _ = weights.status(registry.get(backbone))
        return "" if has_weights else "weights missing"
    return ""


def searchable_backbones(name: str) -> list[str]:
    """Backbones of a collection that can be searched by text: extracted, with weights."""
    return [
        count.backbone
        for count in features.counts(collections.open_(name))
        if count.complete
        and text_encoder.has_text_encoder(count.backbone)
        and weights.status(registry.get(count.backbone))[0]
    ]


def text_backbones(name: str) -> list[str]:
    """As `searchable_backbones`, for a search that names none.

    Raises:
        BadDataError: there is none.
    """
    backbones = searchable_backbones(name)
    if not backbones:
        raise BadDataError(
            f"No CLIP backbone is ready to search {name!r} by text. Fetch and extract one of "
            "`simcore models list`, such as open_clip:ViT-B-32/openai."
        )
    return backbones


def search_text(
    name: str,
    text: str,
    backbone: str,
    *,
    direction: Direction = "lr",
    k: int = 10,
    where: str = "",
) -> SearchResult:
    """The k images of the gallery side that are nearest to a text, by cosine.

    Args:
        direction: "lr" searches the right side, "rl" the left, as for images.
        where: as for `search`.

    Raises:
        BadDataError: not a CLIP backbone, no text, features missing, or k below 1.
        MissingWeightsError: the backbone's weights are missing.
    """
    _check_k(k)
    collection = collections.open_(name)
    gallery = collection.sides(direction)[1]
    vector = text_encoder.embed(backbone, text, forward.resolve_device("auto"))
    query = Features(backbone, np.zeros(1, np.int64), vector[None], 1)
    values = metrics.pairwise(query, features.for_side(collection, gallery, backbone), "cosine")[0]
    eligible = _eligible(collection, where)
    searched = np.arange(len(gallery)) if eligible is None else np.flatnonzero(eligible)
    places, scores = rank.top_k(values[searched], k)
    result = SearchResult.from_scores(
        Recipe((Part(backbone, "cosine"),)), gallery, searched[places], scores
    )
    return replace(result, gallery=searched.size)


def _check_k(k: int) -> None:
    check_whole_number("k", k)


def _index_search(lookup: _Lookup, recipe: Recipe, plan: SearchPlan) -> SearchResult | None:
    """Hits through the index; None where it cannot serve this gallery."""
    gallery, query = lookup.gallery, lookup.features[recipe.backbones[0]]
    hits = indexes.nearest(plan, gallery, query, lookup.k + 1)
    if hits is None:
        return None
    rows, scores = hits
    if lookup.same_image is not None:
        rows, scores = rows[rows != lookup.same_image], scores[rows != lookup.same_image]
    rows, scores = rows[: lookup.k], scores[: lookup.k]
    mate = None
    if lookup.mate is not None:
        score = indexes.similarity(plan, gallery.keys[lookup.mate], query)
        ahead = int((scores >= score).sum()) if lookup.mate in rows else None
        mate = Mate(lookup.mate, ahead, None if np.isnan(score) else float(score))
    return SearchResult.from_scores(
        recipe, gallery, rows, scores, mate=mate, note=plan.note, index=plan.index
    )


def _exact_search(
    lookup: _Lookup, recipe: Recipe, plan: SearchPlan, stored: Hits | None
) -> SearchResult:
    """Hits among all gallery images: those that are stored, or else by comparing the query."""
    gallery, mate = lookup.gallery, None
    hits = _compare(lookup, recipe) if stored is None else stored
    if lookup.mate is not None:
        score = float(hits.mate_scores[0])
        known = not np.isnan(score)
        mate = Mate(lookup.mate, int(hits.mate_ranks[0]), score) if known else None
        mate = mate or Mate(lookup.mate, None, None)
    n_gallery = len(gallery) if lookup.eligible is None else int(lookup.eligible.sum())
    own = lookup.same_image
    has_own = own is not None and (lookup.eligible is None or bool(lookup.eligible[own]))
    blind_mate = mate is not None and mate.score is None
    note = _note(int(hits.unknown[0]), n_gallery - has_own, blind_mate)
    if plan.index is None:
        note = f"{note} {plan.note}".strip()
    count = int((hits.columns[0] >= 0).sum())
    rows, scores = hits.columns[0, :count], hits.scores[0, :count]
    result = SearchResult.from_scores(recipe, gallery, rows, scores, mate=mate, note=note)
    return replace(result, gallery=n_gallery)


def _compare(lookup: _Lookup, recipe: Recipe) -> Hits:
    """The hits of the one query among the images that may be hits."""
    values = similarity.recipe_row(lookup.collection, recipe, lookup.direction, lookup.features)
    searched = np.arange(len(values))
    if lookup.eligible is not None:
        searched = np.flatnonzero(lookup.eligible)
    mates, own = (
        None if row is None or row not in searched else np.searchsorted(searched, [row])
        for row in (lookup.mate, lookup.same_image)
    )
    hits = rank.first_hits(values[None, searched], lookup.k, mates=mates, own=own)
    columns = np.where(hits.columns < 0, -1, searched[hits.columns])
    return replace(hits, columns=columns)


def _note(n_blind: int, n_gallery: int, blind_mate: bool) -> str:
    """The sentence about missing evidence; empty where there is evidence about every image."""
    if n_blind == n_gallery:
        return "No evidence: this recipe has nothing to compare in the query."
    if blind_mate:
        return f"No evidence about the mate, nor about {n_blind - 1:,} other images."
    if n_blind:
        return f"No evidence about {n_blind:,} of {n_gallery:,} images; they are not ranked."
    return ""
