"""The nouns. Frozen, shape-checked, arrays read-only; nothing here but numpy.

Letters everywhere: N images, Q queries, G gallery, D dimensions, M backbones, K cut-off.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from simcore.errors import BadDataError, ShapeError, Stopped


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the network's input; frozen, because it is part of the cache key.

    Attributes:
        resize: short side in px, or (height, width) to squash to, or None to keep the size.
        crop: centre crop (height, width), or None.
        interpolation: "bilinear", "bicubic", "lanczos" or "nearest", with antialiasing.
        mean, std: per RGB channel on values in 0..1; empty leaves 0..1 as it is.
        raw: the network takes one whole uint8 image (H, W, 3) at a time instead of a batch.
    """

    resize: int | tuple[int, int] | None = 256
    crop: tuple[int, int] | None = (224, 224)
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    raw: bool = False


RAW = Preprocessing(resize=None, crop=None, mean=(), std=(), raw=True)

Array = np.ndarray
JSON = dict[str, Any]  # a document for json.dumps
Metric = Literal["cosine", "l2", "l1"]
Direction = Literal["lr", "rl"]

METRICS: tuple[Metric, ...] = ("cosine", "l2", "l1")
DIRECTIONS: tuple[Direction, ...] = ("lr", "rl")


def readonly(values: Any, dtype: Any) -> Array:
    array = np.asarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class ImageSet:
    """N images on disk.

    Attributes:
        ids: (N,) unique names, shown to people.
        paths: (N,) files.
        keys: (N,) content keys: equal keys are the same picture, whatever the files are called.
        trim: rows cut from the bottom before anything else (captions), in px; part of each key.
    """

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    keys: tuple[str, ...]
    trim: int = 0

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.paths) == len(self.keys):
            raise ShapeError(
                f"found {len(self.ids)} ids, {len(self.paths)} paths and {len(self.keys)} keys; "
                "expected as many of each"
            )
        if len(set(self.ids)) != len(self.ids):
            twice = next(name for name in self.ids if self.ids.count(name) > 1)
            raise BadDataError(f"found the image id {twice!r} twice; expected unique ids")
        if self.trim < 0:
            raise BadDataError(f"found a trim of {self.trim} px; expected 0 or more")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def digest(self) -> str:
        """Changes with any image and with the order of the images; not with ids or paths."""
        return hashlib.sha256("\n".join(self.keys).encode()).hexdigest()[:32]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each id."""
        return {name: row for row, name in enumerate(self.ids)}

    def take(self, index: Sequence[int] | Array) -> "ImageSet":
        """The images at `index`, in that order."""
        rows = [int(i) for i in index]
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            paths=tuple(self.paths[i] for i in rows),
            keys=tuple(self.keys[i] for i in rows),
        )


@dataclass(frozen=True, eq=False)
class Pairs:
    """Q queries, G gallery images, and for each query the gallery column that is its true mate.

    Attributes:
        queries, gallery: the two sides.
        target: (Q,) int64, column of the mate.
        votes: (Q, 2) int64 up- and down-votes of the pair, or None where nobody voted.
    """

    queries: ImageSet
    gallery: ImageSet
    target: Array
    votes: Array | None = None

    def __post_init__(self) -> None:
        target = readonly(self.target, np.int64)
        if target.shape != (len(self.queries),):
            raise ShapeError(
                f"found targets of shape {target.shape}; expected one for each of "
                f"{len(self.queries)} queries"
            )
        if target.size and not (0 <= target.min() and target.max() < len(self.gallery)):
            raise BadDataError(
                f"found a target outside the gallery; expected 0 to {len(self.gallery) - 1}"
            )
        if np.unique(target).size != target.size:
            raise BadDataError("found two queries with the same mate; expected one mate each")
        object.__setattr__(self, "target", target)
        if self.votes is not None:
            votes = readonly(self.votes, np.int64)
            if votes.shape != (len(self.queries), 2):
                raise ShapeError(
                    f"found votes of shape {votes.shape}; expected ({len(self.queries)}, 2)"
                )
            object.__setattr__(self, "votes", votes)

    def __len__(self) -> int:
        return len(self.queries)

    def reversed(self) -> "Pairs":
        """The same pairs asked from the other side; a gallery image with no mate drops out."""
        return Pairs(self.gallery.take(self.target), self.queries, np.arange(len(self)), self.votes)

    def take(self, index: Sequence[int] | Array) -> "Pairs":
        """The pairs at `index`, with only their own mates as gallery (a smaller, easier task)."""
        rows = np.asarray(index, dtype=np.int64)
        votes = None if self.votes is None else self.votes[rows]
        return Pairs(
            self.queries.take(rows),
            self.gallery.take(self.target[rows]),
            np.arange(len(rows)),
            votes,
        )


@dataclass(frozen=True)
class Skipped:
    """One image or pair that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Collection:
    """A named set of images, with or without known mates.

    Attributes:
        name, kind, source: what it is called, which reader made it, where it came from.
        left: the images, or the left side.
        right: the right side, row i the mate of row i on the left; None where nothing is known.
        votes: (N, 2) up- and down-votes of the pairs, or None.
        skipped: what was left out when it was added.
        credits: lines on the art's authors and licences, to be shown with the images.
        digest: changes when any image, order or id changes; for cache keys.
    """

    name: str
    kind: str
    source: str
    left: ImageSet
    right: ImageSet | None
    votes: Array | None = None
    skipped: tuple[Skipped, ...] = ()
    credits: tuple[str, ...] = ()
    digest: str = ""

    def __post_init__(self) -> None:
        if self.right is not None and len(self.left) != len(self.right):
            raise ShapeError(
                f"found {len(self.left)} left and {len(self.right)} right images; "
                "expected as many on each side"
            )

    def pairs(self, direction: Direction = "lr") -> Pairs:
        """The known mates, asked from the left ("lr") or from the right ("rl").

        Raises:
            BadDataError: the collection has no known mates.
        """
        if self.right is None:
            raise BadDataError(
                f"collection {self.name!r} holds images without mates; "
                "recall needs a collection of pairs"
            )
        pairs = Pairs(self.left, self.right, np.arange(len(self.left)), self.votes)
        return pairs if direction == "lr" else pairs.reversed()

    def sides(self, direction: Direction = "lr") -> tuple[ImageSet, ImageSet]:
        """(queries, gallery); without mates both are the same set."""
        if self.right is None:
            return self.left, self.left
        return (self.left, self.right) if direction == "lr" else (self.right, self.left)


