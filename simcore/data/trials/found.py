"""What a reader of judgement files found, before any image is decoded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from simcore.data import images
from simcore.errors import BadDataError
from simcore.types import Array, Skipped

Shape = Literal["triplets", "same", "odd"]
# Columns of `items`: reference, left, right | first, second | first, second, odd.
WIDTH: dict[Shape, int] = {"triplets": 3, "same": 2, "odd": 3}


@dataclass(frozen=True, eq=False)
class Found:
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


class Roster:
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


class Shelf:
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
