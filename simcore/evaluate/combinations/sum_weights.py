"""Non-negative weights for a z-sum, instead of in or out, and what they are worth on new queries.

Hits do not move when a weight moves a little, so the search climbs the softmax likelihood of the
mates instead, which does, and which for non-negative weights has a single summit. The climb looks
at the images that some backbone ranks near the front; what the weights are worth is counted against
all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.evaluate.combinations.subset_search import Blocks
from simcore.evaluate.combinations.subset_statistics import folds
from simcore.sim.combine import GRID, Moments
from simcore.types import Array

RIVALS = 32  # nearest images a backbone that the search looks at
DECAY = 1e-3  # keeps weights finite where the mates can be told apart perfectly


@dataclass(frozen=True, eq=False)
class Rivals:
    """What a search over weights needs of the matrices.

    Attributes:
        ahead: (Q, C, M) float32, how far each near rival is ahead of the mate in each backbone, in
            deviations of that backbone's matrix; rivals that fill up a row are far behind.
        usable: (Q,) bool, whether anything is known about the mate.
    """

    ahead: Array
    usable: Array


def near_rivals(blocks: Blocks, target: Array, scales: Sequence[Moments]) -> Rivals:
    """The near rivals of every query, a block of rows at a time.

    Args:
        blocks: (first row, M matrices of (b, G)); NaN = no evidence, which counts as the mean, 0.
        target: (Q,) column of the mate.
        scales: M moments of the full matrices.
    """
    ahead, usable = [], []
    for start, matrices in blocks:
        mates = target[start : start + len(matrices[0])]
        rows = np.arange(len(mates))
        known = ~np.isnan(np.stack([m[rows, mates] for m in matrices]))
        terms = [
            _term(m, scale).astype(np.float32) for m, scale in zip(matrices, scales, strict=True)
        ]
        ahead.append(_ahead(terms, mates))
        usable.append(known.any(axis=0))
    return Rivals(np.concatenate(ahead), np.concatenate(usable))


def _ahead(terms: Sequence[Array], mates: Array) -> Array:
    rows = np.arange(len(mates))
    near = []
    for values in terms:
        count = min(RIVALS + 1, values.shape[1])
        near.append(np.argpartition(-values, count - 1, axis=1)[:, :count])
    chosen = np.concatenate(near, axis=1)
    chosen.sort(axis=1)
    double = np.c_[np.zeros(len(chosen), bool), chosen[:, 1:] == chosen[:, :-1]]
    double |= chosen == mates[:, None]
    ahead = np.stack([v[rows[:, None], chosen] - v[rows, mates][:, None] for v in terms], axis=2)
    ahead[double] = -1e3
    return ahead


def _term(values: Array, scale: Moments) -> Array:
    """What a backbone says in a z-sum, float64 on the grid on which sums are exact."""
    mean, gain = scale.shift_and_gain
    term = np.rint((values.astype(np.float64) - mean) * gain * GRID) / GRID
    return np.nan_to_num(term, nan=0.0)


def fit(rivals: Rivals, rows: Array) -> Array:
    """(M,) weights >= 0 learned on some of the queries, scaled to sum to 1."""
    from scipy.optimize import minimize

    rows = rows[rivals.usable[rows]]
    ahead = rivals.ahead[rows]
    models = ahead.shape[2]

    def loss(weights: Array) -> tuple[float, Array]:
        score = ahead @ weights.astype(np.float32)
        top = np.maximum(score.max(axis=1), 0)
        odds = np.exp(score - top[:, None])
        total = odds.sum(axis=1) + np.exp(-top)
        share = odds / total[:, None]
        slope = np.einsum("qc,qcm->m", share, ahead, optimize=True) / len(ahead)
        value = float((np.log(total) + top).mean()) + DECAY * float(weights @ weights)
        return value, slope.astype(np.float64) + 2 * DECAY * weights

    start = np.full(models, 1.0 / models)
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * models,
        options={"maxiter": 100},
    ).x
    total = found.sum()
    weights: Array = found / total if total > 0 else start
    return weights


def held_out(rivals: Rivals, *, parts: int = 5, seed: int = 0) -> Array:
    """(Q, M) weights for each query, learned on the folds that it is not in."""
    total = len(rivals.usable)
    shares = np.zeros((total, rivals.ahead.shape[2]))
    for part in folds(total, parts, seed):
        shares[part] = fit(rivals, np.setdiff1d(np.arange(total), part))
    return shares


def weighted_hits(
    blocks: Blocks, target: Array, scales: Sequence[Moments], shares: Sequence[Array]
) -> list[Array]:
    """Which queries find their mate first under weights, against every image; a tie is no hit.

    Args:
        blocks, target, scales: as for `gather`.
        shares: any number of (Q, M) weights, a row a query.

    Returns:
        one (Q,) bool for each of `shares`.
    """
    found = [np.zeros(len(target), bool) for _ in shares]
    for start, matrices in blocks:
        here = slice(start, start + len(matrices[0]))
        mates, rows = target[here], np.arange(len(matrices[0]))
        known = np.zeros(len(rows), bool)
        for values in matrices:
            known |= ~np.isnan(values[rows, mates])
        terms = [_term(m, scale) for m, scale in zip(matrices, scales, strict=True)]
        for hit, weight in zip(found, shares, strict=True):
            total = sum(w[:, None] * term for w, term in zip(weight[here].T, terms, strict=True))
            mate = total[rows, mates].copy()
            total[rows, mates] = -np.inf
            hit[here] = (total.max(axis=1) < mate) & known
    return found
