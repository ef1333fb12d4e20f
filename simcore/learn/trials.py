"""Judgements as examples: which are learned from, which choose, which judge, and what each shows.

The majority of the votes says which of two pictures is the positive and which the negative; where
the votes tie nothing is said, so nothing is learned. No picture is in two parts.
"""

from dataclasses import dataclass

import numpy as np

from simcore.data import images
from simcore.data.trials import sets
from simcore.data.trials.nouns import Judgements, Triplets
from simcore.errors import BadDataError
from simcore.learn import splits
from simcore.learn.paradigms import Examples
from simcore.types import Array

# Of the references, for training, validation and test, where trials have to be cut apart.
SHARES = (0.5, 0.2, 0.3)
_NAMES = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Parts:
    """Rows of T trials in three parts that show no picture in common.

    Attributes:
        train, validation, test: int64 row numbers, sorted.
        shown: (T, 3) numbers of the pictures of each trial; the same picture has one number.

    Raises:
        BadDataError: a trial or a picture is in two parts, or a part is too small.
    """

    train: Array
    validation: Array
    test: Array
    shown: Array

    def __post_init__(self) -> None:
        for name in _NAMES:
            rows = np.sort(np.asarray(getattr(self, name), np.int64))
            rows.flags.writeable = False
            object.__setattr__(self, name, rows)
        parts = (self.train, self.validation, self.test)
        rows = np.concatenate(parts)
        if rows.size and not (0 <= rows.min() and rows.max() < len(self.shown)):
            raise BadDataError(f"found a trial outside 0 to {len(self.shown) - 1} in a split")
        used = [np.unique(self.shown[part]) for part in parts]
        if np.unique(np.concatenate(used)).size != sum(map(len, used)):
            raise BadDataError(
                "found a picture in two parts of a split; expected training, validation and test "
                "judgements over different pictures"
            )
        if min(map(len, parts)) < 2:
            found = ", ".join(
                f"{len(part)} for {name}" for name, part in zip(_NAMES, parts, strict=True)
            )
            raise BadDataError(
                f"found {found} where no two parts show the same picture; expected at least 2 "
                "judgements of each; add more judgements, over more pictures"
            )

    @property
    def across(self) -> int:
        """Trials that are in no part, since they show pictures of several."""
        return len(self.shown) - sum(len(getattr(self, name)) for name in _NAMES)


def numbers(triplets: Triplets) -> Array:
    """(N,) a number for each image; the same content has the same one, trimmed or not."""
    number: dict[str, int] = {}
    keys = map(images.picture, triplets.images.keys)
    return np.array([number.setdefault(key, len(number)) for key in keys], np.int64)


def shown(triplets: Triplets) -> Array:
    """(T, 3) numbers of the pictures of each trial: reference, left, right."""
    number = numbers(triplets)
    return np.stack([number[k] for k in (triplets.ref, triplets.left, triplets.right)], axis=1)


def draw(pictures: Array, seed: int) -> Parts:
    """A random split over whole groups of trials that hang together by their pictures.

    Where nearly all hang together (208 birds in every trial) groups cannot fill the parts; then the
    references are dealt out in `SHARES`, every other picture goes where most of its trials are, and
    trials that show pictures of two parts are left out.

    Args:
        pictures: (T, 3) as `shown` numbers them. seed: another seed, another split.

    Raises:
        BadDataError: too few trials, or over too few pictures.
    """
    groups = together(pictures)
    wanted = len(pictures) * splits.TEST, len(pictures) * (1 - splits.TEST) * splits.VALIDATION
    train, validation, test = splits.dealt(groups, seed)
    if len(test) < wanted[0] / 2 or len(validation) < wanted[1] / 2:
        own = _cut(pictures, np.random.default_rng(seed))[pictures]
        whole = (own == own[:, :1]).all(axis=1)
        train, validation, test = (np.flatnonzero(whole & (own[:, 0] == k)) for k in range(3))
    return Parts(train, validation, test, pictures)


def _cut(pictures: Array, random: np.random.Generator) -> Array:
    """(P,) part of each picture."""
    references = np.unique(pictures[:, 0])
    place = random.permutation(references.size)
    dealt = np.searchsorted(np.cumsum(SHARES)[:-1] * references.size, place, side="right")
    part = np.full(int(pictures.max()) + 1, -1, np.int64)
    part[references] = dealt
    trials = np.zeros((part.size, len(SHARES)))
    for side in (1, 2):
        np.add.at(trials, (pictures[:, side], part[pictures[:, 0]]), 1)
    most = (trials + random.random(trials.shape) / 2).argmax(axis=1)  # ties at random
    return np.where(part < 0, most, part)


def together(pictures: Array) -> Array:
    """(T,) group of each trial; trials that share a picture, or that others link, have one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    trials, width = pictures.shape
    count = int(pictures.max(initial=-1)) + 1
    rows = np.repeat(np.arange(trials), width)
    size = trials + count
    links = coo_array((np.ones(rows.size), (rows, trials + pictures.ravel())), shape=(size, size))
    groups: Array = connected_components(links, directed=False)[1][:trials]
    return groups.astype(np.int64)


def decided(triplets: Triplets, pictures: Array) -> Array:
    """(T,) bool: most people chose one of two different pictures."""
    different: Array = pictures[:, 1] != pictures[:, 2]
    return different & (triplets.vote != 0.5)


def examples(
    judged: Judgements, parts: Parts, name: str, *, fourth: bool = False, seed: int = 0
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
    rows = rows[decided(triplets, parts.shown)[rows]]
    if rows.size < 2:
        raise BadDataError(
            f"found {rows.size} judgements for {name} of {judged.name!r} that most people agree "
            "on; expected at least 2; add more judgements"
        )
    three = sets.nearer_first(triplets)[rows]
    strangers = three[:, 2:]
    if fourth:
        free = _free(numbers(triplets), parts, name)
        strangers = np.c_[strangers, _fourth(judged, rows, three, free, parts.shown[rows, 0], seed)]
    part = triplets.take(getattr(parts, name))
    singles = np.unique(np.concatenate([part.ref, part.left, part.right]))
    return Examples(three[:, 0], three[:, 1], strangers, singles)


def _free(number: Array, parts: Parts, name: str) -> Array:
    """(N,) which images a part may show beside its trials: of training all that no other part has,
    of the others only their own."""
    own = {n: np.unique(parts.shown[getattr(parts, n)]) for n in _NAMES}
    if name != "train":
        return np.isin(number, own[name])
    return ~np.isin(number, np.concatenate([own["validation"], own["test"]]))


def _fourth(
    judged: Judgements, rows: Array, three: Array, free: Array, reference: Array, seed: int
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
    if judged.others is None:
        return other
    for k, row in enumerate(rows):
        mine = judged.others[row]
        mine = mine[mine >= 0]
        if (mine := mine[free[mine]]).size:
            other[k] = random.choice(mine)
    return other
