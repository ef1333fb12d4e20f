"""How backbones complete each other, and what weights instead of in or out are worth."""

from collections.abc import Sequence

import numpy as np

from simcore.evaluate import combinations, complementarity, exclusive, subsets, weights
from simcore.evaluate.bootstrap import interval
from simcore.lab import combine, features, recipes, selection
from simcore.models import registry
from simcore.sim import metrics
from simcore.types import Array, Collection, Direction


def complementary(
    name: str,
    models: Sequence[str],
    *,
    subset: str = "all",
    metric: str = recipes.OWN,
    direction: Direction = "lr",
    lift: str = "none",
) -> dict:
    """Agreement, conditional gain, linear CKA and RSA, and an order that puts like by like.

    Agreement and gain are about what is found, so metric, direction and lift change them. CKA and
    RSA compare what the backbones make of the left images, before any of that.
    """
    found = combine.search(
        name, models, subset=subset, metric=metric, direction=direction, lift=lift
    )
    collection = selection.open_(name, subset)
    singles = found.found()
    alike = [_within(collection, model) for model in found.models]
    rsa = complementarity.rsa(alike)
    one_row = [_images(collection, model) for model in found.models]
    cka = [[_cka(a, b) for b in one_row] for a in one_row]
    return {
        "models": list(found.models),
        "order": complementarity.order(rsa),
        "agreement": exclusive.agreement(singles).tolist(),
        "gain": exclusive.gain(singles).tolist(),
        "cka": cka,
        "rsa": [[None if np.isnan(v) else float(v) for v in row] for row in rsa],
    }


def learned_weights(
    name: str,
    models: Sequence[str],
    *,
    subset: str = "all",
    seed: int = 0,
    metric: str = recipes.OWN,
    direction: Direction = "lr",
    lift: str = "none",
) -> dict:
    """Non-negative weights for a z-sum, cross-validated, beside the best subset."""
    found = combine.search(
        name, models, subset=subset, metric=metric, direction=direction, lift=lift
    )
    pairs = selection.open_(name, subset).pairs(direction)
    sides = combine.sides(
        selection.open_(name, subset), found.models, direction,
        recipes.check_metric(metric), recipes.check_lift(lift),
    )  # fmt: skip
    scales = [one.moments() for one in sides]

    def blocks() -> subsets.Blocks:
        return subsets.together([one.stream() for one in sides])

    rivals = weights.gather(blocks(), pairs.target, scales)
    fair = weights.held_out(rivals, seed=seed)
    everyone = weights.fit(rivals, np.arange(len(pairs)))
    same = np.tile(everyone, (len(pairs), 1))
    kept, flattered = weights.judged(blocks(), pairs.target, scales, [fair, same])
    low, high = interval(kept.astype(np.float32))
    total = len(pairs)
    return {
        "pairs": total,
        "weights": dict(zip(found.models, (round(float(w), 4) for w in everyone), strict=True)),
        "held_out": {"hits": int(kept.sum()), "ci95": [low * total, high * total]},
        "same_pairs": {"hits": int(flattered.sum())},
        "best_subset_held_out": found.held_out("zsum", seed=seed),
        "best_subset_same_pairs": combinations.best(found.hits["zsum"]).hits,
    }


def _within(collection: Collection, model: str) -> Array:
    left = features.read(collection, collection.left, model)
    return metrics.pairwise(left, left, registry.spec(model).metric)


def _images(collection: Collection, model: str) -> Array | None:
    left = features.read(collection, collection.left, model)
    return left.values if left.single else None


def _cka(one: Array | None, other: Array | None) -> float | None:
    """None where an image has no row or several: CKA compares one vector an image."""
    return None if one is None or other is None else complementarity.cka(one, other)
