"""Reader of BAPPS in its official layout (Zhang et al. 2018): patches and votes, 2AFC and JND."""

import io
import math
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError

import numpy as np

from simcore.data import images, text_files
from simcore.data.judgements.trial_draft import ImageNumbering, Shape, TrialDraft, TrialRow
from simcore.errors import BadDataError

CREDITS = (
    "BAPPS: Zhang, Isola, Efros, Shechtman and Wang 2018, arXiv 1801.03924 "
    "(github.com/richzhang/PerceptualSimilarity, BSD-2)",
)
DISTORTIONS = ("traditional", "cnn", "superres", "deblur", "color", "frameinterp")
# Votes per trial: five in validation, two in training, three for JND.
VOTES = {"val": 5, "train": 2}
VOTES_JND = 3
FilesByName = dict[str, Path]  # name without ending -> file
_MAX_VOTE_BYTES = 10_000  # a header of 128 bytes and one number
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def triplets(root: Path) -> TrialDraft:
    """2AFC: {val,train}/NAME/{ref,p0,p1}/*.png with judge/*.npy, matched by name.

    A judge file holds one number, the share of people who chose p1 (the right side).

    Args:
        root: the dataset folder or any folder above those of the distortions.

    Raises:
        BadDataError: no such folder, folders of different length, or a judge file without a share.
    """
    return _read(root, "triplets", ("ref", "p0", "p1"), "judge")


def jnd(root: Path) -> TrialDraft:
    """JND: val/NAME/{p0,p1}/*.png with same/*.npy, the share of people who saw no difference.

    Raises:
        BadDataError: as `triplets`.
    """
    return _read(root, "same", ("p0", "p1"), "same")


def _read(root: Path, shape: Shape, sides: tuple[str, ...], judge: str) -> TrialDraft:
    folders = _distortion_folders(root, (*sides, judge))
    splits = {folder.parent.name for folder in folders}
    numbering = ImageNumbering()
    rows = []
    for folder in folders:
        split = folder.parent.name
        group = f"{split}/{folder.name}" if len(splits) > 1 else folder.name
        judges = VOTES.get(split, 0) if shape == "triplets" else VOTES_JND
        for patches, vote_file in _matched_files(folder, sides, judge):
            vote, votes_n = _exact_share(_read_vote(vote_file), judges)
            names = [str(patch.relative_to(root).with_suffix("")) for patch in patches]
            items = [numbering.number(*named) for named in zip(names, patches, strict=True)]
            rows.append(TrialRow(items, vote, votes_n, group))
    return TrialDraft.from_rows(shape, numbering, rows, credits=CREDITS)


def _matched_files(
    folder: Path, sides: tuple[str, ...], judge: str
) -> Iterator[tuple[list[Path], Path]]:
    """The patches of each trial and the file of its vote, matched by name."""
    columns = {side: _files(folder / side, images.SUFFIXES) for side in sides}
    columns[judge] = _files(folder / judge, (".npy",))
    names = set().union(*columns.values())
    if any(len(files) != len(names) for files in columns.values()):
        counts = ", ".join(f"{len(files)} in {name}/" for name, files in columns.items())
        absent = next(
            f"{place}/{name}"
            for name in sorted(names)
            for place, files in columns.items()
            if name not in files
        )
        raise BadDataError(
            f"{folder} must hold as many files in each folder, with equal names, got {counts} and "
            f"no {absent}. Unpack the archive again."
        )
    for name in sorted(names):
        yield [columns[side][name] for side in sides], columns[judge][name]


def _exact_share(vote: float, judges: int) -> tuple[float, int]:
    """A share as an exact fraction and the number of votes behind it; 0 if they do not fit.

    The files hold float32, where 0.2 is not exactly one fifth.
    """
    if judges and abs(vote * judges - round(vote * judges)) < 0.01:
        return round(vote * judges) / judges, judges
    return vote, 0


def _distortion_folders(root: Path, inner: tuple[str, ...]) -> list[Path]:
    """Folders that hold all of `inner`, the known distortions first, in the order of the papers."""
    if not root.is_dir():
        raise BadDataError(f"There is no folder {root}. Check the path.")
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    folders = [path for path in folders if all((path / name).is_dir() for name in inner)]
    if not folders:
        needed = ", ".join(f"{name}/" for name in inner)
        raise BadDataError(
            f"No folder below {root} holds {needed} as in the official layout, such as "
            f"2afc/val/cnn/{inner[0]}. Unpack the archive, or give the folder above."
        )
    rank = {name: k for k, name in enumerate(DISTORTIONS)}
    return sorted(folders, key=lambda p: (str(p.parent), rank.get(p.name, len(rank)), p.name))


def _files(folder: Path, suffixes: tuple[str, ...]) -> FilesByName:
    """The files of a folder with one of the endings.

    Raises:
        BadDataError: two files have the same name.
    """
    files: FilesByName = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            if path.stem in files:
                raise BadDataError(
                    f"{folder} has both {files[path.stem].name} and {path.name}. Remove the one "
                    "that does not belong to the data set."
                )
            files[path.stem] = path
    return files


# What NumPy raises for headers that no .npy file has.
_BAD_HEADER = (
    ValueError,
    LookupError,
    EOFError,
    RecursionError,
    MemoryError,
    SyntaxError,
    TokenError,
)


def _read_vote(file: Path) -> float:
    """The only number of a .npy file; its header is checked before anything is allocated."""
    stream = io.BytesIO(text_files.read_bytes(file, _MAX_VOTE_BYTES))
    try:
        read_header = _HEADERS[np.lib.format.read_magic(stream)]
        shape, _, dtype = read_header(stream)
        is_number = math.prod(shape) == 1 and dtype.kind in "fiub"
        vote = float(np.frombuffer(stream.read(), dtype)[0]) if is_number else math.nan
    except _BAD_HEADER as error:
        raise BadDataError(
            f"{file} cannot be read as a .npy file of one number "
            f"({' '.join(str(error).split())[:60]}). Unpack the archive again."
        ) from error
    if not 0 <= vote <= 1:
        content = "no single number" if math.isnan(vote) else f"{vote:g}"
        raise BadDataError(
            f"{file} must hold one share between 0 and 1, got {content}. Unpack the archive again."
        )
    return vote
