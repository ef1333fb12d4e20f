"""The value types that all layers share: frozen, shape-checked, arrays read-only.

Letters in every docstring: N images, Q queries, G gallery images, T triplets, D dimensions,
M backbones, K cut-off.
"""

import hashlib
import operator
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from simcore.errors import BadDataError, ShapeError, Stopped


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the network's input; part of the key under which features are stored.

    Attributes:
        resize: short side in px, or (height, width) to stretch to, or None to keep the size.
        crop: center crop (height, width) in px, or None.
        interpolation: "bilinear", "bicubic", "lanczos" or "nearest", with antialiasing.
        mean, std: per RGB channel, for values in 0..1; empty skips the normalization.
        raw: the network takes one full uint8 image (H, W, 3) at a time instead of a batch.
        borderless: uniform borders are cut off first, see `simcore.data.borders`.
    """

    resize: int | tuple[int, int] | None = 256
    crop: tuple[int, int] | None = (224, 224)
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    raw: bool = False
    borderless: bool = False


@dataclass(frozen=True)
class MapLayout:
    """How a feature row is a map of the picture.

    Attributes:
        cells: per side; the map is square.
        channels_last: whether a row holds the cells one after the other, with C values each;
            otherwise C maps one after the other.
    """

    cells: int
    channels_last: bool = False


RAW = Preprocessing(resize=None, crop=None, mean=(), std=(), raw=True)

Array = np.ndarray
JSON = dict[str, Any]  # a document for json.dumps
Labels = dict[str, str]  # a value that users choose -> its description
QueryParams = dict[str, str]  # the query parameters of a URL
Metric = Literal["cosine", "l2", "l1"]
Direction = Literal["lr", "rl"]

METRICS: tuple[Metric, ...] = ("cosine", "l2", "l1")
DIRECTIONS: tuple[Direction, ...] = ("lr", "rl")


def readonly(values: Any, dtype: Any) -> Array:
    """The values as a read-only array of `dtype`; copied only if the type has to change."""
    array = np.asarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class ImageSet:
    """N images on disk or in S3.

    Attributes:
        ids: (N,) unique names that people see.
        files: (N,) one path per image, or its text relative to `root`, so that opening a large
            collection does not build one `Path` per image.
        keys: (N,) content keys: equal keys mean the same pixels, whatever the file name.
        trim: rows cut from the bottom of every image (captions), in px; part of each key.
        root: the folder of relative files.
        ignore_profiles: whether embedded color profiles are ignored; part of the keys they change.
    """

    ids: tuple[str, ...]
    files: tuple[str | Path, ...]
    keys: tuple[str, ...]
    trim: int = 0
    root: Path = Path()
    ignore_profiles: bool = False

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.files) == len(self.keys):
            raise ShapeError(
                "An image set needs as many files and keys as ids, "
                f"got {len(self.ids)} ids, {len(self.files)} files and {len(self.keys)} keys."
            )
        if len(set(self.ids)) != len(self.ids):
            repeated = next(name for name in self.ids if self.ids.count(name) > 1)
            raise BadDataError(f"Image ids must be unique, but {repeated!r} occurs twice.")
        if self.trim < 0:
            raise BadDataError(f"trim must be 0 px or more, got {self.trim}.")

    def __len__(self) -> int:
        return len(self.ids)

    def path(self, row: int) -> Path:
        """The file of the image in a row."""
        file = self.files[row]
        return file if isinstance(file, Path) else self.root / file

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """(N,) the files of all images; `path` is cheaper for a few of them."""
        return tuple(self.path(row) for row in range(len(self)))

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """Row of each id.

        >>> ImageSet(("a", "b"), ("a.png", "b.png"), ("k0", "k1")).row_of["b"]
        1
        """
        return {name: row for row, name in enumerate(self.ids)}

    def find(self, name: str) -> int | None:
        """Row of an id that a person typed, in any Unicode form of it; None if there is none."""
        if name in self.row_of or name.isascii():  # ASCII has one form only
            return self.row_of.get(name)
        composed = unicodedata.normalize("NFC", name)
        if composed in self.row_of:
            return self.row_of[composed]
        ids = (unicodedata.normalize("NFC", id_) for id_ in self.ids)
        return next((row for row, id_ in enumerate(ids) if id_ == composed), None)

    @cached_property
    def digest(self) -> str:
        """Changes with any picture, the trim and their order; not with ids or file names."""
        return hashlib.sha256("\n".join(self.keys).encode()).hexdigest()[:32]

    def take(self, index: Sequence[int] | Array) -> "ImageSet":
        """The images at `index`, in that order."""
        rows = [operator.index(i) for i in index]  # a fraction is an error, not rounded
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            files=tuple(self.files[i] for i in rows),
            keys=tuple(self.keys[i] for i in rows),
        )


@dataclass(frozen=True, eq=False)
class Pairs:
    """Q queries, G gallery images, and the gallery column of each query's true mate.

    Attributes:
        queries, gallery: the two sides.
        target: (Q,) int64, column of the mate.
        votes: (Q, 2) int64 up- and down-votes of each pair, or None.
    """

    queries: ImageSet
    gallery: ImageSet
    target: Array
    votes: Array | None = None

    def __post_init__(self) -> None:
        target = readonly(self.target, np.int64)
        if target.shape != (len(self.queries),):
            raise ShapeError(
                f"Pairs need one target per query, got targets of shape {target.shape} for "
                f"{len(self.queries)} queries."
            )
        if target.size and not (0 <= target.min() and target.max() < len(self.gallery)):
            raise BadDataError(
                f"Targets must be gallery columns from 0 to {len(self.gallery) - 1}."
            )
        if np.unique(target).size != target.size:
            raise BadDataError("Two queries have the same mate; each needs its own.")
        object.__setattr__(self, "target", target)
        if self.votes is not None:
            votes = readonly(self.votes, np.int64)
            if votes.shape != (len(self.queries), 2):
                raise ShapeError(
                    f"Votes must have shape ({len(self.queries)}, 2), got {votes.shape}."
                )
            object.__setattr__(self, "votes", votes)

    def __len__(self) -> int:
        return len(self.queries)

    def reversed(self) -> "Pairs":
        """The same pairs queried from the other side; gallery images without a mate drop out."""
        return Pairs(self.gallery.take(self.target), self.queries, np.arange(len(self)), self.votes)

    def take(self, index: Sequence[int] | Array) -> "Pairs":
        """The pairs at `index`, with only their mates as gallery (a smaller, easier task)."""
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
    """An image or pair that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class OtherFiles:
    """Files of one kind that a source contains and a collection does not use.

    Attributes:
        kind: an ending such as ".txt", or a description such as "hidden".
        count: how many there are.
        names: of the first few.
    """

    kind: str
    count: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        noun = "file" if self.count == 1 else "files"
        more = ", ..." if self.count > len(self.names) else ""
        return f"{self.count:,} {self.kind} {noun}: {', '.join(self.names)}{more}"


