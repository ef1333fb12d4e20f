"""Find image files by the names that tables give them, without ever taking another picture.

Names are compared in Unicode's NFC, since a Mac stores "é" as two characters. A name may be less
than the path of a file, or more, only where nothing contradicts it.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from simcore.data import images
from simcore.errors import BadDataError

# Sites append a size: photo.jpg_large, photo.png-orig.
_SUFFIXES = "|".join(re.escape(s) for s in (*images.SUFFIXES, *images.UNSUPPORTED_SUFFIXES))
_ENDING = re.compile(rf"(?:{_SUFFIXES})(?:[_:-][a-z]{{1,8}})?$", re.IGNORECASE)
MAX_NAMED = 4  # files in one message


def nfc(text: str) -> str:
    """A name as it is compared: Unicode's composed form."""
    return unicodedata.normalize("NFC", text)


def stem(name: str) -> str:
    """A name or path without the ending of an image file; other dots belong to the name.

    >>> stem("train/a.1.png"), stem("a.1"), stem("b.JPG_large"), stem(".png")
    ('train/a.1', 'a.1', 'b', '.png')
    """
    match = _ENDING.search(name)
    if match is None or match.start() == 0 or name[match.start() - 1] == "/":
        return name
    return name[: match.start()]


def has_ending(name: str) -> bool:
    """Whether a file has the name of an image.

    >>> has_ending("a.jpe"), has_ending("a.txt")
    (True, False)
    """
    return stem(name) != name


def inner_name(path: Path, folder: Path) -> str:
    """The path of a file below a folder, in NFC, with slashes."""
    return nfc(path.relative_to(folder).as_posix())


class PathResolver:
    """Finds the local files that a table names: in any Unicode form, with either kind of slash."""

    def __init__(self, folder: Path) -> None:
        """Relative paths begin at `folder`."""
        self._folder = folder
        self._entries: dict[Path, dict[str, list[Path]]] = {}  # folder -> NFC name -> entries

    def find(self, text: str) -> Path:
        """The file, or the path it should have."""
        literal = self._folder / text
        if is_file(literal):
            return literal
        path = self._folder / text.replace("\\", "/")
        if is_file(path):
            return path
        exact = Path(path.anchor)
        for part in path.parts[len(exact.parts) :]:
            equal = self._equal(exact, part) if part != ".." else []
            following = exact / part
            exact = equal[0] if len(equal) == 1 and following not in equal else following
        return exact

    def _equal(self, folder: Path, name: str) -> list[Path]:
        """The entries of a folder that have a name in any form; each folder is listed once."""
        if folder not in self._entries:
            entries: dict[str, list[Path]] = {}
            with suppress(OSError, ValueError):  # no folder, or one that may not be read
                for entry in folder.iterdir():
                    entries.setdefault(nfc(entry.name), []).append(entry)
            self._entries[folder] = entries
        return self._entries[folder].get(nfc(name), [])


