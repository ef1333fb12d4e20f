"""Triplet and quadruplet terms of margaritescu2024 (3.2), weighted by how certain the votes are.

The formulas are those of fine-tuning (`finetune.losses`), per trial instead of per batch, on unit
rows whose Euclidean distances D are at most 2.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from simcore.errors import unknown_name
from simcore.training.finetune import losses
from simcore.types import Array

Term = Literal["triplet", "quadruplet"]
TERMS: tuple[Term, ...] = get_args(Term)


def check_term(name: str) -> Term:
    """The term of that name.

    Raises:
        UnknownNameError: no such term.
    """
    if name not in TERMS:
        raise unknown_name("term", name, TERMS)
    return name


def certainty(vote: Array) -> Array:
    """(T,) how far the votes are from a tie: 0 for as many on both sides, 1 for all on one.

    >>> certainty(np.array([0.5, 0.75, 1.0, 0.0]))
    array([0. , 0.5, 1. , 1. ])
    """
    return np.asarray(np.abs(2 * vote - 1))


@dataclass(frozen=True, eq=False)
class TrialRows:
    """n trials as rows of their pictures (numpy or torch).

    Attributes:
        query, positive, negative: (n,) rows; most people chose the positive.
        second: (n,) rows of a second negative, from another trial; None for triplets.
        weight: (n,) `certainty` of the votes.
    """

    query: Any
    positive: Any
    negative: Any
    second: Any
    weight: Any


def weighted(pictures: Any, trials: TrialRows, margins: tuple[float, float]) -> Any:
    """The mean over trials, weighted by certainty, of

        max(D(q, p) - D(q, n) + m1, 0)  [+ max(D(q, p) - D(p, s) + m2, 0) with a second negative]

    Args:
        pictures: torch (m, d) unit rows. trials: torch, rows of `pictures`.
        margins: m1, m2.
    """
    query, positive = pictures[trials.query], pictures[trials.positive]
    pull = losses.distance(query, positive)
    terms = (pull - losses.distance(query, pictures[trials.negative]) + margins[0]).relu()
    if trials.second is not None:
        apart = losses.distance(positive, pictures[trials.second])
        terms = terms + (pull - apart + margins[1]).relu()
    return (trials.weight * terms).sum() / trials.weight.sum()
