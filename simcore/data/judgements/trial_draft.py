"""Trials whose every image is there and can be decoded; what is left out is counted and named."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from simcore.data import images
from simcore.data.collections.collection_draft import decode_all
from simcore.errors import BadDataError
from simcore.types import Array, Monitor, Skipped

Shape = Literal["triplets", "same", "odd"]
# Columns of `items`: reference, left, right | first, second | first, second, odd.
WIDTH: dict[Shape, int] = {"triplets": 3, "same": 2, "odd": 3}


@dataclass(frozen=True, eq=False)
class TrialDraft:
    """Trials and the files they speak of; a file may be absent, whoever uses this leaves it out.

    Attributes:
        shape: what `items` means.
        ids: (N,) unique names of images. paths: (N,) files.
        items: (T, WIDTH) int64 rows of `ids`.
        vote: (T,) share for right, or of "same". votes_n: (T,), 0 = unknown. group: (T,).
        others: (T, k) int64 further images of a trial, -1 fills up; (T, 0) where there are none.
    """

    shape: Shape
    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    items: Array
    vote: Array
    votes_n: Array
    group: tuple[str, ...]
    others: Array = field(default_factory=lambda: np.empty((0, 0), np.int64))
    notes: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def validate(
    found: TrialDraft, size: int | None, seed: int, monitor: Monitor, trim: int = 0
) -> tuple[TrialDraft, tuple[str, ...]]:
    """Trials that can be shown, over the images that they use, and the content keys of these.

    Args:
        size: at most so many trials a group, drawn from those whose images are there.
        trim: rows to cut from the bottom of every image.

    Raises:
        BadDataError: not one trial is left.
    """
    if not found.group:
        raise BadDataError("found no trial; expected at least one; look at the files")
    there = np.array([path.is_file() for path in found.paths], bool)

    def absent(image: int) -> str:
        return f"found no file {found.paths[image]}; expected the image; add it"

    kept = _without(found, ~there, absent, "missing")
    if size is not None:
        kept = _rows(kept, sample_per_group(kept.group, size, seed))
    seen = decode_all([kept.paths[i] for i in _used(kept)], trim, monitor)
    bad = np.array([path in seen and bool(seen[path].error) for path in kept.paths], bool)
    paths = kept.paths
    kept = _without(kept, bad, lambda image: seen[paths[image]].error, "unusable")
    used = _used(kept)
    place = np.full(len(kept.ids) + 1, -1, np.int64)  # the last place serves -1
    place[used] = np.arange(used.size)
    kept = replace(
        kept,
        ids=tuple(kept.ids[i] for i in used),
        paths=tuple(kept.paths[i] for i in used),
        items=place[kept.items],
        others=place[kept.others],
    )
    return kept, tuple(seen[path].key for path in kept.paths)


def _used(found: TrialDraft) -> Array:
    """Sorted rows of the images that some trial shows."""
    return np.unique(np.concatenate([found.items.ravel(), found.others[found.others >= 0]]))


def _rows(found: TrialDraft, rows: Array) -> TrialDraft:
    return replace(
        found,
        items=found.items[rows],
        vote=found.vote[rows],
        votes_n=found.votes_n[rows],
        group=tuple(found.group[i] for i in rows),
        others=found.others[rows] if found.others.size else found.others,
    )


def _without(found: TrialDraft, bad: Array, why: Callable[[int], str], word: str) -> TrialDraft:
    """Leaves out trials with a bad image; a bad one among the `others` is only taken out there.

    Raises:
        BadDataError: no trial is left.
    """
    uses = np.bincount(found.items[bad[found.items]], minlength=bad.size)
    named = np.flatnonzero(bad & ((uses > 0) | np.isin(np.arange(len(bad)), found.others)))
    if not named.size:
        return found
    lost = bad[found.items].any(axis=1)
    if lost.all():
        raise BadDataError(
            f"found no usable trial: {named.size:,} images are {word} ({why(int(named[0]))}); "
            "expected the images that the trials speak of; check the folder"
        )
    others = np.where((found.others >= 0) & bad[found.others], -1, found.others)
    note = f"{named.size:,} {word} images; {int(lost.sum()):,} of {lost.size:,} trials left out"
    told = [
        Skipped(found.ids[i], f"{why(int(i))} ({int(uses[i]):,} trials need it)") for i in named
    ]
    return replace(
        _rows(replace(found, others=others), np.flatnonzero(~lost)),
        notes=(*found.notes, note),
        skipped=(*found.skipped, *told),
    )


class ImageNumbering:
    """Images numbered as they are first spoken of."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._paths: list[Path] = []

    def number(self, name: str, path: Path) -> int:
        """The row of an image; the first path counts."""
        if name not in self._number:
            self._number[name] = len(self._paths)
            self._paths.append(path)
        return self._number[name]

    @property
    def ids(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(self._number)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files in order."""
        return tuple(self._paths)


class ImageFolder:
    """Files of a folder of images, found by path, by the end of a path, or by name.

    Args:
        folder: looked through once.

    Raises:
        BadDataError: no such folder, or no image in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BadDataError(
                f"found no folder {folder}; expected one with the images; check the path"
            )
        self.folder = folder
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in images.SUFFIXES and not path.name.startswith("."):
                self._by_name.setdefault(path.name.lower(), []).append(path)
                self._by_stem.setdefault(path.stem.lower(), []).append(path)
        if not self._by_name:
            raise BadDataError(
                f"found no image below {folder}; expected the images that the trials speak of; "
                "the trial files do not hold them, get them apart"
            )

    def find(self, told: str) -> Path:
        """The file that a catalogue calls `told`; where there is none, where it would be.

        Of several files of one name the one that shares the most folders with `told` is taken; a
        tie is no find.
        """
        inner = Path(told.lstrip("/\\").replace("\\", "/"))
        if ".." in inner.parts:
            raise BadDataError(f"the path {told!r} leads outside; expected one inside the images")
        exact = self.folder / inner
        if exact.is_file():
            return exact
        named = self._by_name.get(inner.name.lower()) or self._by_stem.get(inner.stem.lower(), [])
        shared = [_shared(path.parts, inner.parts) for path in named]
        best = [p for p, n in zip(named, shared, strict=True) if n == max(shared)]
        return best[0] if len(best) == 1 else exact


def _shared(a: Sequence[str], b: Sequence[str]) -> int:
    """How many folders two paths share, counted from the end, the file's name left out."""
    count = 0
    for x, y in zip(reversed(a[:-1]), reversed(b[:-1]), strict=False):
        if x.lower() != y.lower():
            break
        count += 1
    return count


def column(values: Iterable[float]) -> Array:
    """(T,) float64."""
    return np.fromiter(values, np.float64)


def sample_per_group(group: Sequence[str], size: int, seed: int) -> Array:
    """Sorted rows: at most `size` of each group, drawn without replacement."""
    random = np.random.default_rng(seed)
    names = np.asarray(group)
    picked = []
    for name in dict.fromkeys(group):
        rows = np.flatnonzero(names == name)
        picked.append(random.permutation(rows)[:size])
    return np.sort(np.concatenate(picked)) if picked else np.empty(0, np.int64)
