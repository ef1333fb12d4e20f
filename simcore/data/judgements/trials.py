"""Value types of human judgements: triplets, same-or-different pairs, odd-one-out, rankings.

T trials (P for pairs); other letters as in `simcore.types`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcore.errors import BadDataError, ShapeError
from simcore.types import Array, ImageSet, Skipped, readonly

Votes = Literal["human", "known order"]


@dataclass(frozen=True, eq=False)
class Triplets:
    """T trials "which of two images is more similar to the reference?" and the answers (2AFC).

    Attributes:
        images: the N images.
        ref, left, right: (T,) int64 rows of `images`.
        vote: (T,) float64 in 0..1, the share of people who chose *right*.
        group: (T,) the kind of each trial, such as "cnn" or "8rank2 similar".
        votes_n: (T,) int64 number of votes behind each share; 0 = unknown.
    """

    images: ImageSet
    ref: Array
    left: Array
    right: Array
    vote: Array
    group: tuple[str, ...]
    votes_n: Array

    def __post_init__(self) -> None:
        vote = readonly(self.vote, np.float64)
        columns = {
            name: readonly(getattr(self, name), np.int64)
            for name in ("ref", "left", "right", "votes_n")
        }
        shapes = {vote.shape, (len(self.group),), *(column.shape for column in columns.values())}
        if len(shapes) != 1 or vote.ndim != 1:
            raise ShapeError(f"All columns of triplets must have the shape (T,), got {shapes}.")
        if vote.size and not (vote.min() >= 0 and vote.max() <= 1):  # NaN fails too
            raise BadDataError("Votes must be shares between 0 and 1: of people who chose right.")
        for name in ("ref", "left", "right"):
            if vote.size and not (
                0 <= columns[name].min() <= columns[name].max() < len(self.images)
            ):
                raise BadDataError(
                    f"The {name} images must be between 0 and {len(self.images) - 1}, got "
                    f"{columns[name].min()} to {columns[name].max()}."
                )
        if vote.size and columns["votes_n"].min() < 0:
            raise BadDataError("The number of votes must not be negative; 0 stands for unknown.")
        object.__setattr__(self, "vote", vote)
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.group)

    def take(self, index: Sequence[int] | Array) -> "Triplets":
        """The trials at `index`, over the same images."""
        rows = np.asarray(index, dtype=np.int64)
        return Triplets(
            self.images,
            self.ref[rows],
            self.left[rows],
            self.right[rows],
            self.vote[rows],
            tuple(self.group[i] for i in rows),
            self.votes_n[rows],
        )


@dataclass(frozen=True, eq=False)
class SameDifferent:
    """P pairs of images, and the share of people who saw no difference (JND).

    Attributes:
        images: the N images.
        first, second: (P,) int64 rows of `images`.
        same: (P,) float64 in 0..1, the share of people who saw no difference.
        group: (P,) the kind of each pair.
        votes_n: (P,) int64 number of votes behind each share; 0 = unknown.
    """

    images: ImageSet
    first: Array
    second: Array
    same: Array
    group: tuple[str, ...]
    votes_n: Array

    def __post_init__(self) -> None:
        count = len(self.group)
        for name in ("first", "second", "same", "votes_n"):
            _check(name, getattr(self, name), (count,))
        _check_rows("pairs", np.stack([self.first, self.second]), len(self.images))
        if count and not (self.same.min() >= 0 and self.same.max() <= 1):
            raise BadDataError(
                "Votes must be shares between 0 and 1: of people who saw no difference."
            )

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, eq=False)
class OddOneOut:
    """T trials "which of three images is the odd one out?".

    Attributes:
        images: the N images.
        items: (T, 3) int64 rows of `images`; the third was chosen as the odd one.
        group: (T,) the kind of each trial.
    """

    images: ImageSet
    items: Array
    group: tuple[str, ...]

    def __post_init__(self) -> None:
        _check("items", self.items, (len(self.group), 3))
        _check_rows("odd-one-out trials", self.items, len(self.images))

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, eq=False)
class Rankings:
    """R trials "rank the images most similar to the query", as they were run.

    Attributes:
        stimuli: file path of each stimulus, as the catalog spells it.
        shown: (R, 9) int64 rows of `stimuli`: the query, the chosen references in order, then the
            other references; padded with -1 where there are fewer than eight.
        chosen: (R,) number of references that were ranked: 2 of 8, or 1 of 2.
    """

    stimuli: tuple[str, ...]
    shown: Array
    chosen: Array

    def __post_init__(self) -> None:
        _check("chosen", self.chosen, (len(self.shown),))
        if self.shown.ndim != 2:
            raise ShapeError(f"Ranking trials must have the shape (R, 9), got {self.shown.shape}.")
        if self.shown.size and not (-1 <= self.shown.min() <= self.shown.max() < len(self.stimuli)):
            raise BadDataError(
                f"A trial names a stimulus outside the catalog of {len(self.stimuli)}. Check that "
                "trials and catalog belong to the same data set."
            )

    def __len__(self) -> int:
        return len(self.shown)


@dataclass(frozen=True, eq=False)
class JudgementSet:
    """A named set of judgements.

    Attributes:
        name: the name it was added under.
        kind: the reader that read it, one of `judgement_readers.READERS`.
        source: the file or folder it was read from.
        trials: questions and answers.
        votes: "human", or "known order" if the answers follow from how the images were made.
        alternatives: (T, 6) int64 further images of each trial that were not chosen, padded with
            -1; None if trials showed only the triplet. Used to make quadruplets.
        skipped: images that were left out, and why.
        notes: sentences on what was counted and left out.
        credits: authors and licenses.
        digest: changes with any image, order or vote; for cache keys.
    """

    name: str
    kind: str
    source: str
    trials: Triplets | SameDifferent | OddOneOut
    votes: Votes = "human"
    alternatives: Array | None = None
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    digest: str = ""

    @property
    def triplets(self) -> Triplets:
        """The triplets.

        Raises:
            BadDataError: the set holds another kind of trial.
        """
        if not isinstance(self.trials, Triplets):
            raise BadDataError(
                f"The judgements {self.name!r} are {SHAPES[type(self.trials)]}, not triplets. "
                "Choose a set of triplets."
            )
        return self.trials


SHAPES: dict[type, str] = {  # type of trials -> its name in messages
    Triplets: "triplets",
    SameDifferent: "same-or-different pairs",
    OddOneOut: "odd-one-out questions",
}


def _check(name: str, values: Array, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise ShapeError(f"{name} must have the shape {shape}, got {values.shape}.")


def _check_rows(name: str, rows: Array, count: int) -> None:
    if rows.size and not (0 <= rows.min() <= rows.max() < count):
        raise BadDataError(
            f"The images of {name} must be between 0 and {count - 1}, got {rows.min()} to "
            f"{rows.max()}."
        )
