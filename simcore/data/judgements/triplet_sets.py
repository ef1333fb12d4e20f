"""Triplets from ranking trials, and the sets of margaritescu2024 (chapter 4, Figures 4.2 and 5.1).

What the text says and what it leaves open:

* 4.2: "Each triplet set contains 1000 triplets obtained [...] by selecting 1000 trials at random
  (with correct catch trials)". The seed is not given; here it is an argument. If a set has fewer
  usable trials, all of them are taken.
* 4.2: an 8rank2 trial gives a *similar* triplet (first and second choice) and a *dissimilar* one
  (first choice and a random image that was not chosen); a 2rank1 trial gives one triplet.
* BAPPS as published has no catch trials; its shares and its sides are kept as they are.
* 5.2: results are averaged over "CNN and colour distortions", "real algorithm distortions" and
  "2 rank 1 and 8 rank 2 dissimilar triplets from Birds-16". 4.1 counts color among the real
  algorithms; since 5.2 groups it with CNN, the real algorithms are the other three here.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from simcore.data.image_names import Matches
from simcore.data.judgements.trial_draft import ImageNumbering, TrialDraft
from simcore.data.judgements.trials import JudgementSet, Rankings, Triplets
from simcore.errors import BadDataError
from simcore.types import Array

Source = Literal["bapps", "hsj", "birds-16"]
BySet = dict[str, Array]  # triplet set -> one value per triplet, or its rows

SIZE = 1000
GROUPS = ("8rank2 similar", "8rank2 dissimilar", "2rank1 dissimilar")
# The 11 triplet sets: name -> source, group.
SETS: dict[str, tuple[Source, str]] = {
    "bapps traditional": ("bapps", "traditional"),
    "bapps cnn": ("bapps", "cnn"),
    "bapps color": ("bapps", "color"),
    "bapps deblur": ("bapps", "deblur"),
    "bapps frameinterp": ("bapps", "frameinterp"),
    "bapps superres": ("bapps", "superres"),
    "hsj similar": ("hsj", GROUPS[0]),
    "hsj dissimilar": ("hsj", GROUPS[1]),
    "birds-16 similar": ("birds-16", GROUPS[0]),
    "birds-16 dissimilar": ("birds-16", GROUPS[1]),
    "birds-16 2rank1": ("birds-16", GROUPS[2]),
}
# Table A.1: the fine-tuning sets as printed, of `SIZE` data points each: id -> source, what.
TABLE_A1: dict[str, tuple[Source, str]] = {
    "Triplet_ImageNet_HSJ": ("hsj", "triplets"),
    "Triplet_Birds-16": ("birds-16", "triplets"),
    "Triplet_BAPPS_2AFC": ("bapps", "triplets"),
    "Quadruplet_ImageNet_HSJ": ("hsj", "quadruplets"),
    "Quadruplet_Birds-16": ("birds-16", "quadruplets"),
    "Quadruplet_BAPPS_2AFC": ("bapps", "quadruplets"),
    "Singleton_ImageNet_HSJ": ("hsj", "singles"),
    "Singleton_Birds-16": ("birds-16", "singles"),
    "Singleton_BAPPS_2AFC": ("bapps", "singles"),
}
# Panels of Figure 5.1: title -> the sets that are averaged (section 5.2).
PANELS: dict[str, tuple[str, ...]] = {
    "BAPPS traditional": ("bapps traditional",),
    "BAPPS CNN and colour": ("bapps cnn", "bapps color"),
    "BAPPS real algorithms": ("bapps deblur", "bapps frameinterp", "bapps superres"),
    "ImageNet-HSJ similar": ("hsj similar",),
    "ImageNet-HSJ dissimilar": ("hsj dissimilar",),
    "Birds-16 similar": ("birds-16 similar",),
    "Birds-16 dissimilar": ("birds-16 dissimilar", "birds-16 2rank1"),
}


def from_rankings(
    trials: Rankings,
    find_files: Callable[[Iterable[str]], Matches],
    *,
    seed: int = 0,
    keep_alternatives: bool = False,
) -> TrialDraft:
    """Triplets of ranking trials (margaritescu2024, 4.2); left is the first choice, so vote is 0.

    Args:
        find_files: names of stimuli -> their files, such as `ImageIndex.find_all`.
        seed: of the image that was not chosen.
        keep_alternatives: keep the further images of each trial, for quadruplets.
    """
    random = np.random.default_rng(seed)
    shown = trials.shown
    is_8rank2 = trials.chosen == 2
    not_chosen = shown[:, 3:]  # six images of an 8rank2 trial
    drawn = not_chosen[np.arange(len(trials)), random.integers(0, not_chosen.shape[1], len(trials))]
    parts = [  # one per group: which trials, and the image that is further away
        (is_8rank2, shown[:, 2]),
        (is_8rank2, drawn),
        (~is_8rank2, shown[:, 2]),
    ]
    items = np.concatenate([np.c_[shown[rows, :2], further[rows]] for rows, further in parts])
    group = np.repeat(GROUPS, [int(rows.sum()) for rows, _ in parts])
    if keep_alternatives:
        alternatives = np.concatenate([not_chosen[rows] for rows, _ in parts])
        alternatives[alternatives == items[:, 2:]] = -1  # the drawn image is in the triplet already
    else:
        alternatives = np.empty((len(items), 0), np.int64)
    numbering = ImageNumbering()
    row_of = np.full(len(trials.stimuli) + 1, -1, np.int64)  # the last one maps -1 to -1
    used = dict.fromkeys([*items.ravel().tolist(), *alternatives.ravel().tolist()])
    names = {stimulus: trials.stimuli[stimulus] for stimulus in used if stimulus >= 0}
    files = find_files(names.values())
    for stimulus, name in names.items():
        row_of[stimulus] = numbering.number(name.lstrip("/"), files[name])
    return TrialDraft(
        "triplets",
        numbering.ids,
        numbering.paths,
        row_of[items],
        np.zeros(len(items)),
        np.ones(len(items), np.int64),
        tuple(group.tolist()),
        alternatives=row_of[alternatives],
        problems=numbering.problems,
    )


def evaluation(
    sources: Mapping[Source, JudgementSet], *, size: int = SIZE, seed: int = 0
) -> dict[str, tuple[JudgementSet, Array]]:
    """The 11 triplet sets, or those whose source is given (margaritescu2024, 4.2, Figure 4.2).

    Args:
        sources: "bapps", "hsj", "birds-16" -> set of judgements.
        size: triplets per set.
        seed: of the draw.

    Returns:
        set name -> (its source, rows of its triplets).

    Raises:
        BadDataError: a source has no triplets of a group that it should have.
    """
    drawn: dict[str, tuple[JudgementSet, Array]] = {}
    for name, (source, group) in SETS.items():
        if source not in sources:
            continue
        judged = sources[source]
        rows = rows_of_group(judged.triplets, group)
        if not rows.size:
            raise BadDataError(
                f"There are no {group!r} triplets in {judged.name!r} for the set {name!r}; it has "
                f"{', '.join(dict.fromkeys(judged.triplets.group))}."
            )
        # One generator per set, so that a set does not depend on which others are drawn.
        random = np.random.default_rng([seed, list(SETS).index(name)])
        drawn[name] = (judged, np.sort(random.permutation(rows)[:size]))
    return drawn


def rows_of_group(triplets: Triplets, group: str) -> Array:
    """Rows of a group; of BAPPS with its training part, those of the validation part."""
    names = np.asarray(triplets.group, dtype=str)
    return np.flatnonzero((names == group) | (names == f"val/{group}"))


def part(judged: JudgementSet, rows: Array) -> JudgementSet:
    """The triplets at `rows`, over just the images they show."""
    triplets = judged.triplets.take(rows)
    used, new_rows = np.unique(
        np.stack([triplets.ref, triplets.left, triplets.right]), return_inverse=True
    )
    ref, left, right = new_rows.reshape(3, -1)
    images = triplets.images.take(used)
    digest = hashlib.sha256(np.ascontiguousarray(rows, np.int64).tobytes()).hexdigest()[:12]
    return replace(
        judged,
        trials=replace(triplets, images=images, ref=ref, left=left, right=right),
        alternatives=None,
        digest=f"{judged.digest}-{digest}",
    )


def balanced(triplets: Triplets, *, size: int = SIZE, seed: int = 0) -> Array:
    """Sorted rows of a fine-tuning set with groups equally represented (4.3, Table A.1)."""
    random = np.random.default_rng(seed)
    names = np.asarray(triplets.group)
    queues = [
        random.permutation(np.flatnonzero(names == name)).tolist()
        for name in dict.fromkeys(triplets.group)
    ]
    rows: list[int] = []
    while len(rows) < size and any(queues):  # when a group runs out, the others fill its share
        for queue in queues:
            if queue and len(rows) < size:
                rows.append(queue.pop())
    return np.sort(np.array(rows, np.int64))


def nearer_first(triplets: Triplets) -> Array:
    """(T, 3) images: the reference, the one most people chose, the other (4.2, "reference 1")."""
    swap = triplets.vote > 0.5
    nearer = np.where(swap, triplets.right, triplets.left)
    further = np.where(swap, triplets.left, triplets.right)
    return np.c_[triplets.ref, nearer, further]


def is_8rank2(triplets: Triplets) -> Array:
    """(T,) bool: triplets of trials that showed eight references."""
    names = np.asarray(triplets.group, dtype=str)
    of_eight: Array = np.char.startswith(names, "8rank2")
    return of_eight


def check_second_negatives(judged: JudgementSet, rows: Array) -> None:
    """Refuse quadruplets of triplets that have no image to take as their second negative.

    Raises:
        BadDataError: one of the triplets at `rows` is of an 8rank2 trial whose further images were
            not kept, or of the only query of all other trials.
    """
    lacking = np.ones(rows.size, bool)
    if judged.alternatives is not None:
        lacking = (judged.alternatives[rows] < 0).all(axis=1)
    of_eight = is_8rank2(judged.triplets)
    needing = rows[of_eight[rows] & lacking]
    if needing.size:
        raise BadDataError(
            f"Triplet {needing[0]} of {judged.name!r} has no further image for a quadruplet. Add "
            "the set again with --keep-alternatives."
        )
    needing = rows[~of_eight[rows] & lacking]
    if needing.size and np.unique(judged.triplets.ref[~of_eight]).size < 2:
        raise BadDataError(
            f"Triplet {needing[0]} of {judged.name!r} is about the only query with two images to "
            "choose from, but the second negative of its quadruplet is an image of another such "
            "query. Use triplets instead."
        )


def quadruplets(judged: JudgementSet, *, size: int = SIZE, seed: int = 0) -> Array:
    """(size, 4) images: query, positive and two negatives (4.3, Table A.1).

    The second negative is a random image of the same 8rank2 trial that was not chosen, or a random
    image of a random, different 2rank1 trial that the triplet does not show; BAPPS trials are
    2rank1 (4.1).

    Raises:
        BadDataError: 8rank2 triplets were added without the alternatives of their trials, or there
            is no other trial to draw from.
    """
    triplets = judged.triplets
    rows = balanced(triplets, size=size, seed=seed)
    random = np.random.default_rng([seed, 1])
    ordered = nearer_first(triplets)
    check_second_negatives(judged, rows)
    of_eight = is_8rank2(triplets)
    rows_2rank1 = np.flatnonzero(~of_eight)
    fourth = np.empty(rows.size, np.int64)
    for k, row in enumerate(rows):
        candidates = np.empty(0, np.int64)
        if not of_eight[row]:
            trials = rows_2rank1[rows_2rank1 != row]
            trials = trials[ordered[trials, 0] != ordered[row, 0]]
            if trials.size:
                candidates = _not_shown(ordered[random.choice(trials)], ordered[row])
            if not candidates.size:  # in a dense set, a trial of the same images
                candidates = _not_shown(np.unique(ordered[trials]), ordered[row])
            if not candidates.size:
                raise BadDataError(
                    f"There is no image for the quadruplet of triplet {row} of {judged.name!r}: "
                    "all trials show the same images. Use triplets instead."
                )
        elif judged.alternatives is not None:
            candidates = judged.alternatives[row][judged.alternatives[row] >= 0]
        fourth[k] = random.choice(candidates)
    return np.c_[ordered[rows], fourth]


def _not_shown(candidates: Array, trial: Array) -> Array:
    return candidates[~np.isin(candidates, trial)]


def single_images(triplets: Triplets, *, size: int = SIZE, seed: int = 0) -> Array:
    """Sorted image rows for self-supervised training, drawn from all unique images (4.3).

    Each image is drawn at most once, so the set is smaller than `size` if there are fewer
    (Birds-16 has 208).
    """
    used = np.unique(np.concatenate([triplets.ref, triplets.left, triplets.right]))
    return np.sort(np.random.default_rng(seed).permutation(used)[:size])
