"""BAPPS in its official layout (Zhang et al. 2018): 2AFC and JND folders of patches and votes."""

from pathlib import Path

import numpy as np

from simcore.data import images
from simcore.data.judgements.trial_draft import ImageNumbering, TrialDraft, column
from simcore.errors import BadDataError
from simcore.types import Array

CREDITS = (
    "BAPPS: Zhang, Isola, Efros, Shechtman and Wang 2018, arXiv 1801.03924 "
    "(github.com/richzhang/PerceptualSimilarity, BSD-2)",
)
DISTORTIONS = ("traditional", "cnn", "superres", "deblur", "color", "frameinterp")
# Single votes behind a share: five in validation, two in training, three of "same?".
VOTES = {"val": 5, "train": 2}
VOTES_JND = 3


def triplets(root: Path) -> TrialDraft:
    """2AFC: {val,train}/NAME/{ref,p0,p1}/*.png with judge/*.npy, matched by sorted order.

    A judge file holds one number, the share that preferred p1 (the right side).

    Args:
        root: the dataset folder or any folder above the distortions' own.

    Raises:
        BadDataError: no such folder, folders of different length, a judge file that is none or
            outside 0..1.
    """
    return _read(root, ("ref", "p0", "p1"), "judge", "triplets")


def jnd(root: Path) -> TrialDraft:
    """JND: val/NAME/{p0,p1}/*.png with same/*.npy, the share that saw no difference.

    Raises:
        BadDataError: as for `triplets`.
    """
    return _read(root, ("p0", "p1"), "same", "same")


def _read(root: Path, sides: tuple[str, ...], judge: str, shape: str) -> TrialDraft:
    places = _places(root, (*sides, judge))
    splits = {place.parent.name for place in places}
    roster = ImageNumbering()
    items: list[list[int]] = []
    votes: list[float] = []
    counts: list[int] = []
    group: list[str] = []
    for place in places:
        columns = [_files(place / side, images.SUFFIXES) for side in sides]
        judged = _files(place / judge, (".npy",))
        lengths = {
            name: len(files)
            for name, files in zip((*sides, judge), [*columns, judged], strict=True)
        }
        if len(set(lengths.values())) != 1:
            told = ", ".join(f"{count} in {name}/" for name, count in lengths.items())
            raise BadDataError(
                f"found {told} of {place}; expected as many in each; unpack the archive again"
            )
        split = place.parent.name
        label = f"{split}/{place.name}" if len(splits) > 1 else place.name
        number = VOTES.get(split, 0) if shape == "triplets" else VOTES_JND
        for *patches, file in zip(*columns, judged, strict=True):
            vote = _vote(file)  # float32 in the file: 0.2 is not quite a fifth
            whole = number > 0 and abs(vote * number - round(vote * number)) < 0.01
            votes.append(round(vote * number) / number if whole else vote)
            counts.append(number if whole else 0)
            items.append(
                [roster.number(str(p.relative_to(root).with_suffix("")), p) for p in patches]
            )
            group.append(label)
    return TrialDraft(
        "triplets" if shape == "triplets" else "same",
        roster.ids,
        roster.paths,
        np.array(items, np.int64).reshape(-1, len(sides)),
        column(votes),
        np.array(counts, np.int64),
        tuple(group),
        credits=CREDITS,
    )


def _places(root: Path, inner: tuple[str, ...]) -> list[Path]:
    """Folders that hold all of `inner`, known distortions first and in the papers' order."""
    if not root.is_dir():
        raise BadDataError(f"found no folder {root}; expected BAPPS; check the path")
    found = [root, *(path for path in root.rglob("*") if path.is_dir())]
    found = [path for path in found if all((path / name).is_dir() for name in inner)]
    if not found:
        told = ", ".join(f"{name}/" for name in inner)
        raise BadDataError(
            f"found no folder with {told} below {root}; expected the official layout, like "
            f"2afc/val/cnn/{inner[0]}; unpack the archive, or give the folder above"
        )
    rank = {name: k for k, name in enumerate(DISTORTIONS)}
    return sorted(found, key=lambda p: (str(p.parent), rank.get(p.name, len(rank)), p.name))


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def _vote(file: Path) -> float:
    try:
        values: Array = np.load(file, allow_pickle=False)
        vote = float(np.asarray(values, np.float64).reshape(-1)[0]) if values.size == 1 else np.nan
    except (OSError, ValueError, EOFError) as error:
        raise BadDataError(
            f"{file} cannot be read as a vote ({' '.join(str(error).split())[:60]}); "
            "expected a .npy file of one number; unpack the archive again"
        ) from error
    if not 0 <= vote <= 1:
        raise BadDataError(
            f"found {'no single number' if np.isnan(vote) else f'{vote:g}'} in {file}; expected "
            "a share in 0 to 1; unpack the archive again"
        )
    return vote
