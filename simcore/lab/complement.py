"""How backbones complete each other, and what weights instead of in or out are worth."""

from collections.abc import Sequence

import numpy as np

from simcore.evaluate import combinations, complementarity, exclusive, weights
from simcore.evaluate.bootstrap import interval
from simcore.lab import combine, features, recipes, selection
from simcore.models import registry
from simcore.sim import metrics
from simcore.sim.combine import moments
from simcore.types import Array, Collection


def complementary(
    name: str, models: Sequence[str], *, subset: str = "all", metric: str = recipes.OWN
) -> dict:
    """Agreement, conditional gain, linear CKA and RSA, and an order that puts like by like."""
    found = combine.search(name, models, subset=subset, metric=metric)
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
    name: str, models: Sequence[str], *, subset: str = "all", seed: int = 0
) -> dict:
    """Non-negative weights for a z-sum, cross-validated, beside the best subset."""
    found = combine.search(name, models, subset=subset)
    collection = selection.open_(name, subset)
    pairs = collection.pairs()
    matrices, gains = [], []
    for model in found.models:
        left = features.read(collection, pairs.queries, model)
        right = features.read(collection, pairs.gallery, model)
        metric = registry.spec(model).metric
        mean, gain = moments(left, right, metric).shift_and_gain
        matrices.append(metrics.pairwise(left, right, metric) - np.float32(mean))
        gains.append(gain)
    rivals = weights.gather(matrices, pairs.target, gains)
    kept, _ = weights.held_out(rivals, seed=seed)
    everyone = weights.fit(rivals, np.arange(len(pairs)))
    low, high = interval(kept.astype(np.float32))
    total = len(pairs)
    return {
        "pairs": total,
        "weights": dict(zip(found.models, (round(float(w), 4) for w in everyone), strict=True)),
        "held_out": {"hits": int(kept.sum()), "ci95": [low * total, high * total]},
        "same_pairs": {"hits": int(weights.hits(rivals, everyone).sum())},
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
