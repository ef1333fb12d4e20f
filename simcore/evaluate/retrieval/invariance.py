"""How far pictures move under a representation when they are changed, and what it costs.

A similarity of 0.9 means nothing by itself, so that of a picture to its changed self is set between
two lines: the floor, the similarities of unrelated pictures, and those of true mates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.judgements.triplets import pair_similarity
from simcore.evaluate.retrieval import recall
from simcore.recipe import Combination, PostProcessing, Recipe
from simcore.sim import combine, distribution, recipe_blocks
from simcore.sim.distribution import Distribution
from simcore.types import Array, Features, Pairs

BackboneFeatures = Mapping[str, Features]


@dataclass(frozen=True, eq=False)
class Floor:
    """What similarities mean under one recipe, before hubness correction.

    Attributes:
        unrelated: of all pairs of a query and an image that is not its mate.
        mates: (Q,) of each query and its mate; NaN without evidence.
    """

    unrelated: Distribution
    mates: Array

    def percentiles(self, similarity: Array) -> Array:
        """(n,) share of unrelated pairs that are less similar, 0 to 1; NaN stays."""
        total = max(float(self.unrelated.counts[-1]), 1.0)
        below = np.interp(similarity, self.unrelated.edges, self.unrelated.counts)
        return np.where(np.isnan(similarity), np.nan, below / total)


def of_two_images(recipe: Recipe) -> Recipe:
    """The recipe without hubness correction and second stage, which need a whole gallery."""
    remaining: dict[PostProcessing, PostProcessing] = {"csls": "none", "center+csls": "center"}
    post = remaining.get(recipe.post, recipe.post)
    if recipe.combine != "rerank":
        return replace(recipe, post=post)
    first_stage: Combination = "gated" if recipe.gates else "zsum"
    return replace(recipe, post=post, combine=first_stage, pair_function="")


def floor(
    pairs: Pairs, recipe: Recipe, queries: BackboneFeatures, gallery: BackboneFeatures
) -> Floor:
    """The similarities of unrelated pairs and of mates, in one pass over the matrix.

    Args:
        recipe: a resolved one; its hubness correction and second stage are left out.
        queries, gallery: backbone -> features of both sides.
    """
    mates = np.empty(len(pairs))

    def unrelated() -> Iterator[Array]:
        for start, values in recipe_blocks.blocks(of_two_images(recipe), queries, gallery):
            rows = np.arange(len(values))
            columns = pairs.target[start + rows]
            mates[start + rows] = values[rows, columns]
            values[rows, columns] = np.nan
            yield values

    return Floor(distribution.similarity_distribution(unrelated()), mates)


def self_similarity(
    recipe: Recipe,
    queries: BackboneFeatures,
    gallery: BackboneFeatures,
    changed: BackboneFeatures,
    *,
    rows: Array | None = None,
) -> Array:
    """(Q,) similarity of each query to its changed self; NaN without evidence.

    Centering and the scale of z-sums are those of the collection as it is.

    Args:
        recipe: a resolved one; its hubness correction and second stage are left out.
        queries, gallery, changed: backbone -> features of the queries, the gallery, and the
            changed queries.
        rows: of the queries that `changed` is about, if not all.
    """
    plain = of_two_images(recipe)
    if plain.combine == "rrf":
        raise BadDataError(
            "Rank fusion has no similarity of two pictures, which invariance compares. Choose "
            "zsum or sum."
        )
    sides, parts = [], []
    for part in plain.parts:
        name, metric = part.backbone, combine.resolved_metric(part)
        prepared = combine.prepare_sides(queries[name], gallery[name], metric, plain.post)
        after = prepared.centered(changed[name])
        before = prepared.queries if rows is None else prepared.queries.take(rows)
        both, first = _joined(before, after), np.arange(after.count)
        parts.append(pair_similarity(both, first, first + after.count, metric)[:, None])
        sides.append(prepared)
    similarity: Array = recipe_blocks.recipe_block(plain, parts, sides, changed).similarity()[:, 0]
    return similarity


def _joined(first: Features, second: Features) -> Features:
    index = np.concatenate([first.index, second.index + first.count])
    values = np.concatenate([first.values, second.values])
    return Features(first.backbone, index, values, first.count + second.count)


@dataclass(frozen=True, eq=False)
class Changed:
    """Q pictures after a change, under one recipe.

    Attributes:
        similarity: (Q,) to the picture as it was; NaN without evidence.
        ranks: (Q,) rank of the mate when the changed picture is the query; G + 1 without evidence.
    """

    similarity: Array
    ranks: Array


def compare(
    pairs: Pairs,
    recipe: Recipe,
    queries: BackboneFeatures,
    gallery: BackboneFeatures,
    changed: BackboneFeatures,
) -> Changed:
    """Similarity to the unchanged picture, and the rank of the mate in the unchanged gallery.

    Ranks are those of a collection whose queries are the changed pictures.

    Args:
        recipe: a resolved one.
        queries, gallery, changed: as for `self_similarity`.
    """
    similarity = self_similarity(recipe, queries, gallery, changed)
    return Changed(similarity, recall.ranks_of(pairs, recipe, changed, gallery))
