"""Which pairs are learned from, which choose, and which judge: never the same ones.

A `Split` cannot be made from parts that overlap, nor from parts that share a group of
near-duplicates, so what is judged on it was not seen, not even as a twin.
"""

from dataclasses import dataclass

import numpy as np

from simcore.data import images
from simcore.data.judgements.trials import Triplets
from simcore.errors import BadDataError
from simcore.types import Array

TEST, VALIDATION = 0.25, 0.15  # of all pairs (risser-maroux2021, 4.2); of the pairs that are left

# Of the references, for training, validation and test, where trials have to be cut apart.
SHARES = (0.5, 0.2, 0.3)
PART_NAMES = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of N pairs in three parts.

    Attributes:
        train, validation, test: int64 row numbers, sorted; validation may be empty.
        groups: (N,) group of each pair; near-duplicate pairs share one.

    Raises:
        BadDataError: a pair, or a group of near-duplicates, is in two parts; or a part that must
            hold something is empty.
    """

    train: Array
    validation: Array
    test: Array
    groups: Array

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            rows = np.sort(np.asarray(getattr(self, name), np.int64))
            rows.flags.writeable = False
            object.__setattr__(self, name, rows)
        parts = (self.train, self.validation, self.test)
        rows = np.concatenate(parts)
        if rows.size and not (0 <= rows.min() and rows.max() < len(self.groups)):
            raise BadDataError(f"found a pair outside 0 to {len(self.groups) - 1} in a split")
        if np.unique(rows).size != rows.size:
            raise BadDataError(
                "found a pair in two parts of a split; expected training, validation and test "
                "pairs to be different"
            )
        groups = [np.unique(np.asarray(self.groups)[part]) for part in parts]
        if np.unique(np.concatenate(groups)).size != sum(map(len, groups)):
            raise BadDataError(
                "found near-duplicate pairs in two parts of a split; expected twins on one side"
            )
        if len(self.train) < 2 or len(self.test) < 2:
            raise BadDataError(
                f"found {len(self.train)} training and {len(self.test)} test pairs; "
                "expected at least 2 of each; use a larger collection"
            )


def random_split(
    groups: Array, seed: int, *, test: float = TEST, validation: float = VALIDATION
) -> Split:
    """A random split of whole groups.

    Args:
        groups: (N,) group of each pair; all different where there are no near-duplicates.
        seed: another seed, another split.
        test: share of all pairs. validation: share of those that are not in test.

    Returns:
        Parts of the same sizes for every seed, unless large groups do not fit.
    """
    return Split(*split_rows(groups, seed, test=test, validation=validation), np.asarray(groups))


def split_rows(
    groups: Array, seed: int, *, test: float = TEST, validation: float = VALIDATION
) -> tuple[Array, Array, Array]:
    """Rows for training, validation and test as `draw` deals them; a part may come out empty."""
    random = np.random.default_rng(seed)
    total = len(groups)
    want_test = round(total * test)
    want_validation = round((total - want_test) * validation)
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(int(group), []).append(row)
    names = list(members)
    order = [members[names[i]] for i in random.permutation(len(names))]
    chosen: tuple[list[int], list[int], list[int]] = ([], [], [])
    for rows in order:
        if len(chosen[2]) + len(rows) <= want_test:
            chosen[2].extend(rows)
        elif len(chosen[1]) + len(rows) <= want_validation:
            chosen[1].extend(rows)
        else:
            chosen[0].extend(rows)
    train, held, judged = (np.array(part, np.int64) for part in chosen)
    return train, held, judged


def folds(rows: Array, groups: Array, parts: int, seed: int) -> list[Array]:
    """Disjoint parts of some pairs, whole groups each, about alike in size.

    Args:
        rows: the pairs, such as a split's training pairs. groups: (N,) of all pairs.

    Raises:
        BadDataError: fewer groups than parts.
    """
    own = groups[rows]
    names = np.random.default_rng(seed).permutation(np.unique(own))
    if len(names) < parts:
        raise BadDataError(
            f"found {len(names)} pairs to learn from; expected at least {parts}, one a fold"
        )
    return [rows[np.isin(own, some)] for some in np.array_split(names, parts)]


def shown_images(triplets: Triplets) -> Array:
    """(T, 3) numbers of the pictures of each trial: reference, left, right."""
    number = image_numbers(triplets)
    return np.stack([number[k] for k in (triplets.ref, triplets.left, triplets.right)], axis=1)


@dataclass(frozen=True, eq=False)
class TrialSplit:
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
        for name in PART_NAMES:
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
                f"{len(part)} for {name}" for name, part in zip(PART_NAMES, parts, strict=True)
            )
            raise BadDataError(
                f"found {found} where no two parts show the same picture; expected at least 2 "
                "judgements of each; add more judgements, over more pictures"
            )

    @property
    def across(self) -> int:
        """Trials that are in no part, since they show pictures of several."""
        return len(self.shown) - sum(len(getattr(self, name)) for name in PART_NAMES)


def image_numbers(triplets: Triplets) -> Array:
    """(N,) a number for each image; the same content has the same one, trimmed or not."""
    number: dict[str, int] = {}
    keys = map(images.picture, triplets.images.keys)
    return np.array([number.setdefault(key, len(number)) for key in keys], np.int64)


def split_trials(pictures: Array, seed: int) -> TrialSplit:
    """A random split over whole groups of trials that hang together by their pictures.

    Where nearly all hang together (208 birds in every trial) groups cannot fill the parts; then the
    references are dealt out in `SHARES`, every other picture goes where most of its trials are, and
    trials that show pictures of two parts are left out.

    Args:
        pictures: (T, 3) as `shown` numbers them. seed: another seed, another split.

    Raises:
        BadDataError: too few trials, or over too few pictures.
    """
    groups = connected_groups(pictures)
    wanted = len(pictures) * TEST, len(pictures) * (1 - TEST) * VALIDATION
    train, validation, test = split_rows(groups, seed)
    if len(test) < wanted[0] / 2 or len(validation) < wanted[1] / 2:
        own = _cut(pictures, np.random.default_rng(seed))[pictures]
        whole = (own == own[:, :1]).all(axis=1)
        train, validation, test = (np.flatnonzero(whole & (own[:, 0] == k)) for k in range(3))
    return TrialSplit(train, validation, test, pictures)


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


def connected_groups(pictures: Array) -> Array:
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
