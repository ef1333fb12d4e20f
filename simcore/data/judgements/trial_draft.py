"""Trials as a reader found them, and the check that keeps those whose images can be decoded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from simcore.data import image_names
from simcore.data.collections.collection_draft import CollectionDraft, decode_all, list_images
from simcore.data.image_names import FileMatch, ImageIndex
from simcore.errors import BadDataError
from simcore.types import Array, Monitor, Skipped

Shape = Literal["triplets", "same", "odd"]
# Images per trial: reference, left, right | first, second | first, second, odd one.
WIDTH: dict[Shape, int] = {"triplets": 3, "same": 2, "odd": 3}


class ImageNumbering:
    """Numbers images in the order in which trials first mention them."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}  # name -> row
        self._paths: list[Path] = []
        self.problems: dict[str, str] = {}  # name -> why no file was found for it

    def number(self, name: str, file: Path | FileMatch) -> int:
        """The row of an image; a name, in any Unicode form, keeps its first file."""
        name = image_names.nfc(name)
        if name not in self._rows:
            self._rows[name] = len(self._paths)
            self._paths.append(file if isinstance(file, Path) else file.path)
            if isinstance(file, FileMatch) and file.problem:
                self.problems[name] = file.problem
        return self._rows[name]

    @property
    def ids(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(self._rows)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files in order."""
        return tuple(self._paths)


class TrialRow(NamedTuple):
    """One trial of a draft; the fields are one row of the columns of `TrialDraft`."""

    items: Sequence[int]
    vote: float
    votes_n: int
    group: str


@dataclass(frozen=True, eq=False)
class TrialDraft:
    """Trials and the files they mention; `validate` leaves out what is missing or broken.

    Attributes:
        shape: the kind of trial, which says what the columns of `items` are.
        ids: (N,) unique names of images.
        paths: (N,) files.
        items: (T, WIDTH[shape]) int64 rows of `ids`.
        vote: (T,) share of people who chose right, or who answered "same".
        votes_n: (T,) number of votes behind each share; 0 = unknown.
        group: (T,) the kind of each trial.
        alternatives: (T, k) int64 further images of each trial, padded with -1; (0, 0) for none.
        problems: name -> why it has no file.
    """

    shape: Shape
    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    items: Array
    vote: Array
    votes_n: Array
    group: tuple[str, ...]
    alternatives: Array = field(default_factory=lambda: np.empty((0, 0), np.int64))
    notes: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_rows(
        cls,
        shape: Shape,
        numbering: ImageNumbering,
        rows: Sequence[TrialRow],
        *,
        notes: tuple[str, ...] = (),
        credits: tuple[str, ...] = (),
    ) -> "TrialDraft":
        """Trials that a reader collected one by one.

        Args:
            numbering: the images that `rows` number.
        """
        return cls(
            shape,
            numbering.ids,
            numbering.paths,
            np.array([row.items for row in rows], np.int64).reshape(-1, WIDTH[shape]),
            np.array([row.vote for row in rows], np.float64),
            np.array([row.votes_n for row in rows], np.int64),
            tuple(row.group for row in rows),
            notes=notes,
            credits=credits,
            problems=numbering.problems,
        )

    def take(self, index: Sequence[int] | Array) -> "TrialDraft":
        """The trials at `index`, over the same images."""
        rows = np.asarray(index, np.int64)
        return replace(
            self,
            items=self.items[rows],
            vote=self.vote[rows],
            votes_n=self.votes_n[rows],
            group=tuple(self.group[row] for row in rows),
            alternatives=self.alternatives[rows] if self.alternatives.size else self.alternatives,
        )

    def used_images(self) -> Array:
        """Sorted rows of the images that some trial shows."""
        alternatives = self.alternatives[self.alternatives >= 0]
        return np.unique(np.concatenate([self.items.ravel(), alternatives]))


def validate(
    draft: TrialDraft, size: int | None, seed: int, monitor: Monitor, trim: int = 0
) -> tuple[TrialDraft, tuple[str, ...]]:
    """The trials whose images can be decoded, over just those images, and their content keys.

    Args:
        size: at most this many trials per group, drawn from those whose files exist.
        seed: of the draw.
        trim: rows to cut from the bottom of every image, in px.

    Raises:
        BadDataError: no trial is left.
    """
    if not draft.group:
        reason = f" ({'; '.join(draft.notes)})" if draft.notes else ""
        raise BadDataError(f"The files hold no usable trial{reason}. Check that they are complete.")
    problems = [
        draft.problems.get(name, "" if image_names.is_file(path) else f"There is no file {path}.")
        for name, path in zip(draft.ids, draft.paths, strict=True)
    ]
    missing = np.array([bool(problem) for problem in problems], bool)
    draft = _drop_images(draft, missing, "missing", lambda image: problems[image])
    if size is not None:
        draft = draft.take(sample_per_group(draft.group, size, seed))
    decoded = decode_all([draft.paths[image] for image in draft.used_images()], trim, monitor)
    paths = draft.paths
    broken = np.array([path in decoded and bool(decoded[path].error) for path in paths], bool)
    draft = _drop_images(draft, broken, "unusable", lambda image: decoded[paths[image]].error)
    draft = _drop_unused_images(draft)
    return draft, tuple(decoded[path].key for path in draft.paths)


def _drop_images(
    draft: TrialDraft, bad: Array, adjective: str, reason: Callable[[int], str]
) -> TrialDraft:
    """Leave out the trials that show a bad image; a bad alternative only becomes -1.

    Args:
        bad: (N,) bool.
        adjective: "missing" or "unusable", for messages.
        reason: row of a bad image -> what is wrong with it.

    Raises:
        BadDataError: no trial is left.
    """
    uses = np.bincount(draft.items[bad[draft.items]], minlength=bad.size)
    is_alternative = np.isin(np.arange(bad.size), draft.alternatives)
    dropped = np.flatnonzero(bad & ((uses > 0) | is_alternative))
    if not dropped.size:
        return draft
    lost = bad[draft.items].any(axis=1)
    if lost.all():
        raise BadDataError(
            f"No trial can be used: {dropped.size:,} images are {adjective}, the first because: "
            f"{reason(int(dropped[0]))} Check the folder of images."
        )
    alternatives = draft.alternatives
    alternatives = np.where((alternatives >= 0) & bad[alternatives], -1, alternatives)
    note = f"{dropped.size:,} {adjective} images; {lost.sum():,} of {lost.size:,} trials left out"
    skipped = [
        Skipped(draft.ids[image], f"{reason(int(image))} ({uses[image]:,} trials need it)")
        for image in dropped
    ]
    return replace(
        replace(draft, alternatives=alternatives).take(np.flatnonzero(~lost)),
        notes=(*draft.notes, note),
        skipped=(*draft.skipped, *skipped),
    )


def _drop_unused_images(draft: TrialDraft) -> TrialDraft:
    used = draft.used_images()
    new_row = np.full(len(draft.ids) + 1, -1, np.int64)  # the last one maps -1 to -1
    new_row[used] = np.arange(used.size)
    return replace(
        draft,
        ids=tuple(draft.ids[image] for image in used),
        paths=tuple(draft.paths[image] for image in used),
        items=new_row[draft.items],
        alternatives=new_row[draft.alternatives],
    )


def image_folder(folder: Path) -> ImageIndex:
    """The images below a folder, to be found by the names that a catalog gives them.

    Raises:
        BadDataError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise BadDataError(f"There is no folder of images at {folder}. Check the path.")
    paths = list_images(folder, CollectionDraft([]))
    if not paths:
        raise BadDataError(
            f"There is no image below {folder}. The trial files do not hold the images; get "
            "them separately."
        )
    return ImageIndex(folder, paths)


def sample_per_group(group: Sequence[str], size: int, seed: int) -> Array:
    """Sorted rows: at most `size` of each group, drawn without replacement."""
    random = np.random.default_rng(seed)
    names = np.asarray(group)
    sampled = [
        random.permutation(np.flatnonzero(names == name))[:size] for name in dict.fromkeys(group)
    ]
    return np.sort(np.concatenate(sampled)) if sampled else np.empty(0, np.int64)
