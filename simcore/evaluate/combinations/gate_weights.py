"""Weights of a z-sum that depend on cues of the query, learned from pairs.

Each cue, a value c from 0 to 1 such as "there is a face", brings two vectors of weights, one for
c = 1 and one for c = 0, between which the query stands; the weights of a query are the sum over the
cues. They are at least 0 for every query, and the listwise likelihood of the mates (a softmax over
near rivals, as for fixed weights) has a single maximum. Where a cue tells nothing, its two vectors
are pulled together, and the weights become fixed ones.
"""

from dataclasses import dataclass

import numpy as np

from simcore.evaluate.combinations.sum_weights import DECAY, Rivals, cross_validated
from simcore.types import Array

PULL = 0.1  # how strongly the two vectors of a cue are pulled together


@dataclass(frozen=True, eq=False)
class GatedWeights:
    """Weights of M parts as a function of F cues.

    Attributes:
        base: (M,) weights of a query in which every cue is 0.
        changes: (F, M), added to them where a cue is 1.
    """

    base: Array
    changes: Array

    def of(self, cues: Array) -> Array:
        """(Q, M) weights, at least 0, of queries with (Q, F) cues."""
        weights: Array = np.maximum(self.base + cues @ self.changes, 0.0)
        return weights


def fit(rivals: Rivals, cues: Array, rows: Array) -> GatedWeights:
    """Gated weights learned on the queries at (n,) `rows`.

    Args:
        cues: (Q, F) values from 0 to 1.

    Returns:
        Weights whose largest base is 1.
    """
    from scipy.optimize import minimize

    rows = rows[rivals.usable[rows]]
    ahead, own = rivals.ahead[rows], cues[rows]
    parts, n_cues = ahead.shape[2], own.shape[1]
    if not len(rows) or not n_cues:
        return GatedWeights(np.ones(parts), np.zeros((n_cues, parts)))
    shares = np.concatenate([own, 1 - own], axis=1)  # (n, 2 F)

    def loss(flat: Array) -> tuple[float, Array]:
        corners = flat.reshape(2 * n_cues, parts)
        weights = shares @ corners
        score = np.einsum("qcm,qm->qc", ahead, weights.astype(np.float32), optimize=True)
        top = np.maximum(score.max(axis=1), 0)
        odds = np.exp(score - top[:, None])
        total = odds.sum(axis=1) + np.exp(-top)
        share = (odds / total[:, None]).astype(np.float32)
        per_query = np.einsum("qc,qcm->qm", share, ahead, optimize=True)
        gradient = shares.T @ per_query.astype(np.float64) / len(ahead)
        apart = corners[:n_cues] - corners[n_cues:]
        value = float((np.log(total) + top).mean())
        value += DECAY * float(flat @ flat) + PULL * float((apart * apart).sum())
        gradient += 2 * DECAY * corners + 2 * PULL * np.concatenate([apart, -apart])
        return value, gradient.ravel()

    size = 2 * n_cues * parts
    flat = minimize(
        loss,
        np.full(size, 1.0 / (n_cues * parts)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * size,
        options={"maxiter": 200},
    ).x
    corners = flat.reshape(2 * n_cues, parts)
    base = corners[n_cues:].sum(axis=0)
    changes = corners[:n_cues] - corners[n_cues:]
    scale = base.max() if base.max() > 0 else 1.0
    return GatedWeights(base / scale, changes / scale)


def held_out(rivals: Rivals, cues: Array, *, parts: int = 5, seed: int = 0) -> Array:
    """Cross-fitted weights: for each query those learned on the folds without it.

    Args:
        parts: number of folds.

    Returns:
        (Q, M) float64.

    Raises:
        BadDataError: fewer than two queries, so that there are no others to learn from.
    """

    def learn(rows: Array, fold: Array) -> Array:
        return fit(rivals, cues, rows).of(cues[fold])

    return cross_validated(rivals, learn, parts=parts, seed=seed)