@dataclass(frozen=True, eq=False)
class Collection:
    """A named set of images, with or without known mates.

    Attributes:
        name, kind, source: its name, the reader that made it, and where the images came from.
        left: all images, or the left side of the pairs.
        right: the right side, row i the mate of row i on the left; None without known mates.
        votes: (N, 2) up- and down-votes of the pairs, or None.
        skipped: images and pairs that were left out when it was added.
        credits: authors and licenses, to be shown with the images.
        digest: changes when any image, id or the order changes; for cache keys.
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
                "A collection of pairs needs as many left as right images, "
                f"got {len(self.left)} and {len(self.right)}."
            )

    def pairs(self, direction: Direction = "lr") -> Pairs:
        """The known mates, queried from the left ("lr") or from the right ("rl").

        Raises:
            BadDataError: the collection has no known mates.
        """
        return self._pairs if direction == "lr" else self._reversed_pairs

    @cached_property
    def _pairs(self) -> Pairs:
        if self.right is None:
            raise BadDataError(
                f"Collection {self.name!r} has images without mates. "
                "Recall needs a collection of pairs."
            )
        return Pairs(self.left, self.right, np.arange(len(self.left)), self.votes)

    @cached_property
    def _reversed_pairs(self) -> Pairs:
        pairs = self._pairs  # raises without known mates; row i is the mate of row i
        return Pairs(pairs.gallery, pairs.queries, pairs.target, pairs.votes)

    def sides(self, direction: Direction = "lr") -> tuple[ImageSet, ImageSet]:
        """(queries, gallery); without mates, both are all images."""
        if self.right is None:
            return self.left, self.left
        return (self.left, self.right) if direction == "lr" else (self.right, self.left)


@dataclass(frozen=True, eq=False)
class Features:
    """Feature rows of N images under one backbone.

    Attributes:
        backbone: name in the registry.
        index: (n,) int64, non-decreasing: the image that each row belongs to. An image may have
            several rows (two faces) or none (no face): no evidence.
        values: (n, D) float32, as the network returned them (not normalized).
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
                "Features need an index of shape (n,) for values of shape (n, D), "
                f"got {index.shape} and {values.shape}."
            )
        if index.size and not (0 <= index.min() and index.max() < self.count):
            raise ShapeError(f"The index of features must be in 0 to {self.count - 1}.")
        if np.any(np.diff(index) < 0):
            raise ShapeError("The index of features must be sorted.")
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "values", values)

    @property
    def single(self) -> bool:
        """Whether every image has exactly one row."""
        return self.index.size == self.count and bool(
            np.array_equal(self.index, np.arange(self.count))
        )

    @cached_property
    def digest(self) -> str:
        """Changes with any value, image number or the number of images; for cache keys."""
        state = hashlib.sha256(repr((self.values.shape, self.count)).encode())
        state.update(np.ascontiguousarray(self.index).data)
        state.update(np.ascontiguousarray(self.values).data)
        return state.hexdigest()

    @cached_property
    def lengths(self) -> Array:
        """(n,) float32 Euclidean length of each row."""
        lengths = np.empty(len(self.values), np.float32)
        for start in range(0, len(lengths), 4096):  # NumPy squares all rows it is given
            block = slice(start, start + 4096)
            lengths[block] = np.linalg.norm(self.values[block], axis=1)
        return lengths

    @cached_property
    def repeats(self) -> tuple[Array, Array]:
        """Rows equal to an earlier row, and the first such row: (k,) int64 each.

        >>> Features("x", np.arange(3), np.array([[1, 2], [2, 1], [1, 2]]), 3).repeats
        (array([2]), array([0]))
        """
        values = np.ascontiguousarray(self.values)
        # Sums of the bits as whole numbers: equal rows have equal sums, few others do.
        sums = values.view(np.uint32).sum(axis=1, dtype=np.uint64)
        _, group, size = np.unique(sums, return_inverse=True, return_counts=True)
        first_row: dict[bytes, int] = {}  # content of a row -> the first row that has it
        pairs = [
            (int(row), first)
            for row in np.flatnonzero(size[group] > 1)
            if (first := first_row.setdefault(values[row].tobytes(), int(row))) != row
        ]
        later, earlier = np.array(pairs, np.int64).reshape(-1, 2).T
        return later, earlier

    def take(self, images: Sequence[int] | Array) -> "Features":
        """The features of some of the images, renumbered in the order of `images`."""
        numbers = np.asarray(images, dtype=np.int64)
        first = np.searchsorted(self.index, numbers, side="left")
        sizes = np.searchsorted(self.index, numbers, side="right") - first
        # Row k of an image lies k behind its first: a count over all rows, begun anew per image.
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return Features(
            self.backbone,
            np.repeat(np.arange(numbers.size), sizes),
            self.values[np.repeat(first, sizes) + within],
            int(numbers.size),
        )


