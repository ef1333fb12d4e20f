"""Splits into training, validation and test data, and what each of them guarantees.

A `Split` cannot be built from parts that overlap, nor from parts that share a group of
near-duplicates, so test pairs are unseen even as near-duplicates.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore.data import images
from simcore.data.judgements.trials import Triplets
from simcore.errors import BadDataError, unknown_name
from simcore.types import Array

TEST_SHARE = 0.25  # of all pairs (risser-maroux2021, 4.2)
VALIDATION_SHARE = 0.15  # of the pairs that are not test pairs

# Shares of the references for training, validation and test, where trials have to be cut apart.
REFERENCE_SHARES = (0.5, 0.2, 0.3)
MIN_CLUSTERS = 10  # of trials with common images, to resample them
PART_NAMES = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of N pairs in three parts.

    Attributes:
        train, validation, test: int64 row numbers, sorted; validation may be empty.
        groups: (N,) group of each pair; near-duplicate pairs share one.

    Raises:
        BadDataError: a pair or a group of near-duplicates is in two parts, or there are too few
            pairs.
    """

    train: Array
    validation: Array
    test: Array
    groups: Array

    def __post_init__(self) -> None:
        parts = _freeze_parts(self)
        _check_range(parts, len(self.groups), "pair")
        rows = np.concatenate(parts)
        if np.unique(rows).size != rows.size:
            raise BadDataError(
                "A pair is in two parts of a split. Training, validation and test pairs must "
                "differ."
            )
        if _overlap([np.asarray(self.groups)[part] for part in parts]):
            raise BadDataError(
                "Near-duplicate pairs are in two parts of a split. Keep each group of "
                "near-duplicates in one part."
            )
        if len(self.train) < 2 or len(self.test) < 2:
            raise BadDataError(
                f"Too few pairs: {len(self.train)} for training and {len(self.test)} for testing, "
                "at least 2 of each are needed. Use a larger collection."
            )


TrialRule = Literal["images", "references", "all"]
# What each way to split judgements guarantees.
GUARANTEES: dict[TrialRule, str] = {
    "images": "No image of a test trial was seen in training, in any role.",
    "references": "No reference of a test trial was seen in training, in any role; the two images "
    "that it is compared with may have been.",
    "all": "None: every trial is both a training and a test trial.",
}


def check_rule(name: str) -> TrialRule:
    """The way to split judgements of that name.

    Raises:
        UnknownNameError: no such way.
    """
    if name not in GUARANTEES:
        raise unknown_name("split", name, list(GUARANTEES))
    return name


@dataclass(frozen=True, eq=False)
class TrialSplit:
    """Rows of T trials in three parts, as far apart as `GUARANTEES` says of the rule.

    Attributes:
        train, validation, test: int64 row numbers, sorted.
        images: (T, 3) image numbers of each trial; equal content has equal numbers.
        rule: how far apart the parts are.

    Raises:
        BadDataError: the parts are closer than the rule guarantees, or a part is too small.
    """

    train: Array
    validation: Array
    test: Array
    images: Array
    rule: TrialRule = "images"

    def __post_init__(self) -> None:
        parts = _freeze_parts(self)
        _check_range(parts, len(self.images), "trial")
        if self.rule == "images" and _overlap([self.images[part] for part in parts]):
            raise BadDataError(
                "An image is in two parts of a split. Training, validation and test judgements "
                "must be about different images."
            )
        seen = self.images[np.concatenate(parts[:2])]
        if self.rule == "references" and _overlap([seen, self.images[self.test, 0]]):
            raise BadDataError(
                "The reference of a test judgement is shown by a training or validation judgement."
            )
        if self.rule == "all":
            return
        if min(map(len, parts)) < 2:
            counts = ", ".join(
                f"{len(part)} for {name}" for name, part in zip(PART_NAMES, parts, strict=True)
            )
            raise BadDataError(
                f"Too few judgements without common images: {counts}, at least 2 of each are "
                "needed. Add more judgements, about more images."
            )

    @property
    def across(self) -> int:
        """How many trials are in no part because they show images of several parts."""
        used = np.concatenate([getattr(self, name) for name in PART_NAMES])
        return len(self.images) - np.unique(used).size

    @property
    def shared(self) -> int:
        """How many test trials show an image that training or validation trials show."""
        seen = np.unique(self.images[np.concatenate([self.train, self.validation])])
        return int(np.isin(self.images[self.test], seen).any(axis=1).sum())


