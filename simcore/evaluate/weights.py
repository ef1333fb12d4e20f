"""Non-negative weights for a z-sum, instead of in or out, and what they are worth on new queries.

Hits do not move when a weight moves a little, so the search climbs the softmax likelihood of the
mates instead, which does, and which for non-negative weights has a single summit. Only images that
some backbone ranks near the front can take a mate's place, so only those are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcore.evaluate.combinations import folds
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


def gather(matrices: Sequence[Array], target: Array, gains: Sequence[float]) -> Rivals:
    """The near rivals of every query.

    Args:
        matrices: M of (Q, G); NaN = no evidence, which counts as the mean, 0.
        target: (Q,) column of the mate.
        gains: (M,) one over each matrix's deviation; its mean must have been taken away.
    """
    rows = np.arange(len(target))
    scaled = [np.nan_to_num(m * gain, nan=0.0).astype(np.float32)
              for m, gain in zip(matrices, gains, strict=True)]  # fmt: skip
    near = []
    for values in scaled:
        count = min(RIVALS + 1, values.shape[1])
        near.append(np.argpartition(-values, count - 1, axis=1)[:, :count])
    chosen = np.concatenate(near, axis=1)
    chosen.sort(axis=1)
    double = np.c_[np.zeros(len(chosen), bool), chosen[:, 1:] == chosen[:, :-1]]
    double |= chosen == target[:, None]
    ahead = np.stack([v[rows[:, None], chosen] - v[rows, target][:, None] for v in scaled], axis=2)
    ahead[double] = -1e3
    known = np.stack([~np.isnan(m[rows, target]) for m in matrices]).any(axis=0)
    return Rivals(ahead, np.asarray(known))


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
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * models,
        options={"maxiter": 100},
    ).x  # fmt: skip
    total = found.sum()
    weights: Array = found / total if total > 0 else start
    return weights


def hits(rivals: Rivals, weights: Array) -> Array:
    """(Q,) bool: no near rival reaches the mate under these weights; a tie is no hit."""
    best = (rivals.ahead @ weights.astype(np.float32)).max(axis=1)
    found: Array = (best < 0) & rivals.usable
    return found


def held_out(rivals: Rivals, *, parts: int = 5, seed: int = 0) -> tuple[Array, list[Array]]:
    """Weights learned on the other folds, judged on each fold.

    Returns:
        (Q,) bool, whether each query is found, and the (M,) weights of each fold.
    """
    total = len(rivals.usable)
    found = np.zeros(total, bool)
    learned = []
    for part in folds(total, parts, seed):
        weights = fit(rivals, np.setdiff1d(np.arange(total), part))
        found[part] = hits(rivals, weights)[part]
        learned.append(weights)
    return found, learned
