"""Ranking trials as triplets, and the sets of margaritescu2024 (chapter 4, Figures 4.2 and 5.1).

What the text says and what it leaves open:

* 4.2: "Each triplet set contains 1000 triplets obtained [...] by selecting 1000 trials at random
  (with correct catch trials)". No seed is told; here it is an argument. A set with fewer usable
  trials is taken whole.
* 4.2: an 8rank2 trial gives a *similar* triplet (first and second choice) and a *dissimilar* one
  (first choice and a random image that was not chosen); a 2rank1 trial gives one triplet.
* BAPPS as published has no catch trials; its shares are kept, and its sides as they are.
* 5.2: results are averaged over "CNN and colour distortions", "real algorithm distortions" and
  "2 rank 1 and 8 rank 2 dissimilar triplets from Birds-16". 4.1 counts colour among the real
  algorithms; since 5.2 puts it with CNN, the real algorithms are the other three here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from simcore.data.judgements.trial_draft import ImageFolder, ImageNumbering, TrialDraft
from simcore.data.judgements.trials import JudgementSet, Rankings, Triplets
from simcore.errors import BadDataError
from simcore.types import Array

Source = Literal["bapps", "hsj", "birds-16"]

SIZE = 1000
GROUPS = ("8rank2 similar", "8rank2 dissimilar", "2rank1 dissimilar")
# The 11 triplet sets: source, group.
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
# Table A.1: the fine-tuning sets as printed, of `SIZE` data points each: source, kind of sample.
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
# Panels of Figure 5.1: what is averaged (section 5.2).
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
    trials: Rankings, shelf: ImageFolder, *, seed: int = 0, others: bool = False
) -> TrialDraft:
    """Triplets of ranking trials (margaritescu2024, 4.2): left is the first choice, vote 0.

    Args:
        shelf: where the images are.
        seed: draws the image that was not chosen.
        others: keep the further images of a trial, for quadruplets.
    """
    random = np.random.default_rng(seed)
    shown, chosen = trials.shown, trials.chosen
    eight = chosen == 2
    rest = shown[:, 3:]  # of an 8rank2 trial: six that were not chosen
    pick = random.integers(0, rest.shape[1], len(trials))
    parts = [
        (eight, shown[:, 2]),
        (eight, rest[np.arange(len(trials)), pick]),
        (~eight, shown[:, 2]),
    ]
    items = np.concatenate([np.c_[shown[m, 0], shown[m, 1], second[m]] for m, second in parts])
    group = np.repeat(GROUPS, [int(m.sum()) for m, _ in parts])
    more = np.full((len(items), rest.shape[1] if others else 0), -1, np.int64)
    if others:
        more[:] = np.concatenate([rest[m] for m, _ in parts])
        more[more == items[:, 2:]] = -1  # the image drawn is in the triplet already
    roster = ImageNumbering()
    number = np.full(len(trials.stimuli) + 1, -1, np.int64)  # the last place serves -1
    for k in dict.fromkeys([*items.ravel().tolist(), *more.ravel().tolist()]):
        if k >= 0:
            told = trials.stimuli[k]
            number[k] = roster.number(told.lstrip("/"), shelf.find(told))
    count = len(items)
    return TrialDraft(
        "triplets",
        roster.ids,
        roster.paths,
        number[items],
        np.zeros(count),
        np.ones(count, np.int64),
        tuple(group.tolist()),
        others=number[more],
    )


def evaluation(
    given: Mapping[Source, JudgementSet], *, size: int = SIZE, seed: int = 0
) -> dict[str, tuple[JudgementSet, Array]]:
    """The 11 triplet sets, or those whose source is given (margaritescu2024, 4.2, Figure 4.2).

    Args:
        given: "bapps", "hsj", "birds-16" -> remembered judgements.
        size: triplets a set. seed: which.

    Returns:
        set name -> (its source, rows of its triplets).

    Raises:
        BadDataError: a source without triplets of a set that it should hold.
    """
    found: dict[str, tuple[JudgementSet, Array]] = {}
    for name, (source, group) in SETS.items():
        if source not in given:
            continue
        judged = given[source]
        names = np.asarray(judged.triplets.group)
        rows = np.flatnonzero(names == group)
        if not rows.size:
            raise BadDataError(
                f"found no {group!r} triplets in {judged.name!r} for the set {name!r}; "
                f"expected them among {', '.join(dict.fromkeys(judged.triplets.group))}"
            )
        # A generator a set, so that a set does not change with which others are asked for.
        random = np.random.default_rng([seed, list(SETS).index(name)])
        found[name] = (judged, np.sort(random.permutation(rows)[:size]))
    return found


def part(judged: JudgementSet, rows: Array) -> JudgementSet:
    """Some triplets of a set, over no more images than they show."""
    some = judged.triplets.take(rows)
    used, place = np.unique(np.stack([some.ref, some.left, some.right]), return_inverse=True)
    ref, left, right = place.reshape(3, -1)
    told = hashlib.sha256(np.ascontiguousarray(rows, np.int64).tobytes()).hexdigest()[:12]
    return replace(
        judged,
        trials=Triplets(
            some.images.take(used), ref, left, right, some.vote, some.group, some.votes_n
        ),
        others=None,
        digest=f"{judged.digest}-{told}",
    )


def balanced(triplets: Triplets, *, size: int = SIZE, seed: int = 0) -> Array:
    """Rows of a fine-tuning triplet set: groups equally represented (4.3, Table A.1)."""
    random = np.random.default_rng(seed)
    names = np.asarray(triplets.group)
    queues = [
        random.permutation(np.flatnonzero(names == n)).tolist()
        for n in dict.fromkeys(triplets.group)
    ]
    rows: list[int] = []
    while len(rows) < size and any(queues):  # a group that runs out leaves its share to the others
        for queue in queues:
            if queue and len(rows) < size:
                rows.append(queue.pop())
    return np.sort(np.array(rows, np.int64))


def nearer_first(triplets: Triplets) -> Array:
    """(T, 3) images: the reference, the one most found nearer, the other (4.2, "reference 1")."""
    swap = triplets.vote > 0.5
    near = np.where(swap, triplets.right, triplets.left)
    far = np.where(swap, triplets.left, triplets.right)
    return np.c_[triplets.ref, near, far]


def quadruplets(judged: JudgementSet, *, size: int = SIZE, seed: int = 0) -> Array:
    """(size, 4) images: query, positive and two negatives (4.3, Table A.1).

    The fourth is a random image of the same 8rank2 trial that was not chosen, or a random image of
    a random, different 2rank1 trial; BAPPS trials are 2rank1 (4.1).

    Raises:
        BadDataError: 8rank2 triplets remembered without the other images of their trials, or no
            other trial to draw from.
    """
    triplets = judged.triplets
    rows = balanced(triplets, size=size, seed=seed)
    random = np.random.default_rng([seed, 1])
    three = nearer_first(triplets)
    names = np.asarray(triplets.group)
    eight = np.char.startswith(names.astype(str), "8rank2")
    small = np.flatnonzero(~eight)
    fourth = np.empty(rows.size, np.int64)
    for k, row in enumerate(rows):
        if eight[row]:
            kept = judged.others[row] if judged.others is not None else np.empty(0, np.int64)
            choice = kept[kept >= 0]
        else:
            other = small[small != row]
            other = other[three[other, 0] != three[row, 0]]
            choice = three[random.choice(other)] if other.size else np.empty(0, np.int64)
        if not choice.size:
            raise BadDataError(
                f"found no further image for triplet {row} of {judged.name!r}; expected the other "
                "images of its trial, or other trials; add the set again with --others"
            )
        fourth[k] = random.choice(choice)
    return np.c_[three[rows], fourth]


def single_images(triplets: Triplets, *, size: int = SIZE, seed: int = 0) -> Array:
    """Sorted image rows of a self-supervised set: drawn from all unique images (4.3).

    Fewer than `size` where there are not as many (Birds-16 has 208): none is drawn twice.
    """
    used = np.unique(np.concatenate([triplets.ref, triplets.left, triplets.right]))
    return np.sort(np.random.default_rng(seed).permutation(used)[:size])
