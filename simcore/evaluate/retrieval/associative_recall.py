"""Associative recall: the mate among m images, the others drawn at random (rosenfeld2018, 4.2)."""

import numpy as np

from simcore.errors import BadDataError
from simcore.types import Array

SIZES = (1, 2, 3, 4, 5, 10, 20, 50, 100)


def exact_recall(ranks: Array, gallery: int, m: int) -> Array:
    """Probability that the mate comes first among m images, query by query.

    Of the gallery's G - 1 others, rank - 1 are as good as the mate or better; it comes first when
    none of them is among the m - 1 drawn: C(G - rank, m - 1) / C(G - 1, m - 1).

    Args:
        ranks: (Q,) rank of the mate, ties counted ahead of it.
        gallery: G. m: 1 to G.

    Returns:
        (Q,) float64; its mean is the expected share of correct choices.

    >>> exact(np.array([1, 2, 3]), 3, 2).tolist()
    [1.0, 0.5, 0.0]
    """
    _check(gallery, m)
    worse = gallery - ranks.astype(np.float64)
    drawn = np.arange(m - 1)
    factors = np.clip(worse[:, None] - drawn, 0, None) / (gallery - 1 - drawn)
    product: Array = factors.prod(axis=1)
    return product


def simulated_recall(
    ranks: Array, gallery: int, m: int, *, repetitions: int = 10, seed: int = 0
) -> Array:
    """The paper's way: shares of correct choices in repeated draws, (repetitions,) float64."""
    _check(gallery, m)
    random = np.random.default_rng(seed)
    better = ranks - 1
    # How many of the m - 1 drawn are at least as good as the mate is all that matters.
    draws = random.hypergeometric(
        better, gallery - 1 - better, m - 1, size=(repetitions, ranks.size)
    )
    shares: Array = (draws == 0).mean(axis=1)
    return shares


def _check(gallery: int, m: int) -> None:
    if not 1 <= m <= gallery:
        raise BadDataError(f"found m = {m}; expected 1 to the {gallery} images of the gallery")
