"""Non-negative weights for a z-sum, learned from pairs and scored on held-out queries.

Hits do not change when a weight changes a little, so the search maximizes the softmax likelihood of
the mates, which does, and which has a single maximum for non-negative weights. It uses only the
images that some backbone ranks near the front; the hits of the weights are counted against all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simcore.errors import BadDataError
from simcore.evaluate.combinations.subset_search import Blocks
from simcore.evaluate.combinations.subset_statistics import folds
from simcore.sim.combine import Term, on_grid
from simcore.types import Array

RIVALS = 32  # nearest images per backbone that the search uses
DECAY = 1e-3  # keeps weights finite where the mates can be separated perfectly


@dataclass(frozen=True, eq=False)
class Rivals:
    """What a search over weights needs of the matrices.

    Attributes:
        ahead: (Q, C, M) float32, how far each near rival is ahead of the mate in each backbone, in
            standard deviations of that backbone's matrix; entries that only fill a row are -1000.
        usable: (Q,) bool, whether any backbone has evidence about the mate.
    """

    ahead: Array
    usable: Array


def near_rivals(blocks: Blocks, target: Array, terms: Sequence[Term]) -> Rivals:
    """The near rivals of every query.

    Args:
        blocks: (first row, M matrices of (b, G)); NaN = no evidence.
        target: (Q,) column of the mate.
        terms: M terms of the z-sum.
    """
    ahead, usable = [], []
    for start, matrices in blocks:
        mates = target[start : start + len(matrices[0])]
        rows = np.arange(len(mates))
        evidence = ~np.isnan(np.stack([m[rows, mates] for m in matrices]))
        steps = [
            on_grid(values, term).astype(np.float32)
            for values, term in zip(matrices, terms, strict=True)
        ]
        ahead.append(_ahead(steps, mates))
        usable.append(evidence.any(axis=0))
    return Rivals(np.concatenate(ahead), np.concatenate(usable))


def _ahead(terms: Sequence[Array], mates: Array) -> Array:
    """(b, C, M) float32 lead of the union of each backbone's nearest images over the mate."""
    rows = np.arange(len(mates))
    nearest = []
    for values in terms:
        count = min(RIVALS + 1, values.shape[1])
        nearest.append(np.argpartition(-values, count - 1, axis=1)[:, :count])
    columns = np.concatenate(nearest, axis=1)
    columns.sort(axis=1)
    unused = np.c_[np.zeros(len(columns), bool), columns[:, 1:] == columns[:, :-1]]  # repeated
    unused |= columns == mates[:, None]
    ahead = np.stack([v[rows[:, None], columns] - v[rows, mates][:, None] for v in terms], axis=2)
    ahead[unused] = -1e3
    return ahead


def fit(rivals: Rivals, rows: Array) -> Array:
    """Weights learned on the queries at (n,) `rows`.

    Returns:
        (M,) float64 of at least 0, scaled to sum to 1.
    """
    from scipy.optimize import minimize

    rows = rows[rivals.usable[rows]]
    ahead = rivals.ahead[rows]
    models = ahead.shape[2]
    if not len(rows):  # nothing to learn from
        return np.full(models, 1.0 / models)

    def loss(weights: Array) -> tuple[float, Array]:
        score = ahead @ weights.astype(np.float32)
        top = np.maximum(score.max(axis=1), 0)
        odds = np.exp(score - top[:, None])
        total = odds.sum(axis=1) + np.exp(-top)
        share = odds / total[:, None]
        gradient = np.einsum("qc,qcm->m", share, ahead, optimize=True) / len(ahead)
        value = float((np.log(total) + top).mean()) + DECAY * float(weights @ weights)
        return value, gradient.astype(np.float64) + 2 * DECAY * weights

    start = np.full(models, 1.0 / models)
    solution = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * models,
        options={"maxiter": 100},
    ).x
    total = solution.sum()
    weights: Array = solution / total if total > 0 else start
    return weights


def held_out(rivals: Rivals, *, parts: int = 5, seed: int = 0) -> Array:
    """Cross-validated weights: for each query those learned on the folds without it.

    Args:
        parts: number of folds.

    Returns:
        (Q, M) float64.

    Raises:
        BadDataError: fewer than two queries, so that there are no others to learn from.
    """
    return cross_validated(rivals, lambda rows, _: fit(rivals, rows), parts=parts, seed=seed)


def cross_validated(
    rivals: Rivals, learn: Callable[[Array, Array], Array], *, parts: int, seed: int
) -> Array:
    """The weights of each query, learned on the folds without it.

    Args:
        learn: rows to learn from and rows of a fold -> (M,) weights of the fold, or one row each.

    Returns:
        (Q, M) float64.

    Raises:
        BadDataError: fewer than two queries, so that there are no others to learn from.
    """
    total = len(rivals.usable)
    if total < 2:
        raise BadDataError(f"Cross-validation needs at least 2 pairs, got {total}.")
    weights = np.zeros((total, rivals.ahead.shape[2]))
    for fold in folds(total, parts, seed):
        weights[fold] = learn(np.setdiff1d(np.arange(total), fold), fold)
    return weights


def weighted_hits(
    blocks: Blocks, target: Array, terms: Sequence[Term], weights: Sequence[Array]
) -> list[Array]:
    """Which queries find their mate first under weights, against every image; a tie is no hit.

    As in any other combination, a mate about which no backbone of positive weight has evidence is
    not found, and an image about which none has any is no rival.

    Args:
        blocks, target, terms: as for `near_rivals`.
        weights: any number of (Q, M) arrays, one row per query.

    Returns:
        one (Q,) bool per array of weights.
    """
    hits = [np.zeros(len(target), bool) for _ in weights]
    for start, matrices in blocks:
        block = slice(start, start + len(matrices[0]))
        mates, rows = target[block], np.arange(len(matrices[0]))
        steps = [on_grid(values, term) for values, term in zip(matrices, terms, strict=True)]
        has_evidence = [~np.isnan(values) for values in matrices]
        for hit, weight in zip(hits, weights, strict=True):
            columns = weight[block].T[:, :, None]
            total = sum(w * step for w, step in zip(columns, steps, strict=True))
            evidence = np.any(
                [(w > 0) & e for w, e in zip(columns, has_evidence, strict=True)], axis=0
            )
            total[~evidence] = -np.inf
            mate = total[rows, mates].copy()
            total[rows, mates] = -np.inf
            hit[block] = (total.max(axis=1) < mate) & evidence[rows, mates]
    return hits