@dataclass(frozen=True, eq=False)
class Features:
    """Rows of one backbone for some images.

    Attributes:
        backbone: name in the registry.
        index: (n,) int64, non-decreasing: which of the N images a row belongs to. An image may have
            several rows (two faces) or none (no face): no evidence.
        values: (n, D) float32, as the network gave them (not normalised).
        count: N.
    """

    backbone: str
    index: Array
    values: Array
    count: int

    def __post_init__(self) -> None:
        index, values = readonly(self.index, np.int64), readonly(self.values, np.float32)
        if values.ndim != 2 or index.shape != (values.shape[0],):
            raise ShapeError(
                f"found {index.shape} image numbers for features of shape {values.shape}; "
                "expected (n,) for (n, D)"
            )
        if index.size and not (0 <= index.min() and index.max() < self.count):
            raise ShapeError(f"found an image number outside 0 to {self.count - 1}")
        if np.any(np.diff(index) < 0):
            raise ShapeError("found image numbers out of order; expected them sorted")
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "values", values)

    @property
    def single(self) -> bool:
        """Whether every image has exactly one row."""
        return self.index.size == self.count and bool(
            np.array_equal(self.index, np.arange(self.count))
        )

    def take(self, images: Sequence[int] | Array) -> "Features":
        """The features of some of the images, renumbered in the order asked for."""
        wanted = np.asarray(images, dtype=np.int64)
        first = np.searchsorted(self.index, wanted, side="left")
        last = np.searchsorted(self.index, wanted, side="right")
        rows = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
        picked = np.concatenate(rows) if rows else np.empty(0, np.int64)
        return Features(
            self.backbone,
            np.repeat(np.arange(wanted.size), last - first),
            self.values[picked],
            int(wanted.size),
        )


@dataclass(frozen=True, eq=False)
class Similarity:
    """(Q, G) float32; higher = more alike; NaN = no evidence."""

    name: str
    values: Array

    def __post_init__(self) -> None:
        values = readonly(self.values, np.float32)
        if values.ndim != 2:
            raise ShapeError(f"found a similarity of shape {values.shape}; expected (Q, G)")
        object.__setattr__(self, "values", values)


@dataclass(frozen=True, eq=False)
class Score:
    """A number with its 95 % interval and what it is the mean of.

    Attributes:
        value, low, high: the mean and its interval.
        per_item: (n,) float32, one value a query or triplet.
    """

    name: str
    value: float
    low: float
    high: float
    per_item: Array = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "per_item", readonly(self.per_item, np.float32))


@dataclass(frozen=True)
class Progress:
    """How far a long run is; passed to a callback a few times a second.

    Attributes:
        stage: what is being done, in a word or two ("mobilenetv2", "reading images").
        done, total: units of that stage.
        rate: units a second, 0 while unknown.
    """

    stage: str
    done: int
    total: int
    rate: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time left at the present rate; None while unknown."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Monitor:
    """Progress and stop of a long operation in one value; `Monitor()` is silent and never stops.

    Attributes:
        on_progress: called with a `Progress` a few times a second.
        stop: asked between steps; True ends the operation, and what is finished is kept.
    """

    on_progress: OnProgress | None = None
    stop: Callable[[], bool] | None = None

    def report(self, stage: str, done: int, total: int, rate: float = 0.0) -> None:
        """Report that `done` of `total` units of a stage are finished."""
        if self.on_progress is not None:
            self.on_progress(Progress(stage, done, total, rate))

    @property
    def stopped(self) -> bool:
        """Whether the operation was asked to stop."""
        return self.stop is not None and self.stop()

    def check(self, message: str = "Stopped.") -> None:
        """Raise `Stopped` with a message if the operation was asked to stop."""
        if self.stopped:
            raise Stopped(message)
