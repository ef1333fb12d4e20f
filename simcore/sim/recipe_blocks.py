"""The similarity of a recipe from the features of its backbones, some query rows at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.recipe import Recipe
from simcore.sim import combine, gating, reranking
from simcore.sim.combine import PreparedSides, Term
from simcore.sim.reranking import MapSides
from simcore.types import Array, Features


@dataclass(frozen=True, eq=False)
class RecipeBlock:
    """Some query rows of a recipe: the similarities of its parts, and how they are added.

    Attributes:
        parts: M similarities (b, G) float32, NaN = no evidence; recipes that have a part in common
            share its array.
        terms: M of them for a combination; none for a single backbone.
        query_weights: (b, M) weights of a recipe with gates, else None.
        maps: what a second stage compares; empty for all other recipes.
    """

    recipe: Recipe
    parts: Sequence[Array]
    terms: Sequence[Term]
    query_weights: Array | None = None
    maps: Sequence[MapSides] = ()

    @property
    def weights(self) -> list[float | Array]:
        """M weights, or arrays (b,) of one per query."""
        if self.query_weights is not None:
            return list(self.query_weights.T)
        return [part.weight for part in self.recipe.parts]

    @property
    def is_plain_sum(self) -> bool:
        """Whether the same weights count for all queries and no second stage follows."""
        return self.recipe.combine != "none" and self.query_weights is None and not self.maps

    def summands(self) -> Sequence[Array]:
        """What a combination adds: the similarities of its parts, or their reciprocal ranks."""
        if self.recipe.combine != "rrf":
            return self.parts
        weights = [part.weight for part in self.recipe.parts]
        return combine.reciprocal_ranks(self.parts, weights, self.recipe.missing)

    def similarity(self) -> Array:
        """(b, G) float64; NaN = no evidence."""
        if self.recipe.combine == "none":
            return self.parts[0].astype(np.float64)
        total = combine.weighted_sum(self.summands(), self.weights, self.terms)
        if not self.maps:
            return total
        compare = reranking.pair_function(self.recipe.pair_function)
        return reranking.reranked(total, self.maps, compare)


def recipe_terms(recipe: Recipe, sides: Sequence[PreparedSides]) -> list[Term]:
    """The terms of a combination; none for a single backbone."""
    if recipe.combine == "none":
        return []
    if recipe.combine == "rrf":  # ranks need no scale
        return [combine.PLAIN] * len(sides)
    weights = [part.weight for part in recipe.parts]
    return combine.terms(sides, weights, recipe.combine, recipe.missing)


def recipe_block(
    recipe: Recipe,
    parts: Sequence[Array],
    sides: Sequence[PreparedSides],
    queries: Mapping[str, Features],
    *,
    terms: Sequence[Term] | None = None,
) -> RecipeBlock:
    """The block of b queries.

    Args:
        recipe: a resolved one.
        parts: M similarities (b, G) of these queries.
        sides: M backbones, whose galleries are compared and whose moments scale the parts.
        queries: backbone -> features of the b queries, as they were extracted.
        terms: of the recipe, where they were computed before.
    """
    block = RecipeBlock(
        recipe,
        parts,
        recipe_terms(recipe, sides) if terms is None else terms,
        gating.query_weights(recipe, queries),
    )
    if recipe.combine != "rerank":
        return block
    maps = tuple(_map_sides(block, sides, queries))
    return RecipeBlock(recipe, parts, block.terms, block.query_weights, maps)


def _map_sides(
    block: RecipeBlock, sides: Sequence[PreparedSides], queries: Mapping[str, Features]
) -> Iterator[MapSides]:
    """The backbones whose features are maps of every image, compared by cosine."""
    rows = zip(block.recipe.parts, block.weights, block.terms, sides, strict=True)
    for part, weight, term, side in rows:
        own = queries[part.backbone]
        if part.map_layout is None or side.metric != "cosine":
            continue
        if not (own.single and side.gallery.single):
            continue
        csls = 2.0 if side.hubness is not None else 1.0  # CSLS counts a similarity twice
        factor = np.broadcast_to(np.asarray(weight, np.float64), own.count) * term.gain * csls
        if factor.any():
            yield MapSides(side.centered(own), side.gallery, part.map_layout, factor)


def blocks(
    recipe: Recipe,
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
    *,
    rows: int = 0,
) -> Iterator[tuple[int, Array]]:
    """A recipe's similarity matrix in blocks of rows, so that all of it is never in memory.

    Args:
        recipe: a resolved one.
        queries, gallery: backbone -> features of Q and G images.
        rows: query rows per block; 0 for as many as fit into bounded memory.

    Yields:
        (first row, (b, G) similarity), in order.
    """
    for start, (block,) in blocks_of_each([recipe], queries, gallery, rows=rows):
        yield start, block.similarity()


def blocks_of_each(
    recipes: Sequence[Recipe],
    queries: Mapping[str, Features],
    gallery: Mapping[str, Features],
    *,
    rows: int = 0,
    first: int = 0,
) -> Iterator[tuple[int, list[RecipeBlock]]]:
    """As `blocks` for several recipes; what they share is compared once.

    Args:
        first: the query row to begin with.

    Yields:
        (first row, one block per recipe).
    """
    part_keys = [
        [(p.backbone, combine.resolved_metric(p), r.post) for p in r.parts] for r in recipes
    ]
    sides = {
        key: combine.prepare_sides(queries[key[0]], gallery[key[0]], key[1], key[2])
        for key in dict.fromkeys(key for keys in part_keys for key in keys)
    }
    terms_of = [
        recipe_terms(recipe, [sides[key] for key in keys])
        for recipe, keys in zip(recipes, part_keys, strict=True)
    ]
    for streamed in zip(*(side.stream(rows, first=first) for side in sides.values()), strict=True):
        similarity = {key: values for key, (_, values) in zip(sides, streamed, strict=True)}
        start = streamed[0][0]
        images = np.arange(start, start + len(streamed[0][1]))
        row_features = {
            name: queries[name].take(images)
            for recipe in recipes
            if recipe.gates or recipe.combine == "rerank"
            for name in recipe.backbones
        }
        yield (
            start,
            [
                recipe_block(
                    recipe,
                    [similarity[key] for key in keys],
                    [sides[key] for key in keys],
                    row_features,
                    terms=own_terms,
                )
                for recipe, keys, own_terms in zip(recipes, part_keys, terms_of, strict=True)
            ],
        )
