"""Associative recall: the mate among m images, the others drawn at random (rosenfeld2018, 4.2)."""

import numpy as np

from simcore.errors import BadDataError, check_whole_number
from simcore.types import Array

SIZES = (1, 2, 3, 4, 5, 10, 20, 50, 100)


def exact_recall(ranks: Array, gallery: int, m: int) -> Array:
    """Probability that the mate comes first among m images, per query.

    Of the gallery's G - 1 other images, rank - 1 are at least as similar as the mate; it comes
    first when none of them is among the m - 1 drawn: C(G - rank, m - 1) / C(G - 1, m - 1).

    Args:
        ranks: (Q,) rank of the mate, ties counted ahead of it; G + 1 without evidence, which is
            never a correct choice.
        gallery: G.
        m: 1 to G.

    Returns:
        (Q,) float64; its mean is the expected share of correct choices.

    Raises:
        BadDataError: m is outside 1 to G, or no whole number.

    >>> exact_recall(np.array([1, 2, 3]), 3, 2).tolist()
    [1.0, 0.5, 0.0]
    """
    _check_size(gallery, m)
    worse = gallery - ranks.astype(np.float64)
    drawn = np.arange(m - 1)
    factors = np.clip(worse[:, None] - drawn, 0, None) / (gallery - 1 - drawn)
    probability: Array = np.where(ranks > gallery, 0.0, factors.prod(axis=1))
    return probability


def simulated_recall(
    ranks: Array, gallery: int, m: int, *, repetitions: int = 10, seed: int = 0
) -> Array:
    """The paper's method: share of correct choices in repeated draws.

    Args:
        ranks, gallery, m: as for `exact_recall`.

    Returns:
        (repetitions,) float64.
    """
    _check_size(gallery, m)
    random = np.random.default_rng(seed)
    evidence = ranks <= gallery
    better = np.minimum(ranks, gallery) - 1
    # Only the number of drawn images that are at least as similar as the mate matters.
    draws = random.hypergeometric(
        better, gallery - 1 - better, m - 1, size=(repetitions, ranks.size)
    )
    shares: Array = ((draws == 0) & evidence).mean(axis=1)
    return shares


def _check_size(gallery: int, m: int) -> None:
    check_whole_number("m", m)
    if not 1 <= m <= gallery:
        raise BadDataError(f"m must be 1 to {gallery}, the size of the gallery; got {m}.")
