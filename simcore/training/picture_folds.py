"""Folds of pictures: pairs and judgements are cut apart together, so that no fold knows another.

Every picture of both belongs to one fold. A fold tests the pairs and trials all of whose pictures
are its own, on a model that learned from pairs and trials without any of them; so each is tested at
most once, and no picture of a test was seen in training, in whatever role and by whichever of both.
"""

from dataclasses import dataclass

import numpy as np

from simcore.data import images
from simcore.data.judgements.trials import Triplets
from simcore.errors import BadDataError
from simcore.training.splits import Split, TrialSplit
from simcore.types import Array, Pairs

MIN_FOLDS = 3  # one to test, one that says stop, one to learn from
# Connected pictures may exceed a fold's share of pairs or trials by so much before they are parted.
MAX_EXCESS = 1.5


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of pairs and judgements in one numbering; equal content has equal numbers.

    Attributes:
        images: (I,) number of each image of the judgements, as `splits.image_numbers` gives them.
        trials: (T, 3) numbers of reference, left and right.
        pairs: (N, 2) numbers of left and right. groups: (N,) near-duplicate pairs share one.
    """

    images: Array
    trials: Array
    pairs: Array
    groups: Array

    @property
    def size(self) -> int:
        """How many different pictures there are."""
        return int(max(self.images.max(), self.pairs.max())) + 1


def number(triplets: Triplets, pairs: Pairs, groups: Array) -> Pictures:
    """Number the pictures of judgements and pairs.

    Args:
        groups: (N,) group of near-duplicates of each pair.
    """
    numbers: dict[str, int] = {}

    def of(keys: tuple[str, ...]) -> Array:
        pictures = map(images.picture, keys)
        return np.array([numbers.setdefault(key, len(numbers)) for key in pictures], np.int64)

    judged = of(triplets.images.keys)
    left, right = of(pairs.queries.keys), of(pairs.gallery.keys)[pairs.target]
    trials = np.stack([judged[rows] for rows in (triplets.ref, triplets.left, triplets.right)], 1)
    return Pictures(judged, trials, np.stack([left, right], axis=1), np.asarray(groups))


@dataclass(frozen=True, eq=False)
class PictureFolds:
    """The fold of every picture.

    Attributes:
        count: of folds. fold: (P,) of each picture, from 0.
    """

    count: int
    fold: Array
    pictures: Pictures

    @property
    def across(self) -> int:
        """How many trials are never tested, because their pictures are in several folds."""
        folds = self.fold[self.pictures.trials]
        return int((folds != folds[:, :1]).any(axis=1).sum())

    def test_pairs(self, fold: int) -> Array:
        """Rows of the pairs that a fold tests."""
        return np.flatnonzero(self._pair_folds == fold)

    def test_trials(self, fold: int) -> Array:
        """Rows of the trials that a fold tests."""
        return np.flatnonzero((self.fold[self.pictures.trials] == fold).all(axis=1))

    def seen_pairs(self, fold: int) -> Array:
        """Rows of the pairs without a picture of a fold."""
        return np.flatnonzero(self._pair_folds != fold)

    def seen_trials(self, fold: int) -> Array:
        """Rows of the trials without a picture of a fold."""
        return np.flatnonzero((self.fold[self.pictures.trials] != fold).all(axis=1))

    def pair_split(self, fold: int, validation: int) -> Split:
        """The pairs of a fold as test pairs, those of another one as validation pairs.

        Raises:
            BadDataError: too few pairs.
        """
        train = np.intersect1d(self.seen_pairs(fold), self.seen_pairs(validation))
        stop, test = self.test_pairs(validation), self.test_pairs(fold)
        return Split(train, stop, test, self.pictures.groups)

    def trial_split(self, fold: int, validation: int) -> TrialSplit:
        """The trials of a fold as test trials, those of another one as validation trials.

        Raises:
            BadDataError: too few trials.
        """
        train = np.intersect1d(self.seen_trials(fold), self.seen_trials(validation))
        stop, test = self.test_trials(validation), self.test_trials(fold)
        return TrialSplit(train, stop, test, self.pictures.trials)

    @property
    def _pair_folds(self) -> Array:
        return np.asarray(self.fold[self.pictures.pairs[:, 0]])


def deal(pictures: Pictures, count: int, seed: int) -> PictureFolds:
    """Deal pictures to folds, of about as many pairs and trials each.

    Trials with common pictures stay together, unless chains of them would hold most trials or pairs
    (208 birds in every trial). Then near-duplicate pairs stay together, references are dealt, every
    other picture goes to the fold with most of its trials, and trials across folds are not tested.

    Raises:
        BadDataError: fewer than 3 folds, or too few pairs or trials.
    """
    pairs, trials = pictures.pairs, pictures.trials
    if count < MIN_FOLDS:
        raise BadDataError(f"folds must be at least {MIN_FOLDS}, got {count}.")
    if min(len(pairs), len(trials)) < 2 * count:
        raise BadDataError(
            f"{len(pairs):,} pairs and {len(trials):,} judgements are too few for {count} folds. "
            "Use more data or fewer folds."
        )
    rng = np.random.default_rng(seed)
    first_rows = np.unique(pictures.groups, return_index=True, return_inverse=True)[1:]
    first_of_group = pairs[first_rows[0][first_rows[1]], 0]
    pair_edges = [(pairs[:, 0], pairs[:, 1]), (pairs[:, 0], first_of_group)]
    trial_edges = [(trials[:, 0], trials[:, 1]), (trials[:, 0], trials[:, 2])]
    clusters = _connected([*pair_edges, *trial_edges], pictures.size)
    loads = _loads(clusters, pairs, trials)
    if loads.max() * count <= MAX_EXCESS:
        return PictureFolds(count, _deal(loads, count, rng)[clusters], pictures)
    clusters = _connected(pair_edges, pictures.size)
    fold = _deal(_loads(clusters, pairs, trials), count, rng)[clusters]
    dealt = np.zeros(pictures.size, bool)
    dealt[pairs.ravel()] = dealt[trials[:, 0]] = True
    fold = np.where(dealt, fold, _fold_of_most_trials(trials, fold, count, rng))
    return PictureFolds(count, fold, pictures)


def _connected(edges: list[tuple[Array, Array]], size: int) -> Array:
    """(size,) the cluster of each picture."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = (np.concatenate(ends) for ends in zip(*edges, strict=True))
    graph = coo_array((np.ones(rows.size), (rows, columns)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1])


