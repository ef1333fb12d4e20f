"""Training examples from judgements.

The majority of the votes decides which of two images is the positive and which the negative; trials
whose votes tie are left out.
"""

import numpy as np

from simcore.data.judgements import triplet_sets
from simcore.data.judgements.trials import JudgementSet, Triplets
from simcore.errors import BadDataError
from simcore.training.finetune.paradigms import Examples
from simcore.training.splits import PART_NAMES, TrialSplit, image_numbers
from simcore.types import Array


def has_majority(triplets: Triplets, images: Array) -> Array:
    """(T,) bool: most people chose one of two different images.

    Args:
        images: (T, 3) as `splits.trial_images` numbers them.
    """
    different: Array = images[:, 1] != images[:, 2]
    return different & (triplets.vote != 0.5)


def decided_rows(judgements: JudgementSet, split: TrialSplit, part: str) -> Array:
    """(n,) rows of the trials of a part of the split that have a majority, in this order.

    Raises:
        BadDataError: fewer than 2.
    """
    rows: Array = getattr(split, part)
    rows = rows[has_majority(judgements.triplets, split.images)[rows]]
    if rows.size < 2:
        raise BadDataError(
            f"Too few judgements with a majority for {part}: {judgements.name!r} has {rows.size}, "
            "at least 2 are needed. Add more judgements."
        )
    return rows


def examples(
    judgements: JudgementSet, split: TrialSplit, part: str, *, fourth: bool = False, seed: int = 0
) -> Examples:
    """The examples of a part of the split; their images are rows of the set's images.

    Args:
        part: "train", "validation" or "test".
        fourth: add a second negative for quadruplets (margaritescu2024, 4.3): another image of the
            same 8rank2 trial that no other part shows, else an image of another trial.

    Raises:
        BadDataError: fewer than 2 trials with a majority, no other trial to take a second negative
            from, or 8rank2 triplets without the further images of their trials.
    """
    triplets, rows = judgements.triplets, decided_rows(judgements, split, part)
    trials = triplet_sets.nearer_first(triplets)[rows]  # (n, 3): reference, nearer, farther
    negatives = trials[:, 2:]
    if fourth:
        triplet_sets.check_second_negatives(judgements, rows)
        numbers = image_numbers(triplets)
        allowed = _allowed_images(numbers, split, part)
        second = _second_negatives(judgements, rows, trials, allowed, numbers, seed=seed)
        negatives = np.c_[negatives, second]
    part_trials = triplets.take(getattr(split, part))
    singles = np.unique(np.concatenate([part_trials.ref, part_trials.left, part_trials.right]))
    return Examples(trials[:, 0], trials[:, 1], negatives, singles)


def _allowed_images(numbers: Array, split: TrialSplit, part: str) -> Array:
    """(N,) which images may be second negatives of a part.

    Training may use every image that neither of the other parts shows, the others only their own;
    of a split by references, every part all images but the references of the test trials.
    """
    if split.rule == "all":
        return np.ones(len(numbers), bool)
    if split.rule == "references":
        return ~np.isin(numbers, split.images[split.test, 0])
    used = {name: np.unique(split.images[getattr(split, name)]) for name in PART_NAMES}
    if part != "train":
        return np.isin(numbers, used[part])
    return ~np.isin(numbers, np.concatenate([used["validation"], used["test"]]))


def _second_negatives(
    judgements: JudgementSet,
    rows: Array,
    trials: Array,
    allowed: Array,
    numbers: Array,
    *,
    seed: int,
) -> Array:
    """(n,) second negatives: of the same trial if one of its images is allowed, else of another.

    As in the thesis, the other trial of a 2rank1 trial is a 2rank1 trial, unless the part has no
    other query of these; of an 8rank2 trial it may be any. An image that the trial itself shows is
    not taken.

    Args:
        rows: (n,) numbers of the trials. trials: (n, 3) their images, nearer first.
        allowed: (N,) whether an image may be taken. numbers: (N,) equal content has equal ones.
    """
    rng = np.random.default_rng([seed, 2])
    references = numbers[trials[:, 0]]
    if np.unique(references).size < 2:
        raise BadDataError(
            f"A part of {judgements.name!r} has one query only, but the second negative of a "
            "quadruplet is taken from the trial of another query. Choose another paradigm."
        )
    of_eight = triplet_sets.is_8rank2(judgements.triplets)[rows]
    anywhere, of_two = np.arange(rows.size), np.flatnonzero(~of_eight)
    pool_of_two = of_two if np.unique(references[of_two]).size > 1 else anywhere
    negatives = np.empty(rows.size, np.int64)
    for members, pool in ((of_two, pool_of_two), (np.flatnonzero(of_eight), anywhere)):
        open_rows = members
        while open_rows.size:  # draw again where the same query was drawn
            drawn = pool[rng.integers(0, pool.size, open_rows.size)]
            usable = references[drawn] != references[open_rows]
            role = rng.integers(0, 3, open_rows.size)
            negatives[open_rows[usable]] = trials[drawn[usable], role[usable]]
            open_rows = open_rows[~usable]
    if judgements.alternatives is not None:
        for k, row in enumerate(rows):
            alternatives = judgements.alternatives[row]
            alternatives = alternatives[alternatives >= 0]
            alternatives = alternatives[allowed[alternatives]]
            if alternatives.size:
                negatives[k] = rng.choice(alternatives)
    shown = numbers[trials]
    for clash in np.flatnonzero((numbers[negatives][:, None] == shown).any(axis=1)):
        pool = anywhere if of_eight[clash] else pool_of_two
        others = trials[pool[references[pool] != references[clash]]].ravel()
        others = others[~np.isin(numbers[others], shown[clash])]
        if not others.size:
            raise BadDataError(
                f"A part of {judgements.name!r} has no image for the second negative of a "
                "quadruplet: all trials show the same images. Choose another paradigm."
            )
        negatives[clash] = rng.choice(others)
    return negatives
