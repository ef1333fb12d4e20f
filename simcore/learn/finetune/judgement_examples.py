"""Judgements as examples: which are learned from, which choose, which judge, and what each shows.

The majority of the votes says which of two pictures is the positive and which the negative; where
the votes tie nothing is said, so nothing is learned. No picture is in two parts.
"""

import numpy as np

from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import BadDataError
from simcore.learn.finetune.paradigms import Examples
from simcore.learn.splits import PART_NAMES, TrialSplit, image_numbers
from simcore.types import Array


def has_majority(triplets: Triplets, pictures: Array) -> Array:
    """(T,) bool: most people chose one of two different pictures."""
    different: Array = pictures[:, 1] != pictures[:, 2]
    return different & (triplets.vote != 0.5)


def examples(
    judged: JudgementSet, parts: TrialSplit, name: str, *, fourth: bool = False, seed: int = 0
) -> Examples:
    """What is learned from a part; pictures are rows of the set's images.

    Args:
        name: "train", "validation" or "test".
        fourth: a second negative for quadruplets (4.3 of margaritescu2024): another picture of the
            same 8rank2 trial, if none of the other parts shows it; else one of another trial.

    Raises:
        BadDataError: fewer than 2 decided trials, or no other trial to take a negative from.
    """
    triplets, rows = judged.triplets, getattr(parts, name)
    rows = rows[has_majority(triplets, parts.shown)[rows]]
    if rows.size < 2:
        raise BadDataError(
            f"found {rows.size} judgements for {name} of {judged.name!r} that most people agree "
            "on; expected at least 2; add more judgements"
        )
    three = triplet_sets.nearer_first(triplets)[rows]
    strangers = three[:, 2:]
    if fourth:
        free = _free(image_numbers(triplets), parts, name)
        strangers = np.c_[strangers, _fourth(judged, rows, three, free, parts.shown[rows, 0], seed)]
    part = triplets.take(getattr(parts, name))
    singles = np.unique(np.concatenate([part.ref, part.left, part.right]))
    return Examples(three[:, 0], three[:, 1], strangers, singles)


def _free(number: Array, parts: TrialSplit, name: str) -> Array:
    """(N,) which images a part may show beside its trials: of training all that no other part has,
    of the others only their own."""
    own = {n: np.unique(parts.shown[getattr(parts, n)]) for n in PART_NAMES}
    if name != "train":
        return np.isin(number, own[name])
    return ~np.isin(number, np.concatenate([own["validation"], own["test"]]))


def _fourth(
    judged: JudgementSet, rows: Array, three: Array, free: Array, reference: Array, seed: int
) -> Array:
    """(n,) second negatives: of the same trial where it has any that is free, else of another.

    Args:
        free: (N,) whether an image may be shown. reference: (n,) picture number of each query.
    """
    random = np.random.default_rng([seed, 2])
    if np.unique(reference).size < 2:
        raise BadDataError(
            f"found one query only in a part of {judged.name!r}; expected several, since the "
            "second negative of a quadruplet is of another trial; choose another paradigm"
        )
    other = np.empty(rows.size, np.int64)
    waiting = np.arange(rows.size)
    while waiting.size:
        drawn = random.integers(0, rows.size, waiting.size)
        good = reference[drawn] != reference[waiting]
        place = random.integers(0, 3, waiting.size)
        other[waiting[good]] = three[drawn[good], place[good]]
        waiting = waiting[~good]
    if judged.alternatives is None:
        return other
    for k, row in enumerate(rows):
        mine = judged.alternatives[row]
        mine = mine[mine >= 0]
        if (mine := mine[free[mine]]).size:
            other[k] = random.choice(mine)
    return other