@dataclass(frozen=True, eq=False)
class Score:
    """A mean with its 95 % confidence interval and the values it is the mean of.

    Attributes:
        value, low, high: the mean and the bounds of its interval.
        per_item: (n,) float32, one value per query or triplet.
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
    """How far a long operation is; passed to a callback a few times per second.

    Attributes:
        stage: the current step, in a word or two ("mobilenetv2", "reading images").
        done, total: finished and all units of that stage.
        rate: units per second, 0 while unknown.
        overall: finished share of the whole operation, 0 to 1; None if it has this stage only, or
            its later stages are unknown.
    """

    stage: str
    done: int
    total: int
    rate: float = 0.0
    overall: float | None = None

    @property
    def share(self) -> float:
        """The finished share, 0 to 1, of the whole operation as far as it is known."""
        if self.overall is not None:
            share = self.overall
        else:
            share = self.done / self.total if self.total > 0 else 0.0
        return min(1.0, max(0.0, share))

    @property
    def seconds_left(self) -> float | None:
        """Time left at the current rate; None while unknown."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


OnProgress = Callable[[Progress], None]
Reasons = dict[str, str]  # name -> a sentence why it is missing


@dataclass(frozen=True)
class Monitor:
    """Progress and stop of a long operation in one value; `Monitor()` is silent and never stops.

    Attributes:
        on_progress: called with a `Progress` a few times per second.
        stop: called between steps; returning True ends the operation, finished work is kept.
    """

    on_progress: OnProgress | None = None
    stop: Callable[[], bool] | None = None

    def report(
        self, stage: str, done: int, total: int, rate: float = 0.0, *, overall: float | None = None
    ) -> None:
        """Report that `done` of `total` units of a stage are finished.

        Args:
            overall: finished share of all stages; by default that of this one.
        """
        if self.on_progress is not None:
            self.on_progress(Progress(stage, done, total, rate, overall))

    def raising(self, message: str) -> "Monitor":
        """A monitor whose reports raise `Stopped` on request, for work that never asks."""

        def report(progress: Progress) -> None:
            self.check(message)
            if self.on_progress is not None:
                self.on_progress(progress)

        return Monitor(report, self.stop)

    def part(self, start: float, end: float, prefix: str = "") -> "Monitor":
        """The monitor of one part of an operation, which it takes from one share to another.

        Args:
            prefix: of the names of the part's stages.

        >>> Monitor(lambda progress: print(progress.share)).part(0.5, 1).report("two", 1, 2)
        0.75
        """
        report = self.on_progress
        if report is None:
            return self

        def scaled(progress: Progress) -> None:
            overall = start + (end - start) * progress.share
            report(replace(progress, stage=f"{prefix}{progress.stage}", overall=overall))

        return Monitor(scaled, self.stop)

    @property
    def stopped(self) -> bool:
        """Whether the operation was asked to stop."""
        return self.stop is not None and self.stop()

    def check(self, message: str = "Stopped.") -> None:
        """Raise `Stopped` with a message if the operation was asked to stop."""
        if self.stopped:
            raise Stopped(message)