def is_file(path: Path) -> bool:
    """Whether there is a regular file; not an error for names that no disk can hold."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class FileMatch:
    """The file that a name means; where it means none, the path it should have, and why."""

    path: Path
    problem: str = ""


Matches = Mapping[str, FileMatch]  # name -> its file


class ImageIndex:
    """The image files of a folder, to be found by path, by the end of a path, or by name."""

    def __init__(self, folder: Path, paths: Iterable[Path]) -> None:
        """Index files.

        Args:
            folder: that the names are relative to.
            paths: files below it.
        """
        self.folder = folder
        self._inner: dict[Path, PurePosixPath] = {
            path: PurePosixPath(inner_name(path, folder)) for path in paths
        }
        self._exact: dict[PurePosixPath, list[Path]] = {}
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path, inner in self._inner.items():
            self._exact.setdefault(inner, []).append(path)
            self._by_name.setdefault(inner.name.casefold(), []).append(path)
            self._by_stem.setdefault(stem(inner.name).casefold(), []).append(path)

    def find_all(self, names: Iterable[str]) -> Matches:
        """The file of each name.

        The path itself counts first. Otherwise a file of the same name is taken, or else one whose
        name differs only in the image ending, if all parent folders that both the name and the
        file have agree. Where two files fit equally well, or two names that contradict each other
        fit the same file, there is none.

        Raises:
            BadDataError: a name leads out of the folder.
        """
        matches: dict[str, FileMatch] = {}
        by_file: dict[Path, list[str]] = {}  # names that are not the whole path of their file
        for name in dict.fromkeys(names):
            parts = _parts(name)
            if parts is None:
                raise BadDataError(f"The path {name!r} leads outside the folder of images.")
            matches[name] = match = self._find(name, parts)
            if not match.problem:
                by_file.setdefault(match.path, []).append(name)
        for path, same_file in by_file.items():
            exact = [n for n in same_file if _parts(n) == self._inner[path]]
            for name in same_file:
                rivals = [other for other in same_file if _contradict(name, other)]
                if rivals and name not in exact:
                    matches[name] = FileMatch(
                        self.folder / (_parts(name) or ""),
                        f"{name!r} and {rivals[0]!r} cannot both be {self._inner[path]}. Write "
                        "whole paths.",
                    )
        return matches

    def find(self, name: str) -> FileMatch:
        """The file of one name; see `find_all`."""
        return self.find_all([name])[name]

    def _find(self, name: str, parts: PurePosixPath) -> FileMatch:
        expected = self.folder / parts
        exact = self._exact.get(parts, [])
        if exact:
            identical = [path for path in exact if path == self.folder / name]
            return self._only(identical or exact, name, expected)
        for candidates in (
            self._by_name.get(parts.name.casefold(), []),
            self._by_stem.get(parts.name.casefold(), []),
            self._by_stem.get(stem(parts.name).casefold(), []),
        ):
            fitting = [path for path in candidates if _agree(parts, self._inner[path])]
            if fitting:
                return self._only(self._closest(fitting, parts), name, expected)
        return FileMatch(expected, f"There is no file {name!r}. Correct the path or add the file.")

    def _closest(self, paths: Sequence[Path], parts: PurePosixPath) -> list[Path]:
        """The files that share most parent folders with a name; of these, those of equal case."""

        def closeness(path: Path) -> tuple[int, bool]:
            inner = self._inner[path]
            return min(len(inner.parts), len(parts.parts)), inner.name == parts.name

        best = max(map(closeness, paths))
        return [path for path in paths if closeness(path) == best]

    def _only(self, paths: Sequence[Path], name: str, expected: Path) -> FileMatch:
        if len(paths) == 1:
            return FileMatch(paths[0])
        listing = ", ".join(str(self._inner[path]) for path in paths[:MAX_NAMED])
        more = ", ..." if len(paths) > MAX_NAMED else ""
        reason = f"{name!r} may be any of {listing}{more}. Write the whole path."
        return FileMatch(expected, reason)


def _parts(name: str) -> PurePosixPath | None:
    """A name as a path below the folder, without drive or root; None if it leads out of it."""
    text = re.sub(r"^[A-Za-z]:(?=/)", "", nfc(name).replace("\\", "/"))
    path = PurePosixPath(text.lstrip("/"))
    return None if ".." in path.parts or "\0" in text else path


def _agree(first: PurePosixPath, second: PurePosixPath) -> bool:
    """Whether the parent folders that both have are equal, from the file upwards."""
    parents = zip(reversed(first.parts[:-1]), reversed(second.parts[:-1]), strict=False)
    return all(a.casefold() == b.casefold() for a, b in parents)


def _contradict(first: str, second: str) -> bool:
    """Whether two names cannot mean the same file."""
    a, b = _parts(first), _parts(second)
    if a is None or b is None:
        return True
    equal_stems = stem(a.name).casefold() == stem(b.name).casefold()
    one_ending = a.name.casefold() == b.name.casefold() or has_ending(a.name) != has_ending(b.name)
    return not (equal_stems and one_ending and _agree(a, b))