def random_split(
    groups: Array, seed: int, *, test: float = TEST_SHARE, validation: float = VALIDATION_SHARE
) -> Split:
    """A random split that keeps groups together.

    Args:
        groups: (N,) group of each pair; all different without near-duplicates.
        test: share of all pairs. validation: share of the pairs that are not in test.

    Returns:
        Parts of the same sizes for every seed, unless large groups do not fit.
    """
    return Split(*split_rows(groups, seed, test=test, validation=validation), np.asarray(groups))


def split_rows(
    groups: Array, seed: int, *, test: float = TEST_SHARE, validation: float = VALIDATION_SHARE
) -> tuple[Array, Array, Array]:
    """Rows for training, validation and test as in `random_split`; a part may come out empty."""
    rng = np.random.default_rng(seed)
    n_test = round(len(groups) * test)
    n_validation = round((len(groups) - n_test) * validation)
    rows_of: dict[int, list[int]] = {}  # group -> its rows
    for row, group in enumerate(groups):
        rows_of.setdefault(int(group), []).append(row)
    names = list(rows_of)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for rows in (rows_of[names[i]] for i in rng.permutation(len(names))):
        if len(parts[2]) + len(rows) <= n_test:
            parts[2].extend(rows)
        elif len(parts[1]) + len(rows) <= n_validation:
            parts[1].extend(rows)
        else:
            parts[0].extend(rows)
    train_rows, validation_rows, test_rows = (np.array(part, np.int64) for part in parts)
    return train_rows, validation_rows, test_rows


def folds(rows: Array, groups: Array, count: int, seed: int) -> list[Array]:
    """Disjoint parts of some pairs, of about the same size; groups are kept together.

    Args:
        rows: the pairs, such as a split's training pairs. groups: (N,) of all pairs.

    Raises:
        BadDataError: fewer groups than folds.
    """
    row_groups = groups[rows]
    names = np.random.default_rng(seed).permutation(np.unique(row_groups))
    if len(names) < count:
        raise BadDataError(
            f"{count} folds need at least {count} training pairs, got {len(names)}. Use a larger "
            "collection."
        )
    return [rows[np.isin(row_groups, part)] for part in np.array_split(names, count)]


def image_numbers(triplets: Triplets) -> Array:
    """(N,) a number for each image; equal content has equal numbers, trimmed or not."""
    numbers: dict[str, int] = {}
    keys = map(images.picture, triplets.images.keys)
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def trial_images(triplets: Triplets) -> Array:
    """(T, 3) image numbers of each trial: reference, left, right."""
    numbers = image_numbers(triplets)
    columns = (triplets.ref, triplets.left, triplets.right)
    return np.stack([numbers[column] for column in columns], axis=1)


