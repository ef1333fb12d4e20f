"""What people are asked and answer, and what a remembered set of judgements is.

T trials; other letters as in `simcore.types`.
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
    """T questions "which of two is nearer to this one?" over N images, and what was answered.

    Attributes:
        images: the N images.
        ref, left, right: (T,) int64 rows of `images`.
        vote: (T,) float64 in 0..1, the share that found *right* nearer.
        group: (T,) what kind of question each is ("cnn", "8rank2 similar").
        votes_n: (T,) int64 how many single votes a share is made of; 0 = unknown.
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
            raise ShapeError(f"found triplet columns of shapes {shapes}; expected (T,) for each")
        if vote.size and not (vote.min() >= 0 and vote.max() <= 1):  # NaN fails too
            raise BadDataError("found a vote outside 0 to 1; expected the share that chose right")
        for name in ("ref", "left", "right"):
            if vote.size and not (
                0 <= columns[name].min() <= columns[name].max() < len(self.images)
            ):
                raise BadDataError(
                    f"found a {name} image outside the set; expected 0 to {len(self.images) - 1}"
                )
        if vote.size and columns["votes_n"].min() < 0:
            raise BadDataError("found a negative count of votes; expected 0 for unknown")
        object.__setattr__(self, "vote", vote)
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.group)

    def take(self, index: Sequence[int] | Array) -> "Triplets":
        """The questions at `index`, over the same images."""
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
    """P pairs of images, and the share of people who saw no difference.

    Attributes:
        images: N images. first, second: (P,) int64 rows of it.
        same: (P,) float64 in 0..1. group: (P,). votes_n: (P,) votes behind a share, 0 = unknown.
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
        _inside("pair", np.stack([self.first, self.second]), len(self.images))
        if count and not (self.same.min() >= 0 and self.same.max() <= 1):
            raise BadDataError("found a share outside 0 to 1; expected who saw no difference")

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, eq=False)
class OddOneOut:
    """T questions "which of three is the odd one out?".

    Attributes:
        images: N images. items: (T, 3) int64 rows of it; the third is the one that was chosen.
        group: (T,).
    """

    images: ImageSet
    items: Array
    group: tuple[str, ...]

    def __post_init__(self) -> None:
        _check("items", self.items, (len(self.group), 3))
        _inside("question", self.items, len(self.images))

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, eq=False)
class Rankings:
    """R trials of "rank the most similar to the query", as they were run.

    Attributes:
        stimuli: file path of each stimulus, as the catalogue tells it.
        shown: (R, 9) int64 stimulus numbers: the query, then what was chosen in order, then the
            rest; -1 fills up rows of fewer references.
        chosen: (R,) how many were ranked: 2 of 8, or 1 of 2.
    """

    stimuli: tuple[str, ...]
    shown: Array
    chosen: Array

    def __post_init__(self) -> None:
        _check("chosen", self.chosen, (len(self.shown),))
        if self.shown.ndim != 2:
            raise ShapeError(f"found trials of shape {self.shown.shape}; expected (R, 9)")
        if self.shown.size and not (-1 <= self.shown.min() <= self.shown.max() < len(self.stimuli)):
            raise BadDataError(
                f"found a stimulus outside the catalogue of {len(self.stimuli)}; expected trials "
                "and catalogue of one data set; look which files belong together"
            )

    def __len__(self) -> int:
        return len(self.shown)


@dataclass(frozen=True, eq=False)
class JudgementSet:
    """A remembered set of judgements.

    Attributes:
        name, kind, source: what it is called, which reader made it, where it came from.
        trials: what was asked and answered.
        votes: "human", or "known order" where nobody was asked.
        others: (T, 6) int64 images of the same trial that were not chosen, -1 fills up; None where
            trials showed no more than the triplet. For quadruplets.
        skipped: what was left out, image by image or trial by trial.
        notes: sentences on what was counted and left out. credits: whom to thank, licences.
        digest: changes with any image, order or vote; for cache keys.
    """

    name: str
    kind: str
    source: str
    trials: Triplets | SameDifferent | OddOneOut
    votes: Votes = "human"
    others: Array | None = None
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    digest: str = ""

    @property
    def triplets(self) -> Triplets:
        """The triplets.

        Raises:
            BadDataError: it holds judgements of another shape.
        """
        if not isinstance(self.trials, Triplets):
            raise BadDataError(
                f"{self.name!r} holds {SHAPES[type(self.trials)]}; expected triplets; "
                "choose a set of triplets"
            )
        return self.trials


SHAPES: dict[type, str] = {
    Triplets: "triplets",
    SameDifferent: "same-or-different pairs",
    OddOneOut: "odd-one-out questions",
}


def _check(name: str, values: Array, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise ShapeError(f"found {name} of shape {values.shape}; expected {shape}")


def _inside(what: str, rows: Array, count: int) -> None:
    if rows.size and not (0 <= rows.min() <= rows.max() < count):
        raise BadDataError(f"found a {what} with an image outside 0 to {count - 1}")