def _loads(clusters: Array, pairs: Array, trials: Array) -> Array:
    """(C, 2) share of all pairs, and of all trials by their reference, in each cluster."""
    count = int(clusters.max()) + 1
    columns = [
        np.bincount(clusters[pictures], minlength=count) / len(pictures)
        for pictures in (pairs[:, 0], trials[:, 0])
    ]
    return np.stack(columns, axis=1)


def _deal(loads: Array, count: int, rng: np.random.Generator) -> Array:
    """(C,) fold of each cluster: large ones first, each to the emptiest fold."""
    order = rng.permutation(len(loads))
    order = order[np.argsort(-loads[order].max(axis=1), kind="stable")]
    fold, filled = np.zeros(len(loads), np.int64), np.zeros((count, 2))
    for cluster in order:
        own = loads[cluster]
        fold[cluster] = (filled @ (own > 0)).argmin()
        filled[fold[cluster]] += own
    return fold


def _fold_of_most_trials(trials: Array, fold: Array, count: int, rng: np.random.Generator) -> Array:
    """(pictures,) the fold whose references are shown most often beside a picture."""
    counts = np.zeros((len(fold), count))
    for side in (1, 2):
        np.add.at(counts, (trials[:, side], fold[trials[:, 0]]), 1)
    return np.asarray((counts + rng.random(counts.shape) / 2).argmax(axis=1))  # ties at random