def split_trials(images: Array, seed: int, rule: TrialRule = "images") -> TrialSplit:
    """A random split of trials; by rule "images" trials with common images stay together.

    Where images connect nearly all trials (208 birds in every trial), groups cannot fill the
    parts. Then the references are assigned to the parts by `REFERENCE_SHARES`, every other image
    to the part with most of its trials, and trials with images of two parts are left out. Rule
    "references" loses fewer: references are dealt to the parts, trials follow their reference, and
    training and validation trials that show a test reference are left out.

    Args:
        images: (T, 3) as `trial_images` numbers them.
        rule: see `GUARANTEES`; "all" puts every trial in training and test.

    Raises:
        BadDataError: too few trials, or about too few images.
    """
    if rule == "all":
        rows = np.arange(len(images))
        return TrialSplit(rows, rows[:0], rows, images, rule)
    if rule == "references":
        return _split_by_references(images, seed)
    train, validation, test = split_rows(connected_groups(images), seed)
    n_test, n_validation = len(images) * TEST_SHARE, len(images) * (1 - TEST_SHARE)
    n_validation *= VALIDATION_SHARE
    if len(test) < n_test / 2 or len(validation) < n_validation / 2:
        parts = _assign_images(images, np.random.default_rng(seed))[images]
        in_one_part = (parts == parts[:, :1]).all(axis=1)
        train, validation, test = (
            np.flatnonzero(in_one_part & (parts[:, 0] == number)) for number in range(3)
        )
    return TrialSplit(train, validation, test, images)


def _split_by_references(images: Array, seed: int) -> TrialSplit:
    references, reference_of = np.unique(images[:, 0], return_inverse=True)
    parts = split_rows(np.arange(references.size), seed)  # of references
    in_train, in_validation, in_test = (np.isin(reference_of, part) for part in parts)
    clean = ~np.isin(images, references[parts[2]]).any(axis=1)
    train, validation = (np.flatnonzero(part & clean) for part in (in_train, in_validation))
    return TrialSplit(train, validation, np.flatnonzero(in_test), images, "references")


def resampling_clusters(split: TrialSplit) -> Array:
    """(n,) cluster of each test trial for a bootstrap: trials with common images, if they can.

    Where images connect the trials to a few clusters, a bootstrap of these would have next to no
    spread; then trials with the same reference are a cluster.
    """
    shown = split.images[split.test]
    connected = connected_groups(shown)
    return connected if np.unique(connected).size >= MIN_CLUSTERS else shown[:, 0]


def connected_groups(images: Array) -> Array:
    """(T,) group of each trial; trials with a common image, directly or by a chain, share one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_trials, width = images.shape
    rows = np.repeat(np.arange(n_trials), width)
    size = n_trials + int(images.max(initial=-1)) + 1  # a graph of trials and images
    edges = coo_array((np.ones(rows.size), (rows, n_trials + images.ravel())), shape=(size, size))
    groups: Array = connected_components(edges, directed=False)[1][:n_trials]
    return groups.astype(np.int64)


def _assign_images(images: Array, rng: np.random.Generator) -> Array:
    """The number of the part that each image belongs to."""
    references = np.unique(images[:, 0])
    position = rng.permutation(references.size)
    ends = np.cumsum(REFERENCE_SHARES)[:-1] * references.size
    part = np.full(int(images.max()) + 1, -1, np.int64)
    part[references] = np.searchsorted(ends, position, side="right")
    counts = np.zeros((part.size, len(REFERENCE_SHARES)))  # trials of each image in each part
    for side in (1, 2):
        np.add.at(counts, (images[:, side], part[images[:, 0]]), 1)
    majority = (counts + rng.random(counts.shape) / 2).argmax(axis=1)  # ties at random
    return np.where(part < 0, majority, part)


def _freeze_parts(split: Split | TrialSplit) -> tuple[Array, Array, Array]:
    """Sort the rows of each part and make them read-only."""
    for name in PART_NAMES:
        rows = np.sort(np.asarray(getattr(split, name), np.int64))
        rows.flags.writeable = False
        object.__setattr__(split, name, rows)
    return split.train, split.validation, split.test


def _check_range(parts: tuple[Array, ...], count: int, noun: str) -> None:
    rows = np.concatenate(parts)
    if rows.size and not (0 <= rows.min() and rows.max() < count):
        raise BadDataError(f"A split has a {noun} outside 0 to {count - 1}.")


def _overlap(parts: list[Array]) -> bool:
    """Whether two parts have a value in common."""
    values = [np.unique(part) for part in parts]
    return np.unique(np.concatenate(values)).size != sum(map(len, values))
